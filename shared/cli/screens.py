"""What the commands print."""

import json
import re
import shlex

import click

from shared.backend import load_keras
from shared.errors import one_line

# Control characters, line ends, marks that turn the direction of writing, and what stands for bytes
# that are no text: a terminal would obey them, and a line of the answer would end early.
CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def announce(source=None, run=None):
    """Print which data is used, then load Keras, which takes seconds.

    The notice of a run on the sample is printed once, also where one command calls another.

    Args:
        source: the data `Source` that is read, if any.
        run: the `Run` that is used, if any.
    """
    notice = (source and source.notice) or (run and run.notice)
    said = click.get_current_context().find_root().meta
    if notice:
        if said.get("notice") != notice:
            click.secho(notice, fg="yellow", bold=True, err=source is None)
        said["notice"] = notice
    elif source:
        version = "" if source.version == "bundled" else f" {source.version}"
        click.echo(f"Data: {shown(source.name)}{version}")
    load_keras(data=source is not None)


def save_measurement(run, record):
    """Print what was measured, then write it to `metrics.json`, also where it can't be printed.

    Args:
        run: the `Run`.
        record: as from `Run.record`.
    """
    try:
        _print_metrics(record)
    finally:
        run.save_metrics(record)


def _print_metrics(record):
    measured = f"{record['dataset']}, {record['split']} split, {record['examples']:,} examples"
    click.echo(f"\n{shown(measured)}")
    width = max(map(len, record["metrics"]))
    for name, value in record["metrics"].items():
        click.echo(f"  {name:{width}}  {value:.4f}")
    for name, figures in record.get("baselines", {}).items():
        told = ", ".join(f"{metric} {value:.4f}" for metric, value in figures.items())
        if len(figures) > 1 and len(set(figures.values())) == 1:
            told = f"{next(iter(figures.values())):.4f} each"
        click.echo(f"  for comparison, {name}: {told}")
    click.echo()


def print_prediction(as_json, record, *lines):
    """Print one answer: the JSON object of `record`, or `lines` for people, as `shown`.

    The JSON is the exact text: what `shown` would escape is escaped there in JSON's own way.
    """
    if as_json:
        line = json.dumps(record, ensure_ascii=False)
        line = CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    else:
        line = "\n".join(map(shown, lines))
    print(line, flush=True)  # in a fifth of the time that click.echo takes


def shown(text, but=""):
    """A text as people may see it: control characters as Python would write them, such as `\\x1b`.

    Args:
        text: a string, of an input, a file's name, a label, a vocabulary.
        but: the characters that stay as they are.
    """
    return CONTROL.sub(lambda found: found[0] if found[0] in but else repr(found[0])[1:-1], text)


def in_one_line(error):
    """What an error says, in one line, as `shown`."""
    return shown(one_line(error))


def next_step(run, command, arguments=""):
    """Print where the results are and the command to go on with.

    Args:
        run: the `Run`.
        command: the name of the recipe's command.
        arguments: more of them, as a shell takes them.
    """
    folder = shlex.quote(str(run.folder))
    click.echo(shown(f"Run folder: {run.folder}"))
    step = f"Next: python -m recipes.{run.recipe} {command} --run {folder} {arguments}"
    click.echo(shown(step.rstrip()))
