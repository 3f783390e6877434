"""What the commands print."""

import json

import click

from shared.quiet import quiet_import


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
        click.echo(f"Data: {source.name}{version}")
    _load_keras()


def _load_keras():
    with quiet_import():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()  # where there is no GPU, this is what says so


def save_measurement(run, record):
    """Print what was measured, then write it to `metrics.json`; one is done without the other.

    Args:
        run: the `Run`.
        record: as from `Run.record`.
    """
    try:
        _print_metrics(record)
    finally:
        run.save_metrics(record)


def _print_metrics(record):
    click.echo(f"\n{record['dataset']}, {record['split']} split, {record['examples']:,} examples")
    width = max(map(len, record["metrics"]))
    for name, value in record["metrics"].items():
        click.echo(f"  {name:{width}}  {value:.4f}")
    click.echo()


def print_prediction(as_json, record, line):
    """Print one answer: the JSON object of `record`, or `line` for people."""
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else line)


def next_step(run, command, arguments=""):
    """Print where the results are and the command to go on with."""
    click.echo(f"Run folder: {run.folder}")
    click.echo(f"Next: python -m recipes.{run.recipe} {command} --run {run.folder} {arguments}")
