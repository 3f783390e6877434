"""Whether half precision pays: measured, since processors that have it may be slower with it."""

import statistics
import time

SIDE, ROUNDS = 512, 5  # of the matrices that are multiplied, and how often


def cost_of_half(dtype):
    """How many times as long a product of matrices takes as in float32, where both take turns.

    Args:
        dtype: "bfloat16" or "float16".
    """
    import keras

    matrices = {
        each: keras.ops.cast(keras.random.normal((SIDE, SIDE), seed=0), each)
        for each in ("float32", dtype)
    }
    seconds = {each: [] for each in matrices}
    for turn in range(1 + ROUNDS):
        for each, matrix in matrices.items():
            begun = time.perf_counter()
            # A device may answer before it has computed, but not with the numbers themselves.
            one = keras.ops.cast(keras.ops.matmul(matrix, matrix)[0, 0], "float32")
            keras.ops.convert_to_numpy(one)
            if turn:  # the first one prepares
                seconds[each].append(time.perf_counter() - begun)
    return statistics.median(seconds[dtype]) / statistics.median(seconds["float32"])


def warning_for(precision):
    """A line where `precision`, as of the command line, makes a training slower; else empty."""
    if precision == "float32":
        return ""
    cost = cost_of_half(precision.removeprefix("mixed_"))
    if cost < 1:
        return ""
    return (
        f"--precision {precision} is slower than float32 here: a product of matrices takes "
        f"{cost:.1f} times as long."
    )
