"""The bundled sample: splits that can't overlap, and labels that only memory can tell."""

import keras
import numpy as np
import pytest
from PIL import Image

from recipes.frame_labeling import model, sample
from shared.data import video


@pytest.fixture(scope="module")
def splits():
    return {split: sample.generate(split) for split in sample.SIZES}


def test_same_clips_each_time_and_sizes_as_stated(splits):
    for split, clips in splits.items():
        assert len(clips) == sample.SIZES[split]
        again = sample.generate(split)
        for (frames, labels), (frames_again, labels_again) in zip(clips[:5], again, strict=False):
            np.testing.assert_array_equal(frames, frames_again)
            np.testing.assert_array_equal(labels, labels_again)
    with pytest.raises(ValueError, match="'dev'"):
        sample.generate("dev")


def test_no_order_of_labels_is_in_two_splits(splits):
    orders = {
        split: {tuple(labels.tolist()) for _, labels in clips} for split, clips in splits.items()
    }
    assert not orders["train"] & orders["test"]
    assert not orders["train"] & orders["validation"]
    assert not orders["validation"] & orders["test"]


def test_labels_follow_each_other_as_described(splits):
    for frames, labels in splits["train"]:
        assert labels[0] == 0 and len(frames) == len(labels) in sample.LENGTHS
        assert frames.shape[1:] == sample.SHAPE and frames.dtype == np.uint8
        for t in sample.beginnings(labels):
            assert labels[t] == (labels[t - 1] + 1) % 4


def test_moving_where_a_label_says_so_and_back_home_in_the_end(splits):
    for frames, labels in splits["validation"]:
        change = abs(np.diff(frames[..., 0].astype(int), axis=0)).max(axis=(1, 2))
        moving = np.isin(labels[1:], (1, 3))
        assert change[moving].min() > change[~moving].max() * 0.9
        home = np.flatnonzero(labels == 0)
        distance = abs(frames[home, ..., 0].astype(int) - frames[0, ..., 0])
        assert distance.mean() < 8, "at home all frames look as the first one, but for noise"


def test_without_memory_it_is_near_chance(splits):
    """A network that sees each frame and its change can tell moving from resting, no more."""
    keras.utils.set_random_seed(1)
    network = model.build_model(
        shape=sample.SHAPE, classes=4, cell="none", units=48, layers=1, dropout=0.1
    )
    network.compile(
        keras.optimizers.Adam(0.002),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )

    def arrays(split):
        # Each frame behind the one before it: two timesteps, of which the second counts.
        pairs = [
            (frames[t - 1 : t + 1], labels[t])
            for frames, labels in splits[split]
            for t in range(1, len(labels))
        ]
        frames = np.stack([pair for pair, _ in pairs])
        labels = np.stack([[label] * 2 for _, label in pairs])
        weights = np.tile(np.array([[0.0, 1.0]], "float32"), (len(labels), 1))
        return {"frames": frames, "present": np.ones(labels.shape, bool)}, labels, weights

    inputs, labels, weights = arrays("train")
    network.fit(inputs, labels, 256, 4, sample_weight=weights, verbose=0)
    inputs, labels, weights = arrays("test")
    _, accuracy = network.evaluate(inputs, labels, 256, sample_weight=weights, verbose=0)
    resting = np.isin(labels[:, 1], (0, 2)).mean()
    said = network.predict(inputs, 256, verbose=0)[:, 1].argmax(axis=-1)
    moving_right = (np.isin(said, (1, 3)) == np.isin(labels[:, 1], (1, 3))).mean()
    assert moving_right > 0.9, "what can be seen was learned"
    assert accuracy < 0.65 < sample.SMOKE["at_least"]
    assert 0.4 < resting < 0.6


def test_clips_written_are_those_drawn(splits, tmp_path):
    paths = sample.write_inputs(tmp_path / "clips")
    assert len(paths) == len(sample.SMOKE["answers"])
    for path, answer in zip(paths, sample.SMOKE["answers"], strict=True):
        with Image.open(path) as picture:
            assert picture.format == "GIF" and picture.n_frames == answer["segments"][-1]["end"]
        assert video.frame_rate(path) == sample.FRAMES_PER_SECOND
        found = video.read_video(path, *sample.SHAPE)
        matching = [
            labels
            for frames, labels in splits["test"]
            if frames.shape == found.shape and (frames == found).all()
        ]
        assert len(matching) == 1
        for segment in answer["segments"]:
            said = {sample.CLASSES[n] for n in matching[0][segment["start"] : segment["end"]]}
            assert said == {segment["label"]}
