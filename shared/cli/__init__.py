"""The commands' common part: the options that all recipes share, and errors for people.

Only this package knows click, and it imports nothing heavy: `--help` and a wrong option answer at
once. A recipe's `__main__.py` makes its group with `recipe_group` and decorates its commands with
`training_options`, `evaluation_options`, `prediction_options`, `inspection_options` and
`gradient_options`; each command then receives one `options` namespace that holds these and the
recipe's own.
"""

from .group import data_option, network_option, recipe_group, training_option
from .inputs import read_all, read_path, read_paths, read_text, read_texts
from .options import (
    CELLS,
    above_zero,
    evaluation_options,
    gradient_options,
    inspection_options,
    open_trained,
    positive,
    prediction_options,
    run_options,
    share,
    take_defaults,
    training_options,
)
from .own_data import data_options, own_folder, own_table, own_texts
from .screens import announce, next_step, print_prediction, save_measurement, shown

__all__ = [
    "CELLS",
    "above_zero",
    "announce",
    "data_option",
    "data_options",
    "evaluation_options",
    "gradient_options",
    "inspection_options",
    "network_option",
    "next_step",
    "open_trained",
    "own_folder",
    "own_table",
    "own_texts",
    "positive",
    "prediction_options",
    "print_prediction",
    "read_all",
    "read_path",
    "read_paths",
    "read_text",
    "read_texts",
    "recipe_group",
    "run_options",
    "save_measurement",
    "share",
    "shown",
    "take_defaults",
    "training_option",
    "training_options",
]
