"""What watches over each batch of a training: numbers that are none, the clock, signals."""

import math
import time

import keras

from shared.errors import Stopped
from shared.training import checkpoint


class Guard(keras.callbacks.Callback):
    """Saves within an epoch, and ends a training that has gone wrong or was asked to stop.

    It comes last of all callbacks, so that what they do when an epoch begins doesn't undo what it
    takes from a checkpoint.

    Args:
        run: the `Run` to write to.
        moment: the `Moment` of the checkpoint that the training goes on from.
        steps: the number of batches in an epoch.
        minutes: of training between two checkpoints within an epoch.
        request: a `Request` to stop, as from `stop_requests`.
    """

    def __init__(self, run, moment, steps, minutes, request):
        super().__init__()
        self.run = run
        self.moment = moment
        self.steps = steps
        self.first_batch = moment.batch
        self.saved = time.perf_counter()
        self.begun = self.saved - moment.seconds
        self.between = 60 * minutes
        self.request = request

    def on_epoch_begin(self, epoch, logs=None):
        if self.moment.batch:  # sums of the metrics and carried memory, which were made zero
            checkpoint.assign(self.model, self.moment.arrays)
        self.moment.arrays = {}

    def on_train_batch_end(self, batch, logs=None):
        moment = self.moment
        moment.batch = self.first_batch + batch + 1
        self._check(logs, "loss", f"batch {moment.batch} of epoch {moment.epoch + 1}")
        due = self.request.signal_number or time.perf_counter() - self.saved > self.between
        if due and moment.batch < self.steps:  # after the last one comes the validation
            self._save()

    def on_test_batch_end(self, batch, logs=None):
        where = f"batch {batch + 1} of the validation after epoch {self.moment.epoch + 1}"
        self._check(logs, "validation loss", where)
        if self.request.signal_number:  # then the validation begins anew
            self._save()

    def _save(self):
        self.moment.seconds = self.seconds()
        checkpoint.save(self.model, self.run, self.moment)
        self.saved = time.perf_counter()
        self.stop_if_asked(self.moment)

    def seconds(self):
        """How long this epoch has taken until now, before it was stopped included."""
        return time.perf_counter() - self.begun

    def stop_if_asked(self, moment):
        """Raise Stopped where a signal has asked for it; `moment` is saved already."""
        if not self.request.signal_number:
            return
        place = f"batch {moment.batch} of epoch {moment.epoch + 1}"
        raise Stopped(
            f"Stopped and saved after {place if moment.batch else f'epoch {moment.epoch}'}. Go on "
            f"with: {self.run.resume_command}",
            self.request.signal_number,
        )

    def _check(self, logs, name, where):
        for value in (logs or {}).values():
            if not math.isfinite(value):
                what = f"The {name} became {float(value)} in {where}"
                raise checkpoint.no_number(what, self.run)
