"""Train with a recipe for some batches, then print the process's peak memory.

    python -m tests.memory.measured BATCHES RECIPE ARGUMENTS...

The training stops as it does when it is asked to: by SIGTERM. The last line is a JSON object:
`peak`, the most memory that the process had until then, in bytes; `seconds`, the median of a batch.
"""

import itertools
import json
import os
import runpy
import signal
import statistics
import sys
import time


def main(batches, recipe, *arguments):
    import keras

    times = []

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())
            if len(times) == int(batches):
                os.kill(os.getpid(), signal.SIGTERM)

    train = keras.Model.fit

    def fit(self, *given, callbacks, **more):
        return train(self, *given, callbacks=[*callbacks[:-1], Stop(), callbacks[-1]], **more)

    keras.Model.fit = fit
    sys.argv = [recipe, *arguments]
    try:
        runpy.run_module(f"recipes.{recipe}", run_name="__main__")
    finally:
        seconds = statistics.median(b - a for a, b in itertools.pairwise(times))
        print(json.dumps({"peak": peak(), "seconds": seconds}))


def peak():
    """The most memory that this process ever had, in bytes: not what its parent had, as rusage."""
    with open("/proc/self/status") as file:
        (found,) = (line for line in file if line.startswith("VmHWM"))
    return 1024 * int(found.split()[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
