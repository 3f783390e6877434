"""What the recurrent layers share: how a layer gets its cell, and runs it over the timesteps.

A recurrent layer is a cell and a loop. The cell holds the weights and computes one timestep; the
loop carries the state from timestep to timestep. The cells of SimpleRNN, LSTM and GRU derive from
Keras's and state the equations anew, so that arguments, weights and configurations are Keras's by
construction; these layers derive from Keras's and have another loop.

What a cell's `call` says is what the layer computes: change it in its file, override it in a
subclass and name that as the layer's `cell_class`, or replace it on the class. A layer takes a fast
loop only where that gives the numbers of `call` (see `loops/__init__.py`).

Arguments common to the layers and their cells:

    units                   size of the state
    activation              f of the candidate and of the output, "tanh"
    use_bias                whether b is there, True
    kernel_initializer      U, the weights of the input, "glorot_uniform"
    recurrent_initializer   W, the weights of the previous state, "orthogonal"
    bias_initializer        b, "zeros"
    kernel_regularizer, recurrent_regularizer, bias_regularizer             None
    kernel_constraint, recurrent_constraint, bias_constraint                None
    dropout                 share of the inputs dropped, one choice for all timesteps, 0
    recurrent_dropout       share of the previous state dropped, likewise, 0
    seed                    of the dropout

and those of the layers alone:

    activity_regularizer    on the outputs
    return_sequences        outputs of all timesteps instead of the last one, False
    return_state            the last state too, False
    go_backwards            read the sequence from its end; outputs in the order computed, False
    stateful                start each batch from the state in which the last one ended, False
    unroll                  a copy of the step per timestep instead of a loop, False
    zero_output_for_mask    zeros where the mask is False instead of the last output, False
    loop                    how the loop is computed, "auto" (see `loops/__init__.py`)

On Linux, the first recurrent layer that runs on a CPU has the process keep the memory that it
frees, which makes training faster; `loops/memory.py` says how, and how to decline.
"""

import inspect

import keras
from keras import ops

from . import loops
from .loops.equations import weights_of
from .loops.memory import keep_freed_memory
from .trace import Notes, SeeThrough


class RecurrentLayer(SeeThrough, keras.layers.RNN):
    """A cell in a loop over the timesteps.

    States, masks and statefulness are those of `keras.layers.RNN`. A subclass names its
    `cell_class`, and takes the arguments of the cell beside those of the layer. Where Keras has a
    layer of that name, it derives from it as well.

    Raises:
        ValueError: if `units` isn't positive, an argument is unknown, or `use_cudnn` (LSTM and
            GRU only) is none of "auto", True and False.
    """

    cell_class = None
    cell_name = None
    takes_use_cudnn = False
    side_by_side = 2  # parts of the batch that a CPU computes at the same time

    def __init__(self, units, **arguments):
        for_the_cell = _arguments_of(self.cell_class) & set(arguments)
        cell = self.cell_class(
            units,
            name=self.cell_name,
            dtype=arguments.get("dtype"),
            trainable=arguments.get("trainable", True),
            **{name: arguments.pop(name) for name in for_the_cell},
        )
        use_cudnn = arguments.pop("use_cudnn", "auto") if self.takes_use_cudnn else None
        if use_cudnn not in ("auto", True, False, None):
            raise ValueError(f'`use_cudnn` must be "auto", True or False, not {use_cudnn!r}.')
        loop = arguments.pop("loop", "auto")
        if loop not in loops.LOOPS:
            raise ValueError(f"`loop` must be one of {', '.join(loops.LOOPS)}, not {loop!r}.")
        # Past the constructor of keras.layers.LSTM and the like, which would make its own cell.
        keras.layers.RNN.__init__(self, cell, **arguments)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.loop = loop
        if self.takes_use_cudnn:
            self.use_cudnn = use_cudnn
        if keras.backend.backend() == "tensorflow":
            # The fast paths call programs of their own; one XLA program around them undoes them.
            self.supports_jit = False

    @property
    def units(self):
        """Size of the state."""
        return self.cell.units

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """Run the cell over all timesteps.

        Args:
            sequences: (batch, timesteps, features).
            initial_state: a tensor (batch, units) for each part of the state; zeros if None.
            mask: (batch, timesteps), False where a timestep is to be passed over.
            training: whether dropout is on.

        Returns:
            The last output (batch, units), or with `return_sequences` all outputs (batch,
            timesteps, units); with `return_state` followed by each part of the last state.
        """
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """The loop itself -> last output, outputs, last states; called by `keras.layers.RNN`."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        loop = loops.choose_loop(self)
        if not loops.on_gpu():
            keep_freed_memory()
        if loop == "steps":
            return keras.layers.RNN.inner_loop(self, sequences, initial_state, mask, training)

        cell = self.cell
        # Here and below: on PyTorch, `convert_to_tensor` brings a tensor to the layer's device.
        sequences = ops.cast(ops.convert_to_tensor(sequences), cell.compute_dtype)
        if training and getattr(cell, "dropout", 0):
            sequences = sequences * cell.get_dropout_mask(sequences[:, 0])[:, None]
        if mask is not None:
            mask = ops.cast(ops.convert_to_tensor(mask), "bool")
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        initial_state = [ops.convert_to_tensor(state) for state in initial_state]
        if self.stateful:
            # Copies, since PyTorch overwrites the variables in place when the state is carried
            # over, and the backward pass needs what was in them before.
            initial_state = [ops.copy(state) for state in initial_state]
        outputs, states = loops.load(loop).run(
            cell.equations,
            sequences,
            initial_state,
            *weights_of(cell),
            mask,
            return_sequences=self.return_sequences,
            training=bool(training),
            parts=self.side_by_side,
        )
        return self._show(outputs, states, mask)

    def _show(self, outputs, states, mask):
        """What the layer shows of hidden states (batch, timesteps, units) where the mask is False.

        The state stays as it was, and so does the output. Two exceptions, as in Keras: with
        `zero_output_for_mask` the output is zero there; and before the first step that counts it
        is zero, except on JAX, where it is the initial state.
        """
        last_output = states[0]
        shown = mask if self.zero_output_for_mask else None
        if mask is not None and shown is None and keras.backend.backend() != "jax":
            shown = ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0
        if shown is not None:
            nothing = ops.zeros((), dtype=last_output.dtype)
            last_output = ops.where(shown[:, -1:], last_output, nothing)
            if outputs is not None:
                outputs = ops.where(shown[:, :, None], outputs, nothing)
        return last_output, last_output if outputs is None else outputs, states

    def get_config(self):
        """The arguments that make an equal layer: those of the layer and those of its cell."""
        config = keras.layers.RNN.get_config(self)
        of_the_cell = config.pop("cell")["config"]
        config["activity_regularizer"] = keras.regularizers.serialize(self.activity_regularizer)
        if self.loop != "auto":
            config["loop"] = self.loop
        return {**of_the_cell, **config}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _arguments_of(cell_class):
    """The names of a cell's arguments, and of those that its `**kwargs` hand on to its bases."""
    names = {"implementation"}  # which Keras's cells take without naming it
    for kind in cell_class.__mro__[: cell_class.__mro__.index(keras.layers.Layer)]:
        if "__init__" in vars(kind):
            parameters = inspect.signature(kind.__init__).parameters.values()
            names |= {parameter.name for parameter in parameters}
            if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters):
                break
    return names - {"self", "units", "name", "dtype", "trainable"}


class Gates(Notes):
    """What the cells of LSTM and GRU share: products and dropout for several gates at once.

    `implementation=1` draws a dropout mask of its own for each gate, `implementation=2` (the
    default) one for all; with `recurrent_dropout` it is 1 always, as in Keras.
    """

    def dropout_masks(self, inputs, state, training):
        """Masks for the inputs and the previous state: None, a tensor, or one per gate."""
        drop_inputs = training and 0.0 < self.dropout < 1.0
        drop_state = training and 0.0 < self.recurrent_dropout < 1.0
        return (
            self.get_dropout_mask(inputs) if drop_inputs else None,
            self.get_recurrent_dropout_mask(state) if drop_state else None,
        )

    def products(self, values, weights, mask=None):
        """The product of the values with the weights of each gate.

        Args:
            values: (batch, features).
            weights: (features, any number of gates * units).
            mask: nothing, a dropout mask (batch, features), or a list with one for each gate.

        Returns:
            A list with (batch, units) for each gate.
        """
        gates = weights.shape[-1] // self.units
        if isinstance(mask, (list, tuple)):
            weights = ops.split(weights, gates, axis=-1)
            return [ops.matmul(values * m, w) for m, w in zip(mask, weights, strict=True)]
        if mask is not None:
            values = values * mask
        return ops.split(ops.matmul(values, weights), gates, axis=-1)
