"""Training epoch by epoch, such that a run that was stopped continues as if it had not been."""

from shared.data.examples import untuned, user_errors
from shared.errors import UserError
from shared.layers.loops.memory import keep_freed_memory
from shared.training import checkpoint
from shared.training.distribution import alone, distribute, scope
from shared.training.guard import Guard
from shared.training.progress import Progress
from shared.training.run import MODEL
from shared.training.stopping import stop_requests


def fit(network, data, run, options, monitor, patience=None, callbacks=(), label=""):
    """Train, keep the network that is best on validation, and write the run folder.

    After each epoch `history.csv` gets a row, `model.keras` holds the best network so far, and
    the checkpoint everything that what follows depends on; it is also written within an epoch. What
    is not in it follows from the history (the best value, the patience left) or from seed and epoch
    (the order of the batches), so a run continued from it ends with the same weights bit for bit.

    Args:
        network: a compiled Keras model.
        data: the `TrainingData`. A training that ends no better than its `guessing` says so.
        run: the `Run` to write to. If it holds a checkpoint, training continues there.
        options: `epochs`, how many in all, and `checkpoint_every`, the minutes between two
            checkpoints within an epoch.
        monitor: the column of the history to choose the best network by, such as
            `"val_accuracy"`; larger is better unless the name ends in `loss`.
        patience: stop after this many epochs without a new best; None never stops early.
        callbacks: further Keras callbacks; what they depend on must not outlast an epoch, or be in
            the network's variables.
        label: the name of the network where a run trains several, each in a `Part` of the run. It
            stands in each line, and whoever compares them says what they have learned.

    Returns:
        The history: a list of dictionaries, one per epoch.

    Raises:
        Stopped: after a signal that asks for it; the checkpoint is written.
        UserError: for a checkpoint that is damaged, and for a loss that is no number.
    """
    data = distribute(network, data)
    keep_freed_memory()  # which recurrent layers do by themselves; not every network has one
    # TensorFlow traces a step twice in which variables are made. So the optimizer's are made here,
    # and the metrics' by a step of validation, which is traced in a fraction of the time.
    with scope(network):
        network.optimizer.build(network.trainable_variables)
    checkpoint.draw_from_variables(network)
    moment = checkpoint.load(network, run)
    history, epochs = moment.history, options.epochs
    progress = Progress(epochs, data.steps, moment.batch, label, shown=run.writes)
    _continue(network, data, run, options, monitor, moment, progress)
    validation = untuned(data.validation)
    if len(history) < epochs:
        if not label:
            progress.say("Building the network's steps.")
        with user_errors():
            network.evaluate(validation.take(1), verbose=0)
    with stop_requests(heeded=run.writes) as request:
        while len(history) < epochs:
            waited = len(history) - best_epoch(history, monitor) if history else 0
            if patience and waited >= patience:
                progress.say(f"No better {monitor} for {patience} epochs: stopping here.")
                break
            guard = Guard(run, moment, data.steps, options.checkpoint_every, request)
            history.append(_one_epoch(network, data, validation, [progress, *callbacks, guard]))
            if best_epoch(history, monitor) == len(history):
                with alone():
                    run.save_model(network)
            run.save_history(history)
            # The checkpoint comes last: it is what says that the epoch is done.
            moment = checkpoint.Moment(len(history), history=history)
            checkpoint.save(network, run, moment)
            guard.stop_if_asked(moment)
    # The loss that is monitored, where there are several.
    loss = monitor if monitor.endswith("loss") else "val_loss"
    lowest = min((row[loss] for row in history), default=0.0)
    if lowest > 0.98 * data.guessing and not label:
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


def _continue(network, data, run, options, monitor, moment, progress):
    """Put the network where the checkpoint left it, and say how the run goes on."""
    planned = run.options.epochs
    if not moment.arrays:
        if options.resume:
            run.change_config(options)
        return
    done = len(moment.history) + (moment.batch > 0)
    if options.epochs < done:
        raise UserError(
            f"--epochs {options.epochs} is less than the {done} that {run.folder} has begun. Leave "
            "it out, or give more."
        )
    best = best_epoch(moment.history, monitor) if moment.history else None
    lost = best and not run.path(MODEL).exists()
    if lost and (best < len(moment.history) or moment.batch):
        raise UserError(
            f"{run.path(MODEL)}, the network of epoch {best}, is missing. Bring it back, or train "
            "a new run."
        )
    run.change_config(options)
    checkpoint.assign(network, moment.arrays)
    if lost:  # the checkpoint holds the very weights
        with alone():
            run.save_model(network)
    progress.continuing(moment)
    if options.epochs != planned:
        rate = float(network.optimizer.learning_rate)
        progress.say(
            f"The run has {options.epochs} epochs now, {planned} before. Its learning rate goes on "
            f"at {rate:.2g}, as in a run of {options.epochs} epochs at this place."
        )


def _one_epoch(network, data, validation, callbacks):
    """Train for one epoch, or for what is left of it, and validate: the history's next row."""
    progress, guard = callbacks[0], callbacks[-1]
    moment = guard.moment
    try:
        with user_errors():  # of files that are read only now
            if not moment.logs:
                batches = data.batches(moment.epoch)
                logs = network.fit(
                    untuned(batches.skip(moment.batch) if moment.batch else batches),
                    initial_epoch=moment.epoch,
                    epochs=moment.epoch + 1,
                    callbacks=callbacks,
                    shuffle=False,  # the batches come shuffled
                    verbose=0,
                ).history
                moment.logs = {name: float(values[-1]) for name, values in logs.items()}
            found = network.evaluate(validation, callbacks=callbacks, return_dict=True, verbose=0)
        row = {"epoch": moment.epoch + 1, **moment.logs}
        row |= {f"val_{name}": float(value) for name, value in found.items()}
        progress.end(row)
    finally:
        progress.close()  # so that an error stands on a line of its own
    return {**row, "seconds": round(guard.seconds(), 2), "dataset": guard.run.dataset}
