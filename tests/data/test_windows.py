"""Windows of a text that go on, row by row, where those before ended."""

import numpy as np
import pytest

from shared.data.on_disk import Numbers
from shared.data.windows import count_windows, windows

IDS = np.random.default_rng(1).integers(0, 12, 101).astype("int32")


@pytest.mark.parametrize(
    "streams, timesteps", [(1, 7), (3, 10), (3, 11), (7, 100), (100, 1), (1, 100), (2, 49)]
)
def test_batches_go_on_where_the_one_before_ended(streams, timesteps):
    dataset = windows(IDS, streams, timesteps)
    assert dataset.element_spec[0].shape[0] == streams
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == len(dataset) == count_windows(IDS, streams, timesteps)
    length = 100 // streams
    for side, expected in enumerate((IDS[:-1], IDS[1:])):
        rows = np.concatenate([batch[side] for batch in batches], axis=1)
        np.testing.assert_array_equal(rows.ravel(), expected[: streams * length])
    widths = {batch[0].shape[1] for batch in batches}
    assert max(widths) <= timesteps and max(widths) - min(widths) <= 1


@pytest.mark.parametrize("begin", [1, 50, 100])
def test_a_text_as_a_ring_that_begins_anywhere(begin):
    stored = Numbers([IDS[:40], [], IDS[40:]], size=12)
    found, expected = windows(stored, 7, 5, begin), windows(np.roll(IDS, -begin), 7, 5)
    for batch, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(batch, same)
