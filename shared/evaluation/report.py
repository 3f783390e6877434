"""`report.html`: one self-contained page that shows a run."""

import io
import json
from pathlib import Path

from shared.files import write_text

TEMPLATE = Path(__file__).with_name("report.html")


def write_report(run, record, sections):
    """Write the page.

    Args:
        run: the `Run` whose folder gets `report.html`.
        record: the content of `metrics.json`, as `Run.save_metrics` returns it.
        sections: list of (heading, content) with what this recipe alone can show; content is a
            string, which is escaped, or the result of `figure` or `table`.
    """
    config, history = run.config, run.load_history()
    device = config["device"]
    facts = (
        f"{record['dataset']}, {record['split']} split, {record['examples']:,} examples · "
        f"{record['parameters']:,} parameters · {len(history)} epochs in "
        f"{record['wall_seconds'] / 60:.1f} minutes on {device}"
    )
    page = _environment().from_string(TEMPLATE.read_text(encoding="utf-8"))
    write_text(
        run.path("report.html"),
        page.render(
            recipe=run.recipe.replace("_", " ").capitalize(),
            dataset=record["dataset"],
            facts=facts,
            notice=record.get("notice", ""),
            sections=[
                ("Measured", metrics_table(record)),
                ("Training", training_curves(history)),
                *sections,
            ],
            config=json.dumps(config, indent=2, ensure_ascii=False),
        ),
    )


def metrics_table(record):
    """The measured numbers as a table for the page."""
    return table(("metric", "value"), record["metrics"].items(), record["split"])


def table(columns, rows, caption=""):
    """Rows of texts and numbers as an HTML table; texts are escaped."""
    template = _environment().from_string(
        "<table>{% if caption %}<caption>{{ caption }}</caption>{% endif %}"
        "<tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr>"
        "{% for row in rows %}<tr>{% for cell in row %}{% if cell is number %}"
        '<td class="number">{{ cell if cell is integer else "%.4f" | format(cell) }}</td>'
        "{% else %}<td>{{ cell }}</td>{% endif %}{% endfor %}</tr>{% endfor %}</table>"
    )
    return _markup(template.render(columns=columns, rows=list(rows), caption=caption))


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
    return _markup(svg.getvalue()[svg.getvalue().index("<svg") :])


def _environment():
    import jinja2

    return jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)


def _markup(html):
    import markupsafe

    return markupsafe.Markup(html)
