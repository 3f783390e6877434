"""`report.html`: one self-contained page that shows a run."""

import io
from numbers import Number
from pathlib import Path

from shared.evaluation.baselines import in_words
from shared.evaluation.colours import LIGHT, STYLE, themed
from shared.files import json_text, write_text

TEMPLATE = Path(__file__).with_name("report.html")
SCRIPT = Path(__file__).with_name("inside.js")
INSIDE = '<div class="inside"'  # how what `inside` gives begins
RECIPES = Path(__file__).parents[2] / "recipes"
CURVES = 2  # pictures side by side
STRONGEST = 55  # percent of a colour behind text: with more, the text can't be read


def write_report(run, record, sections, monitor="val_loss"):
    """Write a run's `report.html`.

    Args:
        run: the `Run` whose folder gets the page.
        record: the content of `metrics.json`, as `Run.save_metrics` wrote it.
        monitor: the column of the history by which the network was chosen; see `fit`.
        sections: list of (heading, content) with what this recipe alone can show; content is a
            string, which is escaped, or what `figure`, `table` or `coloured_text` returns.
    """
    history = run.load_history()
    facts = (
        f"{record['dataset']}, {record['split']} split, {record['examples']:,} examples · "
        f"{record['parameters']:,} parameters · {len(history)} epochs in "
        f"{record['wall_seconds'] / 60:.1f} minutes on {run.config['device']}"
    )
    own = [("Measured", metrics_table(record)), ("Training", training_curves(history, monitor))]
    picture = pattern(run.recipe)
    own += [("The pattern", picture)] if picture else []
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
    text = page.render(
        style=style(),
        title=title,
        facts=facts,
        notice=notice,
        sections=sections,
        config=config,
        script=script(sections),
    )
    write_text(run.path(name), text)


def script(sections):
    """What brings the sections of a page to life; empty where nothing moves."""
    moving = any(INSIDE in str(content) for _, content in sections)
    return markup(SCRIPT.read_text(encoding="utf-8")) if moving else ""


def style():
    """The style sheet of all pages, to stand in each."""
    return markup(STYLE.read_text(encoding="utf-8"))


def pattern(recipe):
    """A recipe's own picture, in the reader's theme; empty where it has none."""
    path = RECIPES / recipe / "pattern.svg"
    return markup(themed(path.read_text(encoding="utf-8"))) if path.is_file() else ""


def metrics_table(record):
    """The measured numbers as a table for the page, beside those of its baselines."""
    baselines = record.get("baselines", {})
    rows = [
        (name, value, *(figures.get(name, "") for figures in baselines.values()))
        for name, value in record["metrics"].items()
    ]
    columns = ("metric", "value", *baselines)
    template = environment().from_string(
        "{{ measured }}{% for each in means %}<p class=facts>{{ each }}</p>{% endfor %}"
    )
    measured = table(columns, rows, f"{record['split']} split")
    return markup(template.render(measured=measured, means=in_words(baselines)))


def table(columns, rows, caption=""):
    """Rows of texts and numbers as an HTML table; texts are escaped."""
    template = environment().from_string(
        "<table>{% if caption %}<caption>{{ caption }}</caption>{% endif %}"
        "<tr>{% for column in columns %}<th{% if numbers[loop.index0] %} class=number{% endif %}>"
        "{{ column }}</th>{% endfor %}</tr>"
        "{% for row in rows %}<tr>{% for cell in row %}{% if cell is number %}"
        '<td class="number">{{ cell if cell is integer else "%.4f" | format(cell) }}</td>'
        "{% else %}<td>{{ cell }}</td>{% endif %}{% endfor %}</tr>{% endfor %}</table>"
    )
    rows = [list(row) for row in rows]
    first = rows[0] if rows else [""] * len(columns)
    numbers = [isinstance(cell, Number) for cell in first]
    return markup(template.render(columns=columns, rows=rows, caption=caption, numbers=numbers))


def training_curves(history, monitor="val_loss"):
    """Loss and metrics over the epochs, training and validation in one picture each.

    Args:
        history: list of dictionaries, as `Run.load_history` gives them.
        monitor: the column by which the network was chosen. The epoch that was best by it is
            marked.
    """
    from shared.training.fit import best_epoch  # which needs Keras; not every page does

    names = [name for name in history[0] if f"val_{name}" in history[0]]
    epochs = [row["epoch"] for row in history]
    best = best_epoch(history, monitor)
    columns = min(len(names), CURVES)
    drawing, axes = new_figure(columns=columns, rows=-(-len(names) // columns))
    for name, axis in zip(names, axes, strict=False):
        for of, which, colour in (("", "training", "faint"), ("val_", "validation", "output")):
            values = [row[of + name] for row in history]
            axis.plot(epochs, values, marker="o", label=which, color=LIGHT[colour])
        axis.axvline(best, linestyle=":", color=LIGHT["ink"], label="best epoch")
        axis.set(xlabel="epoch", title=name.replace("_", " "))
        axis.locator_params(axis="x", integer=True)
        axis.legend(frameon=False)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    value = history[best - 1][monitor]
    kept = (
        f"Kept is the network of epoch {best} of {len(history)}, whose {monitor}, {value:.4f}, is "
        "the best."
    )
    template = '{{ curves }}<p class="facts">{{ kept }}</p>'
    curves = figure(drawing, f"Loss and metrics over {len(history)} epochs")
    return markup(environment().from_string(template).render(curves=curves, kept=kept))


def coloured_text(tokens, values, high="for", low="against", joined=False, of="", scale=None):
    """Tokens on a background that shows a value each: blue above zero, red below.

    Args:
        tokens: list of strings.
        values: array `(len(tokens),)`.
        high, low: what a positive and a negative value mean, for the legend; or empty.
        joined: whether the tokens, joined, are the text, white space and all; else each is a word.
        of: the name of the timesteps that the tokens stand at; see `inside.inside`.
        scale: the value with the strongest colour; by default the largest.
    """
    scale = scale or max(abs(values).max(), 1e-9)
    template = environment().from_string(
        '<p class="{{ "tokens joined" if joined else "tokens" }}">'
        "{% for token, value, strength in rows %}"
        '<span {% if of %}data-of="{{ of }}" data-step="{{ loop.index0 }}" {% endif %}'
        'title="{{ "%+.3f" | format(value) }}" style="background: '
        "color-mix(in srgb, var(--{{ 'output' if value > 0 else 'input' }}) "
        "{{ '%.0f' | format(strength) }}%, transparent)\">"
        "{{ token }}</span>{{ '' if joined else ' ' }}{% endfor %}</p><p class=facts>"
        "{% if high %}blue: {{ high }} · {% endif %}{% if low %}red: {{ low }} · {% endif %}"
        "point at a {{ 'place' if joined else 'word' }} for its number</p>"
    )
    strengths = STRONGEST * abs(values) / scale
    rows = list(zip(tokens, values.tolist(), strengths.tolist(), strict=True))
    return markup(template.render(rows=rows, high=high, low=low, joined=joined, of=of))


def paragraphs(texts):
    """Texts as paragraphs of the page; they are escaped."""
    template = "{% for text in texts %}<p>{{ text }}</p>{% endfor %}"
    return markup(environment().from_string(template).render(texts=texts))


def passage(text):
    """A text as it stands, line ends and all; for the page, or for a cell of a table."""
    return markup(environment().from_string('<p class="joined">{{ text }}</p>').render(text=text))


def new_figure(columns=1, width=4.6, height=3.2, rows=1):
    """An empty matplotlib figure and its axes, row by row, each of that width and height."""
    drawing = empty_figure(width * columns, height * rows)
    axes = drawing.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    return drawing, axes


def empty_figure(width, height):
    """A matplotlib figure of that size in inches, in the colours of the pages."""
    import cycler
    import matplotlib
    from matplotlib.figure import Figure  # without pyplot, which wants a screen

    ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor"), LIGHT["ink"])
    faint = dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), LIGHT["faint"])
    series = [LIGHT[name] for name in ("faint", "lstm", "gru", "mingru", "input", "output")]
    matplotlib.rcParams.update(
        {
            **ink,
            **faint,
            "grid.color": LIGHT["line"],
            "axes.prop_cycle": cycler.cycler(color=series),
            "svg.fonttype": "none",  # text stays text, in the reader's font
        }
    )
    return Figure(figsize=(width, height), layout="constrained")


def figure(drawing, alternative=""):
    """A matplotlib figure as an SVG for the page, in the reader's theme.

    Args:
        drawing: the figure.
        alternative: what is to be seen, in words, for those who don't see it.
    """
    # So that it is not made larger where a narrow screen scrolls it sideways.
    natural = f'<svg style="--natural: {72 * drawing.get_figwidth():.0f}pt" '
    svg = svg_of(drawing).replace("<svg ", natural, 1)
    if alternative:
        title = environment().from_string("<title>{{ text }}</title>").render(text=alternative)
        head, rest = svg.split(">", 1)
        svg = f'{head} role="img">{title}{rest}'
    return markup(themed(svg))


def svg_of(drawing):
    """A matplotlib figure as SVG, in the light colours, on nothing."""
    svg = io.StringIO()
    drawing.savefig(svg, format="svg", metadata={"Date": None}, transparent=True)
    return svg.getvalue()[svg.getvalue().index("<svg") :]


def environment():
    """The jinja2 environment of all pages: texts are escaped, what is not given is an error."""
    import jinja2

    return jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)


def markup(html):
    """HTML that is put into a page as it stands."""
    import markupsafe

    return markupsafe.Markup(html)
