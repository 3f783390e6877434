"""The commands of the recipe: train, evaluate, predict, inspect."""

import click
import numpy as np

from shared import cli
from shared.errors import UserError

from . import data

WORST = 24  # mistakes shown in the report

recipe = cli.recipe_group(
    __file__, help="One to one: look at a picture, take one step of the cell, say what it is."
)

share = click.FloatRange(0, 0.95)


@recipe.command()
@cli.training_options(
    dataset=data.DEFAULT, epochs=12, batch_size=128, units=128, cells=("none", *cli.CELLS)
)
@click.option(
    "--image-folder",
    type=click.Path(resolve_path=True),
    metavar="DIR",
    help="Your pictures instead: DIR/train/CLASS/*.png or .jpg.",
)
@click.option(
    "--image-size",
    type=click.IntRange(8),
    metavar="N",
    help=f"Resize to N x N pixels.  [default: as they are; {data.LARGEST_SIDE} where larger]",
)
@click.option(
    "--scan",
    type=click.Choice(["none", "rows", "pixels"]),
    default="none",
    help="Read the picture as a sequence instead of at one glance.",
    show_default=True,
)
@click.option(
    "--filters", type=cli.positive, default=24, help="Of the first convolution.", show_default=True
)
@click.option(
    "--flip/--no-flip",
    default=None,
    help=f"Show pictures mirrored too.  [default: with {', '.join(data.MIRRORED)}]",
)
@click.option(
    "--shift",
    type=click.IntRange(0, 16),
    default=1,
    help="Move pictures by so many pixels at most.",
    show_default=True,
)
@click.option(
    "--erase", type=share, default=0.1, help="Share that loses a rectangle.", show_default=True
)
@click.option("--dropout", type=share, default=0.1, show_default=True)
@click.option("--label-smoothing", type=share, default=0.1, show_default=True)
@click.option("--learning-rate", type=cli.above_zero, default=2e-3, show_default=True)
def train(options):
    """Train on labelled pictures and write a run folder."""
    if options.scan != "none" and options.cell == "none":
        raise UserError(
            f"--scan {options.scan} needs a cell to read the sequence with. Choose --cell rnn, "
            "lstm or gru."
        )
    source = data.find(options.dataset, options.image_folder, options.data_dir)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.data.examples import user_errors
    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.losses import SmoothedCrossEntropy
    from shared.training.run import start_run

    from . import model

    if options.flip is None:
        options.flip = source.name in data.MIRRORED
    shape = data.image_shape(source, options.image_size)
    classes = data.class_names(source)
    batches, validation = data.load(source, options, shape)
    run = start_run(options, source)
    data.save_names(run, classes)
    with prepare(options):
        network = model.build_model(
            shape,
            len(classes),
            options.cell,
            options.units,
            options.layers,
            options.filters,
            options.scan,
            options.dropout,
        )
        steps = options.epochs * len(batches(epoch=0))
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
    with user_errors():
        fit(network, batches, validation, run, options.epochs, monitor="val_accuracy")
    return run


@recipe.command()
@cli.evaluation_options
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = find_data(options.dataset, run, options.data_dir)
    cli.announce(source, run)

    from shared.evaluation.pictures import confusion_matrix, picture_grid
    from shared.evaluation.report import table, write_report

    from . import model

    network = run.load_model()
    classes = data.load_names(run)
    data.check_classes(source, classes)
    shape = network.input_shape[1:]
    held = data.hold(source, options.split, shape, options.limit or run.options.limit)
    answering = model.with_probabilities(network, run.options.flip)
    matrix, mistakes = model.confusions(answering, data.in_order(held, 256), WORST)

    metrics = {"accuracy": float(np.trace(matrix) / matrix.sum())}
    record = run.save_metrics(source, options.split, held.count, metrics, network.count_params())
    cli.print_metrics(record)
    counts = matrix.sum(axis=1)
    rows = [
        (name, matrix[i, i] / max(counts[i], 1), int(counts[i])) for i, name in enumerate(classes)
    ]
    captions = [
        f"{classes[answer]} ({probability:.2f})\nis {classes[label]}"
        for probability, answer, label, _ in mistakes
    ]
    sections = [
        ("Answers for each label", confusion_matrix(matrix, classes)),
        ("Accuracy of each label", table(("label", "found", "pictures"), rows)),
        ("Most confident mistakes", picture_grid([image for *_, image in mistakes], captions)),
    ]
    write_report(run, record, sections)
    cli.next_step(run, "predict", "picture.png")


@recipe.command()
@cli.prediction_options
@click.option("--invert", is_flag=True, help="Dark and bright exchanged, for dark on white.")
def predict(options):
    """Say of each INPUT, a picture file, what it shows ('-' reads one path per line of stdin)."""
    paths = cli.read_paths(options.inputs)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from . import model

    network = run.load_model()
    classes = data.load_names(run)
    images = data.read_files(paths, network.input_shape[1:], options.invert)
    network = model.with_probabilities(network, run.options.flip)
    for path, probabilities in zip(paths, model.answers(network, images), strict=True):
        label, probability = classes[probabilities.argmax()], float(probabilities.max())
        record = {"input": path, "label": label, "probability": probability}
        cli.print_prediction(options.as_json, record, f"{label:12} {probability:.3f}  {path}")


@recipe.command()
@cli.inspection_options
@click.option("--invert", is_flag=True, help="Dark and bright exchanged, for dark on white.")
def inspect(options):
    """Write a page that shows which pixels of INPUT, a picture, decided, and the cell at work."""
    (path,) = cli.read_paths([options.input])
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.pictures import picture_grid, signed
    from shared.evaluation.report import heatmaps, table, write_page

    from . import model

    network = run.load_model()
    classes = data.load_names(run)
    (image,) = data.read_files([path], network.input_shape[1:], options.invert)
    (probabilities,) = model.answers(model.with_probabilities(network), image[None])
    saliency, inside = model.explain(network, image)
    label = classes[probabilities.argmax()]
    likely = [(classes[i], probabilities[i]) for i in np.argsort(-probabilities)[:5]]
    strength = abs(saliency).max(axis=-1)
    captions = [
        "as the network sees it",
        "pixels that matter, bright",
        f"brighter here: blue, for {label};\nred, against it",
    ]
    pictures = [
        image,
        (255 * strength / max(strength.max(), 1e-12)).astype("uint8"),
        signed(saliency.sum(axis=-1)),
    ]
    sections = [
        ("Answer", table(("label", "probability"), likely)),
        ("Which pixels decided", picture_grid(pictures, captions)),
    ]
    if inside:
        steps = len(next(iter(inside.values())))
        names = [f"{run.options.scan[:-1]} {i + 1}" for i in range(steps)]
        if steps == 1:
            names = ["the one step"]
        heading = "Inside the cell" if steps == 1 else "Inside the first layer, step by step"
        sections.append((heading, heatmaps(inside, names)))
    write_page(run, "inspect.html", path[-200:], run.notice, sections)
    click.echo(f"Written: {run.path('inspect.html')}")


def find_data(name, run, data_dir=None):
    """The data set of that name, or the data that the run was trained on."""
    if name is not None or run.options.image_folder is None:
        return data.find(name or run.dataset, None, data_dir)
    source = data.find(None, run.options.image_folder)
    run.check_unchanged(source)
    return source


if __name__ == "__main__":
    recipe()
