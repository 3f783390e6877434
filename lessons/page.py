"""What all pages of the book have in common: the same build, one look, and the way to the next."""

import base64
import inspect
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from shared.evaluation.report import environment, markup, style
from shared.files import write_text

HERE = Path(__file__).parent


class Lesson(NamedTuple):
    """One page.

    Attributes:
        title: of the page.
        idea: three or four plain sentences.
        figure: markup: what is to be seen without JavaScript too.
        caption: what the figure shows, in a sentence or two.
        to_try: list of sentences: what to do with the figure.
        code: list of functions or classes whose lines do it, shown as they stand in their files.
        command: the command that shows the same on one's own run.
        data: what the page's script is given, as JSON; see `lesson_NN_name.js`.
        more: (heading, markup) pairs, below the figure.
    """

    title: str
    idea: list
    figure: str
    caption: str
    to_try: list
    code: list
    command: str
    data: Mapping = MappingProxyType({})
    more: Sequence = ()


def write_page(folder, names, place, lesson):
    """Write the page of a lesson.

    Args:
        folder: `Path` of the book.
        names: the names of all lessons' modules, in order.
        place: which of them this is.
        lesson: the `Lesson`.

    Returns:
        The page's file name.
    """
    script = HERE / f"{names[place]}.js"
    page = environment().from_string((HERE / "page.html").read_text(encoding="utf-8"))
    text = page.render(
        style=style(),
        number=place + 1,
        lesson=lesson,
        passages=[passage(each) for each in lesson.code],
        helpers=markup((HERE / "draw.js").read_text(encoding="utf-8")),
        script=markup(script.read_text(encoding="utf-8")) if script.exists() else "",
        data=as_json(lesson.data),
        back=file_name(names[place - 1]) if place else "",
        next=file_name(names[place + 1]) if place + 1 < len(names) else "",
    )
    write_text(folder / file_name(names[place]), text)
    return file_name(names[place])


def write_index(folder, names, lessons):
    """Write the contents page: `index.html`."""
    page = environment().from_string((HERE / "index.html").read_text(encoding="utf-8"))
    rows = [(file_name(name), lesson) for name, lesson in zip(names, lessons, strict=True)]
    write_text(folder / "index.html", page.render(style=style(), rows=rows))


def file_name(module):
    """`lesson_01_neuron_with_memory` -> `01-neuron-with-memory.html`."""
    return module.removeprefix("lesson_").replace("_", "-") + ".html"


def passage(code):
    """Where a function or class stands, and its lines, taken from the file itself."""
    lines, first = inspect.getsourcelines(code)
    path = Path(inspect.getsourcefile(code)).relative_to(HERE.parent)
    return {
        "where": f"{path}, lines {first} to {first + len(lines) - 1}",
        "lines": textwrap.dedent("".join(lines)),
    }


def as_json(data):
    """Data for a script, such that no text in it can end the element that it stands in."""
    return markup(json.dumps(dict(data), allow_nan=False).replace("<", "\\u003c"))


def packed(array):
    """An array for a script, whose `unpack` reads it: shorter than its numbers in digits.

    Args:
        array: of float32, int8 or uint8.
    """
    numbers = base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()
    return {"shape": list(array.shape), "kind": str(array.dtype), "base64": numbers}
