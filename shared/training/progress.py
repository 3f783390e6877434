"""A progress bar per epoch, or a line per epoch where there is no terminal."""

import sys
import time

import keras
from tqdm import tqdm


class Progress(keras.callbacks.Callback):
    """One bar per epoch with loss and metrics, and the validation's figures when it is done.

    Where standard error is no terminal, such as in a log file, each epoch leaves one line.

    Args:
        first_epoch: the first epoch to be trained, from 0.
        epochs: how many in all.
    """

    def __init__(self, first_epoch, epochs):
        super().__init__()
        self.epochs = epochs
        self.bar = None
        self.first_batch = True
        if first_epoch:
            self.say(f"Continuing after epoch {first_epoch} of {epochs}.")

    def say(self, line):
        print(line, flush=True)

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = tqdm(
            total=self.params.get("steps"),
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="batch",
            mininterval=0.5,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(batch + 1 - self.bar.n)
        if self.first_batch:  # the time left is reckoned from here on: compilation is over
            self.first_batch = False
            self.bar.start_t = self.bar.last_print_t = time.time()
            self.bar.initial = self.bar.n
        if batch % 10 == 0:
            self.bar.set_postfix_str(_figures(logs), refresh=False)

    def on_epoch_end(self, epoch, logs=None):
        if self.bar.disable:
            line = f"epoch {epoch + 1}/{self.epochs}: {_figures(logs)}"
            print(line, file=sys.stderr, flush=True)
        self.bar.set_postfix_str(_figures(logs))

    def close(self):
        """End the bar where it stands, and its line on the screen."""
        if self.bar is not None:
            self.bar.close()


def _figures(logs):
    return ", ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
