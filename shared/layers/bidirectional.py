"""Two recurrent layers over one sequence, from its start and from its end.

M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on
Signal Processing 45 (1997).
"""

import keras


@keras.saving.register_keras_serializable(package=__package__)
class Bidirectional(keras.layers.Bidirectional):
    """`keras.layers.Bidirectional`, telling its layers that there are two of them.

    On a CPU a recurrent layer of ours computes its batch in two halves side by side. The two
    directions fill two cores already, and whole batches make better products than halves.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        super().__init__(layer, merge_mode, weights, backward_layer, **kwargs)
        for one in (self.forward_layer, self.backward_layer):
            one.side_by_side = 1
