"""An LSTM cell as a drawing, after C. Olah, "Understanding LSTM networks" (2015).

The script of the page writes other numbers into it (`data-value`) and shows one step at a time
(`data-step`).
"""

from lessons import svg

WIDTH, HEIGHT = 900, 345
BELT, GATES, BOTTOM = 55, 200, 265  # heights of the cell state, of the gates, of what they read
FORGET, INPUT, CANDIDATE, OUTPUT, SHOWN = 250, 390, 480, 620, 720  # places from left to right

SIGMA, TIMES = "\N{GREEK SMALL LETTER SIGMA}", "\N{MULTIPLICATION SIGN}"


def lstm(seen, values, word):
    """The cell with its values.

    Args:
        seen: what is to be seen, in words.
        values: numbers by the names below.
        word: what is read.
    """
    box = svg.mark("rect", x=150, y=5, width=640, height=285, rx=16, fill="var(--panel)")
    parts = [box, *_wires(), *_nodes()]
    for name, x, y, label, colour, step in (
        ("c_before", 95, BELT - 12, "c before", "cell-state", "1 3"),
        ("h_before", 95, BOTTOM - 12, "h before", "state", "1 2 4"),
        ("f", FORGET + 12, 125, "f", "forget-gate", "1 3"),
        ("i", INPUT - 62, 140, "i", "input-gate", "2"),
        ("g", CANDIDATE + 10, 160, "g", "candidate", "2"),
        ("ig", CANDIDATE + 10, 95, "i · g", "input-gate", "2 3"),
        ("c", 840, BELT - 12, "c", "cell-state", "3 4"),
        ("tanh", SHOWN + 14, 85, "tanh c", "cell-state", "4"),
        ("o", OUTPUT - 66, 140, "o", "output-gate", "4"),
        ("h", 840, BOTTOM - 12, "h", "state", "4"),
    ):
        anchor = "middle" if x in (95, 840) else "start"
        number = svg.mark("tspan", f"{values[name]:.2f}", data_value=name, font_weight="600")
        parts.append(
            f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="var(--{colour})" '
            f'data-step="{step}">{label} {number}</text>'
        )
    parts.append(
        svg.mark(
            "text",
            word,
            x=195,
            y=HEIGHT - 8,
            fill="var(--input)",
            font_weight="600",
            text_anchor="middle",
            data_value="word",
        )
    )
    return svg.picture(WIDTH, HEIGHT, seen, parts, at_least=640)


def _wires():
    """The lines along which numbers flow, each with the steps in which it plays a part."""
    for step, colour, path in (
        ("1 3", "cell-state", f"M40 {BELT} H{FORGET}"),
        ("3", "cell-state", f"M{FORGET} {BELT} H{CANDIDATE}"),
        ("3 4", "cell-state", f"M{CANDIDATE} {BELT} H870"),
        ("1 2 4", "state", f"M40 {BOTTOM} H195"),
        ("1 2 4", "input", f"M195 {HEIGHT - 26} V{BOTTOM}"),
        ("1 2 4", "faint", f"M195 {BOTTOM} H{FORGET}"),
        ("2 4", "faint", f"M{FORGET} {BOTTOM} H{CANDIDATE}"),
        ("4", "faint", f"M{CANDIDATE} {BOTTOM} H{OUTPUT}"),
        ("1", "faint", f"M{FORGET} {BOTTOM} V{GATES}"),
        ("2", "faint", f"M{INPUT} {BOTTOM} V{GATES}"),
        ("2", "faint", f"M{CANDIDATE} {BOTTOM} V{GATES}"),
        ("4", "faint", f"M{OUTPUT} {BOTTOM} V{GATES}"),
        ("1 3", "forget-gate", f"M{FORGET} {GATES} V{BELT}"),
        ("2", "input-gate", f"M{INPUT} {GATES} V120 H{CANDIDATE}"),
        ("2", "candidate", f"M{CANDIDATE} {GATES} V120"),
        ("2 3", "input-gate", f"M{CANDIDATE} 120 V{BELT}"),
        ("4", "output-gate", f"M{OUTPUT} {GATES} V160 H{SHOWN}"),
        ("4", "cell-state", f"M{SHOWN} {BELT} V160"),
        ("4", "state", f"M{SHOWN} 160 V{BOTTOM} H870"),
    ):
        yield svg.mark(
            "path", d=path, fill="none", stroke=f"var(--{colour})", stroke_width=3, data_step=step
        )


def _nodes():
    """Products, the sum, and the squashing functions."""
    for step, x, y, sign, colour in (
        ("1", FORGET, GATES, SIGMA, "forget-gate"),
        ("2", INPUT, GATES, SIGMA, "input-gate"),
        ("2", CANDIDATE, GATES, "tanh", "candidate"),
        ("4", OUTPUT, GATES, SIGMA, "output-gate"),
        ("4", SHOWN, 112, "tanh", "cell-state"),
    ):
        box = {"x": x - 26, "y": y - 15, "width": 52, "height": 30, "rx": 6, "stroke_width": 2.5}
        yield svg.mark(
            "rect", **box, fill="var(--paper)", stroke=f"var(--{colour})", data_step=step
        )
        yield _sign(sign, x, y + 5, step)
    for step, x, y, sign in (
        ("1 3", FORGET, BELT, TIMES),
        ("3", CANDIDATE, BELT, "+"),
        ("2", CANDIDATE, 120, TIMES),
        ("4", SHOWN, 160, TIMES),
    ):
        ring = {"fill": "var(--paper)", "stroke": "var(--ink)", "stroke_width": 1.5}
        yield svg.mark("circle", cx=x, cy=y, r=12, **ring, data_step=step)
        yield _sign(sign, x, y + 6, step)


def _sign(text, x, y, step):
    return svg.mark("text", text, x=x, y=y, text_anchor="middle", fill="var(--ink)", data_step=step)
