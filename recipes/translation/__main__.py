"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import shlex

import click

from shared import cli
from shared.data.sentence_pairs import check_languages

from . import data, sample

TOGETHER = 256  # sentences that `predict` translates before it prints the first of them
MATRIX = 60  # subwords of either language that still fit side by side in a picture
MONITOR = "val_loss"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="Many to many: read a sentence to its end, then write its translation."
)


own = cli.own_texts(
    "Your own pairs: a table (CSV, TSV or JSON lines) with a column for each language; or, given "
    "twice, two texts that translate each other line by line.",
    multiple=True,
)
beam_option = click.option(
    "--beam",
    type=cli.positive,
    default=5,
    help="Translations that beam search follows side by side.",
)


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=18,
    batch_size=64,
    units=256,
    elsewhere={"on the sample": sample.DEFAULTS},
)
@cli.data_option("--reverse", is_flag=True, help="Translate in the other direction.")
@cli.data_option(
    "--vocabulary-size", type=cli.positive, default=4000, help="Subwords of each language, at most."
)
@cli.data_option(
    "--max-length",
    type=click.IntRange(2),
    default=100,
    help="Subwords of a sentence; longer ones are not trained on.",
)
@cli.network_option(
    "--attention",
    type=click.Choice(["none", "additive", "multiplicative"]),
    default="multiplicative",
    help="How the decoder's state is compared with a word of the sentence.",
)
@cli.network_option("--dropout", type=cli.share, default=0.3, help="Share of features left out.")
@cli.training_option(
    "--subword-dropout",
    type=cli.share,
    default=0.1,
    help="Share of merges left out when the subwords to read are made.",
)
@cli.training_option(
    "--label-smoothing",
    type=cli.share,
    default=0.1,
    help="Probability spread evenly over all subwords.",
)
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=2e-3, help="Highest learning rate."
)
def train(options):
    """Train on pairs of sentences and write a run folder."""
    source = data.find(options)
    cli.take_defaults(options, source)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.folders import start_run
    from shared.training.losses import SmoothedCrossEntropy

    from . import model

    training = data.load(source, options)
    with prepare(options):
        network = model.build_model(
            source_size=training.names.source.vocab_size(),
            target_size=training.names.target.vocab_size(),
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
        network.compile(
            keras.optimizers.Adam(rate, global_clipnorm=1.0),
            SmoothedCrossEntropy(options.label_smoothing),
            weighted_metrics=["accuracy"],
        )
    with start_run(options, source) as run:
        data.save_names(run, training.names)
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
    check_languages(source, names.languages)
    cli.announce(source, run)

    from shared.evaluation.report import write_report
    from shared.evaluation.translation import best_and_worst, measure

    from . import model

    network = run.load_model()
    read = source.read(options.split, options.limit or run.options.limit)
    sentences, references = map(list, read)
    words = data.to_ids(sentences, names.source, run.options.max_length)
    found = model.translate(network, words, options.beam)
    outputs = [data.to_text(best.tokens, names.target) for best in found]

    metrics, signatures = measure(outputs, references)
    baselines = {"untranslated": measure(sentences, references)[0]}
    facts = {"beam": options.beam, "signatures": signatures, "baselines": baselines}
    count = network.count_params()
    record = run.record(source, options.split, len(outputs), metrics, count, **facts)
    cli.save_measurement(run, record)
    write_report(run, record, best_and_worst(sentences, outputs, references), MONITOR)
    cli.next_step(run, "predict", shlex.quote(sentences[0]))


@recipe.command()
@cli.prediction_options
@beam_option
def predict(options):
    """Translate each INPUT, a sentence ('-' reads one per line of stdin; a line may be empty)."""
    run = cli.open_trained(options)
    cli.announce(run=run)

    from . import model

    translate = model.translator(run.load_model(), options.beam)
    names = data.load_names(run)
    longest = run.options.max_length
    for texts in cli.read_texts(options, at_most=TOGETHER, empty_lines=True):
        words = data.to_ids(texts, names.source, longest)
        for text, ids, best in zip(texts, words, translate(words), strict=True):
            if len(ids) == longest:
                note = f'Of "{text[:40]}..." only {longest} subwords are read.'
                click.echo(cli.shown(note), err=True)
            output = data.to_text(best.tokens, names.target)
            record = {"input": text, "output": output, "score": best.score}
            cli.print_prediction(options.as_json, record, output)


@recipe.command()
@cli.inspection_options
@beam_option
def inspect(options):
    """Write a page that shows how INPUT, a sentence, was translated, and what was looked at."""
    text = cli.read_text(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.attention import attention_matrix, looking_back
    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import answer, how_sure, sure_of, write_inspection

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    (read,) = data.to_ids([text], names.source, run.options.max_length)
    (best,) = model.translate(network, [read], options.beam)
    (written,) = data.with_stop([best.tokens.tolist()])
    weights, probabilities, decoder, encoder = model.explain(network, read, written)
    source, target = data.shown(read, names.source), data.shown(written, names.target)
    translation = data.to_text(best.tokens, names.target)
    sections = [
        ("Translation", answer(translation, how_sure(target, probabilities, "subword"))),
        ("How sure it was of each subword", sure_of(target, probabilities, of="written")),
    ]
    if run.options.attention == "none":
        nowhere = (
            "This network has no attention: all that it knows of the sentence is its last state."
        )
        sections.append(("Where it looked", nowhere))
    else:
        most = slice(MATRIX)
        matrix = attention_matrix(weights[most, most], source[most], target[most])
        sections += [
            ("Where it looked", looking_back(weights, source, target, of="written")),
            ("Attention: each row, a subword written, adds up to one", matrix),
        ]
    sections += [
        ("Inside the decoder", inside(decoder, target, "subword", of="written")),
        ("Inside the encoder, reading forward", inside(encoder, source, "subword", of="read")),
    ]
    click.echo(f"Written: {write_inspection(run, text, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach in the run's recurrent layers."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    cli.announce(run=run)

    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES, first_batch

    from . import model  # noqa: F401  registers its layers

    texts = source.read("validation", run.options.limit)
    sentences, targets = data.short_pairs(*texts, names, run.options.max_length)
    read = data.to_ids(sentences[:EXAMPLES], names.source, run.options.max_length)
    inputs, _, weights = first_batch(data.as_dataset(read, targets[:EXAMPLES], EXAMPLES))
    remark = "The decoder is given the right words (teacher forcing), as in training."
    record = write_gradients(run, source, run.load_model(), inputs, weights > 0, remark)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
