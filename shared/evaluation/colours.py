"""The colours of all pages and pictures: each means one thing, in the light and in the dark.

Input is red, state green and output blue, as in the classic figure of the five patterns; each gate
has a hue of its own. They stand in `style.css`, and are told apart by people who see red and green
alike too; labels stand beside them all the same.

Pictures are drawn in the light colours. `themed` turns those into the variables of the style
sheet, so that a picture on a page follows the reader's theme; `dark` turns them into the dark
colours, for a picture in a file.
"""

import re
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")


def _read(block):
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


_light, _dark = STYLE.read_text(encoding="utf-8").split("@media", 2)[:2]
LIGHT, DARK = _read(_light), _read(_dark)

# What `trace` calls things -> their colour.
OF = {
    "hidden_state": LIGHT["state"],
    **{
        name: LIGHT[name.replace("_", "-")]
        for name in (
            *("cell_state", "input_gate", "forget_gate", "candidate", "output_gate"),
            *("update_gate", "reset_gate"),
        )
    },
}


# The pale colours of boxes in drawn pictures, such as a recipe's pattern -> what they are pale of.
PALE = {"#ffd9d2": "input", "#d7f0d8": "state", "#d6e6fb": "output", "#eef1f4": "faint"}


def themed(svg):
    """An SVG in the light colours, as one that takes the colours of the page that it stands in."""
    by = {colour: f"var(--{name})" for name, colour in LIGHT.items()}
    for colour, name in PALE.items():
        by[colour] = f"color-mix(in srgb, var(--{name}) 22%, var(--paper))"
    return _exchange(svg, by)


def dark(svg):
    """An SVG in the light colours, in the dark ones."""
    return _exchange(svg, {colour: DARK[name] for name, colour in LIGHT.items()})


def _exchange(svg, by):
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: by.get(found[0], found[0]), svg)
