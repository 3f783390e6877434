"""The commands of the recipe: train, evaluate, predict, inspect, gradients."""

import click
import numpy as np

from shared import cli
from shared.files import json_text, read_json

from . import data, sample

CHOSEN = "networks.json"  # of a race: the folder of each network that was chosen
WRONG = 3  # mistakes of each cell that the report shows
SHOWN = 10  # examples of the best and of the worst answers

recipe = cli.recipe_group(
    __file__, help="Many to one: read a sequence whose beginning decides what comes at its end."
)


def own(of_run):
    """The recipe takes no data of the user's own: its tasks are made to be just so long."""
    return []


@recipe.command()
@cli.training_options(
    own,
    dataset=f"{data.DEFAULT}; {data.PICTURES} for pixels",
    epochs=6,
    batch_size=64,
    cell=None,
    units=64,
    elsewhere={f"for {task}": defaults for task, defaults in data.DEFAULTS.items()},
)
@cli.data_option(
    "--task",
    type=click.Choice(data.TASKS),
    default=data.TASKS[0],
    help="What is to be remembered; see the README.",
)
@cli.data_option(
    "--gap",
    type=cli.positive,
    multiple=True,
    default=sample.GAPS,
    metavar="WORDS",
    help="Of agreement: words between what counts and what hangs on it. Give it several times to "
    "compare.",
)
@cli.data_option(
    "--timesteps",
    type=click.IntRange(2, 100_000),
    default=600,
    help="Of adding and copying: how long the sequences are, or how long the ten symbols wait.",
)
@cli.data_option("--permute", is_flag=True, help="Of pixels: take them in a fixed random order.")
@cli.network_option(
    "--chrono/--no-chrono",
    default=True,
    help="Start the gates so that they remember over the whole sequence.",
)
@cli.network_option(
    "--identity", is_flag=True, help="Start the simple RNN as a copy of its state, without tanh."
)
@cli.network_option(
    "--vector-scale",
    type=cli.above_zero,
    default=0.3,
    help="Of agreement and copying: standard deviation of the word vectors at the start.",
)
@cli.training_option(
    "--clip",
    type=click.FloatRange(0),
    default=1.0,
    metavar="NORM",
    help="Largest norm of the gradient of all weights; 0 for any.",
)
@cli.training_option(
    "--learning-rate",
    type=cli.above_zero,
    multiple=True,
    default=(0.002, 0.006),
    help="Learning rate at the start. Each network is trained with each of several, and the best "
    "on validation is kept.",
)
def train(options):
    """Train on a task of long gaps and write a run folder.

    On agreement every cell is trained at every gap, and they are compared.
    """
    source = data.find(options)
    cli.take_defaults(options, source)
    cli.announce(source)

    from shared.training.fit import fit
    from shared.training.folders import start_run

    entrants = data.entrants(options)
    training = data.load(source, entrants[0])
    network = build(entrants[0], training)
    with start_run(options, source) as run:
        data.save_names(run, training.names)
        if len(entrants) == 1:
            fit(network, training, run, options, monitor_of(options))
        else:
            race(run, source, entrants, training)
    return run


def build(options, training):
    """The network of one of the `entrants`, compiled."""
    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare

    from . import model

    names, (inputs, _) = training.names, training.validation.element_spec
    with prepare(options):
        network = model.build_model(
            outputs=len(names.classes) or 1,
            vocabulary_size=len(names.vocabulary) or None,
            features=inputs.shape[-1],
            every_step=options.task == "copying",
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            remember=inputs.shape[1] if options.chrono else None,
            identity=options.identity,
            vector_scale=options.vector_scale,
        )
        steps = options.epochs * training.steps
        classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        network.compile(
            keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(options.learning_rate, steps),
                global_clipnorm=options.clip or None,
            ),
            classes if names.classes else "mse",
            metrics=["accuracy"] if options.task in ("agreement", "pixels") else [],
        )
    return network


def monitor_of(options):
    """The column of the history by which a network is chosen."""
    return "val_accuracy" if options.task in ("agreement", "pixels") else "val_loss"


def race(run, source, entrants, training):
    """Train all entrants alike, and choose for each cell and gap the best of its learning rates.

    Each has a folder of its own in the run, `networks/CELL-GAP-RATE`. The run's `model.keras` and
    `history.csv` are those of the LSTM at the longest gap, but with the seconds of all.
    `training` is the data of the first entrant.
    """
    import keras

    from shared.training.fit import best_epoch, fit

    monitor = monitor_of(entrants[0])
    histories, chosen, length = {}, {}, entrants[0].timesteps
    for one in entrants:
        if one.timesteps != length:
            training, length = data.load(source, one), one.timesteps
        keras.backend.clear_session()  # of the network before this one
        network = build(one, training)
        folder = f"networks/{one.cell}-{length}-{one.learning_rate:g}"
        label = f"{one.cell}, gap {length}, learning rate {one.learning_rate:g}"
        part = run.part(folder).make()
        history = fit(network, training, part, one, monitor, label=label)
        histories[folder] = history
        value = history[best_epoch(history, monitor) - 1][monitor]
        before = chosen.get((one.cell, length))
        if before and best_epoch([before, {monitor: value}], monitor) == 1:
            continue
        chosen[one.cell, length] = {
            "cell": one.cell,
            "gap": length,
            "parameters": network.count_params(),
            "learning_rate": one.learning_rate,
            monitor: value,
            "folder": folder,
        }
    shown = chosen.get(("lstm", length), chosen[entrants[-1].cell, length])["folder"]
    seconds = [
        sum(row["seconds"] for row in rows) for rows in zip(*histories.values(), strict=True)
    ]
    history = [
        {**row, "seconds": round(total, 2)}
        for row, total in zip(histories[shown], seconds, strict=True)
    ]
    run.keep(CHOSEN, json_text(list(chosen.values())), anew=True)
    run.save_history(history)
    run.save_model(run.part(shown).load_model())


@recipe.command()
@cli.evaluation_options(own)
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    names = data.load_names(run)
    cli.announce(source, run)

    from shared.evaluation.inside import inside
    from shared.evaluation.prediction import predict_batches
    from shared.evaluation.report import figure, table, write_report

    from . import model

    limit = options.limit or run.options.limit
    metrics, mistakes = {}, {}
    for one, part in trained(run):
        held = data.hold(source, options.split, limit, one)
        outputs, answers = predict_batches(part.load_model(), data.in_batches(held, one))
        name, metrics[name] = data.measure(outputs, answers, one)
        if run.options.task == "agreement" and one.cell not in mistakes:
            found = np.flatnonzero(outputs.argmax(axis=-1) != answers)[:WRONG]
            if len(found):  # at the shortest gap where there are any
                texts, _ = source.read(options.split, limit, one.timesteps)
                mistakes[one.cell] = [
                    (one.cell, one.timesteps, names.classes[outputs[i].argmax()], texts[i])
                    for i in found
                ]
    network = run.load_model()
    count, baselines = network.count_params(), data.baselines(metrics, answers, names, one)
    record = run.record(source, options.split, len(answers), metrics, count, baselines=baselines)
    cli.save_measurement(run, record)
    sections = []
    if run.options.task == "agreement" and run.path(CHOSEN).exists():
        chosen = read_json(run.path(CHOSEN))
        seen = what_is_seen(metrics, chosen, 1 / len(names.classes))
        click.echo(f"{seen}\n")
        sections = [
            (
                "Accuracy over the gap",
                figure(
                    draw_gaps(metrics, chosen, 1 / len(names.classes)),
                    "Accuracy of every cell over the length of the gap",
                ),
            ),
            ("What is seen", seen),
            (
                "The networks",
                table(list(chosen[0])[:-1], [list(one.values())[:-1] for one in chosen]),
            ),
        ]
    if run.options.task == "agreement":
        words = held.column("inputs")[0]
        traced = model.explain(network, words)
        tokens = [names.vocabulary[word] for word in words]
        rows = [row for of_cell in mistakes.values() for row in of_cell]
        columns = ("cell", "gap", "answer", "text")
        sections += [
            (f"Across a gap of {one.timesteps} words", inside(traced, tokens)),
            ("Texts that were answered wrong", table(columns, rows)),
        ]
    sections += best_and_worst(held, outputs, answers, names, one)
    write_report(run, record, sections, monitor_of(run.options))
    cli.next_step(run, "predict", f"'{data.EXAMPLES[run.options.task]}'")


def best_and_worst(held, outputs, answers, names, options):
    """What the last network answered best and worst, as sections of the report.

    Args:
        held: `Examples` of the split.
        outputs, answers: arrays whose first axis is the examples.
        names: the run's `Names`.
        options: of the network: one of the `entrants`.
    """
    from shared.evaluation.pictures import picture_grid
    from shared.evaluation.report import table

    inputs, order = held.column("inputs"), np.argsort(data.errors(outputs, answers, options))
    sections = []
    for kind, places in (("best", order[:SHOWN]), ("worst", order[: -SHOWN - 1 : -1])):
        rows = [data.told(inputs[i], outputs[i], answers[i], names, options) for i in places]
        if options.task == "pixels":
            captions = [f"{answer}\nis {right}" for _, answer, right in rows]
            content = picture_grid([inputs[i] for i in places], captions)
        else:
            content = table(("read", "answer", "right answer"), rows)
        sections.append((f"Answered {kind}", content))
    return sections


def trained(run):
    """The networks of a run: pairs of the options of each and the `Run` that holds it."""
    if not run.path(CHOSEN).exists():
        yield data.entrants(run.options)[0], run
        return
    entrants = {
        (one.cell, one.timesteps, one.learning_rate): one for one in data.entrants(run.options)
    }
    for chosen in read_json(run.path(CHOSEN)):
        part = run.part(chosen["folder"])
        part.check_belonging()
        yield entrants[chosen["cell"], chosen["gap"], chosen["learning_rate"]], part


def what_is_seen(metrics, chosen, chance):
    """The race in one sentence."""
    shortest, longest = chosen[0]["gap"], chosen[-1]["gap"]
    cells = list(dict.fromkeys(one["cell"] for one in chosen))
    falls = [
        f"{cell} from {metrics[f'accuracy_{cell}_{shortest}']:.2f} to "
        f"{metrics[f'accuracy_{cell}_{longest}']:.2f}"
        for cell in cells
    ]
    return (
        f"Accuracy where the gap grows from {shortest} words to {longest}: {', '.join(falls)} "
        f"(chance: {chance:.3f})."
    )


def draw_gaps(metrics, chosen, chance):
    """Accuracy over the gap for every cell, and chance: a matplotlib figure."""
    from shared.evaluation.colours import LIGHT
    from shared.evaluation.report import new_figure

    drawing, (axis,) = new_figure(width=7)
    cells = list(dict.fromkeys(one["cell"] for one in chosen))
    for number, cell in enumerate(cells):
        gaps = [one["gap"] for one in chosen if one["cell"] == cell]
        accuracies = [metrics[f"accuracy_{cell}_{gap}"] for gap in gaps]
        wide = 1.8 + 1.1 * (len(cells) - 1 - number)  # a line that is covered shows on both sides
        look = {"linewidth": wide, "marker": "o", "markersize": 4 + wide}
        axis.plot(gaps, accuracies, label=cell, color=LIGHT.get(cell), **look)
    axis.axhline(chance, linestyle="--", color=LIGHT["faint"], label="chance")
    axis.set(xlabel="gap in words", ylabel="accuracy", ylim=(0, 1.03), xscale="log")
    axis.set_xticks(gaps, gaps)
    axis.minorticks_off()
    axis.legend(frameon=False)
    return drawing


@recipe.command()
@cli.prediction_options
def predict(options):
    """Answer each INPUT ('-' reads one per line of stdin).

    For agreement a text that ends before the language, for adding values of which two are marked
    ("0.5 0.1* 0.9*"), for copying ten symbols from 1 to 8, for pixels a picture file.
    """
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.prediction import Answering, predict_alike

    from . import model

    names = data.load_names(run)
    network = run.load_model()
    network = Answering(model.with_probabilities(network) if names.classes else network)

    def decode(given):
        return data.read_input(given, names, run.options)

    pixels = run.options.task == "pixels"
    read = cli.read_paths(options, decode) if pixels else cli.read_texts(options, decode=decode)
    for some in read:
        inputs = [array for _, array in some]
        for (given, _), output in zip(some, predict_alike(network, inputs), strict=True):
            record = {"input": given, **data.said(output, names, run.options)}
            line = "  ".join(str(value) for name, value in record.items() if name != "input")
            cli.print_prediction(options.as_json, record, f"{line}  {given[-80:]}")


@recipe.command()
@cli.inspection_options
def inspect(options):
    """Write a page that shows what the cell held on to while it read INPUT; see predict."""
    run = cli.open_trained(options)
    pixels = run.options.task == "pixels"
    given = cli.read_path(options.input) if pixels else cli.read_text(options.input)
    names = data.load_names(run)
    inputs = data.read_input(given, names, run.options)
    cli.announce(run=run)

    from shared.evaluation.arrange import MOST_STEPS
    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import answer, read_picture, speaking, write_inspection

    from . import model

    network = run.load_model()
    answering = model.with_probabilities(network) if names.classes else network
    (output,) = answering.predict_on_batch(inputs[None])
    traced = model.explain(network, inputs[:MOST_STEPS])
    telling = {}
    if output.ndim == 1 and len(inputs) <= MOST_STEPS and names.classes:
        shares = model.shares(network, traced)
        telling = speaking(shares, int(output.argmax()), names.classes)
    tokens, each = data.shown(inputs, names, run.options)
    sections = [("Answer", answer(*data.in_words(inputs, output, names, run.options)))]
    if pixels and not run.options.permute:
        picture = (255 * inputs.reshape(names.shape)).round().astype("uint8")
        sections.append(("Read pixel by pixel", read_picture(picture, columns=names.shape[1])))
    pictures = inside(traced, tokens, each, "" if pixels else "tokens", telling)
    sections.append(("Inside the first layer", pictures))
    click.echo(f"Written: {write_inspection(run, given, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach: for all cells of a race in one."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    cli.announce(run=run)

    from shared.evaluation import gradient_page
    from shared.evaluation.gradients import EXAMPLES, first_batch, reach, untrained

    from . import model

    networks = list(trained(run))
    longest = networks[-1][0].timesteps
    after, before, bounds, remarks = {}, {}, [], [model.ERROR]
    for one, part in networks:
        if one.timesteps != longest:
            continue
        held = data.hold(source, gradient_page.SPLIT, EXAMPLES, one)
        inputs, answers = first_batch(data.in_batches(held, one))
        answers = answers[:, -1] if one.task == "copying" else answers
        network = part.load_model()
        anew = untrained(network, gradient_page.another_seed(run))
        for found, each in ((after, network), (before, anew)):
            loss = model.error_of(each, answers[:EXAMPLES])
            for name, states in reach(each, inputs, loss, timesteps=inputs.shape[1]).items():
                layer = one.cell if one.layers == 1 else f"{one.cell}, {name}"
                found[layer] = states
        if one.cell == "rnn" and one.layers == 1 and not one.identity:
            largest_before, values_before = model.bound(anew, before["rnn"]["hidden_state"])
            largest, values = model.bound(network, after["rnn"]["hidden_state"])
            bounds = [("bound for rnn, before", values_before), ("bound for rnn, after", values)]
            remarks.append(model.bounds_in_words(largest_before, largest))
    facts = f"{EXAMPLES} sequences of {inputs.shape[1]} timesteps"
    record = gradient_page.write_measured(run, source, after, before, facts, remarks, bounds)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
