"""What guessing costs: no more than the best constant answer."""

import numpy as np
import pytest

from shared.data.training_data import guessing_loss
from shared.training.losses import SmoothedCrossEntropy


def test_guessing_is_the_entropy_of_the_answers():
    assert guessing_loss([5, 5]) == pytest.approx(np.log(2))
    assert guessing_loss([3, 1]) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert guessing_loss([7, 0]) == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_no_constant_answer_has_a_lower_loss(smoothing):
    """Of all logits that are the same for every example, the best cost what guessing costs."""
    counts = np.array([6, 3, 1, 0])
    labels = np.repeat(np.arange(4), counts)
    shares = (1 - smoothing) * counts / 10 + smoothing / 4
    loss = SmoothedCrossEntropy(smoothing)

    def of_constant(logits):
        return float(loss(labels, np.tile(logits, (10, 1)).astype("float32")))

    best = np.log(np.maximum(shares, 1e-30))
    assert of_constant(best) == pytest.approx(guessing_loss(counts, smoothing), rel=1e-5)
    draw = np.random.default_rng(0)
    for _ in range(20):
        assert of_constant(best + draw.normal(0, 0.3, 4)) > guessing_loss(counts, smoothing)
