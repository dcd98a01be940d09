"""The working memory of a training step: linear in the batch, and less than three times what the layers make."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnn import Sequential
from fastnn._plan import compile as compiling
from fastnn._plan.compile import MIN_BLOCK
from fastnn._plan.layout import ALIGN
from fastnn.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Input,
    LayerNormalization,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BATCHES = (16, 32, 64, 128, MIN_BLOCK)


def of_example(file: str, network: str, shape):
    """The network of an example."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return getattr(__import__(file), network)(shape)
    finally:
        sys.path.remove(str(EXAMPLES))


def normalized_batches():
    layers = [Conv2D(16, 3, padding="same", use_bias=False, input_shape=(16, 16, 3)), BatchNormalization()]
    layers += [Activation("relu"), MaxPooling2D(), Conv2D(32, 3, padding="same"), BatchNormalization()]
    return Sequential([*layers, Activation("relu"), GlobalAveragePooling2D(), Dense(10, "softmax")])


def mixed():
    layers = [Conv2D(8, 3, 2, activation="gelu", input_shape=(15, 15, 3)), LayerNormalization(), UpSampling2D()]
    layers += [ZeroPadding2D(), DepthwiseConv2D(3, activation="silu"), MaxPooling2D(3, 2, "same")]
    return Sequential([*layers, GlobalAveragePooling2D(), Dense(10, "softmax")])


NETWORKS = {
    "LeNet-5": lambda: of_example("lenet5", "lenet5", (28, 28, 1)),
    "normalised batches": normalized_batches,
    "residual": lambda: of_example("residual_digits", "residual", (8, 8, 1)),
    "mixed": mixed,
}


def workspaces(model) -> np.ndarray:
    """Numbers that a step works in, for each size of a batch."""
    model.compile("adam", "sparse_categorical_crossentropy")
    return np.array([model.training_plan(batch)[0].workspace_size for batch in BATCHES])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_works_in_less_than_three_times_its_activations(name):
    model = NETWORKS[name]()
    activations = sum(math.prod(shape) for shape in model.layout.shapes)
    assert np.all(workspaces(model) < 3 * activations * np.array(BATCHES))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_working_memory_is_linear_in_the_batch(name):
    model = NETWORKS[name]()
    found, batches = workspaces(model), np.array(BATCHES)
    a_row = (found[-1] - found[0]) / (batches[-1] - batches[0])
    most = ALIGN * 4 * len(model.layout.shapes)  # what begins at a multiple of 16 numbers
    assert np.all(np.abs(found - (found[0] + a_row * (batches - batches[0]))) <= most)
    assert found[0] < 1.5 * a_row * batches[0]  # little is of no row


def test_batches_of_large_images_are_worked_on_in_parts(monkeypatch):
    model = NETWORKS["LeNet-5"]()
    whole = workspaces(model)
    monkeypatch.setattr(compiling, "WORK_BYTES", 4 * 2**20)
    parts = workspaces(NETWORKS["LeNet-5"]())
    assert parts[0] == whole[0]
    assert 4 * parts[-1] < 6 * 2**20 < 4 * whole[-1]
    assert parts[-1] == parts[-2]


def test_batches_of_long_sequences_are_worked_on_in_parts(monkeypatch):
    def model():
        return Sequential([Input((500, 4)), LSTM(32), Dense(1)])

    whole = workspaces(model())
    monkeypatch.setattr(compiling, "WORK_BYTES", 16 * 2**20)
    parts = workspaces(model())
    assert 4 * parts[-1] < 24 * 2**20 < 4 * whole[-1]
