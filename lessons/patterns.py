"""Which timesteps of a network have inputs and outputs: found by changing one thing after another.

An input is changed piece by piece, and it is noted at which timesteps of the recurrent layers
something else arrives. Then each state is changed, and it is noted which answers are other ones.
So what is drawn of a network is what its code does.
"""

import contextlib
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from shared.evaluation.gradients import recurrent_layers

OWN = "written"  # the input of a network that writes: what it has written so far


class Wiring(NamedTuple):
    """What was found. Timesteps are numbered from 0, through all stretches.

    Attributes:
        stretches: list of lists of timesteps; the layers of one stretch read the same sequence.
        forward, backward: for each stretch, whether a layer reads it from its start, or its end.
        handed_on: pairs of stretches: the first one's state is where the second one begins.
        inputs: for each input, the list of timesteps at which it arrives. One that arrives as the
            first state of a stretch is listed with that stretch's first timestep.
        written: the timesteps at which the network reads what it wrote itself.
        outputs: for each output, the timesteps whose states it is read from.
        changes: for each input, the list of outputs that it changes.
    """

    stretches: list
    forward: list
    backward: list
    handed_on: list
    inputs: list
    written: list
    outputs: list
    changes: list


class Given(NamedTuple):
    """What a recurrent layer was given."""

    sequence: np.ndarray  # (timesteps, features)
    first_state: np.ndarray  # (parts, batch, units)


def wiring(network, inputs):
    """Find the `Wiring` of a network.

    Args:
        network: a Keras model, whose recurrent layers are ours.
        inputs: dictionary name -> array of one example, as the network takes it. Arrays of bool
            say where there is something, and aren't changed; whole numbers are those of words.
    """
    given, answers = _run(network, inputs)
    groups = _alike(given)
    begins = np.cumsum([0] + [len(given[group[0]].sequence) for group in groups])
    stretches = [list(range(begins[i], begins[i + 1])) for i in range(len(groups))]

    pieces, written, handed_on = {}, set(), set()
    for name, changed in _changed(inputs):
        given_now, answers_now = _run(network, changed)
        arrives, begun = [], []
        for stretch, group in zip(stretches, groups, strict=True):
            before, now = given[group[0]], given_now[group[0]]
            if not np.array_equal(before.first_state, now.first_state):
                begun.append(stretch)
            arrives += [stretch[t] for t in _different(before.sequence, now.sequence)]
        if name == OWN:
            written |= set(arrives)
            continue
        if arrives:
            own = next(i for i, stretch in enumerate(stretches) if arrives[0] in stretch)
            handed_on |= {(own, stretches.index(stretch)) for stretch in begun}
        places = tuple(arrives or [stretch[0] for stretch in begun[:1]])
        if places:
            pieces.setdefault((name, places), set()).update(_different(answers, answers_now))

    outputs = [[] for _ in answers]
    for place, t in enumerate(stretches[-1]):
        _, answers_now = _run(network, inputs, groups[-1], place)
        for answer in _different(answers, answers_now):
            outputs[answer].append(t)
    layers = recurrent_layers(network)
    return Wiring(
        stretches,
        [any(not layers[name].go_backwards for name in group) for group in groups],
        [any(layers[name].go_backwards for name in group) for group in groups],
        sorted(handed_on),
        [list(places) for _, places in pieces],
        sorted(written),
        outputs,
        [sorted(changed) for changed in pieces.values()],
    )


def recurrent_weights(network):
    """How many numbers the recurrent layers of a network have."""
    return sum(layer.count_params() for layer in recurrent_layers(network).values())


def _run(network, inputs, disturbed=(), place=0):
    """Run a network once, without dropout.

    Args:
        network, inputs: as for `wiring`.
        disturbed: names of recurrent layers, whose output at timestep `place` is made other.

    Returns:
        Dictionary name of a recurrent layer -> `Given`, in the order of the calls; and the answers,
        an array `(answers, numbers)` of the network's first output.
    """
    given = {}
    with contextlib.ExitStack() as restore:
        for name, layer in recurrent_layers(network).items():
            restore.callback(setattr, layer, "loop", layer.loop)
            restore.callback(delattr, layer, "inner_loop")
            layer.loop = "steps"
            layer.inner_loop = _watched(given, name, layer, place if name in disturbed else None)
        fed = keras.tree.map_structure(ops.convert_to_tensor, inputs)
        answers = network(fed if len(fed) > 1 else fed.popitem()[1], training=False)
    if isinstance(answers, dict):
        answers = next(iter(answers.values()))
    answers = ops.convert_to_numpy(answers)
    return given, answers.reshape(-1, answers.shape[-1])


def _watched(given, name, layer, place):
    """The `inner_loop` of a layer, which notes what it is given, and disturbs one timestep."""

    def inner_loop(sequences, initial_state, mask, training=False):
        states = np.stack([ops.convert_to_numpy(state) for state in initial_state])
        given[name] = Given(ops.convert_to_numpy(sequences)[0], states)
        last, outputs, states = type(layer).inner_loop(
            layer, sequences, initial_state, mask, training
        )
        if place is None:
            return last, outputs, states
        timesteps = sequences.shape[1]
        computed = timesteps - 1 - place if layer.go_backwards else place
        here = np.arange(timesteps) == computed
        # More than a state of tanh can differ: so it is the new maximum where one is taken.
        last = last + 2.0 * here[-1]
        if layer.return_sequences:
            outputs = outputs + ops.cast(2.0 * here[None, :, None], outputs.dtype)
        return last, outputs, states

    return inner_loop


def _alike(given):
    """The names of layers in groups: those of one group were given the same sequence."""
    groups = []
    for name, of_layer in given.items():
        for group in groups:
            if np.array_equal(given[group[0]].sequence, of_layer.sequence):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def _changed(inputs):
    """The inputs again and again, with one piece changed each time: pairs (name, inputs)."""
    for name, values in inputs.items():
        if values.dtype == bool:
            continue
        axis = next((i for i, size in enumerate(values.shape) if size > 1), values.ndim - 1)
        for piece in range(values.shape[axis]):
            here = [slice(None)] * values.ndim
            here[axis] = piece
            changed = values.copy()
            # Another word, which isn't padding; or the negative of a picture.
            is_word = values.dtype == np.int32
            changed[tuple(here)] = values[tuple(here)] + 1 if is_word else 255 - values[tuple(here)]
            yield name, {**inputs, name: changed}


def _different(before, now):
    """The rows in which two arrays differ."""
    return np.flatnonzero((before != now).any(axis=-1)).tolist()
