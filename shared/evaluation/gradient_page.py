"""The page that shows how far back gradients reach: a picture, a table, and what they say."""

import itertools
import math

import numpy as np

from shared.errors import UserError
from shared.evaluation.colours import LIGHT
from shared.evaluation.gradients import EXAMPLES, TIMESTEPS, reach, recurrent_layers, untrained
from shared.evaluation.report import figure, markup, new_figure, paragraphs, table, write_page

PAGE = "gradients.html"
SPLIT = "validation"
SHARE = 0.01  # of the first value: where a gradient counts as vanished
DISTANCES = (0, 1, 2, 5, 10, 20, 50, 100)  # timesteps, in the table; and the last one

THE_STATE = (
    "The state s_k is what timestep k hands on to the next one: the hidden state, and in an LSTM "
    "the cell state as well. The norm of one leaves out what passes through the other at timestep "
    "k; so that of the cell state is zero at T itself."
)
SUM_OF_OUTPUTS = (
    "E_T is the sum of the layer's own outputs at T, the last timestep of a sequence. It is not "
    "the loss that the network was trained with."
)
WHAT_IS_SHOWN = (
    "Shown is the norm of dE_T/ds_k, as a mean over the sequences that are at least so long. Its "
    "first value is that at T, and for the cell state the one at T - 1.",
    "Padding is not counted. A layer that reads backwards has its T at the beginning of the "
    "sequence.",
    "Before training means weights drawn anew from the same initializers. They are not the weights "
    "that this run began with. What is not trained by gradients, such as the statistics of a "
    "normalization, is as in the run.",
)
WITHOUT_ZEROS = (
    "A logarithmic axis has no zero: where the norm is zero, nothing is drawn. It is zero, too, "
    "where it is too small for the number format that the layer computes in."
)


def write_gradients(run, source, network, inputs, mask=None, remark=""):
    """Measure how far back gradients reach, before and after training, and write `gradients.html`.

    Args:
        run: the `Run`.
        source: the `Source` whose validation split the inputs are from.
        network: the run's network.
        inputs: a batch of arrays, as the network takes them.
        mask: (rows, timesteps), False at padding, for layers at which no mask arrives.
        remark: one more sentence of the recipe on what is measured.

    Returns:
        A dictionary of what was measured, which can be written as JSON.

    Raises:
        UserError: where the network has no recurrent layer, or the inputs have no timestep.
    """
    if not recurrent_layers(network):
        raise UserError(
            f"{run.folder} has no recurrent layer, so there is no state that a gradient could "
            "reach back to. Choose another --run."
        )
    after = reach(network, inputs, mask=mask)
    if not all(len(values) for _, _, values in _curves(after)):
        raise UserError(
            f"The first examples of {source.name}, {SPLIT} split, are empty: there is no timestep "
            "to measure. Choose another --run."
        )
    before = reach(untrained(network, another_seed(run)), inputs, mask=mask)
    facts = f"at most {EXAMPLES} sequences, and of each the last {TIMESTEPS} timesteps"
    return write_measured(run, source, after, before, facts, [SUM_OF_OUTPUTS, remark])


def another_seed(run):
    """A seed for weights that are drawn anew: not the one that the run began with."""
    return (run.config["seed"] + 1) % 2**32


def write_measured(run, source, after, before, facts, remarks, bounds=()):
    """Write `gradients.html`.

    Args:
        run, source: see `write_gradients`.
        after, before: as from `reach`, of the trained network and of the untrained one.
        facts: how much of the split was measured.
        remarks: sentences on what is measured, first of all what E_T is.
        bounds: see `gradient_picture`; of the hidden states.

    Returns:
        A dictionary of what was measured, which can be written as JSON.
    """
    notice = source.notice or run.notice
    facts = f"{source.name}, {SPLIT} split, its first examples: {facts}"
    write_page(run, PAGE, facts, notice, gradient_sections(after, before, remarks, bounds))
    record = {"recipe": run.recipe, "dataset": source.name, "split": SPLIT}
    if notice:
        record["notice"] = notice
    return record | {"layers": _numbers(after, before)}


def gradient_sections(after, before, remarks=(SUM_OF_OUTPUTS,), bounds=()):
    """What the page shows, as `write_page` takes it; arguments as of `write_measured`."""
    words = [summary(after, before), *sentences(after, before)]
    sections = [("How far back gradients reach", paragraphs(words))]
    for state in dict.fromkeys(state for _, state, _ in _curves(after)):
        curves = [
            (layer, values, before[layer][state])
            for layer, name, values in _curves(after)
            if name == state
        ]
        lines = bounds if state == "hidden_state" else ()
        sections.append((_spaced(state).capitalize(), gradient_picture(curves, lines)))
    sections.append(("Norms at some distances", gradient_table(after, before)))
    measured = [text for text in (THE_STATE, *remarks, *WHAT_IS_SHOWN) if text]
    return [*sections, ("What is measured", paragraphs(measured))]


def summary(after, before):
    """In one sentence, how far back gradients reach; arguments as of `gradient_sections`."""
    return f"After training, {_range(after)}; before training, {_range(before)}."


def _range(found):
    places = [first_and_vanished(values)[1] for _, _, values in _curves(found)]
    reached = sorted({place for place in places if place is not None})
    if not reached:
        return "no gradient falls below a hundredth of its first value on the timesteps measured"
    ends = f"{reached[0]} to " if len(reached) > 1 else ""
    later = ", or not at all on those measured" if None in places else ""
    back = _timesteps(reached[-1])
    return f"gradients fall below a hundredth of their first value {ends}{back} back{later}"


def sentences(after, before):
    """The same for each state of each layer: a list of sentences."""
    return [
        f"{layer}, {_spaced(state)}: below a hundredth of its first value {_where(values)} after "
        f"training, {_where(before[layer][state])} before."
        for layer, state, values in _curves(after)
    ]


def _where(values):
    first, vanished = first_and_vanished(values)
    where = "nowhere" if vanished is None else f"{_timesteps(vanished)} back"
    times = 1 if first is None else values.max() / values[first]
    return where + (f" (at its largest {times:.3g} times that value)" if times > 1 / SHARE else "")


def _timesteps(count):
    return f"{count} timestep{'' if count == 1 else 's'}"


def first_and_vanished(values):
    """Where a gradient begins, and where it has vanished.

    Args:
        values: float array (distances,) of norms.

    Returns:
        The first distance at which the norm isn't zero, and the first one after it at which it is
        below a hundredth of what it is there; None where there is none.
    """
    nonzero = np.flatnonzero(values)
    if not len(nonzero):
        return None, None
    first = int(nonzero[0])
    below = np.flatnonzero(values[first:] < SHARE * values[first])
    return first, first + int(below[0]) if len(below) else None


def gradient_picture(curves, bounds=()):
    """Norms of gradients over the distance T - k, on a logarithmic axis, as an SVG for the page.

    Args:
        curves: list of (label, values after, values before), each an array (distances,) of norms at
            T - k = 0, 1, ...; drawn solid and dashed in one colour. Before may be None.
        bounds: list of (label, values), drawn dotted and dash-dotted: what theory says that norms
            can't exceed.
    """
    drawing, (axis,) = new_figure(width=9.0, height=3.8)
    everything = [(values, "-") for _, values, _ in curves]
    for number, (label, after, before) in enumerate(curves):
        colour = f"C{number % 10}"
        _line(axis, after, color=colour, label=label)
        if before is not None:
            everything.append((before, "--"))
            _line(axis, before, color=colour, linestyle="--")
    for (label, values), style in zip(bounds, itertools.cycle((":", "-.")), strict=False):
        everything.append((values, style))
        _line(axis, values, color=LIGHT["ink"], linestyle=style, label=label)
    for style, means in (("-", "after training"), ("--", "before training")):
        if style in [drawn for _, drawn in everything]:
            axis.plot([], [], color="grey", linestyle=style, label=means)
    axis.set_yscale("log")
    axis.set(xlabel="T - k, timesteps back", ylabel="norm of dE_T/ds_k")
    axis.locator_params(axis="x", integer=True)
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    zeros = any(not np.all(values) for values, _ in everything)
    picture = figure(drawing, "Norms of gradients over the timesteps back, on a logarithmic axis")
    return markup(picture + (paragraphs([WITHOUT_ZEROS]) if zeros else ""))


def _line(axis, values, **style):
    values = np.where(np.asarray(values) > 0, values, np.nan)
    marker = "." if len(values) < 30 else None
    axis.plot(np.arange(len(values)), values, marker=marker, **style)


def gradient_table(after, before):
    """The norms at a few distances as a table for the page: two rows for each state."""
    longest = max(len(values) for _, _, values in _curves(after))
    distances = [each for each in DISTANCES if each < longest - 1] + [longest - 1]
    rows = [
        (layer, _spaced(state), when, *(_number(values, each) for each in distances))
        for layer, state, trained in _curves(after)
        for when, values in (("after", trained), ("before", before[layer][state]))
    ]
    columns = ("layer", "state", "training", *map(str, distances))
    return table(columns, rows, "Columns: T - k, in timesteps")


def _number(values, distance):
    """A norm for the table, which is not to be broken at its minus sign; or nothing."""
    text = f"{values[distance]:.2e}" if distance < len(values) else ""
    return markup(f'<span style="white-space: nowrap">{text}</span>')


def _numbers(after, before):
    """What the page is made of, for JSON: a list with a dictionary for each state of each layer."""
    return [
        {
            "layer": layer,
            "state": state,
            "after": _finite(values),
            "before": _finite(before[layer][state]),
            "below_a_hundredth": {
                "after": first_and_vanished(values)[1],
                "before": first_and_vanished(before[layer][state])[1],
            },
        }
        for layer, state, values in _curves(after)
    ]


def _finite(values):
    """A list of floats; None where a norm is too large for the number format, as JSON has none."""
    return [value if math.isfinite(value) else None for value in values.tolist()]


def _curves(found):
    """What `reach` gives as a list of (layer, state, values)."""
    return [(layer, state, v) for layer, states in found.items() for state, v in states.items()]


def _spaced(name):
    return name.replace("_", " ")
