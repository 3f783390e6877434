"""The commands of the recipe: train, evaluate, predict, inspect."""

import functools
import shlex

import click

from shared import cli
from shared.errors import UserError

from . import data

SHOWN_SUBWORDS = 60  # as many as still fit side by side in a picture

recipe = cli.recipe_group(
    __file__, help="Many to many: read a sentence to its end, then write its translation."
)

beam_option = click.option(
    "--beam", type=cli.positive, default=5, help="Hypotheses followed.", show_default=True
)
share = click.FloatRange(0, 0.95)
readable_file = click.Path(exists=True, dir_okay=False, resolve_path=True)


@recipe.command()
@cli.training_options(dataset=data.DEFAULT, epochs=18, batch_size=64, units=256)
@click.option("--source-file", type=readable_file, help="Your sentences, one per line.")
@click.option("--target-file", type=readable_file, help="Their translations, one per line.")
@click.option("--reverse", is_flag=True, help="Translate in the other direction.")
@click.option(
    "--attention",
    type=click.Choice(["none", "additive", "multiplicative"]),
    default="multiplicative",
    show_default=True,
)
@click.option(
    "--vocabulary-size",
    type=cli.positive,
    default=4000,
    help="Subwords of each language, at most.",
    show_default=True,
)
@click.option(
    "--subword-dropout", type=share, default=0.1, help="Of what is read.", show_default=True
)
@click.option(
    "--max-length", type=click.IntRange(2), default=100, help="Subwords read.", show_default=True
)
@click.option("--dropout", type=share, default=0.3, show_default=True)
@click.option("--label-smoothing", type=share, default=0.1, show_default=True)
@click.option("--learning-rate", type=cli.above_zero, default=2e-3, show_default=True)
def train(options):
    """Train on pairs of sentences and write a run folder."""
    source = data.find(options.dataset, options.data_dir, options.source_file, options.target_file)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.losses import SmoothedCrossEntropy
    from shared.training.run import start_run

    from . import model

    batches, validation, pieces = data.load(source, options)
    run = start_run(options, source)
    data.save_names(run, pieces, data.languages(source, options.reverse))
    with prepare(options):
        network = model.build_model(
            *(side.vocab_size() for side in pieces),
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
        network.compile(
            keras.optimizers.Adam(rate, global_clipnorm=1.0),
            SmoothedCrossEntropy(options.label_smoothing),
            weighted_metrics=["accuracy"],
        )
    fit(network, batches, validation, run, options.epochs, monitor="val_loss")
    return run


@recipe.command()
@cli.evaluation_options
@beam_option
def evaluate(options):
    """Translate the test split freely and measure; write metrics.json and report.html."""
    run = cli.open_trained(options)
    trained = run.options
    files = () if options.dataset else (trained.source_file, trained.target_file)
    source = data.find(options.dataset or run.dataset, options.data_dir, *files)
    cli.announce(source, run)

    from shared.evaluation.report import write_report
    from shared.evaluation.translation import best_and_worst, measure

    from . import model

    network = run.load_model()
    pieces, pair = data.load_names(run)
    data.check_languages(source, pair, trained.reverse)
    limit = options.limit or trained.limit
    sentences, references = data.read(source, options.split, limit, trained.reverse)
    translate = functools.partial(model.translate, network, beam_width=options.beam)
    outputs = [text for text, _ in _translate_texts(sentences, pieces, trained, translate)]

    metrics, signatures = measure(outputs, references)
    if source.is_sample:
        pairs = list(zip(outputs, references, strict=True))
        metrics["exact_match"] = sum(output == right for output, right in pairs) / len(pairs)
    count, facts = network.count_params(), {"beam": options.beam, "signatures": signatures}
    record = run.save_metrics(source, options.split, len(outputs), metrics, count, **facts)
    cli.print_metrics(record)
    write_report(run, record, best_and_worst(sentences, outputs, references))
    cli.next_step(run, "predict", shlex.quote(sentences[0]))


@recipe.command()
@cli.prediction_options
@beam_option
def predict(options):
    """Translate each INPUT, a sentence ('-' reads one per line of stdin; empty lines may be)."""
    texts = cli.read_texts(options.inputs, empty_lines=True)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from . import model

    network = run.load_model()
    pieces, _ = data.load_names(run)
    translate = functools.partial(model.translate, network, beam_width=options.beam)
    found = _translate_texts(texts, pieces, run.options, translate)
    for text, (output, score) in zip(texts, found, strict=True):
        record = {"input": text, "output": output, "score": score}
        cli.print_prediction(options.as_json, record, output)


@recipe.command()
@cli.inspection_options
@beam_option
def inspect(options):
    """Write a page that shows where in INPUT, a sentence, the network looked for each word."""
    (text,) = cli.read_texts([options.input])
    run = cli.open_trained(options)
    if run.options.attention == "none":
        raise UserError(
            f"{run.folder} was trained with --attention none: there is no attention to draw. "
            "Choose another --run."
        )
    cli.announce(run=run)

    from shared.evaluation.report import attention_matrix, write_page

    from . import model

    network = run.load_model()
    pieces, _ = data.load_names(run)
    (source,) = data.to_ids([text], pieces[0], min(run.options.max_length, SHOWN_SUBWORDS))
    (found,) = model.translate(network, [source], options.beam)
    target = [*found.tokens.tolist(), data.STOP][:SHOWN_SUBWORDS]
    weights = model.attend(network, source, target)
    shown = [data.shown(ids, side) for ids, side in zip((source, target), pieces, strict=True)]
    sections = [
        ("Translation", data.to_text(found.tokens, pieces[1])),
        (
            "Attention: each row, a subword written, adds up to one",
            attention_matrix(weights, *shown),
        ),
    ]
    write_page(run, "inspect.html", text[:200], run.notice, sections)
    click.echo(f"Written: {run.path('inspect.html')}")


def _translate_texts(texts, pieces, trained, translate):
    """The translation of each text and its score; nothing is the translation of nothing."""
    sources = data.to_ids(texts, pieces[0], trained.max_length)
    cut = [number for number, ids in enumerate(sources, start=1) if len(ids) == trained.max_length]
    if cut:
        click.echo(f"Of input {cut[0]} only {trained.max_length} subwords are read.", err=True)
    places = [i for i, text in enumerate(texts) if text.strip()]
    found = [("", 0.0)] * len(texts)
    for i, best in zip(places, translate([sources[i] for i in places]), strict=True):
        found[i] = data.to_text(best.tokens, pieces[1]), best.score
    return found


if __name__ == "__main__":
    recipe()
