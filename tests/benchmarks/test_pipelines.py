"""The benchmark of the input pipelines: waiting is told apart from learning."""

import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import pipelines


def batches(seconds):
    """30 batches, each of which takes so long to make."""

    def generate():
        for _ in range(30):
            time.sleep(seconds)
            yield np.ones((4, 3), "float32"), np.ones((4, 1), "float32")

    return tf.data.Dataset.from_generator(
        generate,
        output_signature=(tf.TensorSpec((4, 3), "float32"), tf.TensorSpec((4, 1), "float32")),
    )


@pytest.mark.parametrize("seconds, low, high", [(0.05, 0.7, 1.0), (0.0, 0.0, 0.6)])
def test_share_of_waiting(seconds, low, high):
    network = keras.Sequential([keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    case = pipelines.take_steps(network, batches(seconds), 20, "test")
    assert len(case["waiting"]) == len(case["learning"]) == 20
    assert low <= pipelines.share_of_waiting(case) <= high
    assert np.mean(case["waiting"]) >= seconds


def test_ends_with_the_epoch():
    network = keras.Sequential([keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    case = pipelines.take_steps(network, batches(0), 1000, "test")
    assert len(case["waiting"]) == 30 - pipelines.WARM_UP


def test_table():
    case = {"recipe": "captioning", "dataset": "flickr8k", "batch_size": 32}
    case |= {"waiting": [0.01, 0.03], "learning": [0.09, 0.07]}
    machine = {"date": "today", "backend": "b", "device": "d", "processor": "p", "python": "3"}
    results = {"machine": {**machine, "versions": {}}, "cases": [case], "seconds": 60.0}
    assert "| captioning | flickr8k | 32 | 2 | 100 | 20.0% |" in pipelines.as_markdown(results)
