"""The commands' common part: the options that all recipes share, and errors for people.

Only this module knows click, and it imports nothing heavy: `--help` and a wrong option answer at
once. A recipe's `__main__.py` makes its group with `recipe_group` and decorates its commands with
`training_options`, `evaluation_options` and `prediction_options`; each command then receives one
`options` namespace that holds these and the recipe's own.
"""

import functools
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import click

from shared.errors import UserError
from shared.quiet import quiet_import

CELLS = ("rnn", "lstm", "gru", "mingru")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
DISTRIBUTIONS = ("none", "mirrored", "multi-worker")

positive = click.IntRange(min=1)
above_zero = click.FloatRange(min=0, min_open=True)


class RecipeGroup(click.Group):
    """A click group that turns errors into one line on standard error and an exit code."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except UserError as error:
            raise _one_line(error) from error
        except click.UsageError as error:
            # Click's own form takes four lines; the last two say all.
            command = error.ctx.command_path if error.ctx else context.command_path
            raise _one_line(f"{error.format_message()} See: {command} --help", 2) from error
        except KeyboardInterrupt:
            click.echo("\nStopped. A training continues with --resume.", err=True)
            context.exit(130)
        except MemoryError as error:
            raise _one_line("Out of memory. Try a smaller --batch-size or --units.") from error


def _one_line(error, exit_code=1):
    exception = click.ClickException(" ".join(str(error).split()))
    exception.exit_code = exit_code
    return exception


def recipe_group(file, help):
    """The group of a recipe's commands.

    Args:
        file: the recipe's `__file__`; its folder's name is the recipe's name.
        help: the first lines of `--help`.
    """
    return RecipeGroup(
        name=Path(file).resolve().parent.name,
        help=help,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def training_options(
    *, dataset, epochs, batch_size, cell="lstm", units=64, layers=1, cells=CELLS, on_sample=None
):
    """Add the options of `train`, with the recipe's defaults, to a command.

    `cells` are the choices of `--cell`; `on_sample` are the defaults of some options, the recipe's
    own too, where the bundled sample is trained on: `--help` shows them, `take_defaults` sets them.

    The command is called with one namespace `options`: these, the recipe's own, and `recipe`.
    With `--resume` the namespace holds the options of the run that is continued, of which only
    `--epochs` may be given anew. The command returns the `Run`; with `--evaluate` the recipe's
    `evaluate` measures that one.
    """
    decorators = [
        click.option(
            "--dataset",
            metavar="NAME",
            show_default=dataset,
            help="A TFDS data set, or 'sample' for the bundled one.",
        ),
        click.option("--data-dir", type=click.Path(file_okay=False), help="Where TFDS data is."),
        click.option("--epochs", type=positive, default=epochs, show_default=True),
        click.option("--batch-size", type=positive, default=batch_size, show_default=True),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True),
        click.option("--limit", type=positive, help="Only the first N examples of each split."),
        click.option("--run", type=click.Path(), help="Run folder.  [default: a new dated one]"),
        click.option("--resume", is_flag=True, help="Continue a run (--run, or the newest)."),
        click.option("--evaluate", is_flag=True, help="Then measure it on the test split."),
        click.option("--cell", type=click.Choice(cells), default=cell, show_default=True),
        click.option("--units", type=positive, default=units, show_default=True),
        click.option("--layers", type=positive, default=layers, show_default=True),
        click.option(
            "--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True
        ),
        click.option(
            "--distribute", type=click.Choice(DISTRIBUTIONS), default="none", show_default=True
        ),
    ]
    decorate = _command(decorators, resolve=_resume)

    def then_evaluate(train):
        @functools.wraps(train)
        def command(options):
            run = train(options)
            context = click.get_current_context()
            if not context.params["evaluate"]:
                next_step(run, "evaluate")
                return
            arguments = ["--run", str(run.folder)]
            if options.data_dir:
                arguments += ["--data-dir", options.data_dir]
            evaluate = context.parent.command.commands["evaluate"]
            evaluate.main(arguments, "evaluate", standalone_mode=False, parent=context.parent)

        return command

    def decorate_and_show(command):
        command = decorate(then_evaluate(command))
        for option in command.__click_params__:
            if option.name in (on_sample or {}):
                option.show_default = f"{option.default}; {on_sample[option.name]} on the sample"
        return command

    return decorate_and_show


def take_defaults(options, source):
    """Set what was not given on the command line to what the data `Source` has as its default."""
    if options.resume:  # a run continues with the options that it began with
        return
    context = click.get_current_context()
    for name, value in source.defaults.items():
        if context.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE:
            setattr(options, name, value)


def evaluation_options(command):
    """Add the options of `evaluate` to a command; see `training_options`."""
    decorators = [
        _run_option(),
        click.option("--dataset", metavar="NAME", help="Another data set than the run's own."),
        click.option("--data-dir", type=click.Path(file_okay=False), help="Where TFDS data is."),
        click.option("--split", default="test", show_default=True),
        click.option(
            "--limit", type=positive, help="Only the first N examples.  [default: as in training]"
        ),
    ]
    return _command(decorators)(command)


def prediction_options(command):
    """Add the options and arguments of `predict` to a command; see `training_options`."""
    decorators = [
        _run_option(),
        click.option("--json", "as_json", is_flag=True, help="One JSON object per input and line."),
        click.argument("inputs", nargs=-1, required=True, metavar="INPUT..."),
    ]
    return _command(decorators)(command)


def inspection_options(command):
    """Add the option and argument of `inspect` to a command; see `training_options`."""
    return _command([_run_option(), click.argument("input")])(command)


def run_options(command):
    """Add only `--run`, to a command that one recipe alone has; see `training_options`."""
    return _command([_run_option()])(command)


def table_options(*columns):
    """Add the options for a table of the user's own: `--file`, and the name of each column.

    Args:
        columns: the columns' names; for `evaluate` none, which takes those of the run.
    """
    kinds = click.Path(dir_okay=False, resolve_path=True)
    help = "Your own examples: CSV, TSV or JSON lines."
    if not columns:
        help += " All of it is measured on, unless it names splits."
    decorators = [click.option("--file", type=kinds, help=help)]
    for name in columns:
        decorators.append(
            click.option(f"--{name}-column", default=name, help="In that file.", show_default=True)
        )

    def decorate(command):
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def data_options(options, run):
    """What `evaluate` measures on: the data that its options name, else the run's own.

    Returns:
        A namespace of the run's options with those that say where data comes from, and `whole`:
        whether a file is another than the run's own, and so has no examples for training.
    """
    chosen = vars(run.options)
    if options.file or options.dataset:
        chosen |= {"file": options.file, "dataset": options.dataset}
    else:
        chosen["dataset"] = run.dataset
    if options.data_dir:
        chosen["data_dir"] = options.data_dir
    chosen["whole"] = bool(options.file) and options.file != run.options.file
    return SimpleNamespace(**chosen)


def _run_option():
    return click.option("--run", type=click.Path(), help="Run folder.  [default: the newest]")


def _command(decorators, resolve=None):
    """Apply click decorators and call the command with one namespace."""

    def decorate(command):
        @functools.wraps(command)
        @click.pass_context
        def with_namespace(context, /, **values):
            options = SimpleNamespace(**values)
            options.recipe = context.parent.command.name
            return command(resolve(context, options) if resolve else options)

        for decorator in reversed(decorators):
            with_namespace = decorator(with_namespace)
        return with_namespace

    return decorate


def _resume(context, options):
    """The options to train with: as given, or with `--resume` those of the run's `config.json`."""
    if not options.resume:
        return options
    from shared.training.run import open_run

    run = open_run(options.recipe, options.run)
    saved = dict(run.config["options"])
    for name in vars(options).keys() & saved.keys() - {"run", "epochs", "data_dir"}:
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and getattr(options, name) != saved[name]:
            raise UserError(
                f"--{name.replace('_', '-')} is {saved[name]} in the run {run.folder}: a run "
                "continues as it began (only --epochs may grow). Leave the option out, or start "
                "a new run without --resume."
            )
    for name in ("epochs", "data_dir"):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            saved[name] = getattr(options, name)
    # A run that fell back on the sample continues on the sample, even if the network is back.
    saved["dataset"] = run.config["dataset"]["name"]
    return SimpleNamespace(**{**saved, "resume": True, "run": str(run.folder)})


def read_texts(inputs, empty_lines=False):
    """The texts to predict from: the arguments themselves, or with `-` the lines of stdin.

    Bytes that are not UTF-8 become the replacement character, so that any input can be answered.

    Args:
        inputs: the command's arguments.
        empty_lines: take empty lines of standard input as they are, where each line of the answer
            belongs to one of them.

    Raises:
        UserError: for a text that is empty or only white space.
    """
    texts = []
    for number, text in enumerate(inputs, start=1):
        if text == "-":
            for line_number, line in enumerate(sys.stdin.buffer, start=1):
                where = f"line {line_number} of standard input"
                texts.append(_readable(line, where, empty_lines))
        else:
            texts.append(_readable(os.fsencode(text), f"input {number}"))
    if not texts:
        raise UserError("Standard input is empty; give one text per line.")
    return texts


def _readable(raw, where, may_be_empty=False):
    text = raw.decode("utf-8", errors="replace").replace("\0", " ").strip()
    if not text and not may_be_empty:
        raise UserError(f"The text of {where} is empty; give at least one word.")
    return text


def read_paths(inputs):
    """The files to predict from: the arguments themselves, or with `-` one per line of stdin.

    Whether they can be read shows when they are.

    Raises:
        UserError: where standard input names none, or an argument is empty.
    """
    paths = []
    for number, path in enumerate(inputs, start=1):
        if path == "-":
            lines = [os.fsdecode(line.rstrip(b"\r\n")) for line in sys.stdin.buffer]
            paths += [line for line in lines if line.strip()]
        elif not path:
            raise UserError(f"Input {number} is empty; name a file.")
        else:
            paths.append(path)
    if not paths:
        raise UserError("Standard input is empty; give one file name per line.")
    for path in paths:
        if "\0" in path:  # which no system takes in a name
            raise UserError(f"{path!r} is no file name. Give one file name per line.")
    return paths


def open_trained(options):
    """The `Run` that `--run` names, or the newest."""
    from shared.training.run import open_run

    return open_run(options.recipe, options.run)


def announce(source=None, run=None):
    """Print what the numbers to come stand for, then load Keras, which takes seconds.

    Args:
        source: the data `Source` that is read, if any.
        run: the `Run` that is used, if any.
    """
    notice = (source and source.notice) or (run and run.notice)
    if notice:
        click.secho(notice, fg="yellow", bold=True, err=source is None)
    elif source:
        click.echo(f"Data: {source.name}" + (f" {source.version}" if source.builder else ""))
    _load_keras()


def _load_keras():
    with quiet_import():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()  # where there is no GPU, this is what says so


def print_metrics(record):
    """Print the content of `metrics.json` as a table."""
    click.echo(f"\n{record['dataset']}, {record['split']} split, {record['examples']:,} examples")
    width = max(map(len, record["metrics"]))
    for name, value in record["metrics"].items():
        click.echo(f"  {name:{width}}  {value:.4f}")
    if "notice" in record:
        click.secho(record["notice"], fg="yellow", bold=True)
    click.echo()


def print_prediction(as_json, record, line):
    """Print one answer: the JSON object of `record`, or `line` for people."""
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else line)


def next_step(run, command, arguments=""):
    """Print where the results are and the command to go on with."""
    click.echo(f"Run folder: {run.folder}")
    click.echo(f"Next: python -m recipes.{run.recipe} {command} --run {run.folder} {arguments}")
