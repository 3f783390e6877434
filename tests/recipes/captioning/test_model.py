"""The network: what it computes, and what a step of training reaches."""

import keras
import numpy as np
import pytest
from keras import ops

from recipes.captioning import model
from shared.data.caption_words import PADDING, START, STOP, UNKNOWN
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
        return model.build_model(
            WORDS,
            CAPTIONS,
            STEPS,
            features=None if image else 4,
            cell=cell,
            units=6,
            layers=layers,
            attention=attention,
            dropout=0.0,
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
    step, possible = model.step_function(network), [3, *range(4, WORDS)]
    for t in range(STEPS):
        logits, states = step(ops.convert_to_tensor(WRITTEN[:, 0, t]), states, memory)
        logits = ops.convert_to_numpy(logits)
        np.testing.assert_allclose(logits[:, possible], together[:, 0, t][:, possible], atol=1e-5)
        assert np.isneginf(logits[:, [PADDING, UNKNOWN, START]]).all()


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
    write = model.writer(network, network.get_layer("encoder"), 3, longest=6)
    together = write(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = write(image[None])
        np.testing.assert_array_equal(alone.tokens, found.tokens)
        assert alone.score == pytest.approx(found.score, abs=1e-4)
        assert 1 <= len(found.tokens) <= 6
        assert not {PADDING, UNKNOWN, START, STOP} & set(found.tokens.tolist())


def test_attention_is_that_of_the_caption():
    network = small_network(image=True)
    image = np.random.default_rng(4).uniform(0, 255, (32, 64, 3)).astype("float32")
    weights = model.attend(network, network.get_layer("encoder"), image, [4, 5, STOP])
    assert weights.shape == (3, 2, 4) and (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, atol=1e-5)
    # The weights of the first step are those of a first step.
    memory, states = model.look(network, network.get_layer("encoder"), image[None])
    vectors = network.get_layer("vectors")
    first = model.read_vectors(vectors, ops.convert_to_tensor([START]))
    _, expected, _ = network.get_layer("decoder").step(first, states, memory)
    np.testing.assert_allclose(weights[0].ravel(), ops.convert_to_numpy(expected)[0], atol=1e-5)


def test_how_likely_each_word_was_is_what_the_steps_of_writing_say():
    network = small_network(image=True)
    encoder = network.get_layer("encoder")
    image = np.random.default_rng(4).uniform(0, 255, (32, 64, 3)).astype("float32")
    words = [4, 5, STOP]
    _, probabilities, inside = model.explain(network, encoder, image, words)
    memory, states = model.look(network, encoder, image[None])
    decoder, vectors = network.get_layer("decoder"), network.get_layer("vectors")
    for step, (before, word) in enumerate(zip([START, *words], words, strict=False)):
        first = model.read_vectors(vectors, ops.convert_to_tensor([before]))
        vector, _, states = decoder.step(first, states, memory)
        logits = ops.convert_to_numpy(vectors(vector, reverse=True))[0].astype("float64")
        expected = np.exp(logits[word]) / np.exp(logits).sum()
        assert probabilities[step] == pytest.approx(expected, rel=1e-4)
        np.testing.assert_allclose(
            inside["hidden_state"][step], ops.convert_to_numpy(states[0][0])[0], atol=1e-5
        )
