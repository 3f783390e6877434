"""Side-by-side measurements, each one command: `python -m benchmarks.layers`."""

from shared.backend import check_backend
from shared.errors import errors_in_one_line

with errors_in_one_line():
    check_backend()  # before a module here imports Keras
