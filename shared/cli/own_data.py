"""The user's own data: the option for it, and what `evaluate` makes of that."""

from types import SimpleNamespace

import click

from .group import data_option

_file = click.Path(exists=True, dir_okay=False, resolve_path=True)
_folder = click.Path(exists=True, file_okay=False, resolve_path=True)


def own_table(help, *columns):
    """`--file` for a table of the user's own, and an option for the name of each of its columns.

    Args:
        help: what is in it.
        columns: the columns' usual names.

    Returns:
        What `training_options` and `evaluation_options` take as `own`.
    """

    def options(of_run):
        found = [data_option("--file", type=_file, help=help)]
        for name in columns:
            found.append(
                data_option(
                    f"--{name}-column",
                    metavar="NAME",
                    default=None if of_run else name,
                    show_default="as in training" if of_run else True,
                    help=f"Name of the column that holds the {name}.",
                )
            )
        return found

    return options


def own_texts(help, multiple=False):
    """`--file` for a text of the user's own, or for several; see `own_table`."""

    def listed(context, parameter, paths):
        return (list(paths) or None) if multiple else paths

    return lambda of_run: [
        data_option("--file", type=_file, multiple=multiple, callback=listed, help=help)
    ]


def own_folder(help):
    """`--folder` for pictures of the user's own; see `own_table`."""
    return lambda of_run: [data_option("--folder", type=_folder, help=help)]


def data_options(options, run):
    """What `evaluate` measures on: the data that its options name, else the run's own.

    Args:
        options: of `evaluate`.
        run: the `Run` that is measured.

    Returns:
        A namespace of the run's options, with those that say where data comes from as they are
        given, and `whole`: whether files are others than the run's own, and so have no examples
        for training.
    """
    trained = run.options
    chosen = SimpleNamespace(**vars(trained))
    places = [name for name in ("dataset", "file", "folder") if hasattr(options, name)]
    if any(getattr(options, name) for name in places):
        for name in places:
            setattr(chosen, name, getattr(options, name))
    elif "files" not in run.config["dataset"]:
        chosen.dataset = run.dataset
    for name, value in vars(options).items():
        if value is not None and (name.endswith("_column") or name == "data_dir"):
            setattr(chosen, name, value)
    own = [name for name in places if name != "dataset" and getattr(chosen, name)]
    chosen.whole = any(getattr(chosen, name) != getattr(trained, name, None) for name in own)
    return chosen
