"""The options that the recipes share, and what becomes of them."""

import contextlib
import functools
import os
from types import SimpleNamespace

import click

from shared.backend import backend, check_backend
from shared.errors import UserError

from .group import data_option, network_option, run_option, training_option
from .screens import next_step

CELLS = ("rnn", "lstm", "gru", "mingru")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
DISTRIBUTIONS = ("none", "mirrored", "multi-worker")

positive = click.IntRange(min=1)
above_zero = click.FloatRange(min=0, min_open=True)
share = click.FloatRange(0, 0.95)


def training_options(
    own,
    *,
    dataset,
    epochs,
    batch_size,
    cell="lstm",
    units,
    layers=1,
    cells=CELLS,
    elsewhere=None,
    examples="examples",
):
    """Add the options of `train`, with the recipe's defaults, to a command.

    The command is called with one namespace `options`: these, the recipe's own, and `recipe`.
    With `--resume` the namespace holds the options of the run that is continued, of which only
    `--epochs`, `--checkpoint-every` and `--data-dir` may be given anew. The command returns the
    `Run`; with `--evaluate` the recipe's `evaluate` measures that one.

    Args:
        own: the option for the user's own data, from `own_table`, `own_texts` or `own_folder`.
        dataset: the name of the recipe's public data set.
        epochs, batch_size, cell, units, layers: defaults.
        cells: the choices of `--cell`.
        elsewhere: other defaults of some options, the recipe's own too, by the words for when they
            hold: `{"on the sample": {"epochs": 12}}`. `--help` shows them, `take_defaults` sets
            those of the data `Source`.
        examples: what `--limit` counts, in the words of `--help`.
    """
    decorators = [
        data_option(
            "--dataset",
            metavar="NAME",
            show_default=dataset,
            help="A TFDS data set, or 'sample' for the bundled one.",
        ),
        *own(of_run=False),
        _data_dir(),
        data_option("--limit", type=positive, help=f"Take the first N {examples} of each split."),
        network_option(
            "--cell", type=click.Choice(cells), default=cell, help="The recurrent cell."
        ),
        network_option("--units", type=positive, default=units, help="Size of the cell's state."),
        network_option(
            "--layers",
            type=positive,
            default=layers,
            help="Recurrent layers, one above the other.",
        ),
        training_option("--epochs", type=positive, default=epochs, help="Passes over the data."),
        training_option("--batch-size", type=positive, default=batch_size, help="Rows of a batch."),
        training_option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            default=1,
            help="Decides all that is drawn at random.",
        ),
        training_option(
            "--precision",
            type=click.Choice(PRECISIONS),
            default="float32",
            help="Number format that layers compute in; weights stay float32.",
        ),
        training_option(
            "--distribute",
            type=click.Choice(DISTRIBUTIONS),
            default="none",
            help="Train on all devices of this machine (mirrored), or on several machines "
            "(multi-worker, with KERAS_BACKEND=jax).",
        ),
        training_option(
            "--checkpoint-every",
            type=above_zero,
            default=2.0,
            metavar="MINUTES",
            help="Time between two checkpoints within an epoch; each epoch ends with one.",
        ),
        run_option("--run", type=click.Path(), show_default="a new dated one", help="Run folder."),
        run_option(
            "--resume", is_flag=True, help="Continue the run that --run names, or the newest."
        ),
        run_option("--evaluate", is_flag=True, help="After training, measure on the test split."),
    ]
    decorate = _command(decorators, resolve=_resume)

    def decorate_and_show(command):
        command = decorate(_then_evaluate(command))
        for option in command.__click_params__:
            for when, defaults in (elsewhere or {}).items():
                if option.name in defaults:
                    words = option.show_default
                    default = words if isinstance(words, str) else _in_words(option.default)
                    other = _in_words(defaults[option.name])
                    option.show_default = f"{default}; {other} {when}"
        return command

    return decorate_and_show


def _in_words(default):
    several = isinstance(default, (list, tuple))
    return " ".join(map(str, default)) if several else str(default)


def _then_evaluate(train):
    @functools.wraps(train)
    def command(options):
        run = train(options)
        if not run.writes:
            return
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


def evaluation_options(own, examples="examples"):
    """Add the options of `evaluate` to a command; see `training_options`."""
    decorators = [
        _trained_run(),
        data_option(
            "--dataset",
            metavar="NAME",
            show_default="the run's own",
            help="A TFDS data set, or 'sample' for the bundled one.",
        ),
        *own(of_run=True),
        _data_dir(show_default="as in training"),
        data_option("--split", metavar="NAME", default="test", help="The split to measure on."),
        data_option(
            "--limit",
            type=positive,
            show_default="as in training",
            help=f"Take the first N {examples}.",
        ),
    ]
    return _command(decorators)


def prediction_options(command):
    """Add the options and arguments of `predict` to a command; see `training_options`."""
    decorators = [
        _trained_run(),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print one JSON object per input, each on a line of its own.",
        ),
        click.argument("inputs", nargs=-1, required=True, metavar="INPUT..."),
    ]
    return _command(decorators)(command)


def inspection_options(command):
    """Add the option and argument of `inspect` to a command; see `training_options`."""
    return _command([_trained_run(), click.argument("input")])(command)


def gradient_options(command):
    """Add the options of `gradients` to a command; see `training_options`."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print the numbers as one JSON object."
    )
    return _command([_trained_run(), as_json])(command)


def run_options(command):
    """Add only `--run`, to a command that one recipe alone has; see `training_options`."""
    return _command([_trained_run()])(command)


def _trained_run():
    return run_option(
        "--run", type=click.Path(), show_default="the newest", help="Folder of a trained run."
    )


def _data_dir(show_default="TFDS_DATA_DIR, or TFDS's own"):
    return data_option(
        "--data-dir",
        type=click.Path(file_okay=False),
        show_default=show_default,
        help="Where TFDS keeps its data.",
    )


def _command(decorators, resolve=None):
    """Apply click decorators and call the command with one namespace."""

    def decorate(command):
        @functools.wraps(command)
        @click.pass_context
        def with_namespace(context, /, **values):
            check_backend()  # before whatever imports Keras in passing, as TensorFlow does
            options = SimpleNamespace(**values)
            options.recipe = context.parent.command.name
            return command(resolve(context, options) if resolve else options)

        for decorator in reversed(decorators):
            with_namespace = decorator(with_namespace)
        return with_namespace

    return decorate


def take_defaults(options, source):
    """Set what was not given on the command line to what the data `Source` has as its default."""
    if options.resume:  # a run continues with the options that it began with
        return
    context = click.get_current_context()
    for name, value in source.defaults.items():
        if not _given(context, name):
            setattr(options, name, value)


def _given(context, name):
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _resume(context, options):
    """The options to train with: as given, or with `--resume` those of the run's `config.json`."""
    from shared.training.folders import check_free, check_unused, open_run
    from shared.training.run import CHANGEABLE
    from shared.training.workers import follows

    if not options.resume:
        if follows(options):
            _print_nothing(context)
        elif options.run:
            check_free(options.run)  # before data is read, which can take minutes
        return options
    run = open_run(options.recipe, options.run)
    trained_on = run.config["backend"]
    if trained_on != backend():
        raise UserError(
            f"{run.folder} is trained on the {trained_on} backend and can't go on to the same "
            f"weights on {backend()}. Continue it with: {run.resume_command}"
        )
    saved = dict(run.config["options"])
    for name in vars(options).keys() & saved.keys() - {"run", *CHANGEABLE}:
        if _given(context, name) and getattr(options, name) != saved[name]:
            raise UserError(
                f"--{name.replace('_', '-')} is {saved[name]} in the run {run.folder}: a run "
                "continues as it began (only --epochs, --checkpoint-every and --data-dir may "
                "change). Leave the option out, or start a new run without --resume."
            )
    for name in CHANGEABLE:
        if _given(context, name):
            saved[name] = getattr(options, name)
    if follows(SimpleNamespace(**saved)):
        _print_nothing(context)
    else:
        check_unused(run.folder)
    # A run that fell back on the sample continues on the sample, even if the network is back.
    if "files" not in run.config["dataset"]:
        saved["dataset"] = run.dataset
    anew = {"resume": True, "run": str(run.folder), "notice": run.notice}
    return SimpleNamespace(**{**saved, **anew})


def _print_nothing(context):
    """Of several workers the first alone says how it goes; errors go to standard error."""
    nothing = context.with_resource(open(os.devnull, "w"))  # noqa: SIM115
    context.with_resource(contextlib.redirect_stdout(nothing))


def open_trained(options):
    """The `Run` that `--run` names, or the newest, with all that its model needs."""
    from shared.training.folders import open_run

    run = open_run(options.recipe, options.run)
    run.check_belonging()
    return run
