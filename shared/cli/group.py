"""The group of a recipe's commands: help in sections, and one line for an error."""

import contextlib
import errno
import functools
import os
import sys
from pathlib import Path

import click

from shared.errors import Stopped, UserError

from .screens import in_one_line

SECTIONS = ("Data", "Network", "Training", "Run", "Options")  # of `--help`, in this order


class SectionedOption(click.Option):
    """A click option that stands in a section of `--help`.

    Args:
        section: one of `SECTIONS`.
    """

    def __init__(self, *arguments, section, **more):
        super().__init__(*arguments, **more)
        self.section = section

    def get_help_extra(self, context):
        """A default in words stands there as it is; click would put it in parentheses."""
        extra = super().get_help_extra(context)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


# An option of `train`, in that section of its `--help`; arguments are those of `click.option`.
data_option = functools.partial(click.option, cls=SectionedOption, section="Data")
network_option = functools.partial(click.option, cls=SectionedOption, section="Network")
training_option = functools.partial(click.option, cls=SectionedOption, section="Training")
run_option = functools.partial(click.option, cls=SectionedOption, section="Run")


class RecipeCommand(click.Command):
    """A click command whose `--help` has a heading above each section of its options."""

    def format_options(self, context, formatter):
        records = {name: [] for name in SECTIONS}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            # Arguments stand in the usage; click lists them here too, without a word, since 8.5.
            if record is not None and isinstance(parameter, click.Option):
                records[getattr(parameter, "section", "Options")].append(record)
        for name, rows in records.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)


class RecipeGroup(click.Group):
    """A click group that turns errors into one line on standard error and an exit code."""

    command_class = RecipeCommand

    def main(self, *arguments, **more):
        if sys.stderr is None:
            # Else the next file to be opened would take its place, and get what libraries say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            sys.stderr = open(2, "w")  # noqa: SIM115  until the end of the process
        if sys.stdout is None:
            _one_line("Standard output is closed. Send it to a file, or to /dev/null.").show()
            sys.exit(1)
        if sys.stdout.errors == "strict":  # show what the terminal lacks as "?" rather than fail
            sys.stdout.reconfigure(errors="replace")
        with contextlib.redirect_stdout(_Output(sys.stdout)):
            return super().main(*arguments, **more)

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
            click.echo("\nStopped.", err=True)
            context.exit(130)
        except Stopped as stopped:
            click.echo(stopped, err=True)
            context.exit(128 + stopped.signal_number)
        except FileNotFoundError as error:
            if "temporary directory" not in str(error):  # which TensorFlow needs while it loads
                raise
            raise _one_line(
                f"{error.strerror}: the disk may be full. Make some room, or set TMPDIR to a "
                "folder that can be written to."
            ) from error
        except MemoryError as error:
            raise _one_line("Out of memory. Try a smaller --batch-size or --units.") from error


class _Output:
    """A stream to print on that tells its own errors from those of all other files.

    A reader that has gone, as of `| head`, ends the command quietly: click does so for its error.
    Any other error is one line. What wasn't printed is dropped, or Python would try again at its
    end and complain.

    Args:
        stream: a text stream.
    """

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        if text == "":  # click writes it to find out what a stream takes, and drops the error
            return 0
        try:
            return self._stream.write(text)
        except OSError as error:
            self._fail(error)

    def flush(self):
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error):
        with contextlib.suppress(OSError):  # a stream in memory has no descriptor
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        if error.errno == errno.EPIPE:
            raise error
        raise _one_line(f"Can't print the answer: {error.strerror}.") from error


def _one_line(error, exit_code=1):
    exception = click.ClickException(in_one_line(error))
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
        context_settings={
            "help_option_names": ["-h", "--help"],
            "max_content_width": 100,
            "show_default": True,
        },
    )
