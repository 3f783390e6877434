"""The commands of the recipe: train, evaluate, predict, inspect."""

import functools

import click

from shared import cli
from shared.errors import UserError

from . import data

recipe = cli.recipe_group(
    __file__, help="One to many: look at an image, then write a sentence about it."
)

beam_option = click.option(
    "--beam", type=cli.positive, default=5, help="Captions followed.", show_default=True
)
share = click.FloatRange(0, 0.95)
readable_file = click.Path(exists=True, dir_okay=False, resolve_path=True)


@recipe.command()
@cli.training_options(dataset=data.DEFAULT, epochs=28, batch_size=32, units=256)
@click.option(
    "--captions-file",
    type=readable_file,
    help="Your images: a CSV file with the columns image and caption.",
)
@click.option(
    "--encoder",
    default="scratch",
    help="scratch, or a network of keras.applications such as MobileNetV2.",
    show_default=True,
)
@click.option(
    "--weights",
    type=click.Choice(["imagenet", "none"]),
    help="Of a keras.applications encoder; imagenet is not trained further.  [default: imagenet]",
)
@click.option(
    "--image-size",
    type=click.IntRange(32, 1024),
    help="Side of the square in pixels.  [default: 128; keras.applications 224; sample 48]",
)
@click.option(
    "--attention",
    type=click.Choice(["additive", "multiplicative"]),
    default="multiplicative",
    show_default=True,
)
@click.option(
    "--captions-per-image",
    type=click.IntRange(1, data.CAPTIONS),
    default=3,
    help="Drawn for each epoch.",
    show_default=True,
)
@click.option(
    "--minimum-frequency",
    type=cli.positive,
    default=5,
    help="Of a word in the training captions.",
    show_default=True,
)
@click.option(
    "--max-length",
    type=cli.positive,
    default=16,
    help="Words of a caption that are learned.",
    show_default=True,
)
@click.option(
    "--smallest-crop",
    type=click.FloatRange(0.1, 1),
    default=0.75,
    help="Of an image's width and height; 1 for whole images.",
    show_default=True,
)
@click.option("--dropout", type=share, default=0.3, show_default=True)
@click.option("--label-smoothing", type=share, default=0.1, show_default=True)
@click.option(
    "--words-weight",
    type=click.FloatRange(0),
    default=0.5,
    help="Of the task to name all words at once.",
    show_default=True,
)
@click.option("--weight-decay", type=click.FloatRange(0), default=0.05, show_default=True)
@click.option("--learning-rate", type=cli.above_zero, default=2e-3, show_default=True)
def train(options):
    """Train on images with captions and write a run folder."""
    if options.encoder == "scratch" and options.weights == "imagenet":
        raise UserError(
            "--weights imagenet needs an --encoder of keras.applications, such as MobileNetV2."
        )
    source = data.find(options.dataset, options.data_dir, options.captions_file)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.losses import SmoothedCrossEntropy
    from shared.training.run import start_run

    from . import features, model

    if options.encoder != "scratch":
        options.encoder = features.find(options.encoder)
        options.weights = options.weights or "imagenet"
    options.image_size = options.image_size or data.side(source, options.encoder)
    if options.encoder != "scratch":
        features.check_size(options)
    fixed = features.fixed(options)
    examples = features.examples(fixed, options) if fixed else data.examples
    batches, validation, vocabulary = data.load(source, options, examples)
    run = start_run(options, source)
    data.save_names(run, vocabulary)
    if fixed and not options.resume:
        run.save_model(fixed, features.FILE)
    with prepare(options):
        if options.encoder == "scratch":
            encoder = model.build_encoder()
        else:
            encoder = None if fixed else features.build_encoder(options.encoder, "none")
        network = model.build_model(
            len(vocabulary),
            options.captions_per_image,
            options.max_length + 1,
            encoder,
            fixed and fixed.output_shape[-1],
            options.cell,
            options.units,
            options.layers,
            options.attention,
            options.dropout,
        )
        steps = options.epochs * len(batches(epoch=0))
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
    fit(network, batches, validation, run, options.epochs, monitor="val_captions_loss")
    return run


@recipe.command()
@cli.evaluation_options
@beam_option
def evaluate(options):
    """Describe the images of the test split and measure; write metrics.json and report.html."""
    run = cli.open_trained(options)
    trained = run.options
    file = None if options.dataset else trained.captions_file
    source = data.find(options.dataset or run.dataset, options.data_dir, file)
    cli.announce(source, run)

    from tqdm import tqdm

    from shared.data.examples import batches
    from shared.evaluation.captions import best_and_worst, measure
    from shared.evaluation.report import write_report

    from . import model

    network, encoder, vocabulary = _load(run)
    write = model.writer(network, encoder, options.beam, trained.max_length)
    limit = options.limit or trained.limit
    examples = data.examples(source, options.split, limit, trained.image_size)
    captions, references = [], []
    with tqdm(total=examples.count, desc="describing", unit="image", delay=2) as bar:
        for batch in batches(examples, 50, lambda batch, seed: batch):
            images = batch["image"].numpy().astype("float32")
            captions += [data.to_text(best.tokens, vocabulary) for best in write(images)]
            references += [data.plain(filter(None, each)) for each in batch["captions"].numpy()]
            bar.update(len(images))

    metrics, signature = measure(captions, references)
    if source.is_sample:
        right = [text in given for text, given in zip(captions, references, strict=True)]
        metrics["exact_match"] = sum(right) / len(right)
    facts = {"beam": options.beam, "signatures": {"bleu_4": signature}}
    count = network.count_params()
    record = run.save_metrics(source, options.split, len(captions), metrics, count, **facts)
    cli.print_metrics(record)

    images = functools.partial(data.images_at, examples)
    write_report(run, record, best_and_worst(images, captions, references))
    cli.next_step(run, "predict", "picture.jpg")


@recipe.command()
@cli.prediction_options
@beam_option
def predict(options):
    """Describe each INPUT, an image file ('-' reads one file name per line of stdin)."""
    paths = cli.read_paths(options.inputs)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data.images import read_images

    from . import model

    network, encoder, vocabulary = _load(run)
    write = model.writer(network, encoder, options.beam, run.options.max_length)
    size = run.options.image_size
    for begin in range(0, len(paths), 50):
        some = paths[begin : begin + 50]
        images = read_images(some, size, size, 3).astype("float32")
        for path, best in zip(some, write(images), strict=True):
            caption = data.to_text(best.tokens, vocabulary)
            record = {"input": path, "output": caption, "score": best.score}
            line = f"{path}  {caption}" if len(paths) > 1 else caption
            cli.print_prediction(options.as_json, record, line)


@recipe.command()
@cli.inspection_options
@beam_option
def inspect(options):
    """Write a page that shows where in INPUT, an image file, the decoder looked at each word."""
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data.images import read_image
    from shared.evaluation.pictures import highlighted, picture_grid
    from shared.evaluation.report import write_page

    from . import model

    size = run.options.image_size
    image = read_image(options.input, size, size, 3)
    network, encoder, vocabulary = _load(run)
    write = model.writer(network, encoder, options.beam, run.options.max_length)
    (best,) = write(image[None].astype("float32"))
    words = [*best.tokens.tolist(), data.STOP]
    weights = model.attend(network, encoder, image.astype("float32"), words)
    shown = [vocabulary[word] for word in words]
    sections = [
        ("Caption", data.to_text(best.tokens, vocabulary)),
        (
            "Where the decoder looked when it wrote each word",
            picture_grid([highlighted(image, each) for each in weights], shown),
        ),
    ]
    write_page(run, "inspect.html", options.input, run.notice, sections)
    click.echo(f"Written: {run.path('inspect.html')}")


def _load(run):
    """The network, its encoder where that is kept apart, and the vocabulary."""
    from . import features

    return run.load_model(), features.of(run), data.load_names(run)


if __name__ == "__main__":
    recipe()
