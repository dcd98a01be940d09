"""Convolutions compute what those of Keras 3.15 compute: shapes, weights, outputs and configurations."""

from __future__ import annotations

import inspect
import os

import numpy as np
import pytest
from convolutions import FEW, TRANSPOSED, grid, pytorch
from tolerance import assert_close

from fastnn import Sequential, layers
from fastnn.layers import Input


def takes_keras(some) -> bool:
    """Keras has causal windows in Conv1D alone."""
    return some.kind == "Conv1D" or dict(some.arguments).get("padding") != "causal"


CASES = tuple(some for some in FEW + TRANSPOSED if takes_keras(some))
KINDS = sorted({some.kind for some in CASES})
PARTS = 12


@pytest.fixture(scope="module")
def keras():
    """Keras on PyTorch, which has all its layers on the CPU."""
    pytorch()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    found = pytest.importorskip("keras", reason="Keras is not installed (extra test-keras)")
    if found.backend.backend() != "torch" or not found.__version__.startswith("3.15"):
        pytest.skip(f"needs Keras 3.15 on PyTorch, got {found.__version__} on {found.backend.backend()}")
    return found


def theirs(keras, some, shape, **more):
    """Keras' layer with the same arguments, built for the shape."""
    layer = getattr(keras.layers, some.kind)(**dict(some.arguments), dtype="float64", **more)
    layer.build((None, *shape))
    return layer


def check_outputs(keras, rng, some):
    layer = theirs(keras, some, some.shape)
    model = Sequential([some.layer(input_shape=some.shape)], dtype="float64")
    weights = [rng.normal(size=w.shape) for w in layer.weights]
    for variable, values in zip(layer.weights, weights, strict=True):
        variable.assign(values)
    model.set_weights(weights)
    x = rng.normal(size=(some.rows, *some.shape))
    right = layer(x).detach().numpy()
    got = model.predict(x)
    assert_close(got, right, "float64", max(w.size for w in weights) + x.size)
    assert model.output_shape == tuple(layer.compute_output_shape((None, *some.shape)))
    assert model.count_params() == layer.count_params()


@pytest.mark.parametrize("some", CASES, ids=repr)
def test_outputs_are_those_of_keras_for_the_same_weights(keras, rng, some):
    check_outputs(keras, rng, some)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_outputs_of_all_shapes_are_those_of_keras(keras, rng, part):
    for some in filter(takes_keras, grid()[part::PARTS]):
        check_outputs(keras, rng, some)


@pytest.mark.parametrize("some", CASES[::2], ids=repr)
def test_weights_have_the_names_the_order_and_the_shapes_of_keras(keras, some):
    layer, model = theirs(keras, some, some.shape), Sequential([some.layer(input_shape=some.shape)])
    assert [w.shape for w in model.get_weights()] == [tuple(w.shape) for w in layer.weights]
    ours = [variable.parameter.name for variable in model.layout.variables]
    assert ours == [w.name for w in layer.weights]
    for name in ("kernel", "depthwise_kernel", "pointwise_kernel", "bias"):
        assert hasattr(model.layers[0], name) == hasattr(layer, name), name
    for name, own in zip(ours, model.get_weights(), strict=True):
        np.testing.assert_array_equal(getattr(model.layers[0], name), own)


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_have_the_names_the_order_and_the_defaults_of_keras(keras, kind):
    signatures = [inspect.signature(getattr(module, kind)) for module in (layers, keras.layers)]
    ours, right = ({**signature.parameters} for signature in signatures)
    names = [name for name in right if name != "kwargs"]
    assert list(ours)[: len(names)] == names
    for name in names:
        pair = [np.ravel(found[name].default).tolist() for found in (ours, right)]
        assert set(pair[0]) == set(pair[1]), name


@pytest.mark.parametrize("some", CASES[::3], ids=repr)
def test_configurations_are_understood_both_ways(keras, rng, some):
    ours, layer = some.layer(activation="relu"), theirs(keras, some, some.shape, activation="relu")
    config, right = ours.get_config(), layer.get_config()
    assert set(config) == set(right) - {"dtype"}
    sizes = ("filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "depth_multiplier", "use_bias")
    for name in (*sizes, "output_padding"):
        assert config.get(name) == right.get(name), name
    given = type(ours).from_config({**right, "name": None})
    assert given.get_config() == {**config, "data_format": right["data_format"], "dtype": "float64"}
    again = type(layer).from_config({**config, "name": None})
    assert {**again.get_config(), "name": None, "dtype": None} == {**right, "name": None, "dtype": None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("initializer", ["he_uniform", "glorot_uniform", "lecun_uniform"])
def test_first_weights_are_spread_as_those_of_keras(keras, kind, initializer):
    """Uniform numbers fill the interval that the kernel's fans give."""
    names = [name for name in inspect.signature(getattr(layers, kind)).parameters if name.endswith("initializer")]
    told = {name: initializer for name in names if name != "bias_initializer"}
    told |= {"kernel_size": 5} | ({} if kind.startswith("Depth") else {"filters": 48})
    shape = (9,) * int(kind[kind.index("D") - 1] if "wise" not in kind else kind[-2]) + (32,)
    layer = getattr(keras.layers, kind)(**told)
    layer.build((None, *shape))
    model = Sequential([Input(shape), getattr(layers, kind)(**told)], seed=1)
    for ours, variable in zip(model.get_weights(), layer.weights, strict=True):
        right = float(variable.value.detach().abs().max())
        if ours.ndim > 1:
            assert abs(np.abs(ours).max() / right - 1) < 20 / ours.size
