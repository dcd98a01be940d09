"""Convolutions as users see them: shapes, gradients by weights and inputs, whole trainings, and wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest
from convolutions import FEW, TRANSPOSED, case, forward, pytorch, torch_gradients
from models import EVERY_BACKEND, refused
from spaces import space
from tolerance import assert_close, trajectory_limit

import fastnn
from fastnn import Model, Sequential, layers
from fastnn._base import random
from fastnn.layers import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Input,
    SeparableConv2D,
)
from fastnn.optimizers import SGD

DOUBLE = np.dtype("float64")
CASES = FEW + TRANSPOSED


def with_weights(rng, model):
    """The model with normal weights, and these."""
    weights = [rng.normal(size=w.shape).astype(np.float32).astype(float) for w in model.get_weights()]
    model.set_weights(weights)
    return weights


@EVERY_BACKEND
@pytest.mark.parametrize("some", CASES[::7], ids=repr)
def test_gradients_by_weights_and_inputs_are_those_of_pytorch(rng, some, name):
    torch = pytorch()
    model = Sequential([some.layer(input_shape=some.shape)], dtype="float64", backend=name)
    weights, x = with_weights(rng, model), rng.normal(size=(some.rows, *some.shape))
    y = model.predict(x)
    dy = rng.normal(size=y.shape)
    right = torch_gradients(torch, some.layer(), x, weights, dy)
    got = [y, model.gradients(x, dy=dy, wrt="inputs"), *model.gradients(x, dy=dy)]
    for ours, expected in zip(got, right, strict=True):
        assert_close(ours, expected, DOUBLE, x.size + y.size + model.count_params())


@EVERY_BACKEND
def test_a_shared_layer_gets_the_gradients_of_all_its_uses(rng, name):
    torch = pytorch()
    shared = Conv2D(3, 3, padding="same")
    x = Input((5, 4, 3))
    y = layers.Add()([shared(shared(x)), x])
    model = Model(x, y, dtype="float64", backend=name)
    weights, rows = with_weights(rng, model), rng.normal(size=(4, 5, 4, 3))
    dy = rng.normal(size=rows.shape)
    tensors = [torch.tensor(value, requires_grad=True) for value in (rows, *weights)]
    theirs = forward(torch, shared, forward(torch, shared, tensors[0], tensors[1:]), tensors[1:]) + tensors[0]
    (theirs * torch.tensor(dy)).sum().backward()
    assert_close(model.predict(rows), theirs.detach().numpy(), DOUBLE, rows.size)
    got = [model.gradients(rows, dy=dy, wrt="inputs"), *model.gradients(rows, dy=dy)]
    for ours, tensor in zip(got, tensors, strict=True):
        assert_close(ours, tensor.grad.numpy(), DOUBLE, rows.size * 27)


# -- a whole training -------------------------------------------------------------------------------

EPOCHS, BATCH, ROWS, RATE = 3, 16, 70, 0.05


def lenet():
    """LeCun 1998, with strides in place of pooling."""
    return [
        Conv2D(6, 5, activation="tanh", padding="same", input_shape=(14, 14, 1)),
        Conv2D(6, 2, strides=2),
        Conv2D(16, 5, activation="tanh", groups=2),
        SeparableConv2D(12, 3, activation="relu"),
        Flatten(),
        Dense(10, "softmax"),
    ]


def lenet_of_torch(torch, model, x, y):
    """The weights that PyTorch ends with, on the same batches."""
    made = [layer for layer in model.layers if layer.weights]
    weights = [torch.tensor(w, requires_grad=True) for w in model.get_weights()]
    places = np.cumsum([0, *(len(layer.weights) for layer in made)])
    activate = {"tanh": torch.tanh, "relu": torch.relu, "linear": lambda z: z}
    descent = torch.optim.SGD(weights, RATE, momentum=0.9)
    order = np.empty(len(x), np.int32)
    for epoch in range(EPOCHS):
        random.fill_order(order, model.seed, epoch)
        for first in range(0, len(x), BATCH):
            rows = order[first : first + BATCH]
            z = torch.tensor(x[rows])
            for layer, begin, end in zip(made[:-1], places, places[1:], strict=False):
                z = activate[layer.activation.name](forward(torch, layer, z, weights[begin:end]))
            z = z.flatten(1) @ weights[-2] + weights[-1]
            descent.zero_grad()
            torch.nn.functional.cross_entropy(z, torch.tensor(y[rows]).long()).backward()
            descent.step()
    return [w.detach().numpy() for w in weights]


@EVERY_BACKEND
def test_a_network_of_convolutions_trains_to_the_weights_of_pytorch(rng, name):
    torch = pytorch()
    model = Sequential(lenet(), seed=4, dtype="float64", backend=name)
    model.compile(SGD(RATE, momentum=0.9), "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(ROWS, 14, 14, 1)), rng.integers(0, 10, ROWS)
    before, right = model.get_weights(), lenet_of_torch(torch, model, x, y)
    model.fit(x, y, BATCH, EPOCHS, verbose=0)
    for start, ours, expected in zip(before, model.get_weights(), right, strict=True):
        moved = np.linalg.norm(expected - start)
        assert moved > 0
        assert np.linalg.norm(ours - expected) < trajectory_limit(DOUBLE) * max(moved, 1)


def test_regularizers_and_constraints_act_on_the_parameters_that_they_name(rng):
    layer = SeparableConv2D(
        3,
        2,
        depthwise_regularizer="l2",
        pointwise_regularizer="l1",
        depthwise_constraint="non_neg",
        bias_constraint="non_neg",
        input_shape=(3, 3, 2),
    )
    model = Sequential([layer], dtype="float64")
    model.compile(SGD(0.5), "mse")
    depthwise, pointwise, _ = with_weights(rng, model)
    x = rng.normal(size=(8, 3, 3, 2))
    plain = float(np.mean((model.predict(x) - 1) ** 2))
    loss = model.evaluate(x, np.ones((8, 2, 2, 3)), verbose=0)
    assert_close(loss, plain + 0.01 * (np.square(depthwise).sum() + np.abs(pointwise).sum()), np.float32)
    model.fit(x, -np.ones((8, 2, 2, 3)), epochs=3, verbose=0)
    depthwise, pointwise, bias = model.get_weights()
    assert depthwise.min() >= 0
    assert bias.min() >= 0
    assert pointwise.min() < 0


# -- shapes, descriptions ---------------------------------------------------------------------------


@pytest.mark.parametrize("some", CASES, ids=repr)
def test_a_description_gives_the_layer_again(some):
    layer = some.layer(activation="relu")
    assert layers.from_config(layer.config()) == layer
    assert eval(repr(layer), space(layers)) == layer
    assert layers.deserialize(layers.serialize(layer)) == layer


def test_files_keep_convolutions(rng, tmp_path):
    model = Sequential(lenet(), seed=2)
    x = rng.normal(size=(3, 14, 14, 1))
    model.save(tmp_path / "lenet.safetensors")
    np.testing.assert_array_equal(fastnn.load(tmp_path / "lenet.safetensors").predict(x), model.predict(x))


def test_sizes_are_one_number_or_one_for_each_axis():
    assert Conv2D(4, 3) == Conv2D(4, (3, 3)) == Conv2D(4, [3, 3], padding="VALID")
    assert Conv1D(4, 3, 2).strides == (2,)
    assert Conv2D(4, np.int64(3), (1, 2)).strides == (1, 2)


def test_no_output_of_a_causal_convolution_sees_a_later_step(rng):
    model = Sequential([Conv1D(3, 4, padding="causal", dilation_rate=2, input_shape=(12, 2))])
    x = rng.normal(size=(1, 12, 2))
    y = model.predict(x)
    for step in range(12):
        later = x.copy()
        later[:, step + 1 :] += 1
        np.testing.assert_array_equal(model.predict(later)[:, : step + 1], y[:, : step + 1])


# -- what is refused --------------------------------------------------------------------------------

REFUSED = {
    "window beyond the image": (Conv2D, (4, 9), {}, (8, 8, 2), ("Conv2D(", "9", "(8, 8", "same", "smaller")),
    "reach beyond the signal": (Conv1D, (4, 3), {"dilation_rate": 4}, (8, 2), ("Conv1D(", "9", "8", "same")),
    "strides and gaps": (Conv2D, (4, 3), {"strides": 2, "dilation_rate": (1, 2)}, None, ("strides", "dilation_rate")),
    "groups of filters": (Conv2D, (4, 3), {"groups": 3}, None, ("groups", "3", "4 filters")),
    "groups of channels": (Conv2D, (6, 3), {"groups": 3}, (8, 8, 4), ("Conv2D(", "3 groups", "4", "(8, 8, 4)")),
    "no room behind": (
        Conv2DTranspose,
        (4, 3),
        {"strides": 2, "output_padding": (1, 2)},
        None,
        ("output_padding", "2"),
    ),
    "less than no room": (Conv1DTranspose, (4, 3), {"strides": 2, "output_padding": -1}, None, ("output_padding",)),
    "nothing is left": (
        *(Conv2DTranspose, (4, 2), {"output_padding": 0, "padding": "same"}),
        *((1, 4, 2), ("Conv2DTranspose(", "(1, 4, 2)", "output_padding")),
    ),
    "causal ways back": (Conv1DTranspose, (4, 3), {"padding": "causal"}, None, ("padding", "causal", "same, valid")),
    "an image for a way back": (Conv2DTranspose, (4, 3), {}, (8, 3), ("Conv2DTranspose(", "(8, 3)", "channels")),
    "too large an output": (
        *(Conv2DTranspose, (4, 3), {"strides": 2**24}),
        *((9, 9, 2), ("2**40", "150994944")),
    ),
    "an image without channels": (Conv2D, (4, 3), {}, (8, 8), ("Conv2D(", "channels", "(8, 8)", "Reshape((8, 8, 1))")),
    "a signal without channels": (Conv1D, (4, 3), {}, (8,), ("Conv1D(", "(8,)", "Reshape((8, 1))")),
    "a video": (Conv2D, (4, 3), {}, (8, 8, 8, 3), ("Conv2D(", "(height, width, channels)", "(8, 8, 8, 3)")),
    "an image for a signal": (DepthwiseConv2D, (3,), {}, (8, 2), ("DepthwiseConv2D(", "(8, 2)")),
    "channels first": (Conv2D, (4, 3), {"data_format": "channels_first"}, None, ("channels_last", "np.moveaxis")),
    "another format": (Conv2D, (4, 3), {"data_format": "NHWC"}, None, ("channels_last", "NHWC")),
    "causal images": (Conv2D, (4, 3), {"padding": "causal"}, None, ("padding", "causal", "same", "valid")),
    "a misspelt padding": (Conv1D, (4, 3), {"padding": "cuasal"}, None, ("padding", "did you mean 'causal'")),
    "a padding of a number": (Conv2D, (4, 3), {"padding": 1}, None, ("padding", "same", "valid")),
    "no filters": (Conv2D, (0, 3), {}, None, ("filters", "at least 1", "0")),
    "no window": (Conv2D, (4, (3, 0)), {}, None, ("kernel_size", "at least 1")),
    "no strides": (Conv2D, (4, 3), {"strides": 0}, None, ("strides", "at least 1")),
    "no groups": (Conv2D, (4, 3), {"groups": 0}, None, ("groups", "at least 1")),
    "no depth": (DepthwiseConv2D, (3,), {"depth_multiplier": 0}, None, ("depth_multiplier", "at least 1")),
    "three sizes": (Conv2D, (4, (3, 3, 3)), {}, None, ("kernel_size", "2", "(3, 3, 3)")),
    "too many filters": (Conv2D, (2**31, 3), {}, None, ("filters", "2147483647", "2147483648")),
    "too many filters of depth": (SeparableConv2D, (4, 3), {"depth_multiplier": 2**31}, None, ("depth_multiplier",)),
    "a large window": (Conv2D, (4, 2**31), {"padding": "same"}, None, ("kernel_size", "2147483647")),
    "a large gap": (Conv2D, (4, 3), {"dilation_rate": 2**40, "padding": "same"}, None, ("dilation_rate",)),
    "strides beyond any memory": (
        *(Conv2DTranspose, (4, 2), {"strides": 2**21}),
        *((8, 8, 2), ("Conv2DTranspose(", "2**40", "strides")),
    ),
    "images with channels first": (
        *(Conv2D, (4, 3), {}),
        *((1, 28, 28), ("Conv2D(", "(1, 28, 28)", "same", "np.moveaxis(x, 1, -1)")),
    ),
    "gaps beyond any memory": (
        *(Conv2D, (4, 3), {"dilation_rate": 2**24, "padding": "same"}),
        *((5, 5, 2), ("Conv2D(", "(5, 5, 2)", "2**40", "gaps")),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_convolution_that_cannot_be_is_refused_in_one_line(what):
    kind, arguments, named, shape, words = REFUSED[what]
    more = {} if shape is None else {"input_shape": shape}
    refused(lambda: Sequential([kind(*arguments, **named, **more)]), ValueError, words)


@pytest.mark.parametrize("size", ["3", 2.5, None, True, (3, "3")])
def test_a_size_that_is_no_whole_number_is_refused(size):
    refused(lambda: Conv2D(4, size), TypeError, ("kernel_size", "whole number"))


def test_a_transposed_convolution_is_the_way_back_of_one(rng):
    """The gradient of a convolution by its input, of any size that the convolution takes to the same output."""
    for n, k, s in ((9, 3, 1), (10, 3, 2), (9, 3, 2), (11, 2, 3), (12, 5, 3)):
        there = Sequential([Conv1D(2, k, s, use_bias=False, input_shape=(n, 3))], dtype="float64")
        (kernel,), length = with_weights(rng, there), there.output_shape[1]
        more = n - ((length - 1) * s + k)
        layer = Conv1DTranspose(3, k, s, output_padding=more, use_bias=False, input_shape=(length, 2))
        back = Sequential([layer], dtype="float64")
        back.set_weights([kernel])
        x, dy = rng.normal(size=(4, n, 3)), rng.normal(size=(4, length, 2))
        assert_close(back.predict(dy), there.gradients(x, dy=dy, wrt="inputs"), DOUBLE, kernel.size)
        got = back.gradients(dy, dy=x, wrt="inputs")
        assert_close(got, there.predict(x), DOUBLE, kernel.size)


def test_rows_of_another_shape_are_refused(rng):
    model = Sequential([Conv2D(2, 3, input_shape=(6, 5, 1))])
    for shape in ((4, 1, 6, 5), (4, 5, 6, 1), (4, 6, 5, 2), (4, 30)):
        refused(lambda shape=shape: model.predict(np.ones(shape)), ValueError, ("(n, 6, 5, 1)", str(shape)))


def test_the_oracle_knows_convolutions_by_hand():
    torch = pytorch()
    layer = case("Conv1D", (4, 1), filters=1, kernel_size=2, padding="same").layer()
    x, kernel, bias = np.arange(1.0, 5).reshape(1, 4, 1), np.array([[[1.0]], [[10.0]]]), np.zeros(1)
    y, *_ = torch_gradients(torch, layer, x, [kernel, bias], np.ones((1, 4, 1)))
    assert y.ravel().tolist() == [21, 32, 43, 4]
