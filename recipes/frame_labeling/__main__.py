"""The commands of the recipe: train, evaluate, predict, inspect."""

import click
import numpy as np

from shared import cli
from shared.errors import UserError

from . import data

SHOWN_CLIPS = 6  # of the best and of the worst in the report
SHOWN_FRAMES = 150  # as many as still fit on a page
FRAMES_PER_SECOND = 25.0  # where neither file nor user says

recipe = cli.recipe_group(
    __file__, help="Many to many, in step: watch a video and label every frame of it."
)


@recipe.command()
@cli.training_options(
    dataset=data.DEFAULT,
    epochs=24,
    batch_size=16,
    units=128,
    layers=2,
    cells=(*cli.CELLS, "none"),
)
@click.option(
    "--frames-folder",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    metavar="DIR",
    help="Your clips: a folder of frames for each, and labels.csv.",
)
@click.option(
    "--direction",
    type=click.Choice(["forward", "both"]),
    default="both",
    help="Read a clip from its start only, or from its end, too.",
    show_default=True,
)
@click.option("--height", type=click.IntRange(8), help="Of a frame.  [default: as in the data]")
@click.option("--width", type=click.IntRange(8), help="Of a frame.  [default: as in the data]")
@click.option(
    "--augmentation",
    type=click.FloatRange(0, 2),
    default=0.5,
    help="Strength; 0 for none.",
    show_default=True,
)
@click.option("--dropout", type=click.FloatRange(0, 0.95), default=0.3, show_default=True)
@click.option("--learning-rate", type=cli.above_zero, default=2e-3, show_default=True)
def train(options):
    """Train on labelled clips and write a run folder."""
    source = data.find(options.dataset, options.data_dir, options.frames_folder)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.run import start_run

    from . import model

    shape = data.picture_shape(source, options.height, options.width)
    batches, validation, examples = data.load(source, options, shape)
    run = start_run(options, source)
    classes = data.class_names(source)
    data.save_names(run, classes, examples)
    with prepare(options):
        network = model.build_model(
            shape,
            len(classes),
            options.cell,
            options.units,
            options.layers,
            options.direction,
            options.dropout,
        )
        steps = options.epochs * len(batches(epoch=0))
        rising = min(200, steps // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=options.learning_rate, warmup_steps=rising
        )
        network.compile(
            keras.optimizers.Adam(rate, clipnorm=1.0),
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            ),
            weighted_metrics=["accuracy"],
        )
    fit(network, batches, validation, run, options.epochs, monitor="val_accuracy")
    return run


@recipe.command()
@cli.evaluation_options
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    folder = None if options.dataset else run.options.frames_folder
    source = data.find(options.dataset or run.dataset, options.data_dir, folder)
    cli.announce(source, run)

    from shared.evaluation.pictures import confusion_matrix
    from shared.evaluation.report import table, write_report
    from shared.evaluation.segments import label_strips, segment_f1

    from . import model  # noqa: F401  registers the layers of a saved network

    network = run.load_model()
    classes, guesses = data.load_names(run)
    data.check_classes(source, classes)
    run.check_unchanged(source)
    shape = network.input["frames"].shape[2:]
    examples = data.read(source, options.split, options.limit or run.options.limit, shape)
    answers, labels = label_all(network, examples)
    if not sum(map(len, labels)):
        raise UserError(
            f"The labels of {source.name}'s {options.split} split are not public; measure on "
            "another with --split validation."
        )

    def measured(found):
        return {"frame_accuracy": accuracy(found, labels), "segment_f1": segment_f1(found, labels)}

    baselines = {
        name: measured([guess(len(row)) for row in labels]) for name, guess in guesses.items()
    }
    record = run.save_metrics(
        source,
        options.split,
        len(labels),
        measured(answers),
        network.count_params(),
        frames=sum(map(len, labels)),
        baselines=baselines,
    )
    cli.print_metrics(record)
    for name, figures in baselines.items():
        click.echo(f"  {name} alone: " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items()))

    names = data.names_of(examples)
    scores = [accuracy([found], [true]) for found, true in zip(answers, labels, strict=True)]
    order = np.argsort(scores, kind="stable")
    shown = [
        (f"{names[i]} ({scores[i]:.3f})", {"predicted": answers[i], "true": labels[i]})
        for i in order
    ]
    matrix = np.zeros((len(classes), len(classes)), int)
    np.add.at(matrix, (np.concatenate(labels), np.concatenate(answers)), 1)
    rows = [(name, *figures.values()) for name, figures in baselines.items()]
    columns = ("guess without looking", "frame_accuracy", "segment_f1")
    sections = [
        ("What can be had without looking", table(columns, rows)),
        ("Worst clips", label_strips(shown[:SHOWN_CLIPS], classes)),
        ("Best clips", label_strips(shown[: -SHOWN_CLIPS - 1 : -1], classes)),
        ("Frame by frame", confusion_matrix(matrix, classes)),
    ]
    write_report(run, record, sections)
    cli.next_step(run, "predict", "VIDEO")


@recipe.command()
@cli.prediction_options
@click.option(
    "--frames-per-second",
    type=cli.above_zero,
    help=f"[default: as in the file, else {FRAMES_PER_SECOND:g}]",
)
@click.option("--stream", is_flag=True, help="Print a label for each frame as it is read.")
def predict(options):
    """Say what is to be seen from when to when in each INPUT, a video or a folder of frames.

    With --stream a network trained with --direction forward labels frame by frame, and keeps
    nothing but its state. '-' reads a name per line of stdin.
    """
    paths = cli.read_paths(options.inputs)
    run = cli.open_trained(options)
    if options.stream and run.options.direction != "forward":
        raise UserError(
            f"{run.folder} was trained with --direction both: it labels a frame when it has seen "
            "the whole clip. For --stream choose a --run trained with --direction forward."
        )
    cli.announce(run=run)

    from shared.data import video
    from shared.evaluation.segments import segments_of

    from . import model

    network = run.load_model()
    classes, _ = data.load_names(run)
    shape = network.input["frames"].shape[2:]
    label_clip = model.clip_labeller(network)
    for path in paths:
        rate = options.frames_per_second or video.frame_rate(path) or FRAMES_PER_SECOND
        if options.stream:
            frames = video.frames_of(path, *shape)
            for t, probabilities in enumerate(model.label_stream(network, frames)):
                label = classes[probabilities.argmax()]
                record = {"input": path, "frame": t, "second": t / rate, "label": label}
                line = f"{t:6} {t / rate:8.2f} s  {label}"
                cli.print_prediction(options.as_json, record, line)
            continue
        answers = label_clip(video.read_video(path, *shape)).argmax(axis=-1)
        segments = [
            {
                "start": start,
                "end": end,
                "start_seconds": round(start / rate, 3),
                "end_seconds": round(end / rate, 3),
                "label": classes[label],
            }
            for start, end, label in segments_of(answers)
        ]
        record = {
            "input": path,
            "frames": len(answers),
            "frames_per_second": rate,
            "segments": segments,
        }
        lines = [
            f"{each['start']:6} -{each['end']:6}  {each['start_seconds']:8.2f} -"
            f"{each['end_seconds']:8.2f} s  {each['label']}"
            for each in segments
        ]
        cli.print_prediction(options.as_json, record, "\n".join([path, *lines]))


@recipe.command()
@cli.inspection_options
def inspect(options):
    """Write a page that shows INPUT, a video or a folder of frames, its labels, and the gates."""
    (path,) = cli.read_paths([options.input])
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data import video
    from shared.evaluation.pictures import picture_grid
    from shared.evaluation.report import heatmaps, write_page
    from shared.evaluation.segments import label_strips

    from . import model

    network = run.load_model()
    classes, _ = data.load_names(run)
    frames = video.read_video(path, *network.input["frames"].shape[2:])[:SHOWN_FRAMES]
    probabilities = model.clip_labeller(network)(frames)
    answers = probabilities.argmax(axis=-1)
    captions = [
        f"{t}: {classes[label]}, {probabilities[t, label]:.2f}" for t, label in enumerate(answers)
    ]
    ticks = [str(t) if t % 5 == 0 else "" for t in range(len(frames))]
    pictures = heatmaps({"probability of each label": probabilities}, ticks, classes)
    sections = [
        ("Labels over time", label_strips([(path, {"predicted": answers})], classes)),
        ("How sure it was", pictures),
        ("The frames", picture_grid(frames, captions)),
    ]
    if inside := model.explain(network, frames):
        sections.append(("Inside the first layer, reading forward", heatmaps(inside, ticks)))
    write_page(run, "inspect.html", path, run.notice, sections)
    click.echo(f"Written: {run.path('inspect.html')}")


def label_all(network, examples):
    """The answers and the labels of examples, without padding: two lists of int arrays."""
    from tqdm import tqdm

    answers, labels = [], []
    with tqdm(total=examples.count, desc="labelling", unit="clip", delay=2) as bar:
        for inputs, true, weights in data.in_order(examples):
            inputs = {name: np.asarray(values) for name, values in inputs.items()}
            found = network.predict_on_batch(inputs).argmax(axis=-1)
            for row, its_labels, present in zip(found, true.numpy(), weights.numpy(), strict=True):
                answers.append(row[present > 0])
                labels.append(its_labels[present > 0])
            bar.update(len(found))
    return answers, labels


def accuracy(answers, labels):
    """The share of all frames of all clips that got their label."""
    return float((np.concatenate(answers) == np.concatenate(labels)).mean())


if __name__ == "__main__":
    recipe()
