"""The window sizes of the tests of pages; the browser itself is in `tests/browser.py`."""

from tests.browser import DESKTOP, PHONE

__all__ = ["DESKTOP", "PHONE"]
