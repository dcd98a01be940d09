"""Layers that join edges: values and shapes as in Keras, and a word for what does not fit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from graphs import GraphStage, joined
from spaces import space
from tolerance import assert_close

from fastnn import Input, Model, layers
from fastnn._kernels import reference
from fastnn.layers import Add, Average, Concatenate, Dense, Dot, Maximum, Minimum, Multiply, Scale, Subtract

DOUBLE = np.dtype("float64")
A, B = np.array([[1.0, 4.0], [2.0, -3.0]]), np.array([[3.0, 2.0], [2.0, 5.0]])
COLUMN = np.array([[2.0], [-1.0]])
VALUES = [
    (Add(), (A, B, A), [[5, 10], [6, -1]]),
    (Add(), (COLUMN, A), [[3, 6], [1, -4]]),
    (Subtract(), (A, B), [[-2, 2], [0, -8]]),
    (Subtract(), (COLUMN, A), [[1, -2], [-3, 2]]),
    (Multiply(), (A, B, B), [[9, 16], [8, -75]]),
    (Multiply(), (A, COLUMN), [[2, 8], [-2, 3]]),
    (Average(), (A, B), [[2, 3], [2, 1]]),
    (Average(), (A, B, COLUMN), [[2, 8 / 3], [1, 1 / 3]]),
    (Maximum(), (A, B), [[3, 4], [2, 5]]),
    (Maximum(), (COLUMN, A), [[2, 4], [2, -1]]),
    (Minimum(), (A, B), [[1, 2], [2, -3]]),
    (Concatenate(), (A, B), [[1, 4, 3, 2], [2, -3, 2, 5]]),
    (Concatenate(axis=1), (COLUMN, A, A), [[2, 1, 4, 1, 4], [-1, 2, -3, 2, -3]]),
    (Dot(1), (A, B), [[11], [-11]]),
    (Dot(-1, normalize=True), (A, B), [[11 / (17 * 13) ** 0.5], [-11 / (13 * 29) ** 0.5]]),
]
MATRICES = np.arange(12.0).reshape(2, 2, 3), np.arange(12.0, 24.0).reshape(2, 3, 2)


def value_of(rng, layer, inputs):
    """The layer's output in the reference."""
    shapes = [x.shape[1:] for x in inputs]
    (y,) = GraphStage(reference, joined(rng, layer, shapes), DOUBLE).push([x.reshape(len(x), -1) for x in inputs])
    return y.reshape(len(y), *layer.output_shape(*shapes))


@pytest.mark.parametrize(("layer", "inputs", "expected"), VALUES, ids=lambda value: repr(value)[:40])
def test_values_of_joins(rng, layer, inputs, expected):
    assert_close(value_of(rng, layer, inputs), np.array(expected, float), DOUBLE, 4)


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_concatenate_along_any_axis_but_the_batch(rng, axis):
    first = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(
        value_of(rng, Concatenate(axis), (first, -first)), np.concatenate([first, -first], axis)
    )


@pytest.mark.parametrize(
    ("axes", "formula", "second"),
    [
        ((2, 1), "bij,bjk->bik", MATRICES[1]),
        ((1, 2), "bij,bki->bjk", MATRICES[1]),
        (2, "bij,bkj->bik", MATRICES[0] - 3),
        (1, "bij,bik->bjk", MATRICES[0] - 3),
        ((2, 1), "bij,bj->bi", np.arange(6.0).reshape(2, 3)),
        ((-1, -1), "bij,bj->bi", np.arange(6.0).reshape(2, 3)),
    ],
)
def test_dot_of_matrices_sums_over_its_axes(rng, axes, formula, second):
    expected = np.einsum(formula, MATRICES[0], second)
    assert_close(value_of(rng, Dot(axes), (MATRICES[0], second)), expected, DOUBLE, 3)


STRETCHED = {
    "channels of an image": ((4, 5, 3), (1, 1, 3)),
    "a column and a row": ((4, 1, 3), (1, 5, 1)),
    "steps": ((1, 3), (4, 3)),
}


@pytest.mark.parametrize("case", STRETCHED)
def test_axes_of_1_meet_longer_ones_as_in_numpy(rng, case):
    x, y = (rng.normal(size=(3, *shape)) for shape in STRETCHED[case])
    for layer, function in ((Add(), np.add), (Multiply(), np.multiply), (Maximum(), np.maximum)):
        a, b = (Input(shape) for shape in STRETCHED[case])
        model = Model([a, b], layer([a, b]), dtype="float64")
        assert np.array_equal(model.predict([x, y]), function(x, y))
        if function is np.add:
            dx, dy = model.gradients([x, y], dy=np.ones_like(function(x, y)), wrt="inputs")
            n = function(x, y).size
            assert np.array_equal(dx, np.full(x.shape, n / x.size))
            assert np.array_equal(dy, np.full(y.shape, n / y.size))
    again = copy.deepcopy(model)
    assert np.array_equal(again.predict([x, y]), np.maximum(x, y))


def test_an_open_length_stretches_nothing():
    with pytest.raises(ValueError, match="must be equal but for a last axis of 1"):
        Input((None, 3)) * Input((1, 3))


REFUSED = {
    "fewer axes": (Multiply(), [(4, 5, 3), (3,)], ("Multiply", r"a vector by Reshape((1, 1, 3))")),
    "lengths": (Add(), [(3,), (4,)], ("Add", "(None, 3)", "(None, 4)", "repeated")),
    "axes": (Multiply(name="gate"), [(3,), (2, 3)], ("Multiply 'gate'", "(None, 2, 3)")),
    "not the last axis": (Average(), [(1, 3), (2, 3)], ("Average", "last axis of 1")),
    "one edge": (Maximum(), [(3,)], ("Maximum", "at least two", "1")),
    "three edges": (Subtract(), [(3,), (3,), (3,)], ("Subtract", "two edges", "3")),
    "sides": (Concatenate(), [(2, 3), (4, 3)], ("Concatenate", "(None, 4, 3)", "axis 2")),
    "axes of sides": (Concatenate(axis=1), [(2, 3), (2,)], ("Concatenate", "axis 1")),
    "no such axis": (Concatenate(axis=3), [(2, 3), (2, 3)], ("Concatenate", "1 to 2", "got 3")),
    "lengths of products": (Dot(1, name="similar"), [(3,), (4,)], ("Dot 'similar'", "(None, 4)", "equal")),
    "no such axis of a product": (Dot(2), [(3,), (3,)], ("Dot", "1 to 1", "got 2")),
    "three axes": (Dot(1), [(2, 2, 2), (2,)], ("Dot", "Reshape")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_shapes_that_do_not_join_are_refused_with_names(case):
    layer, shapes, words = REFUSED[case]
    with pytest.raises(ValueError, match=r".") as caught:
        layer.output_shape(*shapes)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Concatenate(axis=0), ValueError, ("Concatenate", "batch")),
        (lambda: Concatenate(axis="last"), TypeError, ("axis", "last")),
        (lambda: Dot(0), ValueError, ("Dot", "batch")),
        (lambda: Dot((1, 2, 3)), ValueError, ("axes", "pair")),
        (lambda: Dot(3), ValueError, ("Dot", "1 to 2")),
        (lambda: Dot(1, normalize="yes"), TypeError, ("normalize", "yes")),
        (lambda: Add(axis=1), TypeError, ("Add", "axis")),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=r".") as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


LAYERS = [*(case[0] for case in VALUES), Dot((2, 1), True), Add(name="sum")]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_description_gives_the_layer_again(layer):
    assert layers.from_config(layer.config()) == layer
    assert copy.copy(layer) == layer
    assert eval(repr(layer), space(layers)) == layer


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"])
def test_functions_join_a_list_of_edges(rng, name):
    more = {"axes": 1} if name == "dot" else {}
    first, second = Input((2,)), Input((2,))
    y = getattr(layers, name)([first, second], name="joined", **more)
    model = Model([first, second], y)
    made = {type(layer).__name__: layer for layer in model.layers}[name.capitalize()]
    assert made.name == "joined"
    assert_close(model.predict([A, B]), value_of(rng, made, (A, B)), np.float32, 2)


def test_a_model_with_joins_trains(rng):
    x = Input((4,))
    h = layers.add([Dense(6, "tanh")(x), Scale()(Dense(6, "tanh")(x))])
    model = Model(x, Dense(1)(layers.concatenate([h, x])))
    model.compile("adam", "mse")
    data, target = rng.normal(size=(64, 4)), rng.normal(size=(64, 1))
    history = model.fit(data, target, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]
