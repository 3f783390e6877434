"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import click
import numpy as np

from shared import cli
from shared.data.sources import numbers_among

from . import data, sample

SHOWN = 12  # reviews of each kind in the report
MONITOR = "val_accuracy"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="Many to one: read a review word by word, then say whether it is positive."
)


own = cli.own_table("Your own reviews: CSV, TSV or JSON lines.", "text", "label")


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=6,
    batch_size=64,
    units=64,
    elsewhere={"on the sample": sample.DEFAULTS},
)
@cli.data_option(
    "--vocabulary-size", type=click.IntRange(3), default=20_000, help="Words known, at most."
)
@cli.data_option("--max-length", type=cli.positive, default=800, help="Words read of a review.")
@cli.network_option("--dropout", type=cli.share, default=0.5, help="Share of features left out.")
@cli.network_option("--word-dropout", type=cli.share, default=0.25, help="Share of words left out.")
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=2e-3, help="Learning rate at the start."
)
def train(options):
    """Train on labelled reviews and write a run folder."""
    source = data.find(options)
    cli.take_defaults(options, source)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.folders import start_run

    from . import model

    training = data.load(source, options)
    with prepare(options):
        network = model.build_model(
            vocabulary_size=len(training.names.vocabulary),
            classes=len(training.names.classes),
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            dropout=options.dropout,
            word_dropout=options.word_dropout,
        )
        steps = options.epochs * training.steps
        network.compile(
            keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(options.learning_rate, steps), clipnorm=1.0
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    with start_run(options, source) as run:
        data.save_names(run, training.names)
        fit(network, training, run, options, monitor=MONITOR)
    return run


@recipe.command()
@cli.evaluation_options(own)
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    numbers = numbers_among(names.classes, source)
    cli.announce(source, run)

    from shared.evaluation.baselines import CONSTANT, constant_label
    from shared.evaluation.prediction import predict_sequences
    from shared.evaluation.report import table, write_report

    from . import model

    network = run.load_model()
    texts, labels = source.read(options.split, options.limit or run.options.limit)
    labels = numbers[labels]
    words = data.to_ids(texts, names.vocabulary, run.options.max_length)
    probabilities = predict_sequences(model.with_probabilities(network), words)
    answers = probabilities.argmax(axis=-1)

    metrics = {"accuracy": float((answers == labels).mean())}
    baselines = {CONSTANT: constant_label(labels)}
    count = network.count_params()
    record = run.record(source, options.split, len(texts), metrics, count, baselines=baselines)
    cli.save_measurement(run, record)
    sure = probabilities.max(axis=-1)

    def shown(found):
        rows = [
            (names.classes[answers[i]], sure[i], names.classes[labels[i]], texts[i][:1500])
            for i in sorted(found, key=lambda i: -sure[i])[:SHOWN]
        ]
        return table(("answer", "probability", "label", "review"), rows)

    sections = [
        ("Most confident mistakes", shown(np.flatnonzero(answers != labels))),
        ("Most confident right answers", shown(np.flatnonzero(answers == labels))),
    ]
    write_report(run, record, sections, MONITOR)
    cli.next_step(run, "predict", "'Not even the cast could save it.'")


@recipe.command()
@cli.prediction_options
def predict(options):
    """Name the label of each INPUT, a text ('-' reads one per line of stdin)."""
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.prediction import Answering, predict_sequences

    from . import model

    network = Answering(model.with_probabilities(run.load_model()))
    names = data.load_names(run)
    longest = run.options.max_length
    for texts in cli.read_texts(options):
        words = data.to_ids(texts, names.vocabulary, longest)
        for text, probabilities in zip(texts, predict_sequences(network, words), strict=True):
            label, probability = names.classes[probabilities.argmax()], float(probabilities.max())
            record = {"input": text, "label": label, "probability": probability}
            line = f"{label:10} {probability:.3f}  {text[:80]}"
            cli.print_prediction(options.as_json, record, line)


@recipe.command()
@cli.inspection_options
def inspect(options):
    """Write a page that shows which words of INPUT, a text, decided, and what the cell did."""
    text = cli.read_text(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import (
        against_the_rest,
        answer,
        likeliest,
        speaking,
        write_inspection,
    )
    from shared.evaluation.report import coloured_text

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    classes = names.classes
    (words,) = data.to_ids([text], names.vocabulary, run.options.max_length)
    (probabilities,) = model.with_probabilities(network).predict_on_batch(words[None])
    evidence, traced = model.explain(network, words)
    label, shown = int(probabilities.argmax()), data.shown(text, words)
    sure = f"probability {probabilities[label]:.3f}"
    unknown = data.unknown_among(shown, words)
    telling = speaking(model.shares(network, traced), label, classes)
    sections = [
        ("Answer", answer(classes[label], sure, likeliest(classes, probabilities), unknown)),
        (
            "Evidence, word by word",
            coloured_text(
                shown, against_the_rest(evidence, -1), classes[-1], classes[0], of="steps"
            ),
        ),
        (
            "Inside the first layer, reading forward",
            inside(traced, shown, telling=telling, state="hidden_state"),
        ),
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

    from shared.data.batching import pad
    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES

    texts, _ = source.read("validation", EXAMPLES)
    words = pad(data.to_ids(texts, names.vocabulary, run.options.max_length))
    record = write_gradients(run, source, run.load_model(), words)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
