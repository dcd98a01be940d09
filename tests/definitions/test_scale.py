"""Scale: a trained factor for each number of a row."""

from __future__ import annotations

import numpy as np
import pytest
from spaces import space
from tolerance import assert_close

from fastnn import Sequential, constraints, layers, regularizers
from fastnn.layers import Scale


def test_each_column_is_multiplied_by_its_factor():
    model = Sequential([Scale(input_shape=(2, 3))], seed=1)
    assert [w.tolist() for w in model.get_weights()] == [[1.0, 1.0, 1.0]]
    model.set_weights([[1.0, 2.0, -1.0]])
    np.testing.assert_array_equal(model.predict(np.ones((1, 2, 3)), verbose=0), [[[1, 2, -1], [1, 2, -1]]])


def test_factors_are_learned(rng):
    x, factors = rng.normal(size=(200, 3)), np.array([2.0, -1.0, 0.5])
    model = Sequential([Scale(input_shape=(3,))], seed=1, dtype="float64")
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = 0.3
    model.fit(x, x * factors, epochs=40, batch_size=20, verbose=0)
    assert_close(model.get_weights()[0], factors, np.float32)


def test_regularizer_and_constraint_act_on_the_factors(rng):
    model = Sequential([Scale("ones", "l2", "non_neg", input_shape=(3,))], seed=1)
    model.compile("sgd", "mse")
    x = rng.normal(size=(40, 3))
    loss = model.evaluate(x, x, verbose=0)
    assert_close(loss, 3 * regularizers.get("l2").l2, np.float32)
    model.fit(x, -x, epochs=200, verbose=0)
    assert model.get_weights()[0].tolist() == [0, 0, 0]


def test_a_description_gives_the_layer_again():
    layer = Scale("zeros", "l2", "non_neg")
    assert layers.from_config(layer.config()) == layer
    assert eval(repr(layer), space(layers, regularizers, constraints)) == layer


def test_wrong_initializers_are_named():
    with pytest.raises(ValueError, match="uno"):
        Scale("uno")
