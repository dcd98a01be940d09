"""Layers that only move numbers: values, shapes, arguments, and what PyTorch and Keras make of the same arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused
from oracles import keras_library, keras_values, torch_library
from spaces import space

from fastnn import Sequential, layers
from fastnn._ops.copy import merged
from fastnn.layers import (
    Conv2D,
    Cropping1D,
    Cropping2D,
    Dense,
    Permute,
    RepeatVector,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)

IMAGES = ((1, 1, 1), (2, 3, 1), (5, 4, 3), (3, 6, 17))
SIGNALS = ((1, 1), (4, 1), (5, 3), (3, 40))
SIDES = (0, 1, (2, 1), ((0, 0), (2, 1)), ((1, 2), (0, 0)), ((3, 0), (0, 4)))
FORMS = [
    *((ZeroPadding1D(pad), shape) for pad in (0, 1, (0, 3), (2, 0)) for shape in SIGNALS),
    *((ZeroPadding2D(pad), shape) for pad in SIDES for shape in IMAGES),
    *(
        (Cropping1D(crop), shape)
        for crop, shape in (((0, 0), (1, 2)), (1, (3, 3)), ((0, 3), (5, 1)), ((2, 0), (4, 17)))
    ),
    *((Cropping2D(crop), shape) for crop in SIDES[:5] for shape in ((5, 6, 1), (7, 4, 3), (5, 7, 19))),
    *((UpSampling1D(size), shape) for size in (1, 2, 5) for shape in SIGNALS),
    *((UpSampling2D(size), shape) for size in (1, 2, (1, 3), (4, 1), (2, 3)) for shape in IMAGES),
    *((RepeatVector(n), (size,)) for n in (1, 4) for size in (1, 3, 33)),
    *((Permute(dims), (4, 3, 17)[: len(dims)]) for n in (1, 2, 3) for dims in itertools.permutations(range(1, n + 1))),
    *((Permute(dims), (2, 3, 5, 9)) for dims in ((4, 3, 2, 1), (2, 1, 4, 3), (3, 4, 1, 2), (1, 4, 2, 3))),
    (Permute((5, 4, 3, 2, 1)), (2, 3, 2, 2, 3)),
    (Permute((6, 3, 4, 2, 1, 5)), (2, 3, 2, 2, 1, 3)),
]
REPEATED = ((UpSampling2D(3), (2, 3, 1)), (UpSampling2D((2, 1)), (1, 1, 9)), (RepeatVector(7), (5,)))
each_form = pytest.mark.parametrize(
    ("layer", "shape"), FORMS, ids=[f"{layer!r}-{shape}".replace(" ", "") for layer, shape in FORMS]
)


def of(layer, shape, **more) -> Sequential:
    """The layer alone, in double precision."""
    return Sequential([layers.Input(shape), layer], **({"dtype": "float64"} | more))


def moved(layer, x):
    """What PyTorch makes of ``x``, ``(samples, ...)``."""
    torch = torch_library()
    if isinstance(layer, ZeroPadding1D | ZeroPadding2D):
        sides = (layer.padding,) if layer.rank == 1 else layer.padding
        return torch.nn.functional.pad(x, [0, 0, *(n for side in sides[::-1] for n in side)])
    if isinstance(layer, Cropping1D | Cropping2D):
        sides = (layer.cropping,) if layer.rank == 1 else layer.cropping
        cuts = [slice(front, n - behind) for n, (front, behind) in zip(x.shape[1:], sides, strict=False)]
        return x[(slice(None), *cuts)]
    if isinstance(layer, UpSampling1D):
        return x.repeat_interleave(layer.size, 1)
    if isinstance(layer, UpSampling2D):
        return x.repeat_interleave(layer.size[0], 1).repeat_interleave(layer.size[1], 2)
    if isinstance(layer, RepeatVector):
        return x[:, None].repeat_interleave(layer.n, 1)
    return x.permute(0, *layer.dims)


@EVERY_BACKEND
@each_form
def test_numbers_and_gradients_equal_those_of_torch(name, rng, layer, shape):
    """Whole numbers, so that sums over repeats are exact."""
    torch = torch_library()
    model = of(layers.from_config(layer.config()), shape, backend=name)
    for n in (1, 3):
        x = rng.integers(-9, 10, (n, *shape)).astype(float)
        leaf = torch.tensor(x, requires_grad=True)
        expected = moved(layer, leaf)
        dy = rng.integers(-9, 10, tuple(expected.shape)).astype(float)
        expected.backward(torch.tensor(dy))
        assert model.output_shape == (None, *expected.shape[1:])
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected.detach().numpy())
        np.testing.assert_array_equal(model.gradients(x, dy=dy, wrt="inputs"), leaf.grad.numpy())


@each_form
def test_numbers_and_shapes_equal_those_of_keras(rng, layer, shape):
    keras = keras_library()
    config = {name: value for name, value in layer.get_config().items() if name not in ("name", "trainable")}
    theirs = getattr(keras.layers, type(layer).__name__)(**config, dtype="float64")
    x = rng.normal(size=(2, *shape))
    y = of(layers.from_config(layer.config()), shape).predict(x, verbose=0)
    np.testing.assert_array_equal(y, keras_values(theirs, x))
    assert tuple(theirs.compute_output_shape((None, *shape))) == (None, *y.shape[1:])


def test_axes_that_stay_side_by_side_are_one():
    assert merged([(4, 6), (3, 2), (2, 1)]) == [(24, 1)]
    assert merged([(2, 1), (4, 6), (3, 2)]) == [(2, 1), (12, 2)]
    assert merged([(1, 0), (5, 0), (1, 9), (3, 0)]) == [(15, 0)]
    assert merged([(3, 0), (4, 1)]) == [(3, 0), (4, 1)]
    assert merged([(1, 1)]) == []


def test_arguments_are_those_of_keras():
    assert ZeroPadding2D() == ZeroPadding2D(1) == ZeroPadding2D((1, 1)) == ZeroPadding2D([[1, 1], (1, 1)])
    assert ZeroPadding2D((2, 3)).padding == ((2, 2), (3, 3))
    assert ZeroPadding1D().padding == (1, 1)
    assert Cropping2D() == Cropping2D(((0, 0), (0, 0)))
    assert Cropping1D() == Cropping1D((1, 1))
    assert UpSampling2D() == UpSampling2D((2, 2), None, "nearest")
    assert UpSampling1D().size == 2
    assert Permute([2, 1]) == Permute((2, 1))
    config = UpSampling2D(3, name="larger").get_config()
    expected = {"size": (3, 3), "data_format": None, "interpolation": "nearest"}
    assert config == {"name": "larger", "trainable": True, **expected}
    assert ZeroPadding2D((0, 1), name="wider").get_config()["padding"] == ((0, 0), (1, 1))


@each_form
def test_a_description_gives_the_layer_again(layer, shape):
    assert layers.from_config(layer.config()) == layer
    assert layers.deserialize(layers.serialize(layer)) == layer
    if "..." not in repr(layer):  # a long tuple is cut
        assert eval(repr(layer), space(layers)) == layer


BAD_ARGUMENTS = {
    "three sides": (lambda: ZeroPadding2D((1, 2, 3)), ("padding", "a pair of them, or two pairs", "(1, 2, 3)")),
    "three numbers of a side": (lambda: ZeroPadding2D((1, (1, 2, 3))), ("padding", "2 of them", "(1, 2, 3)")),
    "pairs of a signal": (lambda: Cropping1D((1, 2, 3)), ("cropping", "a pair", "(1, 2, 3)")),
    "less than none": (lambda: ZeroPadding1D(-1), ("padding", "at least 0", "-1")),
    "less than none cut": (lambda: Cropping2D(((0, -2), (0, 0))), ("cropping", "at least 0", "-2")),
    "channels first": (lambda: ZeroPadding2D(1, "channels_first"), ("channels_last", "np.moveaxis(x, 1, -1)")),
    "cropping, channels first": (lambda: Cropping2D(1, "channels_first"), ("channels_last", "np.moveaxis")),
    "size 0": (lambda: UpSampling1D(0), ("size", "at least 1", "0")),
    "bilinear": (lambda: UpSampling2D(2, interpolation="bilinear"), ("nearest", "bilinear", "Conv2D")),
    "unknown": (lambda: UpSampling2D(2, interpolation="nearby"), ("interpolation", "'nearest'", "'nearby'")),
    "no repeats": (lambda: RepeatVector(0), ("n must be at least 1", "0")),
    "axis 0": (lambda: Permute((0, 1)), ("dims", "from 1", "(0, 1)")),
    "an axis twice": (lambda: Permute((1, 1)), ("dims", "once", "(1, 1)")),
    "no axes": (lambda: Permute(()), ("dims", "()")),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_are_named(case):
    make, words = BAD_ARGUMENTS[case]
    refused(make, ValueError, words)


def test_what_is_no_whole_number_is_named():
    refused(lambda: UpSampling1D((2,)), TypeError, ("size", "whole number", "(2,)"))
    refused(lambda: ZeroPadding1D(1.5), TypeError, ("padding", "whole number", "1.5"))
    refused(lambda: RepeatVector(True), TypeError, ("n must be a whole number", "True"))


BAD_SHAPES = {
    "nothing is left": (Cropping2D((1, 2)), (5, 4, 3), ("Cropping2D", "leaves nothing", "(5, 4, 3)", "(3, 0, 3)")),
    "no step is left": (Cropping1D((2, 2)), (3, 3), ("Cropping1D", "leaves nothing", "(3, 3)")),
    "a signal as an image": (ZeroPadding2D(), (5, 3), ("ZeroPadding2D", "(height, width, channels)", "(5, 3, 1)")),
    "an image as a signal": (UpSampling1D(), (5, 4, 3), ("UpSampling1D", "(steps, channels)", "(5, 4, 3)")),
    "a matrix as a vector": (RepeatVector(2), (4, 3), ("RepeatVector", "(features,)", "(4, 3)", "Flatten")),
    "other axes": (Permute((2, 1)), (4, 3, 2), ("Permute", "2 axes", "(4, 3, 2)")),
    "too many axes": (Permute((6, 5, 4, 3, 2, 1)), (2,) * 6, ("Permute", "6 axes", "at most 5", "two layers")),
}


@pytest.mark.parametrize("case", BAD_SHAPES)
def test_shapes_that_do_not_fit_are_named(case):
    layer, shape, words = BAD_SHAPES[case]
    refused(lambda: of(layer, shape).predict(np.ones((1, *shape)), verbose=0), ValueError, words)


@EVERY_BACKEND
@pytest.mark.parametrize(("layer", "shape"), REPEATED, ids=repr)
def test_a_repeated_number_has_the_sum_of_all_gradients(name, layer, shape):
    model = of(layers.from_config(layer.config()), shape, backend=name)
    x = np.ones((2, *shape))
    y = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.gradients(x, dy=np.ones_like(y), wrt="inputs"), y[0].size / x[0].size * x)


@EVERY_BACKEND
def test_an_autoencoder_of_images_learns(name, rng):
    x = np.repeat(np.repeat(rng.normal(size=(48, 2, 2, 1)), 2, axis=1), 2, axis=2)
    made = [Conv2D(3, 2, 2, input_shape=(4, 4, 1)), UpSampling2D(), ZeroPadding2D(1), Conv2D(1, 3), Permute((2, 1, 3))]
    model = Sequential([*made, Cropping2D(0)], dtype=dtype_on(name), backend=name, seed=1)
    model.compile("adam", "mse")
    model.optimizer.learning_rate = 0.02
    history = model.fit(x, x.transpose(0, 2, 1, 3), epochs=40, batch_size=12, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] / 10


def test_a_vector_repeated_feeds_layers_of_steps():
    model = Sequential([RepeatVector(3, input_shape=(4,)), Dense(2)])
    assert model.output_shape == (None, 3, 2)
