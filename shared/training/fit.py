"""Training epoch by epoch, such that a run that was stopped continues as if it had not been."""

import time

import numpy as np

from shared.data.examples import untuned, user_errors
from shared.errors import UserError
from shared.files import replacing
from shared.layers.loops.memory import keep_freed_memory
from shared.training.progress import Progress


def fit(network, data, run, epochs, monitor, patience=None, callbacks=()):
    """Train, keep the network that is best on validation, and write the run folder.

    After each epoch `history.csv` gets a row, `model.keras` holds the best network so far, and
    `checkpoint/latest.npz` everything that the next epoch depends on. What is not in the
    checkpoint follows from the history (the best value, the patience left) or from seed and epoch
    (the order of the batches), so a run continued from it ends with the same weights bit for bit.

    Args:
        network: a compiled Keras model.
        data: the `TrainingData`. A training that ends no better than its `guessing` says so.
        run: the `Run` to write to. If it holds a checkpoint, training continues there.
        epochs: how many epochs in all.
        monitor: the column of the history to choose the best network by, such as
            `"val_accuracy"`; larger is better unless the name ends in `loss`.
        patience: stop after this many epochs without a new best; None never stops early.
        callbacks: further Keras callbacks; what they depend on must not outlast an epoch, or be in
            the network's variables.

    Returns:
        The history: a list of dictionaries, one per epoch.
    """
    keep_freed_memory()  # which recurrent layers do by themselves; not every network has one
    # TensorFlow traces a step twice in which variables are made. So the optimizer's are made here,
    # and the metrics' by a step of validation, which is traced in a fraction of the time.
    network.optimizer.build(network.trainable_variables)
    history = _restore(network, run)
    validation = untuned(data.validation)
    progress = Progress(first_epoch=len(history), epochs=epochs)
    if len(history) < epochs:
        progress.say("Building the network's steps.")
        with user_errors():
            network.evaluate(validation.take(1), verbose=0)
    for epoch in range(len(history), epochs):
        if history and patience and len(history) - best_epoch(history, monitor) >= patience:
            progress.say(f"No better {monitor} for {patience} epochs: stopping here.")
            break
        started = time.perf_counter()
        try:
            with user_errors():  # of files that are read only now
                logs = network.fit(
                    untuned(data.batches(epoch)),
                    validation_data=validation,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    callbacks=[progress, *callbacks],
                    shuffle=False,  # the batches come shuffled
                    verbose=0,
                ).history
        finally:
            progress.close()  # so that an error stands on a line of its own
        row = {"epoch": epoch + 1, **{name: float(values[-1]) for name, values in logs.items()}}
        row["seconds"] = round(time.perf_counter() - started, 2)
        row["dataset"] = run.dataset
        history.append(row)
        if not np.isfinite(row["loss"]):
            raise UserError(
                f"The loss became {row['loss']} in epoch {epoch + 1}. Try a smaller learning rate "
                "or another --seed."
            )
        if best_epoch(history, monitor) == epoch + 1:
            run.save_model(network)
        # The checkpoint comes last: it is what says that the epoch is done.
        run.save_history(history)
        _checkpoint(network, run, epoch + 1)
    # The loss that is monitored, where there are several.
    loss = monitor if monitor.endswith("loss") else "val_loss"
    lowest = min((row[loss] for row in history), default=0.0)
    if lowest > 0.98 * data.guessing:
        progress.say(
            f"Nothing is learned yet: the validation loss, {lowest:.3f}, is no better than that of "
            f"guessing, {data.guessing:.3f}. Train for more --epochs, or on more examples."
        )
    return history


def best_epoch(history, monitor):
    """The epoch (from 1) whose `monitor` is best; the first one among equals."""
    values = [row[monitor] for row in history]
    best = min(values) if monitor.endswith("loss") else max(values)
    return 1 + values.index(best)


def _state(network):
    """Every variable that the next step depends on: weights, optimizer, random generators.

    A Keras model lists its seed generators among its variables, unlike in any weights file.
    """
    return network.variables + network.optimizer.variables


def _checkpoint(network, run, epoch):
    import keras

    arrays = {
        f"{i:05d}": keras.ops.convert_to_numpy(variable.value)
        for i, variable in enumerate(_state(network))
    }
    with replacing(run.path("checkpoint/latest.npz")) as temporary:
        np.savez(temporary, epoch=epoch, **arrays)


def _restore(network, run):
    """Put the network where the checkpoint left it; return the history up to there."""
    path = run.path("checkpoint/latest.npz")
    if not path.is_file():
        return []
    variables = _state(network)
    try:
        with np.load(path) as saved:
            epoch = int(saved["epoch"])
            if len(saved) != len(variables) + 1:
                raise ValueError(f"{len(saved) - 1} arrays instead of {len(variables)}")
            for i, variable in enumerate(variables):
                variable.assign(saved[f"{i:05d}"])
    except Exception as error:  # a damaged archive fails in zip, zlib or NumPy
        raise UserError(
            f"The checkpoint {path} is damaged or of another network ({error}). Start a new run."
        ) from error
    history = run.load_history()[:epoch]
    if len(history) != epoch:
        raise UserError(f"{run.path('history.csv')} lacks epochs of its run. Start a new run.")
    return history
