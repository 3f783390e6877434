"""Signals that ask a training to stop: it finishes its batch and saves before it ends."""

import contextlib
import os
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAID = b"\nStopping after this batch. A second signal ends the training at once.\n"


class Request:
    """Whether a signal has asked to stop.

    Attributes:
        signal_number: of the signal that came, None before one has.
    """

    signal_number = None


@contextlib.contextmanager
def stop_requests(heeded=True):
    """Take note of signals that ask to stop, instead of ending at once; a second one ends at once.

    A signal that is ignored, such as SIGHUP under nohup, stays ignored.

    Args:
        heeded: False where another process decides when to stop; then all are ignored.

    Returns:
        A context manager that gives a `Request`.
    """
    request = Request()
    before = {}

    def note(number, frame):
        request.signal_number = number
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        os.write(2, SAID)  # `print` may be at work just now

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, note if heeded else signal.SIG_IGN)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
