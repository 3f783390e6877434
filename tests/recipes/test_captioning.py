"""The captioning recipe: its network and its data."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from recipes.captioning import data, model, sample
from shared.errors import UserError
from shared.training.losses import SmoothedCrossEntropy

WORDS, CAPTIONS, STEPS = 12, 2, 5
WRITTEN = np.array(
    [[[2, 4, 5, 6, 3], [2, 7, 3, 0, 0]], [[2, 8, 9, 3, 0], [0, 0, 0, 0, 0]]], "int32"
)


def small_network(cell="lstm", layers=1, attention="multiplicative", image=False):
    """A network over grids of 2 x 3 places, or over images with a very narrow encoder."""
    keras.utils.set_random_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "WIDTH", 2)
        encoder = model.build_encoder() if image else None
    return model.build_model(
        WORDS, CAPTIONS, STEPS, encoder, 4, cell, 6, layers, attention, dropout=0.0
    )


def batch(seed=0):
    random = np.random.default_rng(seed)
    inputs = {"grid": random.normal(size=(2, 2, 3, 4)).astype("float32"), "written": WRITTEN}
    targets = np.pad(WRITTEN[:, :, 1:], [(0, 0), (0, 0), (0, 1)])
    words = np.full((2, WORDS), 1 / WORDS, "float32")
    weights = {"captions": (targets != 0).astype("float32"), "words": np.ones(2, "float32")}
    return inputs, {"captions": targets, "words": words}, weights


def compiled(network):
    network.compile(
        "sgd",
        {
            "captions": SmoothedCrossEntropy(0.1),
            "words": keras.losses.CategoricalCrossentropy(from_logits=True),
        },
        weighted_metrics={"captions": ["accuracy"]},
    )
    return network


# The network


def test_what_is_written_after_the_stop_counts_nowhere():
    network, (inputs, targets, weights) = compiled(small_network()), batch()
    expected = network.test_on_batch(inputs, targets, weights, return_dict=True)
    padded = weights["captions"] == 0
    other = {**targets, "captions": np.where(padded, 5, targets["captions"])}
    written = np.where(WRITTEN == 0, 9, WRITTEN)
    found = network.test_on_batch({**inputs, "written": written}, other, weights, return_dict=True)
    assert found == pytest.approx(expected, abs=1e-5)
    # The mean is over words that are there: one caption alone gives its own loss.
    one = {**weights, "captions": weights["captions"] * np.array([[[1], [0]], [[0], [0]]])}
    alone = network.test_on_batch(inputs, targets, one, return_dict=True)
    logits = network.predict_on_batch(inputs)["captions"][0, 0, :4]
    loss = SmoothedCrossEntropy(0.1)(targets["captions"][0, 0, :4], logits)
    assert alone["captions_loss"] == pytest.approx(float(loss), abs=1e-5)


@pytest.mark.parametrize(
    "cell, layers, attention",
    [
        ("lstm", 2, "multiplicative"),
        ("gru", 1, "additive"),
        ("rnn", 1, "multiplicative"),
        ("mingru", 2, "additive"),
    ],
)
def test_step_by_step_gives_what_all_at_once_gives(cell, layers, attention):
    network, inputs = small_network(cell, layers, attention), batch()[0]
    together = network.predict_on_batch(inputs)["captions"]
    memory, states, _ = network.get_layer("opening").predict_on_batch(inputs["grid"])
    memory, states = keras.tree.map_structure(ops.convert_to_tensor, (memory, states))
    step, possible = model.stepwise(network), [3, *range(4, WORDS)]
    for t in range(STEPS):
        logits, states = step(ops.convert_to_tensor(WRITTEN[:, 0, t]), states, memory)
        logits = ops.convert_to_numpy(logits)
        np.testing.assert_allclose(logits[:, possible], together[:, 0, t][:, possible], atol=1e-5)
        assert np.isneginf(logits[:, [data.PADDING, data.UNKNOWN, data.START]]).all()


@pytest.mark.parametrize("cell, attention", [("lstm", "additive"), ("gru", "multiplicative")])
def test_one_step_changes_every_weight(cell, attention):
    network = compiled(small_network(cell, 1, attention))
    before = network.get_weights()
    network.train_on_batch(*batch())
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        assert (old != new).any(), weight.path


def test_gradients_reach_the_encoder_from_the_captions_alone():
    network = compiled(small_network(image=True))
    before = network.get_layer("encoder").get_weights()
    inputs, targets, weights = batch()
    image = np.random.default_rng(0).uniform(0, 255, (2, 32, 48, 3)).astype("float32")
    weights["words"] = np.zeros(2, "float32")
    network.train_on_batch({"image": image, "written": inputs["written"]}, targets, weights)
    encoder = network.get_layer("encoder")
    for weight, old, new in zip(encoder.weights, before, encoder.get_weights(), strict=True):
        assert (old != new).any(), weight.path


def test_the_grid_has_a_place_for_16_by_16_pixels():
    encoder = model.build_encoder()
    assert encoder.compute_output_shape((1, 128, 96, 3)) == (1, 8, 6, 8 * model.WIDTH)


def test_an_image_is_described_alike_alone_and_among_others():
    network = small_network(image=True)
    images = np.random.default_rng(3).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    write = model.writer(network, None, 3, longest=6)
    together = write(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = write(image[None])
        np.testing.assert_array_equal(alone.tokens, found.tokens)
        assert alone.score == pytest.approx(found.score, abs=1e-4)
        assert 1 <= len(found.tokens) <= 6
        assert not {data.PADDING, data.UNKNOWN, data.START, data.STOP} & set(found.tokens.tolist())


def test_attention_is_that_of_the_caption():
    network = small_network(image=True)
    image = np.random.default_rng(4).uniform(0, 255, (32, 64, 3)).astype("float32")
    weights = model.attend(network, None, image, [4, 5, data.STOP])
    assert weights.shape == (3, 2, 4) and (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    # The weights of the first step are those of a first step.
    memory, states = model.look(network, None, image[None])
    vectors = network.get_layer("vectors")
    first = model.read_vectors(vectors, ops.convert_to_tensor([data.START]))
    _, expected, _ = network.get_layer("decoder").step(first, states, memory)
    np.testing.assert_allclose(weights[0].ravel(), ops.convert_to_numpy(expected)[0], atol=1e-5)


# The data


VOCABULARY = [*data.SIGNS, "a", "dog", "runs", "red"]
OPTIONS = SimpleNamespace(
    max_length=4, captions_per_image=2, smallest_crop=1.0, image_size=32, batch_size=2, seed=1
)


def prepared(captions, seed=None, rarity=(0, 0, 0, 0, 0, 1, 2, 3), options=OPTIONS):
    images = tf.zeros((len(captions), 32, 32, 3), tf.uint8)
    table = tf.constant([(row + [""] * data.CAPTIONS)[: data.CAPTIONS] for row in captions])
    prepare = data._preparation(VOCABULARY, np.array(rarity, "float32"), options)
    return prepare({"image": images, "captions": table}, seed)


def test_captions_become_words_to_write_and_words_to_read():
    inputs, targets, weights = prepared([["A dog, running!", "a RED dog runs fast"], ["a"]])
    first = [[4, 5, data.UNKNOWN, data.STOP, 0], [4, 7, 5, 6, data.UNKNOWN]]
    np.testing.assert_array_equal(targets["captions"][0], first)
    start = data.START
    late = [[start, 4, 5, data.UNKNOWN, data.STOP], [start, 4, 7, 5, 6]]
    np.testing.assert_array_equal(inputs["written"][0], late)
    np.testing.assert_array_equal(weights["captions"][0], [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    # A caption that isn't there has no word, no stop and no weight.
    np.testing.assert_array_equal(weights["captions"][1], [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    # dog twice at 1, runs once at 2, red once at 3: of 7 in all.
    np.testing.assert_allclose(targets["words"][0], np.array([0, 0, 0, 0, 0, 2, 2, 3]) / 7)
    np.testing.assert_array_equal(targets["words"][1], np.zeros(8))  # "a" tells nothing


def test_drawn_captions_are_there_and_differ():
    captions = [["a", "dog", "runs"]]
    drawn = set()
    for number in range(30):
        _, targets, weights = prepared(captions, seed=(number, 7))
        assert (weights["captions"].numpy()[0].sum(axis=1) == 2).all(), "a word and the stop"
        pair = targets["captions"].numpy()[0, :, 0]
        assert len(set(pair)) == 2
        drawn.add(tuple(pair))
    assert len(drawn) == 6
    # The words to be named are those of all captions, drawn or not.
    assert targets["words"].numpy()[0].nonzero()[0].tolist() == [5, 6]


def test_words_rare_in_training_are_left_out_of_the_vocabulary():
    captions = np.array([["A dog.", "a dog-like thing"], ["a cat", "the cat"]], object)
    assert data.learn_vocabulary(captions, 2) == [*data.SIGNS, "a", "cat"]
    vocabulary = data.learn_vocabulary(captions, 1)
    assert set(vocabulary[4:]) == {"a", "cat", "dog", "doglike", "thing", "the"}
    found = dict(zip(vocabulary, data.rarity(captions, vocabulary), strict=True))
    assert found["a"] == 0 and found["dog"] == pytest.approx(np.log(2))
    assert found["[stop]"] == 0
    with pytest.raises(UserError, match="Lower --minimum-frequency"):
        data.learn_vocabulary(captions, 9)


def test_variation_is_decided_by_its_seed():
    images = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), "uint8")
    captions = tf.constant([[""] * 5] * 3)
    one, again, other = (
        data.vary(images, captions, seed, 0.7, 28).numpy() for seed in [(1, 2), (1, 2), (1, 3)]
    )
    assert one.shape == (3, 28, 28, 3) and one.min() >= 0 and one.max() <= 255
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(axis=(1, 2, 3)).all()


def test_no_image_is_mirrored_whose_captions_tell_left_from_right():
    ramp = np.broadcast_to(np.arange(32)[None, :, None] * 4 + 50, (64, 32, 32, 3)).astype("uint8")
    for caption, mirrored in (("a dog", True), ("the LEFT dog", False), ("upright", True)):
        captions = tf.constant([[caption, "", "", "", ""]] * 64)
        pieces = data.vary(ramp, captions, (5, 6), 1.0, 32).numpy()
        falls = pieces[:, 0, 0, 0] > pieces[:, 0, -1, 0]
        assert falls.any() == mirrored and not falls.all(), caption
        # Whole images in other colours, and nothing else.
        straight = np.where(falls[:, None, None, None], pieces[:, :, ::-1], pieces)
        ratio = straight / ramp
        np.testing.assert_allclose(
            ratio, ratio.mean(axis=(1, 2, 3), keepdims=True) + 0 * ratio, 5e-3
        )


def test_an_epoch_is_decided_by_seed_and_number():
    options = SimpleNamespace(**{**vars(OPTIONS), "limit": 8, "minimum_frequency": 1})
    batches, validation, vocabulary = data.load(data.find("sample"), options)
    first, again, next_one = (
        [keras.tree.map_structure(np.array, each) for each in batches(epoch)] for epoch in (0, 0, 1)
    )
    assert len(first) == len(batches(0)) == 4
    for one, other in zip(keras.tree.flatten(first), keras.tree.flatten(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (first[0][0]["image"] != next_one[0][0]["image"]).any()
    whole = next(iter(validation))[0]["image"]
    np.testing.assert_array_equal(whole.shape[1:], (32, 32, 3))
    assert {"small", "ring"} < set(vocabulary)


# The sample


def test_sample_splits_share_no_scene_and_no_caption():
    captions = {split: sample.generate(split)[1] for split in ("validation", "test")}
    captions["train"] = [
        sample.describe(scene) for scene in _scenes() if sample.split_of(scene) == "train"
    ]
    said = {split: {text for five in all_of for text in five} for split, all_of in captions.items()}
    assert not said["train"] & said["test"] and not said["train"] & said["validation"]
    words = {
        split: {word for text in texts for word in text.split()} for split, texts in said.items()
    }
    assert words["test"] == words["train"], "no word of the test is new"


def _scenes():
    things = [(s, c, f) for s in sample.RADII for c in sample.COLOURS for f in sample.SHAPES]
    return [
        (one, relation, other)
        for one in things
        for relation in sample.RELATIONS
        for other in things
    ]


def test_sample_shows_what_it_says():
    images, captions = sample.generate("test")
    assert images.shape == (sample.SIZES["test"], sample.SIDE, sample.SIDE, 3)
    for image, five in zip(images, captions, strict=True):
        said = five[0].split()
        (size, colour), relation, (other_size, other_colour) = said[1:3], said[4], said[-3:-1]
        if colour == other_colour:
            continue  # not to be told apart by colour alone
        places = []
        for radius, name in ((size, colour), (other_size, other_colour)):
            distance = abs(image.astype(int) - np.array(sample.COLOURS[name])).sum(axis=-1)
            places.append(np.argwhere(distance < 90))
            sides = np.ptp(places[-1], axis=0)
            assert (max(sides) > 15) == (radius == "large"), (five[0], sides)
        axis = 1 if relation == "left" else 0
        assert places[0].mean(axis=0)[axis] < places[1].mean(axis=0)[axis]
    assert five[0] == five[2] == five[4] and len(set(five)) == 3
    np.testing.assert_array_equal(images, sample.generate("test")[0])
