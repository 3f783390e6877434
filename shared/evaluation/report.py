"""`report.html`: one self-contained page that shows a run."""

import io
from pathlib import Path

from shared.files import json_text, write_text

TEMPLATE = Path(__file__).with_name("report.html")


def write_report(run, record, sections):
    """Write a run's `report.html`.

    Args:
        run: the `Run` whose folder gets the page.
        record: the content of `metrics.json`, as `Run.save_metrics` wrote it.
        sections: list of (heading, content) with what this recipe alone can show; content is a
            string, which is escaped, or what `figure`, `table` or `coloured_text` returns.
    """
    history = run.load_history()
    facts = (
        f"{record['dataset']}, {record['split']} split, {record['examples']:,} examples · "
        f"{record['parameters']:,} parameters · {len(history)} epochs in "
        f"{record['wall_seconds'] / 60:.1f} minutes on {run.config['device']}"
    )
    own = [("Measured", metrics_table(record)), ("Training", training_curves(history))]
    write_page(run, "report.html", facts, record.get("notice", ""), own + sections)


def write_page(run, name, facts, notice, sections):
    """Write one self-contained page about a run into its folder.

    Args:
        run: the `Run`.
        name: the page's file name.
        facts: the line below the title.
        notice: the line that a run on the sample shows everywhere; or empty.
        sections: list of (heading, content); see `write_report`.
    """
    page = environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    title = run.recipe.replace("_", " ").capitalize()
    config = json_text(run.config)
    text = page.render(title=title, facts=facts, notice=notice, sections=sections, config=config)
    write_text(run.path(name), text)


def metrics_table(record):
    """The measured numbers as a table for the page."""
    return table(("metric", "value"), record["metrics"].items(), record["split"])


def table(columns, rows, caption=""):
    """Rows of texts and numbers as an HTML table; texts are escaped."""
    template = environment().from_string(
        "<table>{% if caption %}<caption>{{ caption }}</caption>{% endif %}"
        "<tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>"
        "{% for row in rows %}<tr>{% for cell in row %}{% if cell is number %}"
        '<td class="number">{{ cell if cell is integer else "%.4f" | format(cell) }}</td>'
        "{% else %}<td>{{ cell }}</td>{% endif %}{% endfor %}</tr>{% endfor %}</table>"
    )
    return markup(template.render(columns=columns, rows=list(rows), caption=caption))


def training_curves(history):
    """Loss and metrics over the epochs, training and validation in one picture each."""
    names = [name for name in history[0] if f"val_{name}" in history[0]]
    epochs = [row["epoch"] for row in history]
    drawing, axes = new_figure(columns=len(names))
    for name, axis in zip(names, axes, strict=True):
        axis.plot(epochs, [row[name] for row in history], marker="o", label="training")
        axis.plot(epochs, [row[f"val_{name}"] for row in history], marker="o", label="validation")
        axis.set(xlabel="epoch", title=name.replace("_", " "))
        axis.locator_params(axis="x", integer=True)
        axis.legend(frameon=False)
    return figure(drawing)


def coloured_text(tokens, values, high="for", low="against", joined=False):
    """Tokens on a background that shows a value each: blue above zero, red below.

    Args:
        tokens: list of strings.
        values: array `(len(tokens),)`.
        high, low: what a positive and a negative value mean, for the legend.
        joined: whether the tokens, joined, are the text, white space and all; else each is a word.
    """
    scale = max(abs(values).max(), 1e-9)
    template = environment().from_string(
        '<p class="{{ "tokens joined" if joined else "tokens" }}">'
        "{% for token, value, strength in rows %}"
        '<span title="{{ "%+.3f" | format(value) }}" style="background: rgba('
        '{{ "31,95,174" if value > 0 else "196,67,43" }},{{ "%.3f" | format(strength) }})">'
        "{{ token }}</span>{{ '' if joined else ' ' }}{% endfor %}</p><p class=facts>"
        "blue: {{ high }} · red: {{ low }} · point at a {{ 'place' if joined else 'word' }} "
        "for its number</p>"
    )
    strengths = 0.75 * abs(values) / scale
    rows = list(zip(tokens, values.tolist(), strengths.tolist(), strict=True))
    return markup(template.render(rows=rows, high=high, low=low, joined=joined))


def passage(text):
    """A text as it stands, line ends and all; for the page, or for a cell of a table."""
    return markup(environment().from_string('<p class="joined">{{ text }}</p>').render(text=text))


def heatmaps(pictures, tokens, names=None):
    """One picture per array, time from left to right.

    Args:
        pictures: dictionary title -> array `(timesteps, units)`.
        tokens: what stands at each timestep.
        names: what to call the units, where they are more than numbers, such as labels.
    """
    from matplotlib.figure import Figure

    width = min(max(5.0, 0.3 * len(tokens)), 60.0)
    drawing = Figure(figsize=(width, 2.4 * len(pictures)), layout="constrained")
    axes = drawing.subplots(len(pictures), 1, squeeze=False, sharex=True)[:, 0]
    for axis, (title, values) in zip(axes, pictures.items(), strict=True):
        limit = abs(values).max()
        low, colours = (0, "viridis") if values.min() >= 0 else (-limit, "RdBu")
        image = axis.imshow(values.T, aspect="auto", cmap=colours, vmin=low, vmax=limit)
        axis.set(ylabel=None if names else "unit", title=title.replace("_", " "))
        if names:
            axis.set_yticks(range(len(names)), names)
        drawing.colorbar(image, ax=axis, pad=0.01)
    axes[-1].set_xticks(range(len(tokens)), tokens, rotation=70, ha="right", fontsize=8)
    return figure(drawing)


def attention_matrix(weights, source, target):
    """Attention weights as a picture: a row for each token written, a column for each one read.

    Args:
        weights: array `(len(target), len(source))`, from 0 to 1.
        source, target: lists of strings.
    """
    from matplotlib.figure import Figure

    size = (2.0 + 0.32 * len(source), 1.5 + 0.28 * len(target))
    drawing = Figure(figsize=size, layout="constrained")
    axes = drawing.subplots()
    image = axes.imshow(weights, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    # parse_math: a dollar sign in a sentence begins no formula.
    axes.set_xticks(range(len(source)), source, rotation=60, ha="left", parse_math=False)
    axes.set_yticks(range(len(target)), target, parse_math=False)
    axes.xaxis.tick_top()
    axes.set(xlabel="read", ylabel="written")
    drawing.colorbar(image, ax=axes, pad=0.01)
    return figure(drawing)


def new_figure(columns=1, width=4.6, height=3.2):
    """An empty matplotlib figure and its axes, one beside the other."""
    from matplotlib.figure import Figure  # without pyplot, which wants a screen

    drawing = Figure(figsize=(width * columns, height), layout="constrained")
    axes = drawing.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    return drawing, axes


def figure(drawing):
    """A matplotlib figure as an SVG for the page."""
    svg = io.StringIO()
    drawing.savefig(svg, format="svg", metadata={"Date": None})
    return markup(svg.getvalue()[svg.getvalue().index("<svg") :])


def environment():
    """The jinja2 environment of all pages: texts are escaped, what is not given is an error."""
    import jinja2

    return jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)


def markup(html):
    """HTML that is put into a page as it stands."""
    import markupsafe

    return markupsafe.Markup(html)
