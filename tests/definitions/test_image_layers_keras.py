"""Layers of images beside those of Keras 3.15: arguments, configurations, statistics, and what both refuse."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from models import refused
from oracles import keras_library, keras_values
from tolerance import assert_close

from fastnn import Input, Sequential, layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras

LAYERS = {  # with the shape of a sample
    "MaxPooling1D": ({"pool_size": 3, "strides": 2, "padding": "same"}, (9, 4)),
    "MaxPooling2D": ({"pool_size": (3, 2), "padding": "same"}, (7, 5, 3)),
    "AveragePooling1D": ({"pool_size": 2, "strides": 3}, (8, 2)),
    "AveragePooling2D": ({"pool_size": 3, "strides": (1, 2)}, (6, 9, 2)),
    "GlobalMaxPooling1D": ({"keepdims": True}, (5, 3)),
    "GlobalMaxPooling2D": ({}, (5, 3, 4)),
    "GlobalAveragePooling1D": ({}, (5, 3)),
    "GlobalAveragePooling2D": ({"keepdims": True}, (5, 3, 4)),
    "ZeroPadding1D": ({"padding": (2, 1)}, (5, 3)),
    "ZeroPadding2D": ({"padding": ((1, 0), (2, 3))}, (5, 3, 4)),
    "Cropping1D": ({"cropping": (2, 1)}, (5, 3)),
    "Cropping2D": ({"cropping": ((1, 0), (2, 1))}, (5, 6, 4)),
    "UpSampling1D": ({"size": 3}, (5, 3)),
    "UpSampling2D": ({"size": (2, 3)}, (5, 3, 4)),
    "Permute": ({"dims": (3, 1, 2)}, (5, 3, 4)),
    "RepeatVector": ({"n": 4}, (5,)),
    "BatchNormalization": ({"momentum": 0.5, "center": False}, (5, 3, 4)),
    "LayerNormalization": ({"axis": [-2, -1], "epsilon": 0.1}, (5, 3, 4)),
    "GroupNormalization": ({"groups": 2, "scale": False}, (5, 3, 4)),
    "UnitNormalization": ({"axis": [1, 2, 3]}, (5, 3, 4)),
}


def theirs(kind, **arguments):
    """Keras' layer, in double precision."""
    return getattr(keras_library().layers, kind)(**arguments, dtype="float64")


def ours(kind, shape, **arguments) -> Sequential:
    """A model of our layer alone, in double precision."""
    return Sequential([Input(shape), getattr(layers, kind)(**arguments)], dtype="float64")


@pytest.mark.parametrize("kind", LAYERS)
def test_arguments_have_the_names_the_order_and_the_defaults_of_keras(kind):
    signatures = [inspect.signature(getattr(library, kind)) for library in (layers, keras_library().layers)]
    mine, right = ({**signature.parameters} for signature in signatures)
    names = [name for name in right if name not in ("name", "kwargs") and not name.startswith("renorm")]
    assert list(mine)[: len(names)] == names
    for name in names:
        pair = [{str(one) for one in np.ravel(found[name].default)} for found in (mine, right)]
        assert pair[0] == pair[1] or right[name].default is inspect.Parameter.empty, name


@pytest.mark.parametrize("kind", LAYERS)
def test_configurations_are_understood_both_ways(kind):
    arguments, _ = LAYERS[kind]
    layer, other = getattr(layers, kind)(**arguments), theirs(kind, **arguments)
    config, right = layer.get_config(), other.get_config()
    apart = {"name": None, "data_format": None, "dtype": None}  # drawn, or said in other words
    assert type(layer).from_config(right).get_config() | apart == config | apart
    assert type(other).from_config(config).get_config() | apart == right | apart


@pytest.mark.parametrize("kind", LAYERS)
def test_numbers_and_shapes_are_those_of_keras(rng, kind):
    arguments, shape = LAYERS[kind]
    model, other, x = ours(kind, shape, **arguments), theirs(kind, **arguments), rng.normal(1, 2, (4, *shape))
    other.build((None, *shape))
    weights = [rng.uniform(0.5, 2, w.shape) for w in other.get_weights()]
    other.set_weights(weights)
    model.set_weights(weights)
    assert_close(model.predict(x, verbose=0), keras_values(other, x), "float32", x[0].size)
    assert model.output_shape == tuple(other.compute_output_shape((None, *shape)))


# -- normalisation ----------------------------------------------------------------------------------

AXES = [
    *(("LayerNormalization", {"axis": axis}, (4, 3, 5)) for axis in (-1, 3, [-1], [2, 3], [-3, -2, -1], (1, 2, 3))),
    *(("LayerNormalization", {"center": False, "scale": False}, shape) for shape in ((1,), (7,), (6, 5))),
    *(("GroupNormalization", {"groups": groups}, (4, 3, 6)) for groups in (1, 3, 6, -1)),
    *(("GroupNormalization", {"groups": 2}, shape) for shape in ((4,), (5, 8), (1, 1, 2))),
    *(("UnitNormalization", {"axis": axis}, (4, 3, 5)) for axis in (-1, 1, 2, -2, [2, 3], [-3, -2, -1])),
]


@pytest.mark.parametrize(("kind", "arguments", "shape"), AXES, ids=str)
def test_every_form_of_axes_and_groups_gives_the_numbers_of_keras(rng, kind, arguments, shape):
    model, other, x = ours(kind, shape, **arguments), theirs(kind, **arguments), rng.normal(1, 2, (3, *shape))
    other.build((None, *shape))
    weights = [rng.normal(size=w.shape) for w in other.get_weights()]
    other.set_weights(weights)
    model.set_weights(weights)
    assert_close(model.predict(x, verbose=0), keras_values(other, x), "float32", x[0].size)


@pytest.mark.parametrize("shape", [(3,), (7, 2), (4, 5, 3)], ids=str)
@pytest.mark.parametrize("arguments", [{}, {"momentum": 0.6, "epsilon": 0.1}, {"center": False}, {"scale": False}])
def test_batches_move_statistics_as_in_keras_and_predictions_use_them(rng, arguments, shape):
    model, other = (
        ours("BatchNormalization", shape, **arguments),
        theirs("BatchNormalization", **arguments),
    )
    other.build((None, *shape))
    for rows in (5, 1, 8):
        x = rng.normal(3, 2, (rows, *shape))
        expected = other(x, training=True).detach().numpy()
        assert_close(model(x, training=True), expected, "float32", x.size)
        for mine, right in zip(model.get_weights(), other.get_weights(), strict=True):
            assert_close(mine, right, "float32", x.size)
        assert_close(model.predict(x, verbose=0), keras_values(other, x), "float32", x.size)


def test_a_frozen_batch_normalisation_is_that_of_keras(rng):
    x = rng.normal(3, 2, (6, 4))
    other = theirs("BatchNormalization", trainable=False)
    model = ours("BatchNormalization", (4,), trainable=False)
    expected = other(x, training=True).detach().numpy()
    assert_close(model(x, training=True), expected, "float32", x.size)
    np.testing.assert_array_equal(model.get_weights()[-2], np.zeros(4))


# -- what is refused --------------------------------------------------------------------------------

IMAGE, SIGNAL = (8, 8, 3), (8, 3)
REFUSED = {  # by both
    "no filters": (lambda of: of.Conv2D(0, 3), IMAGE),
    "less than no filters": (lambda of: of.Conv2D(-1, 3), IMAGE),
    "a part of a filter": (lambda of: of.Conv2D(4.5, 3), IMAGE),
    "no window": (lambda of: of.Conv2D(4, 0), IMAGE),
    "a window of fractions": (lambda of: of.Conv2D(4, 2.5), IMAGE),
    "a window of three axes": (lambda of: of.Conv2D(4, (3, 3, 3)), IMAGE),
    "a window in words": (lambda of: of.Conv2D(4, "33"), IMAGE),
    "a window beyond the image": (lambda of: of.Conv2D(4, 9), IMAGE),
    "no strides": (lambda of: of.Conv2D(4, 3, strides=0), IMAGE),
    "strides and gaps": (lambda of: of.Conv2D(4, 3, strides=2, dilation_rate=2), IMAGE),
    "strides and gaps of other axes": (lambda of: of.Conv2D(4, 3, strides=(2, 1), dilation_rate=(1, 2)), IMAGE),
    "unknown padding": (lambda of: of.Conv2D(4, 3, padding="full"), IMAGE),
    "a causal image": (lambda of: of.Conv2D(4, 3, padding="causal"), IMAGE),
    "groups of filters": (lambda of: of.Conv2D(4, 3, groups=3), IMAGE),
    "groups of channels": (lambda of: of.Conv2D(4, 3, groups=2), IMAGE),
    "no groups": (lambda of: of.Conv2D(4, 3, groups=0), IMAGE),
    "a signal as an image": (lambda of: of.Conv2D(4, 3), SIGNAL),
    "an image as a signal": (lambda of: of.Conv1D(4, 3), IMAGE),
    "no depth": (lambda of: of.DepthwiseConv2D(3, depth_multiplier=0), IMAGE),
    "output_padding as long as strides": (lambda of: of.Conv2DTranspose(4, 3, strides=2, output_padding=2), IMAGE),
    "less than no output_padding": (lambda of: of.Conv2DTranspose(4, 3, strides=2, output_padding=-1), IMAGE),
    "strides and gaps on the way back": (lambda of: of.Conv2DTranspose(4, 3, strides=2, dilation_rate=2), IMAGE),
    "a causal way back": (lambda of: of.Conv1DTranspose(4, 3, padding="causal"), SIGNAL),
    "groups on the way back": (lambda of: of.Conv2DTranspose(4, 3, groups=2), IMAGE),
    "pools of nothing": (lambda of: of.MaxPooling2D(0), IMAGE),
    "pools of three axes": (lambda of: of.MaxPooling2D((2, 2, 2)), IMAGE),
    "pools without strides": (lambda of: of.AveragePooling2D(2, 0), IMAGE),
    "pools beyond the image": (lambda of: of.MaxPooling2D(9), IMAGE),
    "means beyond the image": (lambda of: of.AveragePooling2D(9), IMAGE),
    "pools of a signal": (lambda of: of.MaxPooling2D(2), SIGNAL),
    "all of a signal": (lambda of: of.GlobalMaxPooling2D(), SIGNAL),
    "three sides": (lambda of: of.ZeroPadding2D((1, 2, 3)), IMAGE),
    "a side of three": (lambda of: of.ZeroPadding2D(((1, 2, 3), (1, 2))), IMAGE),
    "a side in words": (lambda of: of.ZeroPadding2D("1"), IMAGE),
    "sides of a signal": (lambda of: of.ZeroPadding2D(1), SIGNAL),
    "less than nothing cut": (lambda of: of.Cropping2D(-1), IMAGE),
    "all cut": (lambda of: of.Cropping2D(4), IMAGE),
    "more than all cut": (lambda of: of.Cropping1D(5), SIGNAL),
    "repeated never": (lambda of: of.UpSampling2D(0), IMAGE),
    "unknown interpolation": (lambda of: of.UpSampling2D(2, interpolation="nearby"), IMAGE),
    "an axis 0": (lambda of: of.Permute((0, 1)), SIGNAL),
    "an axis twice": (lambda of: of.Permute((1, 1)), SIGNAL),
    "fewer axes": (lambda of: of.Permute((2, 1)), IMAGE),
    "a part of a vector": (lambda of: of.RepeatVector(2.5), (8,)),
    "no vector": (lambda of: of.RepeatVector(0), (8,)),
    "a vector of two axes": (lambda of: of.RepeatVector(2), SIGNAL),
    "batches along no axis": (lambda of: of.BatchNormalization(axis=5), IMAGE),
    "batches along two axes": (lambda of: of.BatchNormalization(axis=(1, 2)), IMAGE),
    "rows along no axis": (lambda of: of.LayerNormalization(axis=5), IMAGE),
    "groups that do not divide": (lambda of: of.GroupNormalization(2), IMAGE),
    "more groups than channels": (lambda of: of.GroupNormalization(32), IMAGE),
    "groups of nothing": (lambda of: of.GroupNormalization(0), IMAGE),
    "lengths along no axis": (lambda of: of.UnitNormalization(axis=7), IMAGE),
    "a misspelt argument": (lambda of: of.Conv2D(4, 3, stride=2), IMAGE),
    "a misspelt activation": (lambda of: of.Conv2D(4, 3, activation="rleu"), IMAGE),
    "an unknown format": (lambda of: of.Conv2D(4, 3, data_format="NHWC"), IMAGE),
}
BEYOND_KERAS = {  # what Keras refuses, or takes in one layer alone
    "a causal depthwise signal": (lambda of: of.DepthwiseConv1D(3, padding="causal"), SIGNAL),
    "a causal separable signal": (lambda of: of.SeparableConv1D(4, 3, padding="causal"), SIGNAL),
}
NOT_HERE = {  # what Keras takes and fastnn does not, and what it says
    "channels first": (lambda of: of.Conv2D(4, 3, data_format="channels_first"), (3, 8, 8), "np.moveaxis"),
    "less than no padding": (lambda of: of.ZeroPadding2D(-1), IMAGE, "padding must be at least 0"),
    "bilinear": (lambda of: of.UpSampling2D(2, interpolation="bilinear"), IMAGE, "Conv2D behind it"),
    "batches along the first axis": (lambda of: of.BatchNormalization(axis=1), IMAGE, "last axis"),
    "groups along the first axis": (lambda of: of.GroupNormalization(2, axis=1), IMAGE, "last axis"),
    "causal pools": (lambda of: of.MaxPooling1D(2, padding="causal"), SIGNAL, "padding"),
    "epsilon below 0": (lambda of: of.GroupNormalization(3, epsilon=-1.0), IMAGE, "epsilon"),
    "momentum above 1": (lambda of: of.BatchNormalization(momentum=2.0), IMAGE, "momentum"),
}
IN_OTHER_WORDS = {
    "padding in capitals": (lambda of: of.Conv2D(4, 3, padding="SAME"), IMAGE),
    "causal in capitals": (lambda of: of.Conv1D(4, 3, padding="Causal"), SIGNAL),
    "a format in capitals": (lambda of: of.MaxPooling2D(2, data_format="CHANNELS_LAST"), IMAGE),
    "an array of sizes": (lambda of: of.Conv2D(4, np.array([3, 2])), IMAGE),
    "NumPy's numbers": (lambda of: of.Conv2D(np.int32(4), (3, np.int64(2)), (np.int64(2), 1)), IMAGE),
    "pools far apart": (lambda of: of.MaxPooling2D(2, 5, padding="same"), IMAGE),
    "windows far apart": (lambda of: of.Conv2D(4, 2, 5, padding="same"), IMAGE),
    "gaps beyond the image": (lambda of: of.Conv2D(4, 3, dilation_rate=9, padding="same"), IMAGE),
    "sides beyond the image": (lambda of: of.ZeroPadding2D(((9, 0), (0, 20))), IMAGE),
}


def error_of(call):
    """What the call raises, None where it raises nothing."""
    try:
        call()
    except Exception as error:
        return error
    return None


def built(make, shape):
    """The output's shape of a model of the layer alone."""
    return Sequential([Input(shape), make(layers)]).output_shape


@pytest.mark.parametrize("what", REFUSED)
def test_what_keras_refuses_is_refused_when_the_model_is_built(what):
    make, shape = REFUSED[what]
    assert error_of(lambda: make(keras_library().layers)(np.ones((2, *shape), np.float32))) is not None
    error = error_of(lambda: built(make, shape))
    assert type(error) in (ValueError, TypeError)
    assert "\n" not in str(error)


@pytest.mark.parametrize("what", BEYOND_KERAS)
def test_what_fastnn_has_beyond_keras(what):
    make, shape = BEYOND_KERAS[what]
    assert error_of(lambda: make(keras_library().layers)(np.ones((2, *shape), np.float32))) is not None
    assert built(make, shape)[0] is None


@pytest.mark.parametrize("what", NOT_HERE)
def test_what_keras_takes_and_fastnn_does_not_is_told(what):
    make, shape, words = NOT_HERE[what]
    shapes = {make(keras_library().layers)(np.ones((2, *shape), np.float32)).shape}
    assert len(shapes) == 1
    refused(lambda: built(make, shape), ValueError, (words,))


@pytest.mark.parametrize("what", IN_OTHER_WORDS)
def test_other_words_for_the_same_are_taken(what):
    make, shape = IN_OTHER_WORDS[what]
    y = make(keras_library().layers)(np.ones((2, *shape), np.float32))
    assert built(make, shape) == (None, *y.shape[1:])
