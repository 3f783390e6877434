"""What happened inside a recurrent layer, to look at: heat maps of its gates, lines of its units.

The page is whole without JavaScript. With it (`inside.js`), every step can be pointed at and every
unit picked.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np

from shared.evaluation import arrange
from shared.evaluation.colours import OF
from shared.evaluation.report import environment, markup
from shared.evaluation.sentences import label, places, sentences

TEMPLATE = Path(__file__).with_name("inside.html")
ORDER = ("cell_state", "hidden_state", "forget_gate", "input_gate", "update_gate", "reset_gate")
ORDER += ("candidate", "output_gate")  # first what is carried, then what decides about it
TELLING = 4  # units that are shown as lines
STRONGEST = 35  # percent of a colour behind text: in the dark, a state's green is nearly white
WIDTH, NARROW = 1000, 320  # pixels: width of a picture on a wide screen, and at least
NARROWEST = 0.02  # of the scale of a gate's line
# Pixels: a letter of a token below a picture, its line, and the longest one that stands upright.
LETTER, LINE, HIGHEST = 8, 13, 90
TALL, LOW = 256, 112  # pixels: height of a heat map, at most and at least


def inside(traced, tokens, each="word", flow="tokens", telling=None, state=None, of="steps"):
    """States and gates of one sequence as pictures, each with what is to be seen in it.

    Args:
        traced: dictionary name -> array `(timesteps, units)`, as `layer.trace` gives for one row.
        tokens: list of strings: what stands at each timestep.
        each: what a timestep is: "word", "frame".
        flow: how the tokens are read: "tokens", words with spaces between them; "joined",
            characters that joined are the text; "", no text.
        telling: dictionary unit (from 0) -> what it tells, for those worth a line of their own; up
            to four lines, those that change most follow.
        state: which of the pictures the lines are of; by default the state that is carried on.
        of: what the timesteps are called on this page. Elsewhere on it, an element with
            `data-of="steps" data-step="3"` is lit where the fourth step is pointed at.

    Returns:
        Markup for a section of a page; `report.write_page` adds the script.
    """
    steps, everything = next(iter(traced.values())).shape
    traced = {
        name: np.nan_to_num(traced[name][: arrange.MOST_STEPS]).astype("float64")
        for name in in_order(traced)
    }
    tokens = tokens[: arrange.MOST_STEPS]
    at = places(tokens, each)
    state = state or arrange.carried_state(traced)
    remarks, shown = chosen(traced[state], telling or {})
    order = arrange.order([values[:, shown] for values in traced.values()])
    rows = [shown[place] for place in order]
    pictures = [
        {
            **drawn(name, traced[name][:, rows], rows.index(next(iter(remarks)))),
            "sentences": " ".join(sentences(name, traced, at)),
        }
        for name in traced
    ]
    lines = [
        {
            "number": unit + 1,
            "row": rows.index(unit),
            "why": why,
            "line": line(traced[state][:, unit], hue(state), arrange.is_gate(state)),
        }
        for unit, why in remarks.items()
    ]
    first = traced[state][:, next(iter(remarks))]
    data = {
        "of": of,
        "each": each,
        "tokens": tokens,
        "units": [unit + 1 for unit in rows],
        "telling": [unit["row"] for unit in lines],
        "state": state,
        "pictures": [picture.pop("data") for picture in pictures],
    }
    page = environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    labels = axis(tokens, of) if len(tokens) > 1 else ""
    return markup(
        page.render(
            of=of,
            each=each,
            steps=len(tokens),
            units=len(rows),
            hues={
                "gates": sorted({hue(name) for name in traced if arrange.is_gate(name)}),
                "others": sorted(
                    {(hue(name), below(name)) for name in traced if not arrange.is_gate(name)}
                ),
            },
            remarks=left_out(steps, len(tokens), everything, len(rows), each),
            flow=flow,
            coloured=coloured(tokens, first, state) if flow else [],
            state=label(state).lower().rsplit(" ", 1)[0],
            which="a few units" if telling else "units that change most, no two of them alike",
            telling=lines,
            across=narrow(len(tokens)),
            axis=labels,
            pictures=pictures,
            tall=28 if len(tokens) == 1 else max(LOW, min(TALL, 3 * len(rows))),
            data=markup(json.dumps(data, allow_nan=False).replace("<", "\\u003c")),
        )
    )


def chosen(values, telling):
    """The units that are worth a line, and those that are shown at all.

    Args:
        values: array `(timesteps, units)` of the state.
        telling: see `inside`.

    Returns:
        remarks: dictionary unit -> what it tells, or empty.
        shown: list of units, in the order of their numbers.
    """
    # Of these alone, since `most_telling` compares every unit with every other one.
    moving = arrange.most_moving(values, arrange.MOST_UNITS)
    remarks = dict(list(telling.items())[:TELLING])
    for place in arrange.most_telling(values[:, moving], TELLING - len(remarks)):
        remarks.setdefault(moving[place], "changes much" if telling else "")
    others = [unit for unit in moving if unit not in remarks]
    return remarks, sorted([*remarks, *others][: arrange.MOST_UNITS])


def in_order(traced):
    """The names of the pictures."""
    return sorted(traced, key=lambda name: (*ORDER, name).index(name))


def left_out(steps, shown_steps, units, shown_units, each):
    """How the pictures are to be read, and what they don't show: a list of sentences."""
    found = []
    if shown_steps < steps:
        found.append(f"Shown are the first {shown_steps:,} of {steps:,} {each}s.")
    if shown_units < units:
        found.append(f"Shown are the {shown_units:,} of {units:,} units whose state changes most.")
    if shown_steps > 1:
        found.append(
            "Each picture has a row for each unit, the same one in all of them, and units that "
            f"behave alike stand together. From left to right the {each}s go by. A scale leaves "
            "out the hundredth of the values that is farthest out, so that differences show. "
            "That of a gate is even in the argument of its sigmoid: from 0.9 to 0.99, a memory "
            "ten times as long, is as far as from 0.1 to 0.01."
        )
    else:
        found.append("The layer took a single step. Each picture has the units side by side.")
    return found


def hue(name):
    """The name of a picture's colour in the style sheet."""
    return name.replace("_", "-") if name in OF and name != "hidden_state" else "state"


def below(name):
    """The name of the colour of what is below zero in that picture."""
    return "faint" if name == "candidate" else "below"  # as its own colour is near to violet


def drawn(name, values, picked):
    """One heat map, and what the script needs of it.

    Args:
        name: as `trace` calls it.
        values: array `(timesteps, units)`, the units in the order of the rows.
        picked: the row whose line is drawn below it.
    """
    strength, (low, middle, high) = arrange.scaled(name, values)
    gate, colour = arrange.is_gate(name), hue(name)
    gradient = f"transparent, var(--{colour})"
    gradient = gradient if gate else f"var(--{below(name)}), {gradient}"
    # Of a single step the units stand side by side.
    rows = strength if len(values) == 1 else strength.T
    return {
        "name": name,
        "label": label(name),
        "hue": colour,
        "filter": f"{'one' if gate else 'two'}-{colour}",
        "source": png((255 * rows).round().astype("uint8")),
        "line": line(values[:, picked], colour, gate),
        "low": f"{number(low, gate)} or less",
        "high": f"{number(high, gate)} or more"
        + (f", {number(middle, gate)} in the middle" if gate else ""),
        "gradient": gradient,
        "data": {
            **{"name": name, "label": label(name), "hue": colour, "below": below(name)},
            **{"gate": gate, **packed(values)},
        },
    }


def number(value, gate):
    """A value of a gate or a state with as many digits as tell it from others."""
    return f"{value:.4f}" if gate and value > 0.99 else f"{value:.3g}"


def packed(values):
    """An array `(timesteps, units)` for the script: a byte for each value.

    Each unit has a scale of its own, from its lowest to its highest value, so that a number is off
    by no more than a five-hundredth of what its unit spans.
    """
    values = values.T.astype("float64")
    low, high = values.min(axis=1), values.max(axis=1)
    span = np.where(high > low, high - low, 1.0)
    places = ((values - low[:, None]) / span[:, None] * 255).round().astype("uint8")
    return {
        "low": [float(f"{each:.5g}") for each in low],
        "high": [float(f"{each:.5g}") for each in high],
        "values": base64.b64encode(places.tobytes()).decode(),
    }


def png(pixels):
    """A grey image, uint8 `(height, width)`, as the address of an `<img>`."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def line(values, colour, gate):
    """The values of one unit over the steps, as SVG; `inside.js` draws the same."""
    low, high = span(values, gate)
    heights = 100 * (high - values.astype("float64")) / (high - low)
    points = " ".join(f"{step + 0.5:g},{height:.1f}" for step, height in enumerate(heights))
    zero = f'<path d="M0 50H{len(values)}" stroke="var(--line)"/>' if not gate else ""
    return markup(
        f'<svg viewBox="0 0 {len(values)} 100" preserveAspectRatio="none" aria-hidden="true">{zero}'
        f'<polyline points="{points}" fill="none" stroke="var(--{colour})"/></svg>'
        f'<span class="top">{high:.2f}</span><span class="bottom">{low:.2f}</span>'
    )


def span(values, gate):
    """The scale of a line: around zero; that of a gate from its lowest to its highest value."""
    low, high = float(values.min()), float(values.max())
    if not gate:
        high = max(abs(low), abs(high), 1e-3)
        return -high, high
    if high - low < NARROWEST:
        low, high = (low + high - NARROWEST) / 2, (low + high + NARROWEST) / 2
    return low, high


def axis(tokens, of):
    """What stands at the steps, below a picture: as many of the tokens as have place.

    Numbers, as of frames, and letters stand side by side, and so do words that are short enough.
    """
    tokens = [token.rstrip("\n") for token in tokens]
    longest = max(map(len, tokens))
    narrowest, widest = narrow(len(tokens)), LETTER * longest + 4
    beside = longest == 1 or all(map(str.isdigit, tokens))
    upright = len(tokens) * widest > narrowest and not beside
    needed = len(tokens) * (LINE if upright else widest)
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200) if needed <= narrowest * n)
    template = (
        '<div class="words{{ " upright" if upright }}" aria-hidden="true"'
        '{% if upright %} style="height: {{ height }}px"{% endif %}>'
        '{% for step, token in shown %}<span data-step="{{ step }}" data-of="{{ of }}" '
        'style="left: {{ "%.3f" | format(left * (step + 0.5)) }}%">{{ token }}</span>'
        "{% endfor %}</div>"
    )
    shown = [(step, tokens[step]) for step in range(0, len(tokens), every)]
    left = 100 / len(tokens)
    height = min(HIGHEST, widest + 6)
    page = environment().from_string(template)
    return markup(page.render(shown=shown, upright=upright, height=height, left=left, of=of))


def narrow(steps):
    """How wide a picture is at least, in pixels: on a narrow screen it scrolls sideways."""
    return max(NARROW, min(WIDTH, steps * LINE))


def coloured(tokens, values, state):
    """Each token with the strength in percent and the hue of a unit's state there."""
    scale = max(float(abs(values).max()), 1e-9)
    return [
        (token, f"{STRONGEST * abs(value) / scale:.0f}", hue(state) if value > 0 else below(state))
        for token, value in zip(tokens, values.tolist(), strict=True)
    ]
