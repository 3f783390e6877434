"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import click

from shared import cli
from shared.data.sources import numbers_among
from shared.errors import UserError

from . import data, sample

FRAMES_PER_SECOND = 25.0  # where neither file nor user says
MONITOR = "val_accuracy"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="Many to many, in step: watch a video and label every frame of it."
)


own = cli.own_folder("Your own clips: a folder of pictures for each, and labels.csv.")


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=24,
    batch_size=16,
    units=128,
    layers=2,
    cells=("none", *cli.CELLS),
    elsewhere={"on the sample": sample.DEFAULTS},
)
@cli.data_option(
    "--height",
    type=click.IntRange(8),
    show_default=f"as in the data, else {data.SIZE[0]}",
    help="Height of a frame, in pixels.",
)
@cli.data_option(
    "--width",
    type=click.IntRange(8),
    show_default=f"as in the data, else {data.SIZE[1]}",
    help="Width of a frame, in pixels.",
)
@cli.data_option(
    "--augmentation",
    type=click.FloatRange(0, 2),
    default=0.5,
    help="How much clips are varied in each epoch; 0 for not at all.",
)
@cli.network_option(
    "--direction",
    type=click.Choice(["forward", "both"]),
    default="both",
    help="Read a clip from its start only, or from its end as well.",
)
@cli.network_option("--dropout", type=cli.share, default=0.3, help="Share of features left out.")
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=2e-3, help="Highest learning rate."
)
def train(options):
    """Train on labelled clips and write a run folder."""
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
            shape=data.shape_of(source, options),
            classes=len(training.names.classes),
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            direction=options.direction,
            dropout=options.dropout,
        )
        steps = options.epochs * training.steps
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

    from shared.evaluation.report import write_report
    from shared.evaluation.segments import comparison, frame_accuracy, label_all, segment_f1

    from . import model

    network = run.load_model()
    shape = model.frame_shape(network)
    clips = source.read(options.split, options.limit or run.options.limit, shape)
    answers, labels, titles = label_all(network, clips)
    labels = [numbers[row] for row in labels]

    def measured(found):
        return {
            "frame_accuracy": frame_accuracy(found, labels),
            "segment_f1": segment_f1(found, labels),
        }

    guesses = [data.guess(names, len(row)) for row in labels]
    baselines = {name: measured([guess[name] for guess in guesses]) for name in guesses[0]}
    metrics = measured(answers)
    frames = sum(map(len, labels))
    record = run.record(
        source,
        options.split,
        len(labels),
        metrics,
        network.count_params(),
        frames=frames,
        baselines=baselines,
    )
    cli.save_measurement(run, record)
    sections = comparison(titles, answers, labels, names.classes)
    write_report(run, record, sections, MONITOR)
    cli.next_step(run, "predict", "VIDEO")


@recipe.command()
@cli.prediction_options
@click.option(
    "--frames-per-second",
    type=cli.above_zero,
    help=f"Speed of the video; by default that of the file, else {FRAMES_PER_SECOND:g}.",
)
@click.option("--stream", is_flag=True, help="Print a label for each frame as it is read.")
def predict(options):
    """Label the frames of each INPUT, a video or a folder ('-' reads one per line of stdin).

    A folder has a picture for each frame. With --stream, a network trained with --direction forward
    labels each frame as it is read, and keeps nothing but its state and the last frame.
    """
    run = cli.open_trained(options)
    if options.stream and run.options.direction != "forward":
        raise UserError(
            f"{run.folder} was trained with --direction both: it labels a frame when it has seen "
            "the whole clip. For --stream choose a --run trained with --direction forward."
        )
    cli.announce(run=run)

    from shared.data import video
    from shared.evaluation.segments import timed_segments

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    shape = model.frame_shape(network)
    label_clip = model.clip_labeller(network)

    def answer(path):
        rate = options.frames_per_second or video.frame_rate(path) or FRAMES_PER_SECOND
        if options.stream:
            frames = video.frames_of(path, *shape)
            for t, probabilities in enumerate(model.label_stream(network, frames)):
                label = names.classes[probabilities.argmax()]
                record = {"input": path, "frame": t, "second": t / rate, "label": label}
                line = f"{t:6} {t / rate:8.2f} s  {label}"
                cli.print_prediction(options.as_json, record, line)
            return
        answers = label_clip(video.read_video(path, *shape)).argmax(axis=-1)
        segments = timed_segments(answers, names.classes, rate)
        record = {
            "input": path,
            "frames": len(answers),
            "frames_per_second": rate,
            "segments": segments,
        }
        lines = [
            "{start:6} -{end:6}  {start_seconds:8.2f} -{end_seconds:8.2f} s  {label}".format(**each)
            for each in segments
        ]
        cli.print_prediction(options.as_json, record, path, *lines)

    for _ in cli.read_paths(options, answer):
        pass  # each clip is answered as soon as it is read, a stream even before


@recipe.command()
@cli.inspection_options
def inspect(options):
    """Write a page that shows INPUT, a video or a folder, its labels, and what the cell did."""
    path = cli.read_path(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.data import video
    from shared.evaluation.arrange import MOST_STEPS
    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import answer, write_inspection
    from shared.evaluation.pictures import frame_grid
    from shared.evaluation.segments import label_strips, probability_curves, told

    from . import model

    network = run.load_model()
    classes = data.load_names(run).classes
    frames = video.read_video(path, *model.frame_shape(network))
    probabilities = model.clip_labeller(network)(frames)
    answers = probabilities.argmax(axis=-1)
    sure = probabilities.max(axis=-1)
    least = int(sure.argmin())
    how_sure = f"probability of its label {sure.mean():.3f} as a mean over {len(frames):,} frames; "
    how_sure += f"least at frame {least + 1}, {sure[least]:.3f}"
    captions = [f"{t + 1}: {classes[label]}, {sure[t]:.2f}" for t, label in enumerate(answers)]
    sections = [
        ("Answer", answer(told(answers, classes), how_sure)),
        ("The frames", frame_grid(frames, captions)),
        ("Labels over time", label_strips([(path, {"predicted": answers})], classes)),
        ("How sure it was", probability_curves(probabilities, classes)),
    ]
    if traced := model.explain(network, frames[:MOST_STEPS]):
        numbers = [str(t + 1) for t in range(len(frames))]
        pictures = inside(traced, numbers, "frame", flow="")
        sections.append(("Inside the first layer, reading forward", pictures))
    click.echo(f"Written: {write_inspection(run, path, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach in the run's recurrent layers."""
    run = cli.open_trained(options)
    if run.options.cell == "none":
        raise UserError(
            f"{run.folder} was trained with --cell none: it has no recurrent layer. Choose another "
            "--run, or train one with --cell lstm."
        )
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    cli.announce(run=run)

    from shared.data.examples import batches
    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES, first_batch

    from . import model

    network = run.load_model()
    clips = source.read("validation", EXAMPLES, model.frame_shape(network))

    def prepare(batch, _):
        return data.for_the_network(batch["frames"], batch["labels"])

    inputs, _, _ = first_batch(batches(clips, EXAMPLES, prepare))
    record = write_gradients(run, source, network, inputs)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
