"""Pooling layers: values, shapes, arguments, and the same numbers and gradients as PyTorch and Keras have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused
from oracles import keras_library, keras_values, torch_library
from spaces import space
from tolerance import limit

from fastnn import Sequential, layers
from fastnn.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Dense,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)

IMAGE = np.array([[1.0, 7.0, 3.0], [4.0, 5.0, 6.0], [-2.0, 8.0, 0.0]])
VALUES = [
    (MaxPooling2D(), [[7]]),
    (MaxPooling2D(2, 1), [[7, 7], [8, 8]]),
    (MaxPooling2D(2, padding="same"), [[7, 6], [8, 0]]),
    (MaxPooling2D((1, 3)), [[7], [6], [8]]),
    (MaxPooling2D(3, 2, "SAME"), [[7, 7], [8, 8]]),
    (AveragePooling2D(), [[17 / 4]]),
    (AveragePooling2D(2, 1), [[17 / 4, 21 / 4], [15 / 4, 19 / 4]]),
    (AveragePooling2D((2, 2), None, "same"), [[17 / 4, 9 / 2], [6 / 2, 0]]),
    (AveragePooling2D((3, 1), (1, 2), "same"), [[5 / 2, 9 / 2], [3 / 3, 9 / 3], [2 / 2, 6 / 2]]),
    (GlobalMaxPooling2D(keepdims=True), [[8]]),
    (GlobalAveragePooling2D(keepdims=True), [[32 / 9]]),
]
KINDS = {
    2: (MaxPooling2D, AveragePooling2D),
    1: (MaxPooling1D, AveragePooling1D),
}
GRID = [  # shape, pool_size, strides
    ((1, 1, 1), 1, 1),
    ((1, 1, 5), 1, 3),
    ((4, 4, 1), 2, None),
    ((28, 28, 6), 2, 2),
    ((5, 7, 3), 2, None),
    ((7, 5, 17), 3, 2),
    ((6, 6, 4), 3, 1),
    ((5, 4, 9), (5, 4), None),
    ((9, 8, 2), (2, 3), (3, 2)),
    ((8, 9, 33), (3, 2), (1, 3)),
    ((3, 11, 8), (1, 4), (2, 5)),
    ((1, 6, 2), (1, 3), (1, 1)),
    ((9, 5), 2, None),
    ((7, 3), 3, 1),
    ((1, 4), 1, 1),
    ((10, 19), 4, 3),
    ((6, 1), 6, 2),
]
LONG = [
    ((h, w, c), (kh, kw), (sh, sw))
    for h, w, c in itertools.product((3, 8), (5,), (1, 8))
    for kh, kw, sh, sw in itertools.product((1, 3), (2, 3), (1, 2, 4), (1, 3))
]
EVERY_SIZE = [*GRID, *(pytest.param(*case, marks=pytest.mark.long) for case in LONG)]
each_size = pytest.mark.parametrize(("shape", "size", "strides"), EVERY_SIZE)
GLOBAL = (GlobalMaxPooling1D, GlobalAveragePooling1D, GlobalMaxPooling2D, GlobalAveragePooling2D)


def of(layer, shape, **more) -> Sequential:
    """The layer alone, in double precision."""
    return Sequential([layers.Input(shape), layer], **({"dtype": "float64"} | more))


def ran(model, x, dy):
    """Output, and the input's gradient."""
    return model.predict(x, verbose=0), model.gradients(x, dy=dy, wrt="inputs")


def torch_pooled(x, size, strides, padding, average):
    """What PyTorch makes of images ``x``, a leaf that wants a gradient: with padding that counts for nothing."""
    torch, functional = torch_library(), torch_library().nn.functional
    image = torch.movedim(x, -1, 1)
    around = []
    for n, k, s in zip(image.shape[:1:-1], size[::-1], strides[::-1], strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0) if padding == "same" else 0
        around += [total // 2, total - total // 2]
    if average:
        sums, ones = (functional.pad(a, around) for a in (image, torch.ones_like(image)))
        y = functional.avg_pool2d(sums, size, strides) / functional.avg_pool2d(ones, size, strides)
    else:
        y = functional.max_pool2d(functional.pad(image, around, value=-np.inf), size, strides)
    return torch.movedim(y, 1, -1)


def close(got, expected, dtype=np.float64):
    """Equal but for the rounding of a few sums."""
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= limit(dtype, 40, max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("layer", "expected"), VALUES, ids=repr)
@EVERY_BACKEND
def test_values_of_one_channel(name, layer, expected):
    x = np.stack([IMAGE, -IMAGE])[..., None]
    y = of(layer, (3, 3, 1), backend=name).predict(x, verbose=0)
    close(y[0, :, :, 0], np.array(expected, float))


@EVERY_BACKEND
def test_channels_and_samples_are_pooled_by_themselves(name, rng):
    x = rng.normal(size=(3, 6, 4, 5))
    y = of(MaxPooling2D(), (6, 4, 5), backend=name).predict(x, verbose=0)
    np.testing.assert_array_equal(y, x.reshape(3, 3, 2, 2, 2, 5).max(axis=(2, 4)))


@EVERY_BACKEND
def test_padding_wins_no_maximum_and_no_part_of_a_mean(name):
    x = np.full((1, 3, 3, 2), -5.0)
    for layer in (MaxPooling2D(2, padding="same"), AveragePooling2D(2, padding="same")):
        model = of(layer, (3, 3, 2), backend=name)
        y, dx = ran(model, x, np.ones((1, 2, 2, 2)))
        assert (y == -5).all()
        assert dx.sum() == 8


@EVERY_BACKEND
@pytest.mark.parametrize("channels", [1, 3, 9, 40])
def test_the_first_of_equal_numbers_has_the_gradient(name, channels):
    torch = torch_library()
    x = np.tile(np.array([[2.0, 1, 0, 0, 3], [2, 2, 0, 0, 3], [1, 1, 1, 3, 3]])[None, ..., None], (2, 1, 1, channels))
    for size, strides, padding in (((2, 2), (2, 2), "valid"), ((2, 2), (1, 1), "same"), ((3, 5), (1, 1), "valid")):
        leaf = torch.tensor(x, requires_grad=True)
        expected = torch_pooled(leaf, size, strides, padding, False)
        dy = np.arange(1.0, 1 + expected.numel()).reshape(expected.shape)
        expected.backward(torch.tensor(dy))
        model = of(MaxPooling2D(size, strides, padding), x.shape[1:], backend=name)
        np.testing.assert_array_equal(model.gradients(x, dy=dy, wrt="inputs"), leaf.grad.numpy())
    _, dx = ran(of(MaxPooling2D(), (3, 5, channels), backend=name), x, np.ones((2, 1, 2, channels)))
    assert dx[0, :, :, 0].tolist() == [[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


@EVERY_BACKEND
@pytest.mark.parametrize("layer", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("padding", ["valid", "same"])
@each_size
def test_numbers_and_gradients_equal_those_of_torch(name, rng, layer, padding, shape, size, strides):
    torch = torch_library()
    flat = len(shape) == 2
    kind = KINDS[len(shape) - 1][layer is AveragePooling2D]
    made = kind(size, strides, padding)
    for n in (1, 3):
        x = rng.normal(size=(n, *shape))
        leaf = torch.tensor(x[:, None] if flat else x, requires_grad=True)
        windows = [(1, *part) if flat else part for part in (made.pool_size, made.strides)]
        expected = torch_pooled(leaf, *windows, padding, kind.average)
        dy = rng.normal(size=tuple(expected.shape))
        expected.backward(torch.tensor(dy))
        y, dx = ran(of(made, shape, backend=name), x, dy[:, 0] if flat else dy)
        close(y, expected.detach().numpy().reshape(y.shape))
        close(dx, leaf.grad.numpy().reshape(x.shape))


@EVERY_BACKEND
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (5, 40), (1, 1, 3), (7, 7, 64), (3, 4, 17)])
def test_global_pooling_is_over_the_whole_input(name, rng, shape):
    x = rng.normal(size=(3, *shape))
    axes = tuple(range(1, len(shape)))
    for kind in GLOBAL:
        if kind.rank != len(shape) - 1:
            continue
        for keepdims in (False, True):
            model = of(kind(keepdims=keepdims), shape, backend=name)
            expected = (np.mean if kind.average else np.max)(x, axis=axes, keepdims=keepdims)
            dy = rng.normal(size=expected.shape)
            y, dx = ran(model, x, dy)
            assert model.output_shape == (None, *expected.shape[1:])
            close(y, expected)
            share = dy.reshape(3, *(1,) * len(axes), -1)
            largest = x == x.max(axis=axes, keepdims=True)
            close(dx, np.broadcast_to(share / np.prod(shape[:-1]), x.shape) if kind.average else largest * share)


@each_size
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_shapes_follow_the_formulas_of_keras(shape, size, strides, padding):
    for kind in KINDS[len(shape) - 1]:
        made = kind(size, strides, padding)
        expected = [
            (n - k) // s + 1 if padding == "valid" else -(-n // s)
            for n, k, s in zip(shape, made.pool_size, made.strides, strict=False)
        ]
        assert of(made, shape).output_shape == (None, *expected, shape[-1])


@pytest.mark.parametrize(("shape", "size", "strides"), GRID)
def test_numbers_equal_those_of_keras(rng, shape, size, strides):
    keras = keras_library()
    x = rng.normal(size=(2, *shape))
    for kind, padding in itertools.product(KINDS[len(shape) - 1], ("valid", "same")):
        made = kind(size, strides, padding)
        windows = made.windows
        before = windows.before(shape[:-1], windows.outputs(made, shape))
        reach = [
            (out - 1) * s + k - n
            for out, s, k, n in zip(windows.outputs(made, shape), made.strides, made.pool_size, shape[:-1], strict=True)
        ]
        uneven = any(2 * front != max(total, 0) for front, total in zip(before, reach, strict=True))
        theirs = getattr(keras.layers, kind.__name__)(size, strides, padding, dtype="float64")
        y = of(made, shape).predict(x, verbose=0)
        if kind.average and padding == "same" and uneven:  # there Keras 3.15 on PyTorch repeats the edge
            around = [(0, 0), *((f, max(t - f, 0)) for f, t in zip(before, map(int, reach), strict=True)), (0, 0)]
            inside = getattr(keras.layers, kind.__name__)(size, strides, "valid", dtype="float64")
            sums, counts = (keras_values(inside, np.pad(a, around)) for a in (x, np.ones_like(x)))
            close(y, sums / counts)  # as on TensorFlow and JAX, and in onnxruntime: only what is inside counts
            continue
        close(y, keras_values(theirs, x))
        assert theirs.compute_output_shape((None, *shape)) == (None, *y.shape[1:])


@pytest.mark.parametrize("shape", [(5, 3), (4, 6, 7)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling_equals_that_of_keras(rng, shape, keepdims):
    keras = keras_library()
    x = rng.normal(size=(2, *shape))
    for kind in GLOBAL:
        if kind.rank == len(shape) - 1:
            theirs = getattr(keras.layers, kind.__name__)(keepdims=keepdims, dtype="float64")
            y = of(kind(keepdims=keepdims), shape).predict(x, verbose=0)
            close(y, keras_values(theirs, x), np.float32)  # in which Keras takes the means of float64, too


def test_arguments_are_those_of_keras():
    assert MaxPooling2D() == MaxPooling2D((2, 2), (2, 2), "valid") == MaxPooling2D([2, 2], 2, "VALID")
    assert MaxPooling1D() == MaxPooling1D(2, 2) == MaxPooling1D((2,), (2,))
    assert AveragePooling2D(3).strides == (3, 3)
    assert AveragePooling1D(3, 1).strides == (1,)
    config = MaxPooling2D(3, padding="same", name="pool").get_config()
    assert config == {
        "name": "pool",
        "trainable": True,
        "pool_size": (3, 3),
        "strides": (3, 3),
        "padding": "same",
        "data_format": None,
    }
    for rank, end in itertools.product((1, 2), ("Pool", "Pooling")):
        for short, long in (("Max", "Max"), ("Avg", "Average"), ("GlobalMax", "GlobalMax")):
            assert getattr(layers, f"{short}Pool{rank}D") is getattr(layers, f"{long}Pooling{rank}D"), end
        assert getattr(layers, f"GlobalAvgPool{rank}D") is getattr(layers, f"GlobalAveragePooling{rank}D")


@pytest.mark.parametrize("kind", [MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D, *GLOBAL])
def test_a_description_gives_the_layer_again(kind):
    made = [kind(), kind(keepdims=True)] if kind in GLOBAL else [kind(), kind(3, 1, "same", name="pool")]
    for layer in made:
        assert layers.from_config(layer.config()) == layer
        assert layers.deserialize(layers.serialize(layer)) == layer
        assert eval(repr(layer), space(layers)) == layer


BAD_ARGUMENTS = {
    "size 0": (lambda: MaxPooling2D(0), ("pool_size", "at least 1", "0")),
    "three sizes": (lambda: MaxPooling2D((1, 2, 3)), ("pool_size", "2 of them", "(1, 2, 3)")),
    "strides 0": (lambda: AveragePooling2D(2, 0), ("strides", "at least 1")),
    "two strides of a signal": (lambda: AveragePooling1D(2, (1, 2)), ("strides", "1 of them")),
    "padding": (lambda: MaxPooling1D(2, padding="causal"), ("padding", "causal", "same", "valid")),
    "channels first": (lambda: MaxPooling2D(data_format="channels_first"), ("channels_last", "np.moveaxis(x, 1, -1)")),
    "global, channels first": (lambda: GlobalMaxPooling2D("channels_first"), ("channels_last", "np.moveaxis")),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_are_named(case):
    make, words = BAD_ARGUMENTS[case]
    refused(make, ValueError, words)


def test_what_is_no_number_is_named():
    refused(lambda: MaxPooling2D(2.5), TypeError, ("pool_size", "whole number", "2.5"))
    refused(lambda: GlobalMaxPooling1D(keepdims=1), TypeError, ("keepdims", "True or False"))


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_a_window_larger_than_the_input_is_named(kind):
    words = (kind.__name__, "(4, 4)", "(5, 3, 2)", 'padding="same"', "smaller window")
    refused(lambda: of(kind(4, 1), (5, 3, 2)), ValueError, words)
    assert of(kind(4, 1, "same"), (5, 3, 2)).output_shape == (None, 5, 3, 2)


@pytest.mark.parametrize("kind", [MaxPooling2D, GlobalAveragePooling2D])
def test_an_input_of_another_rank_is_named(kind):
    refused(lambda: of(kind(), (5, 3)), ValueError, (kind.__name__, "(height, width, channels)", "(5, 3, 1)"))
    refused(lambda: of(kind(), (5,)), ValueError, (kind.__name__, "(5,)"))


def test_a_sample_of_too_many_numbers_is_named():
    shape = (2**16, 2**15, 1)
    refused(lambda: of(MaxPooling2D(), shape), ValueError, ("MaxPooling2D", "2**31", str(shape)))


@EVERY_BACKEND
def test_a_network_with_pooling_learns(name, rng):
    x = rng.normal(size=(64, 6, 6, 1))
    y = x.max(axis=(1, 2))
    model = Sequential(
        [MaxPooling2D(input_shape=(6, 6, 1)), layers.Conv2D(4, 2, activation="relu"), MaxPooling2D(2, 1)],
        dtype=dtype_on(name),
        backend=name,
        seed=1,
    )
    model.add(GlobalMaxPooling2D())
    model.add(Dense(1))
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.02
    history = model.fit(x, y, epochs=60, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] / 4
