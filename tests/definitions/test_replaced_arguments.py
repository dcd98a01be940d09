"""A dtype or policy that is not computed with is refused where it is given, with what to give instead."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Input, Model, Sequential, backend, layers, metrics
from fastnn.layers import Dense

POLICY = {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
HALVES = ["float16", "bfloat16", "half", "mixed_float16", np.float16, np.dtype("float16"), POLICY]


class Own(layers.Layer):
    def call(self, x):
        return x

    def backward(self, dy):
        return dy


class Weighted(Own):
    def __init__(self, dtype):
        super().__init__()
        self.add_weight((2,), "ones", dtype=dtype, name="w")


TAKERS = {
    "layer": lambda dtype: Dense(2, dtype=dtype),
    "recurrent layer": lambda dtype: layers.LSTM(2, dtype=dtype),
    "layer in a layer": lambda dtype: layers.TimeDistributed(Dense(2, dtype=dtype)),
    "own layer": lambda dtype: Own(dtype=dtype),
    "weight of an own layer": lambda dtype: Weighted(dtype),
    "layer of a configuration": lambda dtype: Dense.from_config(Dense(2).get_config() | {"dtype": dtype}),
    "chain": lambda dtype: Sequential([Dense(2)], dtype=dtype),
    "graph": lambda dtype: Model(x := Input((2,)), Dense(1)(x), dtype=dtype),
    "default": backend.set_floatx,
}


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("taker", TAKERS)
def test_half_precision_is_refused_where_it_is_given(taker, dtype):
    with pytest.raises(
        ValueError, match=r'must be "float32".* or "[a-z0-9_]*", got .* float32 in its place loses nothing'
    ):
        TAKERS[taker](dtype)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "double precision", 3, ()], ids=str)
def test_other_dtypes_of_layers_are_refused_too(dtype):
    with pytest.raises(ValueError, match=r'must be "float32", "float64" or "mixed_bfloat16", got'):
        Dense(2, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), {"name": "float32"}], ids=str)
def test_single_precision_in_all_its_words_is_taken(dtype):
    assert Sequential([Dense(2, dtype=dtype, input_shape=(3,))]).dtype == np.float32
    assert backend.set_floatx(dtype) is None


def test_policies_of_keras_are_their_names():
    policy = {"class_name": "DTypePolicy", "config": {"name": "float64"}}
    assert Dense(2, dtype=policy).dtype == "float64"
    assert Sequential([Dense(2, dtype=policy, input_shape=(3,))], dtype="float64").built


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float16", "float32", "float64", np.int64], ids=str)
def test_an_input_says_in_what_dtype_rows_come(dtype):
    model = Sequential([Input((3,), dtype=dtype), Dense(2)])
    assert model.dtype == np.float32
    rows = np.ones((2, 3), dtype)
    np.testing.assert_array_equal(model.predict(rows), model.predict(rows.astype(np.float32)))


@pytest.mark.parametrize("dtype", ["string", "complex64", "bfloat16", "datetime64[s]", 3.5], ids=str)
def test_an_input_of_no_numbers_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype of an input must be that of real numbers"):
        Input((3,), dtype=dtype)


@pytest.mark.parametrize("kind", [metrics.AUC, metrics.Mean, metrics.MeanSquaredError, metrics.F1Score])
def test_a_metric_says_that_its_sums_are_double(kind):
    assert kind(dtype="float32").dtype == "float32"
    for dtype in ("float16", "mixed_float16", "int32"):
        with pytest.raises(ValueError, match="sums are float64"):
            kind(dtype=dtype)


WAYS = {
    "run_eagerly": ("yes", 1, None),
    "jit_compile": ("xla", 2),
    "auto_scale_loss": (3, "auto"),
    "steps_per_execution": (0, 1.5, "all"),
}


@pytest.mark.parametrize("name", WAYS)
def test_words_on_how_updates_run_are_checked(name):
    model = Sequential([Dense(1, input_shape=(2,))])
    for came in WAYS[name]:
        with pytest.raises((TypeError, ValueError), match=name):
            model.compile("sgd", "mse", **{name: came})
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=None, auto_scale_loss=False, steps_per_execution="auto")


@pytest.mark.parametrize("verbose", ["loud", 3, -1, None], ids=str)
def test_verbose_is_checked_where_nothing_is_printed(verbose):
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match="verbose"):
        model.evaluate(x, np.ones(3), verbose=verbose)
    with pytest.raises(ValueError, match="verbose"):
        model.predict(x, verbose=verbose)


def test_words_of_other_layers_are_not_passed_over():
    for name, value in (("sparse", True), ("flash_attention", True), ("unroll", True), ("use_cudnn", False)):
        with pytest.raises(TypeError, match=f"Dense has no argument '{name}'"):
            Dense(2, **{name: value})
    layers.LSTM(2, unroll=True, use_cudnn=False)
    layers.MultiHeadAttention(2, 2, flash_attention=True)
    Input((2,), sparse=True)
