"""A training at one moment, in one file: all that the next step depends on."""

import dataclasses
import json

import numpy as np

from shared.errors import UserError
from shared.files import replacing

NAME = "checkpoint/latest.npz"  # within the run folder


@dataclasses.dataclass
class Moment:
    """How far a training has come.

    Attributes:
        epoch: how many epochs are done.
        batch: how many batches of the next one are done; 0 between epochs.
        history: a dictionary for each epoch that is done.
        seconds: what those batches took.
        logs: what the metrics say after the last batch of an epoch that is not validated yet.
        arrays: the variables, by name; see `variables_of`.
    """

    epoch: int = 0
    batch: int = 0
    history: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    logs: dict = dataclasses.field(default_factory=dict)
    arrays: dict = dataclasses.field(default_factory=dict)


def variables_of(network):
    """Every variable that the next step depends on, by name.

    Weights, and the states of seed generators and of carried memory, which a Keras model lists
    among its variables; the optimizer's; and the sums of the metrics, half done within an epoch.
    """
    parts = {
        "network": network.variables,
        "optimizer": network.optimizer.variables,
        "metrics": network.metrics_variables,
    }
    return {
        f"{part}-{number:05d}": variable
        for part, variables in parts.items()
        for number, variable in enumerate(variables)
    }


def draw_from_variables(network):
    """Let dropout draw from the network's seed generators on PyTorch, as it does elsewhere.

    Where a layer was given no seed, Keras draws from PyTorch's global generator there, whose state
    is no variable. Each generator has drawn a seed in any case.
    """
    import keras

    if keras.backend.backend() != "torch":
        return
    for layer in network._flatten_layers():
        for generator in layer._seed_generators:
            if generator._initial_seed is None:
                generator._initial_seed = int(generator.state.value[0])


def save(network, run, moment):
    """Write the run's checkpoint, whole or not at all.

    Raises:
        UserError: where a weight is no number any more; the checkpoint before it stays.
    """
    import keras

    if not run.writes:
        return
    if hasattr(network, "jax_state_sync"):  # on JAX, variables are not up to date within an epoch
        network.jax_state_sync()
    arrays = {
        name: keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable))
        for name, variable in variables_of(network).items()
    }
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise no_number(f"The weights became infinite or nan in epoch {moment.epoch + 1}", run)
    facts = dataclasses.asdict(dataclasses.replace(moment, arrays={}))
    facts["belonging"] = run.belonging
    with replacing(run.path(NAME)) as temporary:
        np.savez(temporary, epoch=moment.epoch, facts=json.dumps(facts), **arrays)


def no_number(what, run):
    """The UserError that ends a training whose loss or weights are no numbers any more."""
    return UserError(
        f"{what}. Train a new run with a smaller --learning-rate or another --seed; {run.folder} "
        "stays as it was at its last checkpoint."
    )


def load(network, run):
    """The `Moment` that the run's checkpoint holds; the beginning where it has none.

    Raises:
        UserError: where it is damaged or doesn't fit the network or the other files of the run.
    """
    path = run.path(NAME)
    if not path.is_file():
        return Moment()
    try:
        with np.load(path) as saved:
            arrays = {name: saved[name] for name in saved}
        facts = json.loads(str(arrays.pop("facts")))
        arrays.pop("epoch")
        belonging = facts.pop("belonging")
        moment = Moment(**{**facts, "arrays": arrays})
        own = {name: variable.shape for name, variable in variables_of(network).items()}
        found = {name: array.shape for name, array in arrays.items()}
        # The metrics have their variables only once a batch was seen.
        if own.items() - found.items() or {n for n in found if n[:7] != "metrics"} - set(own):
            raise ValueError("its arrays are others than this network's")
    except Exception as error:  # a damaged archive fails in zip, zlib, JSON or NumPy
        raise UserError(
            f"The checkpoint {path} is damaged or of another network ({error}). Start a new run."
        ) from error
    run.compare(belonging, path)
    return moment


def assign(network, arrays):
    """Give the network's variables the values of a checkpoint, as far as they are made already."""
    for name, variable in variables_of(network).items():
        variable.assign(arrays[name])
