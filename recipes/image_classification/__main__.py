"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import click
import numpy as np

from shared import cli
from shared.data.sources import numbers_among
from shared.errors import UserError

from . import data, sample

SHOWN = 24  # pictures of each kind in the report
MONITOR = "val_accuracy"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="One to one: look at a picture, take one step of the cell, say what it is."
)


own = cli.own_folder("Your own pictures: DIR/CLASS/*.png or DIR/train/CLASS/*.png.")


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=12,
    batch_size=128,
    units=128,
    cells=("none", *cli.CELLS),
    elsewhere={"on the sample": sample.DEFAULTS},
)
@cli.data_option(
    "--image-size",
    type=click.IntRange(8),
    metavar="N",
    show_default=f"as they are; {data.LARGEST_SIDE} where they are larger or differ",
    help="Resize to N x N pixels.",
)
@cli.data_option(
    "--flip/--no-flip",
    default=False,
    show_default=f"False; True with {', '.join(data.MIRRORED)}",
    help="Train on mirror images too.",
)
@cli.data_option(
    "--shift", type=click.IntRange(0, 16), default=1, help="Pixels to move pictures by, at most."
)
@cli.data_option(
    "--erase", type=cli.share, default=0.1, help="Share of pictures that lose a rectangle."
)
@cli.network_option(
    "--scan",
    type=click.Choice(["none", "rows", "pixels"]),
    default="none",
    help="Read the picture as a sequence instead of all at once.",
)
@cli.network_option(
    "--filters", type=cli.positive, default=24, help="Filters of the first convolution."
)
@cli.network_option("--dropout", type=cli.share, default=0.1, help="Share of features left out.")
@cli.training_option(
    "--label-smoothing",
    type=cli.share,
    default=0.1,
    help="Probability spread evenly over all labels.",
)
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=2e-3, help="Highest learning rate."
)
def train(options):
    """Train on labelled pictures and write a run folder."""
    if options.scan != "none" and options.cell == "none":
        raise UserError(
            f"--scan {options.scan} needs a cell to read the sequence with. Choose --cell "
            f"{', '.join(cli.CELLS[:-1])} or {cli.CELLS[-1]}."
        )
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
            shape=data.shape_of(source, options),
            classes=len(training.names.classes),
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            filters=options.filters,
            scan=options.scan,
            dropout=options.dropout,
        )
        steps = options.epochs * training.steps
        rising = min(250, steps // 5)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=options.learning_rate, warmup_steps=rising
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05, global_clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
        network.compile(
            optimizer,
            SmoothedCrossEntropy(options.label_smoothing),
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
    from shared.evaluation.confusions import confusions
    from shared.evaluation.pictures import confusion_matrix, picture_grid
    from shared.evaluation.report import table, write_report

    from . import model

    network = run.load_model()
    shape = network.input_shape[1:]
    held = source.read(options.split, options.limit or run.options.limit, shape)
    answering = model.with_probabilities(network, run.options.flip)
    matrix, mistakes, right = confusions(answering, data.in_order(held, 256), numbers, SHOWN)

    metrics = {"accuracy": float(np.trace(matrix) / matrix.sum())}
    labels = np.repeat(np.arange(len(matrix)), matrix.sum(axis=1))
    baselines = {CONSTANT: constant_label(labels)}
    count = network.count_params()
    record = run.record(source, options.split, held.count, metrics, count, baselines=baselines)
    cli.save_measurement(run, record)
    counts = matrix.sum(axis=1)
    rows = [
        (name, matrix[i, i] / max(counts[i], 1), int(counts[i]))
        for i, name in enumerate(names.classes)
    ]

    def shown(found):
        captions = [
            f"{names.classes[answer]} ({probability:.2f})\nis {names.classes[label]}"
            for probability, answer, label, _ in found
        ]
        return picture_grid([image for *_, image in found], captions)

    sections = [
        ("Answers for each label", confusion_matrix(matrix, names.classes)),
        ("Accuracy of each label", table(("label", "found", "pictures"), rows)),
        ("Most confident mistakes", shown(mistakes)),
        ("Most confident right answers", shown(right)),
    ]
    write_report(run, record, sections, MONITOR)
    cli.next_step(run, "predict", "picture.png")


@recipe.command()
@cli.prediction_options
@click.option("--invert", is_flag=True, help="Exchange dark and bright, for dark things on white.")
def predict(options):
    """Name the label of each INPUT, a picture file ('-' reads one per line of stdin)."""
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.prediction import Answering

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    shape = network.input_shape[1:]
    network = Answering(model.with_probabilities(network, run.options.flip))
    for read in cli.read_paths(options, lambda path: data.read_file(path, shape, options.invert)):
        paths, images = zip(*read, strict=True)
        found = network.predict_on_batch(np.stack(images))
        for path, probabilities in zip(paths, found, strict=True):
            label, probability = names.classes[probabilities.argmax()], float(probabilities.max())
            record = {"input": path, "label": label, "probability": probability}
            line = f"{label:12} {probability:.3f}  {path}"
            cli.print_prediction(options.as_json, record, line)


@recipe.command()
@cli.inspection_options
@click.option("--invert", is_flag=True, help="Exchange dark and bright, for dark things on white.")
def inspect(options):
    """Write a page that shows which pixels of INPUT, a picture, decided, and what the cell did."""
    path = cli.read_path(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import (
        answer,
        likeliest,
        read_picture,
        speaking,
        write_inspection,
    )
    from shared.evaluation.pictures import picture_grid, signed

    from . import model

    network = run.load_model()
    classes = data.load_names(run).classes
    image = data.read_file(path, network.input_shape[1:], options.invert)
    answering = model.with_probabilities(network, run.options.flip)
    (probabilities,) = answering.predict_on_batch(image[None])
    saliency, traced = model.explain(network, image)
    label = int(probabilities.argmax())
    sure = f"probability {probabilities[label]:.3f}"
    strength = abs(saliency).max(axis=-1)
    captions = [
        "as the network sees it",
        "pixels that matter, bright",
        f"brighter here: blue, for {classes[label]};\nred, against it",
    ]
    pictures = [
        image,
        (255 * strength / max(strength.max(), 1e-12)).astype("uint8"),
        signed(saliency.sum(axis=-1)),
    ]
    sections = [
        ("Answer", answer(classes[label], sure, likeliest(classes, probabilities))),
        ("Which pixels decided", picture_grid(pictures, captions)),
    ]
    if traced:
        steps, each = len(next(iter(traced.values()))), run.options.scan.removesuffix("s")
        tokens = [str(step + 1) for step in range(steps)]
        telling = speaking(model.shares(network, traced), label, classes)
        seen = inside(traced, tokens, each if steps > 1 else "step", "", telling)
        if steps > 1:
            columns = 1 if each == "row" else image.shape[1]
            sections.append((f"Read {each} by {each}", read_picture(image, columns)))
        heading = "Inside the cell" if steps == 1 else "Inside the first layer, step by step"
        sections.append((heading, seen))
    click.echo(f"Written: {write_inspection(run, path, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach in the run's recurrent layers."""
    run = cli.open_trained(options)
    if run.options.scan == "none":
        raise UserError(
            f"{run.folder} was trained with --scan none: it reads no sequence, so there is no "
            "earlier timestep to reach. Choose another --run, or train one with --scan rows."
        )
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    cli.announce(run=run)

    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES, first_batch

    network = run.load_model()
    held = source.read("validation", EXAMPLES, network.input_shape[1:])
    images, _ = first_batch(data.in_order(held, EXAMPLES))
    record = write_gradients(run, source, network, images)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
