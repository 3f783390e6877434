"""How far back gradients reach in a network's recurrent layers, measured on a few sequences.

    dE_T/ds_k = dE_T/ds_T  (prod over j = k+1..T of ds_j/ds_{j-1})

is what of an error at timestep T arrives at the state of timestep k. Its norm is measured by each
layer's `state_gradients`, and told here over the distance T - k, as a mean over the sequences.
"""

import contextlib
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from shared.data.examples import user_errors
from shared.layers.recurrent import RecurrentLayer
from shared.progress import progress

EXAMPLES = 16  # sequences that are measured, at most
TIMESTEPS = 200  # of each sequence, the last ones: the cell is run step by step


class Arrived(NamedTuple):
    """What a recurrent layer was given, as NumPy arrays."""

    sequences: np.ndarray  # (batch, timesteps, features)
    mask: np.ndarray | None  # bool (batch, timesteps), False where a timestep is passed over
    initial_state: list  # for each part of the state an array (batch, units)


def first_batch(batches):
    """The first batch of a `tf.data.Dataset`, as NumPy arrays."""
    with user_errors():
        return next(iter(batches.take(1).as_numpy_iterator()))


def recurrent_layers(network):
    """All recurrent layers of ours in a network, those inside other layers and networks too.

    Returns:
        Dictionary name -> layer, in the order in which the network lists them, which is that of the
        data. A name begins with those of what the layer is inside of: "encoder/lstm".
    """
    found, seen = {}, set()

    def look_into(layer, path):
        for inner in layer._layers:
            if id(inner) in seen:
                continue
            seen.add(id(inner))
            inner_path = [*path, inner.name]
            if isinstance(inner, RecurrentLayer):
                found["/".join(inner_path)] = inner
            else:
                look_into(inner, inner_path)

    look_into(network, [])
    return found


def what_arrives(network, inputs):
    """Run a network once and note what each of its recurrent layers is given.

    The network is run without dropout, and its layers step by step, so that nothing is compiled. A
    `CarriedState` goes on from its state, and keeps the new one.

    Args:
        network: a Keras model.
        inputs: a batch of arrays, as the network takes them.

    Returns:
        Dictionary name -> `Arrived`, names as in `recurrent_layers`, in the order of the calls. Of
        a layer that is called several times, the last call.
    """
    arrived = {}
    with contextlib.ExitStack() as restore:
        for name, layer in recurrent_layers(network).items():
            restore.callback(setattr, layer, "loop", layer.loop)
            restore.callback(delattr, layer, "inner_loop")
            layer.loop = "steps"
            layer.inner_loop = _noting(arrived, name, layer)
        network(keras.tree.map_structure(ops.convert_to_tensor, inputs), training=False)
    return arrived


def _noting(arrived, name, layer):
    """The `inner_loop` of a layer, which Keras calls with all that was given or left out."""

    def inner_loop(sequences, initial_state, mask, training=False):
        one_mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        arrived[name] = Arrived(
            _numpy(sequences),
            None if one_mask is None else ops.convert_to_numpy(one_mask).astype(bool),
            [_numpy(state) for state in initial_state],
        )
        return type(layer).inner_loop(layer, sequences, initial_state, mask, training)

    return inner_loop


def reach(network, inputs, loss=None, mask=None, timesteps=None):
    """How much of an error at the last timestep arrives at each earlier state, layer by layer.

    T is each sequence's last timestep, in the order in which the layer reads, that is not passed
    over, and only timesteps that are not passed over count as distance. The first `EXAMPLES` rows
    of what arrives at a layer are measured, and of each the last `timesteps`; what came
    before is in the state that they begin with.

    Args:
        network: a Keras model.
        inputs: a batch of arrays, as the network takes them.
        loss: function from the last layer's hidden state at T, a tensor (rows, units), to E_T, in
            `keras.ops`: one number per row, or their sum. If None, and for all layers but the last,
            E_T is the sum of the layer's own outputs at T.
        mask: (rows, timesteps), False at padding, for layers at which no mask arrives.
        timesteps: of each sequence, the last ones; `TIMESTEPS` if None.

    Returns:
        Dictionary name of a layer -> dictionary "hidden_state", and for the LSTM "cell_state" ->
        float64 array: at index T - k the norm of dE_T/ds_k, as a mean over the sequences that are
        long enough. Layers stand in the order in which data reaches them.
    """
    layers, arrived = recurrent_layers(network), what_arrives(network, inputs)
    found = {}
    for name, given in progress(arrived.items(), doing="measuring gradients", unit="layer"):
        if given.mask is None and mask is not None:
            given = given._replace(mask=np.asarray(mask, bool))
        of_last = loss if name == list(arrived)[-1] else None
        found[name] = _reach_in(layers[name], given, of_last, timesteps or TIMESTEPS)
    return found


def _reach_in(layer, given, loss, timesteps):
    """As `reach`, of one layer: dictionary name of a state -> array over the distance."""

    def turned(array):
        """To the order in which the layer reads, or back."""
        return np.ascontiguousarray(array[:, ::-1]) if layer.go_backwards else array

    sequences, states = given.sequences[:EXAMPLES], [s[:EXAMPLES] for s in given.initial_state]
    there = np.ones(sequences.shape[:2], bool) if given.mask is None else given.mask[:EXAMPLES]
    sequences, there = _at_the_end(turned(sequences), turned(there))
    before, sequences = sequences[:, :-timesteps], sequences[:, -timesteps:]
    there_before, there = there[:, :-timesteps], there[:, -timesteps:]
    if before.shape[1]:
        states = _states_after(layer, turned(before), states, turned(there_before))
    norms = layer.state_gradients(turned(sequences), loss, initial_state=states, mask=turned(there))
    return {name: _mean_by_distance(of_state, there) for name, of_state in norms.items()}


def _at_the_end(sequences, there):
    """The same sequences without what is passed over, and all ending at the last timestep."""
    order = np.argsort(there, axis=1, kind="stable")  # what is not there comes first
    sequences = np.take_along_axis(sequences, order[:, :, None], axis=1)
    there = np.take_along_axis(there, order, axis=1)
    longest = there.sum(axis=1).max(initial=1)
    return sequences[:, -longest:], there[:, -longest:]


def _states_after(layer, sequences, states, there):
    """The states that a layer has after these timesteps: a list of arrays (rows, units)."""
    dtype = layer.compute_dtype
    sequences = ops.convert_to_tensor(sequences, dtype=dtype)
    states = [ops.convert_to_tensor(state, dtype=dtype) for state in states]
    *_, states = layer.inner_loop(sequences, states, ops.convert_to_tensor(there))
    return [_numpy(state) for state in states]


def _mean_by_distance(norms, there):
    """Norms (rows, timesteps) that end at T -> their means (distances,) over the rows there."""
    norms, there = norms[:, ::-1].astype("float64"), there[:, ::-1]
    counts = there.sum(axis=0)
    reached = counts > 0
    return np.where(there, norms, 0).sum(axis=0)[reached] / counts[reached]


def untrained(network, seed=1):
    """The same network before training: with weights drawn anew from the same initializers.

    They are not the very weights that a training began with. What training doesn't change by
    gradients is as in the network: layers that aren't trained, statistics of normalizations.

    Args:
        network: a Keras model.
        seed: decides what is drawn.
    """
    keras.utils.set_random_seed(seed)
    anew = type(network).from_config(network.get_config())
    for variable, trained in zip(
        anew.non_trainable_weights, network.non_trainable_weights, strict=True
    ):
        variable.assign(trained)
    return anew


def _numpy(tensor):
    """A tensor as a float64 array, on every backend and in every precision."""
    return ops.convert_to_numpy(tensor).astype("float64")
