"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import click
import numpy as np

from shared import cli
from shared.data.caption_words import STOP, plain, to_text
from shared.data.captioned_images import CAPTIONS

from . import data, sample

MONITOR = "val_captions_loss"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="One to many: look at an image, then write a sentence about it."
)


own = cli.own_table(
    "Your own images and captions: CSV, TSV or JSON lines, with image paths relative to that file.",
    "image",
    "caption",
)
beam_option = click.option(
    "--beam", type=cli.positive, default=5, help="Captions that beam search follows side by side."
)


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=28,
    batch_size=32,
    units=256,
    elsewhere={"on the sample": sample.DEFAULTS},
)
@cli.data_option(
    "--image-size",
    type=click.IntRange(32, 1024),
    metavar="N",
    show_default=f"{data.SIDE}, with keras.applications {data.PRETRAINED_SIDE}",
    help="Resize to N x N pixels.",
)
@cli.data_option(
    "--captions-per-image",
    type=click.IntRange(1, CAPTIONS),
    default=3,
    help="Captions of each image to draw in an epoch.",
)
@cli.data_option(
    "--minimum-frequency",
    type=cli.positive,
    default=5,
    help="How often a word must occur in the training captions to be known.",
)
@cli.data_option("--max-length", type=cli.positive, default=16, help="Words learned of a caption.")
@cli.data_option(
    "--smallest-crop",
    type=click.FloatRange(0.1, 1),
    default=0.75,
    help="Smallest share of an image's width and height that is shown; 1 for whole images.",
)
@cli.network_option(
    "--encoder",
    metavar="NAME",
    default="scratch",
    help="'scratch', or a network of keras.applications such as MobileNetV2.",
)
@cli.network_option(
    "--weights",
    type=click.Choice(["imagenet", "none"]),
    show_default="imagenet with keras.applications, else none",
    help="Weights of the encoder at the start; those of ImageNet are not trained further.",
)
@cli.network_option(
    "--attention",
    type=click.Choice(["additive", "multiplicative"]),
    default="multiplicative",
    help="How the decoder's state is compared with a place of the image.",
)
@cli.network_option("--dropout", type=cli.share, default=0.3, help="Share of features left out.")
@cli.training_option(
    "--label-smoothing",
    type=cli.share,
    default=0.1,
    help="Probability spread evenly over all words.",
)
@cli.training_option(
    "--words-weight",
    type=click.FloatRange(0),
    default=0.5,
    help="Weight of the loss for predicting all words of an image at once.",
)
@cli.training_option(
    "--weight-decay", type=click.FloatRange(0), default=0.05, help="Weight decay of AdamW."
)
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=2e-3, help="Highest learning rate."
)
def train(options):
    """Train on images with captions and write a run folder."""
    source = data.find(options)
    cli.take_defaults(options, source)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.data.image_features import encoded
    from shared.training import pretrained
    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.folders import RUNS, start_run
    from shared.training.losses import SmoothedCrossEntropy

    from . import model

    fixed = pretrained.fixed_encoder(options, data.shape_of(options))
    if fixed:
        source = encoded(source, fixed, RUNS / options.recipe / "features")
    training = data.load(source, options)
    with prepare(options):
        network = model.build_model(
            vocabulary_size=len(training.names.vocabulary),
            captions=options.captions_per_image,
            steps=options.max_length + 1,
            encoder=options.encoder,
            features=fixed and fixed.output_shape[-1],
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            attention=options.attention,
            dropout=options.dropout,
        )
        steps = options.epochs * training.steps
        rising = min(500, steps // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=options.learning_rate, warmup_steps=rising
        )
        optimizer = keras.optimizers.AdamW(
            rate, weight_decay=options.weight_decay, global_clipnorm=1.0
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "embeddings"])
        network.compile(
            optimizer,
            loss={
                "captions": SmoothedCrossEntropy(options.label_smoothing),
                "words": keras.losses.CategoricalCrossentropy(from_logits=True),
            },
            loss_weights={"captions": 1.0, "words": options.words_weight},
            weighted_metrics={"captions": ["accuracy"]},
        )
    with start_run(options, source) as run:
        data.save_names(run, training.names)
        if fixed:
            run.keep_model(fixed, pretrained.FILE)
        fit(network, training, run, options, monitor=MONITOR)
    return run


@recipe.command()
@cli.evaluation_options(own)
@beam_option
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    cli.announce(source, run)

    from shared.evaluation.captions import best_and_worst, dealt, in_order, measure
    from shared.evaluation.report import write_report
    from shared.training.pretrained import encoder_of

    from . import model

    network = run.load_model()
    encoder = encoder_of(network, run)
    write = model.writer(network, encoder, options.beam, run.options.max_length)
    shape = data.shape_of(run.options)
    examples = source.read(options.split, options.limit or run.options.limit, shape)
    captions, references = [], []
    for batch in in_order(examples):
        captions += [to_text(best.tokens, names.vocabulary) for best in write(batch["image"])]
        references += [plain(filter(None, each)) for each in batch["captions"]]

    metrics, signature = measure(captions, references)
    facts = {"beam": options.beam, "signatures": {"bleu_4": signature}}
    if len(captions) > 1:
        facts["baselines"] = {"shuffled images": dealt(captions, references)}
    count = network.count_params()
    record = run.record(source, options.split, len(captions), metrics, count, **facts)
    cli.save_measurement(run, record)
    write_report(run, record, best_and_worst(examples, captions, references), MONITOR)
    cli.next_step(run, "predict", "picture.jpg")


@recipe.command()
@cli.prediction_options
@beam_option
def predict(options):
    """Write a caption for each INPUT, an image file ('-' reads one per line of stdin)."""
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data.images import read_image
    from shared.training.pretrained import encoder_of

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    encoder = encoder_of(network, run)
    write = model.writer(network, encoder, options.beam, run.options.max_length)
    shape = data.shape_of(run.options)
    alone = len(options.inputs) == 1 and options.inputs != ("-",)
    for read in cli.read_paths(options, lambda path: read_image(path, *shape)):
        paths, images = zip(*read, strict=True)
        for path, best in zip(paths, write(np.stack(images)), strict=True):
            caption = to_text(best.tokens, names.vocabulary)
            record = {"input": path, "output": caption, "score": best.score}
            line = caption if alone else f"{path}  {caption}"
            cli.print_prediction(options.as_json, record, line)


@recipe.command()
@cli.inspection_options
@beam_option
def inspect(options):
    """Write a page that shows how INPUT, an image file, was described, and what was looked at."""
    path = cli.read_path(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data.images import read_images
    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import answer, how_sure, write_inspection
    from shared.evaluation.pictures import looked_at, picture_grid
    from shared.training.pretrained import encoder_of

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    encoder = encoder_of(network, run)
    write = model.writer(network, encoder, options.beam, run.options.max_length)
    (image,) = images = read_images([path], *data.shape_of(run.options))
    (best,) = write(images)
    words = [*best.tokens.tolist(), STOP]
    weights, probabilities, traced = model.explain(network, encoder, image, words)
    shown = [names.vocabulary[word] for word in words]
    captions = [f"{word}, {each:.2f}" for word, each in zip(shown, probabilities, strict=True)]
    sections = [
        ("Caption", answer(to_text(best.tokens, names.vocabulary), how_sure(shown, probabilities))),
        ("The image", picture_grid([image], ["as the network sees it"])),
        (
            "Where the decoder looked when it wrote each word, and how sure it was of it",
            picture_grid(looked_at(image, weights), captions, list(range(len(words)))),
        ),
        ("Inside the decoder", inside(traced, shown)),
    ]
    click.echo(f"Written: {write_inspection(run, path, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach in the run's recurrent layers."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    cli.announce(run=run)

    from shared.data.caption_words import numbering
    from shared.data.examples import batches
    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES, first_batch
    from shared.training.pretrained import encoder_of

    network = run.load_model()
    numbered = numbering(names.vocabulary, run.options.max_length + 1)
    no_rarity = np.zeros(len(names.vocabulary), "float32")  # which is of use in the loss alone
    images = source.read("validation", EXAMPLES, data.shape_of(run.options))
    prepare = data.preparation(numbered, no_rarity, run.options)
    inputs, _, weights = first_batch(batches(images, EXAMPLES, prepare))
    if network.inputs[0].name == "grid":  # computed by an encoder that was not trained
        inputs["grid"] = encoder_of(network, run).predict_on_batch(inputs.pop("image"))
    present = weights["captions"].reshape(-1, run.options.max_length + 1) > 0
    remark = "The decoder is given the right words (teacher forcing), as in training."
    record = write_gradients(run, source, network, inputs, present, remark)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
