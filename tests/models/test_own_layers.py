"""Layers of a user's own: in every backend they compute, train, fail and are kept as layers that come with fastnn."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from tolerance import DIFFERENCE_STEP, assert_close, difference_limit

import fastnn
from fastnn import Input, Model, Sequential, fit_many, load
from fastnn._base import threads
from fastnn._kernels import available_backends
from fastnn.layers import Add, Concatenate, Dense, Dropout, Lambda, Layer

NAMES = available_backends()


class Linear(Layer):
    """What Dense computes without an activation."""

    def __init__(self, units, penalty=None, constraint=None, **given):
        super().__init__(**given)
        self.units, self.penalty, self.limit = units, penalty, constraint

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), regularizer=self.penalty, constraint=self.limit, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x):
        self.x = x
        return x @ self.kernel + self.bias

    def backward(self, dy):
        return dy @ self.kernel.T, [self.x.T @ dy, dy.sum(axis=0)]


class Product(Layer):
    def call(self, xs):
        self.xs = xs
        return xs[0] * xs[1]

    def backward(self, dy):
        return [dy * self.xs[1], dy * self.xs[0]]


class Broken(Linear):
    """Fails at its n-th call of one of its methods."""

    count, at, where, error = 0, 3, "call", RuntimeError

    def meet(self, where):
        if where == type(self).where:
            type(self).count += 1
            if type(self).count == type(self).at:
                raise type(self).error("deliberate")

    def call(self, x):
        self.meet("call")
        return super().call(x)

    def backward(self, dy):
        self.meet("backward")
        return super().backward(dy)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


def data(rng, n=300, width=4):
    x = rng.normal(size=(n, width))
    return x, np.sin(x[:, :1]) + x[:, 1:2] ** 2


def chain(middle, dtype="float64", **compiled):
    model = Sequential([Dense(8, "tanh", input_shape=(4,)), middle, Dense(1)], seed=3, dtype=dtype)
    model.compile(**({"optimizer": "adam", "loss": "mse"} | compiled))
    return model


def trained(model, rng_data, backend, **given):
    x, y = rng_data
    history = model.fit(x, y, **({"epochs": 2, "verbose": 0, "backend": backend} | given))
    return [history.history["loss"], *model.get_weights(), model.predict(x[:20], backend=backend)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_an_own_layer_trains_as_the_one_that_it_restates(rng, name, dtype):
    both = data(rng)
    own, known = (trained(chain(middle, dtype), both, name) for middle in (Linear(5), Dense(5)))
    for mine, wanted in zip(own, known, strict=True):
        assert_close(mine, wanted, dtype, k=4000)


@pytest.mark.parametrize("case", ["penalty", "constraint", "activity", "blocks", "clipped", "lbfgs", "custom loss"])
def test_what_acts_on_weights_and_outputs_acts_on_an_own_layer(rng, case):
    def squared(target, y):
        return ((y - target) ** 2).mean(axis=-1), 2 * (y - target)

    both, fits, compiled = data(rng, 1500 if case == "blocks" else 300), {}, {}
    own, known = {}, {}
    if case == "penalty":
        own, known = {"penalty": "l2"}, {"kernel_regularizer": "l2"}
    if case == "constraint":
        own, known = {"constraint": "non_neg"}, {"kernel_constraint": "non_neg"}
    if case == "activity":
        own = known = {"activity_regularizer": "l1"}
    if case == "blocks":
        fits = {"batch_size": 1500}
    if case == "clipped":
        compiled = {"optimizer": fastnn.optimizers.Adam(global_clipnorm=0.1)}
    if case == "lbfgs":
        compiled = {"optimizer": "lbfgs"}
    if case == "custom loss":
        compiled = {"loss": squared}
    results = [
        trained(chain(middle, **compiled), both, None, **fits) for middle in (Linear(5, **own), Dense(5, **known))
    ]
    for mine, wanted in zip(*results, strict=True):
        assert_close(mine, wanted, "float64", k=10**6)


@pytest.mark.numba
def test_backends_and_threads_agree(rng):
    both, before = data(rng, 900), None
    for name in NAMES:
        for n in (1, 2, 5) if name == "cython" else (1,):
            with threads.limited(n):
                found = trained(chain(Linear(64)), both, name, batch_size=450)
            before = before or found
            for mine, wanted in zip(found, before, strict=True):
                assert_close(mine, wanted, "float64", k=4000)
        if name == "cython":
            with threads.limited(2):
                assert all(map(np.array_equal, found, trained(chain(Linear(64)), both, name, batch_size=450)))


def graph():
    """Two inputs, an own layer that is called twice, a product of own, a function."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Linear(4, name="shared")
    joined = Product()([shared(a), shared(b)])
    y = Dense(1)(Concatenate()([Lambda(np.sin, lambda x, dy: np.cos(x) * dy)(joined), shared(a)]))
    model = Model([a, b], y, dtype="float64", seed=1)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", NAMES)
def test_gradients_pass_finite_differences_where_a_layer_is_called_twice(rng, name):
    model, x, y = graph(), [rng.normal(size=(7, 3)) for _ in range(2)], rng.normal(size=(7, 1))
    rate, start = 2.0**-10, model.get_weights()
    model.compile(fastnn.optimizers.SGD(rate), "mse")
    model.fit(x, y, batch_size=7, shuffle=False, verbose=0, backend=name)
    found = [(before - after) / rate for before, after in zip(start, model.get_weights(), strict=True)]
    for number, weights in enumerate(start):
        numeric = np.empty_like(weights)
        for place in np.ndindex(weights.shape):
            moved = [array.copy() for array in start]
            losses = []
            for step in (DIFFERENCE_STEP, -2 * DIFFERENCE_STEP):
                moved[number][place] += step
                model.set_weights(moved)
                losses.append(((model.predict(x) - y) ** 2).mean())
            numeric[place] = (losses[0] - losses[1]) / (2 * DIFFERENCE_STEP)
        assert np.all(np.abs(found[number] - numeric) <= difference_limit(numeric))


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["call", "backward"])
@pytest.mark.parametrize("name", NAMES)
def test_an_error_in_an_own_layer_is_raised_as_it_is_and_the_update_is_not_made(rng, name, where, error):
    kind = type("Broken", (Broken,), {"count": 0, "where": where, "error": error})
    model, (x, y) = chain(kind(5)), data(rng, 96)
    twin = chain(Linear(5))
    with pytest.raises(error, match="deliberate") as caught:
        model.fit(x, y, batch_size=32, epochs=4, shuffle=False, verbose=0, backend=name)
    assert any(entry.name == "meet" for entry in caught.traceback)
    assert error is KeyboardInterrupt or any(
        f"in {where} of the layer Broken" in note for note in caught.value.__notes__
    )
    twin.fit(x[:64], y[:64], batch_size=32, shuffle=False, verbose=0, backend=name)
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    model.fit(x, y, verbose=0, backend=name)  # and all is well again


@pytest.mark.parametrize("rows", [2, 700])
@pytest.mark.parametrize("name", NAMES)
def test_an_error_ends_a_prediction(rng, name, rows):
    kind = type("Broken", (Broken,), {"count": 0, "at": 1})
    model = chain(kind(5))
    for n in (1, 2):
        kind.count = 0
        with threads.limited(n), pytest.raises(RuntimeError, match="deliberate"):
            model.predict(rng.normal(size=(rows, 4)), backend=name)
    assert np.isfinite(model.predict(rng.normal(size=(rows, 4)), backend=name)).all()


def answers(**methods):
    return type("Wrong", (Linear,), methods)(5)


WRONG = {
    "call": ({"call": lambda self, x: x[:, :2], "compute_output_shape": lambda self, s: (None, 5)}, r"call.*\(32, 5\)"),
    "no pair": ({"backward": lambda self, dy: dy}, r"backward must return dx, \[dkernel, dbias\], got shape"),
    "few": ({"backward": lambda self, dy: (dy, [dy])}, r"2 gradients of weights \(dkernel, dbias\), got 1"),
    "dx": (
        {"backward": lambda self, dy: (dy, [self.kernel, self.bias])},
        r"dx of shape \(32, 8\), got shape \(32, 5\)",
    ),
    "dw": (
        {"backward": lambda self, dy: (self.x, [self.bias, self.bias])},
        r"dkernel of shape \(8, 5\), got shape \(5,\)",
    ),
    "None": ({"backward": lambda self, dy: (None, [self.kernel, self.bias])}, "dx of shape .* got None"),
    "writes": ({"call": lambda self, x: np.multiply(x, 2, out=x)}, "read-only"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_answers_name_the_layer_and_what_is_wanted(rng, name, case):
    methods, words = WRONG[case]
    x, y = data(rng, 32)
    with pytest.raises(ValueError, match=words) as caught:
        chain(answers(**methods)).fit(x, y, verbose=0, backend=name)
    assert "wrong" in str(caught.value) or any("Wrong" in note for note in caught.value.__notes__)


def test_classes_without_both_ways_are_refused():
    with pytest.raises(TypeError, match="sin computes with arrays") as told:
        chain(type("OneWay", (Layer,), {"call": lambda self, x: np.sin(x)})())
    assert "call(self, x) and backward(self, dy), or a Lambda(function, gradient)" in told.value.__notes__[0]
    with pytest.raises(TypeError, match="forward, which nothing calls: it is named call"):
        type("Torch", (Layer,), {"forward": lambda self, x: x})()
    with pytest.raises(TypeError, match="call would never be called: what Dense computes is compiled"):
        type("Other", (Dense,), {"call": lambda self, x: x})(3)
    with pytest.raises(TypeError, match="parameters would take the place"):
        type("Taken", (Linear,), {"parameters": None})(3)
    with pytest.raises(AttributeError, match="output is what every layer has; keep it under another name"):
        Linear(3).output = 1


def test_a_function_without_a_gradient_stands_where_nothing_before_it_is_trained(rng):
    x, y = data(rng, 32)
    first = Sequential([Lambda(np.square, input_shape=(4,)), Dense(1)], seed=1)
    assert first.layers[0].has_gradient is False
    first.compile("sgd", "mse")
    first.fit(x, y, verbose=0)
    behind = Sequential([Dense(3, input_shape=(4,)), Lambda(np.square), Dense(1)], seed=1)
    behind.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Lambda\(function=square\) has no gradient.*trainable = False"):
        behind.fit(x, y, verbose=0)
    behind.layers[0].trainable = False
    behind.fit(x, y, verbose=0)


def test_training_is_told_and_attributes_of_the_layer_act(rng):
    class Noisy(Layer):
        factor = 1.0

        def call(self, x, training):
            self.was = self.factor if training else 1.0
            return x * self.was

        def backward(self, dy):
            return dy * self.was

    layer = Noisy(input_shape=(4,))
    model, (x, _) = Sequential([layer]), data(rng, 10)
    model.compile("sgd", "mse")
    layer.factor = 0.0
    assert model.fit(x, np.ones((10, 4)), verbose=0).history["loss"] == [1.0]
    assert_close(model.predict(x), x, "float32")


def test_frozen_layers_and_weights_that_are_not_trainable_never_change(rng):
    class Both(Linear):
        def build(self, input_shape):
            self.offset = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=False, name="offset")
            super().build(input_shape)

        def call(self, x):
            return super().call(x + self.offset)

    both = data(rng)
    model = chain(Both(5))
    start = model.layers[1].get_weights()
    trained(model, both, None)
    layer = model.layers[1]
    assert [w.shape for w in layer.weights] == [(8, 5), (5,), (8,)]
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [2, 1]
    assert np.array_equal(layer.offset, start[2])
    assert not np.array_equal(layer.kernel, start[0])
    layer.trainable, kept = False, layer.get_weights()
    trained(model, both, None)
    assert all(map(np.array_equal, layer.get_weights(), kept))


def test_copies_and_files_make_the_same_model_again(rng, tmp_path):
    both, path = data(rng), tmp_path / "own.safetensors"
    model = chain(Linear(5))
    trained(model, both, None)
    twin = copy.deepcopy(model)
    model.save(path)
    for again in (twin, load(path, custom_objects={"Linear": Linear})):
        assert again.layers[1].units == 5
        assert again.layers[1] is not model.layers[1]
        assert np.array_equal(again.predict(both[0]), model.predict(both[0]))
        assert all(map(np.array_equal, trained(again, both, None), trained(copy.deepcopy(model), both, None)))
    with pytest.raises(ValueError, match="'Linear', which is of your own; give load"):
        load(path)
    assert copy.copy(model.layers[1]).get_weights() == []
    assert Linear.from_config(model.layers[1].get_config()).units == 5


def test_functions_are_named_in_files(rng, tmp_path):
    def square(x):
        return x * x

    model = Sequential([Lambda(square, input_shape=(4,)), Dense(1)], seed=1)
    model.build()
    model.save(tmp_path / "function.safetensors")
    again = load(tmp_path / "function.safetensors", custom_objects={"square": square})
    x, _ = data(rng, 5)
    assert np.array_equal(again.predict(x), model.predict(x))


def test_everything_that_takes_a_model_takes_one_with_an_own_layer(rng, capsys):
    x, y = data(rng)
    models = [chain(Linear(5), "float32") for _ in range(3)]
    alone = chain(Linear(5), "float32")
    alone.fit(x, y, epochs=2, verbose=0)
    fit_many(models, x, y, epochs=2, n_threads=3)
    assert all(np.array_equal(model.predict(x), alone.predict(x)) for model in models)
    predict, rows = alone.predictor(), x.astype(np.float32)
    assert np.array_equal(predict(rows), alone.predict(x))
    assert predict(rows[0]).shape == (1,)
    assert_close(alone.evaluate(x, y), ((alone.predict(x) - y) ** 2).mean(), "float32", k=300)
    alone.summary()
    assert re.search(
        r"linear \(Linear\) +\(None, 5\) +45 +units=5|linear \(Linear\) +\(None, 5\) +45", capsys.readouterr().out
    )
    assert repr(alone.layers[1]) == "Linear(units=5)"


@pytest.mark.numba
def test_an_own_layer_stands_in_graphs_beside_dropout_and_residuals(rng):
    x = Input((4,))
    h = Dropout(0.5)(Linear(4)(x))
    model = Model(x, Dense(1)(Add()([x, h])), seed=1, dtype="float64")
    model.compile("adam", "mse")
    first = [trained(copy.deepcopy(model), data(np.random.default_rng(0)), name) for name in NAMES]
    for found in first[1:]:
        for mine, wanted in zip(found, first[0], strict=True):
            assert_close(mine, wanted, "float64", k=4000)
