"""A progress bar per epoch, or a line per epoch where there is no terminal."""

import sys
import time

import keras
from tqdm import tqdm


class Progress(keras.callbacks.Callback):
    """One bar per epoch with loss and metrics, and the validation's figures when it is done.

    Where standard error is no terminal, such as in a log file, each epoch leaves one line.

    Args:
        epochs: how many in all.
        steps: the number of batches in an epoch.
        first_batch: how many batches of the first epoch are done already.
        label: the name of the network where there are several; or empty.
        shown: whether to show anything at all.
    """

    def __init__(self, epochs, steps, first_batch=0, label="", shown=True):
        super().__init__()
        self.epochs = epochs
        self.shown = shown
        self.steps = steps
        self.done = first_batch
        self.bar = None
        self.first_batch = True
        self.before = f"{label}: " if label else ""

    def continuing(self, moment):
        """Say where a run goes on."""
        if moment.epoch == self.epochs:
            self.say(
                f"{self.before}All {self.epochs} epochs are done; for more of them give --epochs."
            )
        elif moment.batch:
            place = f"batch {moment.batch} of {self.steps} in epoch {moment.epoch + 1}"
            self.say(f"{self.before}Continuing after {place} of {self.epochs}.")
        else:
            place = f"epoch {moment.epoch} of {self.epochs}"
            self.say(f"{self.before}Continuing after {place}.")

    def say(self, line):
        if self.shown:
            print(line, flush=True)

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = tqdm(
            total=self.steps,
            initial=self.done,
            desc=f"{self.before}epoch {epoch + 1}/{self.epochs}",
            unit="batch",
            mininterval=0.5,
            dynamic_ncols=True,
            disable=not (self.shown and sys.stderr.isatty()),
        )

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.done + batch + 1 - self.bar.n)
        if self.first_batch:  # the time left is reckoned from here on: compilation is over
            self.first_batch = False
            self.bar.start_t = self.bar.last_print_t = time.time()
            self.bar.initial = self.bar.n
        if batch % 10 == 0:
            self.bar.set_postfix_str(_figures(logs), refresh=False)

    def end(self, row):
        """Show what an epoch, a row of the history, has come to."""
        figures = {name: value for name, value in row.items() if name != "epoch"}
        self.done = 0
        if not self.shown:
            return
        if self.bar is None or self.bar.disable:
            line = f"{self.before}epoch {row['epoch']}/{self.epochs}: {_figures(figures)}"
            print(line, file=sys.stderr, flush=True)
        else:
            self.bar.set_postfix_str(_figures(figures))

    def close(self):
        """End the bar where it stands, and its line on the screen."""
        if self.bar is not None:
            self.bar.close()


def _figures(logs):
    return ", ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
