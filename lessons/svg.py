"""Pictures in the colours of the page, which stand there until a script replaces them."""

import math
from html import escape

from shared.evaluation.report import markup


def picture(width, height, seen, marks, at_least=0, at_most=0):
    """An SVG for the page.

    Args:
        width, height: of its own units; it is as wide as the page lets it be.
        seen: what is to be seen, in words.
        marks: strings, as from `mark`.
        at_least: pixels; on a narrower page the figure scrolls.
        at_most: pixels; on a wider page it grows no more.
    """
    style = f'style="min-width: {at_least}px"' if at_least else ""
    style += f' width="{at_most}"' if at_most else ""
    return markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" font-size="15" {style}>'
        f"<title>{escape(seen)}</title>{''.join(marks)}</svg>"
    )


def figure(drawing, caption, name):
    """A picture with its caption, as wide as the first figure of the page.

    Args:
        drawing: as from `picture`.
        caption: what it shows.
        name: by which the page's script finds it.
    """
    return markup(
        f'<figure class="wide" id="{name}">{drawing}<figcaption>{escape(caption)}</figcaption>'
        "</figure>"
    )


def mark(name, content="", **attributes):
    """An element of SVG: `mark("text", "h", x=3, text_anchor="end")`; its text is escaped."""
    written = " ".join(
        f'{key.replace("_", "-")}="{_short(value)}"' for key, value in attributes.items()
    )
    return f"<{name} {written}>{escape(content)}</{name}>"


def cells(values, x, y, width, height, above, below="--below"):
    """A heat map: one rectangle for each number, the stronger the larger the number is.

    Args:
        values: array `(rows, columns)`, from -1 to 1.
        x, y: of its upper left corner.
        width, height: of one rectangle.
        above, below: the variables of the style sheet that numbers above and below zero have as
            their colour.
    """
    return [
        mark(
            "rect",
            x=x + column * width,
            y=y + row * height,
            width=width,
            height=height,
            fill=f"var({above if value > 0 else below})",
            fill_opacity=round(abs(float(value)), 2),
        )
        for row, line in enumerate(values)
        for column, value in enumerate(line)
        if abs(value) >= 0.01
    ]


def box(x, y, width, height, colour, lines=(), **attributes):
    """A box around a centre, with lines of text in it; without text it is filled.

    Args:
        x, y: of its centre.
        width, height: of the box.
        colour: a name of the style sheet, such as "state".
        lines: list of strings.
        attributes: of the box, such as `data_input=1`.
    """
    drawn = mark(
        "rect",
        x=x - width / 2,
        y=y - height / 2,
        width=width,
        height=height,
        rx=6,
        fill="var(--panel)" if lines else f"var(--{colour})",
        stroke=f"var(--{colour})",
        stroke_width=2,
        **attributes,
    )
    for number, line in enumerate(lines):
        drawn += text(x, y + 5 + 18 * (number - (len(lines) - 1) / 2), line)
    return drawn


def text(x, y, words, anchor="middle"):
    """Words, with their baseline at `y`."""
    return mark("text", words, x=x, y=y, text_anchor=anchor, fill="var(--ink)")


def arrow(x1, y1, x2, y2, colour="faint", **attributes):
    """A straight arrow from one point to another; attributes are those of its line."""
    along, colour = math.atan2(y2 - y1, x2 - x1), f"var(--{colour})"

    def behind_the_tip(distance, angle=0.0):
        return x2 - distance * math.cos(along + angle), y2 - distance * math.sin(along + angle)

    end_x, end_y = behind_the_tip(4)  # within the tip, so that the line doesn't stick out of it
    corners = (x2, y2), behind_the_tip(6, -0.45), behind_the_tip(6, 0.45)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    line = {"x1": x1, "y1": y1, "x2": end_x, "y2": end_y, "stroke": colour, "stroke_width": 1.5}
    return mark("line", **line, **attributes) + mark("polygon", points=points, fill=colour)


def _short(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
