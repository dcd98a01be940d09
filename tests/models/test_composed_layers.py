"""Layers composed of layers are models inside models: they train, share, freeze, are kept and copied as these are."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, activations, load
from fastnn._kernels import available_backends
from fastnn.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Lambda,
    Layer,
    LayerNormalization,
    MultiHeadAttention,
    TimeDistributed,
)

X = np.random.default_rng(0).normal(size=(90, 4))
Y = X[:, :1] ** 2


class Residual(Layer):
    def __init__(self, units, rate=0.2, **given):
        super().__init__(**given)
        self.units = units
        self.dense = [Dense(units, "relu", name="first"), Dense(units, name="second")]
        self.parts = {"drop": Dropout(rate), "norm": BatchNormalization()}

    def call(self, x, training=None):
        h = x
        for layer in self.dense:
            h = layer(h)
        return self.parts["norm"](x + self.parts["drop"](h, training=training), training=training)


class Twice(Layer):
    """One composed layer in another."""

    def __init__(self, **given):
        super().__init__(**given)
        self.inner = Residual(8)

    def call(self, x):
        return self.inner(self.inner(x)) * 0.5


class Through(Layer):
    """Gives back what comes, and does not use all of it."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(2)

    def call(self, x, other, training=None, context=None):
        return {"same": x, "made": self.dense(other)}


def restated(h, dense, norm):
    """What :class:`Residual` says, by calls on edges."""
    return norm(h + Dropout(0.2)(dense[1](dense[0](h))))


def graph(middle, **given):
    x = Input((4,))
    return Model(x, Dense(1)(middle(Dense(8, "tanh")(x))), **({"seed": 3} | given))


def trained(model, backend=None, epochs=2):
    model.compile("adam", "mse")
    history = model.fit(X, Y, epochs=epochs, verbose=0, backend=backend)
    return [history.history["loss"], *model.get_weights(), model.predict(X[:9], backend=backend)]


def assert_same(ours, wanted):
    assert len(ours) == len(wanted)
    for mine, its in zip(ours, wanted, strict=True):
        np.testing.assert_array_equal(mine, its)


def plain(dtype="float32"):
    def middle(h):
        for _ in range(2):
            h = restated(h, [Dense(8, "relu"), Dense(8)], BatchNormalization())
        return h

    return graph(middle, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", available_backends())
def test_a_composed_layer_trains_as_its_layers_in_a_graph_to_the_bit(name, dtype):
    made = graph(lambda h: Residual(8)(Residual(8)(h)), dtype=dtype)
    assert_same(trained(made, name), trained(plain(dtype), name))
    stack = Sequential([Dense(8, "tanh"), Residual(8), Residual(8), Dense(1)], seed=3, dtype=dtype)
    stack.build((None, 4))
    assert stack.dtype_policy == dtype
    assert_same(stack.get_weights(), plain(dtype).get_weights())


def test_a_layer_that_is_called_twice_has_the_same_weights_in_both_places():
    dense, norm = [Dense(8, "relu"), Dense(8)], BatchNormalization()
    wanted = trained(graph(lambda h: restated(restated(h, dense, norm), dense, norm) * 0.5))
    model = graph(Twice())
    assert_same(trained(model), wanted)
    assert [layer.name for layer in model.layers][2] == "twice"
    block = Residual(8)
    shared = graph(lambda h: block(block(h)))
    assert [layer.name for layer in shared.layers] == ["input_layer", "dense", "residual", "dense_1"]
    assert len(shared.weights) == 12
    gradients = shared.gradients(X, dy=np.ones((90, 1)))
    assert all(abs(gradient).max() > 0 for gradient in gradients if gradient.size > 1)


def test_inputs_of_another_shape_have_the_same_weights_in_a_model_of_their_own():
    class Steps(Layer):
        def __init__(self):
            super().__init__(name="steps")
            self.conv = Conv1D(3, 2)

        def call(self, x, scale=1.0):
            return self.conv(x) * scale

    short, long, steps = Input((5, 2)), Input((9, 2)), Steps()
    model = Model([short, long], [steps(short), steps(long, scale=2.0), steps(long, scale=4.0)])
    assert [layer.name for layer in model.layers][2:] == ["steps", "steps_1", "steps_2"]
    assert len(model.weights) == 2
    _, once, twice = model.predict([np.ones((2, 5, 2)), np.ones((2, 9, 2))])
    np.testing.assert_array_equal(2 * once, twice)
    assert abs(once).max() > 0
    dense = Residual(8)
    dense(Input((8,)))
    with pytest.raises(ValueError, match="has weights of shape"):
        dense(Input((3,)))


def test_several_inputs_and_outputs_come_as_call_has_them():
    class Both(Layer):
        def __init__(self):
            super().__init__()
            self.dense, self.join = Dense(3), Concatenate()

        def call(self, pair, third, *, shift=0.0):
            joined = self.join([pair["a"], pair["b"]])
            return {"sum": self.dense(joined) + shift, "rest": [third, abs(third)]}

    a, b, c = Input((2,)), Input((3,)), Input((4,))
    made = Both()({"a": a, "b": b}, c, shift=1)
    model = Model([a, b, c], {"sum": made["sum"], "rest": made["rest"][1]})
    found = model.predict([np.ones((2, 2)), np.ones((2, 3)), -np.ones((2, 4))])
    assert found["sum"].shape == (2, 3)
    assert (found["rest"] == 1).all()


def test_build_makes_layers_by_the_shape():
    class Same(Layer):
        def build(self, input_shape):
            self.dense = Dense(input_shape[-1])
            self.dense.build(input_shape)  # as Keras 3 wants it
            super().build(input_shape)
            self.built = True

        def call(self, x):
            assert x.shape == (None, 4)
            return x - activations.softplus(self.dense(x))

    layer = Same(input_shape=(4,))
    model = Sequential([layer, Dense(1)])
    assert model.built
    assert layer.dense.kernel.shape == (4, 4)
    assert model.layers[0].dense is layer.dense
    assert repr(model.layers[0]) == "<Same of 4 layers, (4,) -> (4,), 20 params>"
    assert [type(item).__name__ for item in model.layers[0].layers[2:]] == ["Activation", "Subtract"]
    with pytest.raises(TypeError, match="gets its weights in a model"):
        Dense(3).build((None, 4))


def test_weights_are_found_at_the_layer():
    block = Residual(8)
    assert (block.built, block.get_weights(), block.count_params(), block.name) == (False, [], 0, None)
    model = graph(block)
    assert (block.built, block.name, block.count_params()) == (True, "residual", 176)
    assert_same(block.get_weights(), model.get_weights()[2:10])
    block.set_weights([np.ones_like(weights) for weights in block.get_weights()])
    assert all((weights == 1).all() for weights in model.get_weights()[2:10])
    block.dense[0].trainable = False
    assert [len(block.trainable_weights), len(block.non_trainable_weights)] == [4, 4]
    with pytest.raises(ValueError, match="8"):
        block.set_weights([1])
    assert block.output.shape == block.input.shape == (None, 8)


@pytest.mark.parametrize("by", ["layer", "model", "argument"])
def test_freezing(by):
    block = Residual(8, trainable=by != "argument")
    model = graph(block)
    item = block if by != "model" else model.layers[2]
    if by != "argument":
        item.trainable = False
    assert block.trainable is model.layers[2].trainable is False
    before = model.get_weights()
    trained(model)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] * 2 + [False] * 8 + [True] * 2
    item.trainable = True
    trained(model)
    assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def copies(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    return {
        "file": load(tmp_path / "m.safetensors"),
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
    }


@pytest.mark.parametrize("kind", ["graph", "stack"])
def test_files_and_copies_go_on_as_the_model_does(tmp_path, kind):
    model = graph(Twice()) if kind == "graph" else Sequential([Dense(8), Twice(), Dense(1)], seed=1)
    trained(model)
    for how, made in copies(model, tmp_path).items():
        twin = copy.deepcopy(model)
        assert [layer.name for layer in made.layers] == [layer.name for layer in model.layers]
        for each in (made, twin):
            each.fit(X, Y, epochs=1, verbose=0)
        assert_same(made.get_weights(), twin.get_weights())
        inner = made.get_layer("twice")
        assert type(inner).__name__ == ("Model" if how == "file" else "Composed")
        if how != "file":
            assert inner.inner.dense[0] in inner.layers[1].layers
            assert inner.layer.get_weights()[0].shape == (8, 8)
            assert_same(graph(inner.layer).get_layer("twice").get_weights(), inner.get_weights())


def test_what_has_no_shape_yet_is_copied():
    model = Sequential([Residual(4), Dense(1)], seed=1)
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert not made.layers[0].layer.built
        made.build((None, 4))
        assert made.layers[0].layer.count_params() == 56
        twin = Sequential([Residual(4), Dense(1)], seed=1)
        twin.build((None, 4))
        assert_same(made.get_weights(), twin.get_weights())


def test_what_passes_through_is_kept_in_files(tmp_path):
    x = Input((3,))
    made = Through()(x, x, None, context=[Input((2,)), Input((5, 2))])
    assert len(made["same"].call.inputs) == 2
    model = Model(x, {"y": 2 * made["same"], "z": made["made"]})
    for one in copies(model, tmp_path).values():
        for name, array in one.predict(X[:, :3]).items():
            np.testing.assert_array_equal(array, model.predict(X[:, :3])[name])
    again = fastnn.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X[:, :3])["z"], model.predict(X[:, :3])["z"])


def test_clones_and_configurations_are_models_in_models():
    model = graph(Twice(name="pair"))
    clone = fastnn.models.clone_model(model)
    config = json.loads(json.dumps(model.get_config()))
    entry = next(entry for entry in config["layers"] if entry["name"] == "pair")
    assert (entry["class_name"], entry["registered_name"]) == ("Functional", "Twice")
    for made in (clone, Model.from_config(config), fastnn.models.model_from_json(model.to_json())):
        assert type(made.get_layer("pair")) is Model
        made.set_weights(model.get_weights())
        np.testing.assert_array_equal(made.predict(X), model.predict(X))


def test_the_layers_own_configuration_is_what_its_constructor_was_given():
    assert Residual(8, name="r").get_config() == {"units": 8, "name": "r", "trainable": True}
    assert Residual.from_config(Residual(8, rate=0.1).get_config()).parts["drop"].rate == 0.1

    class Strict(Layer):
        def __init__(self, units):
            super().__init__()
            self.dense = Dense(units)

        def call(self, x):
            return self.dense(x)

    assert Strict(3).get_config() == {"units": 3}
    assert Strict.from_config(Strict(3).get_config()).dense.units == 3


def test_a_copy_has_layers_of_its_own():
    block = Residual(8)
    graph(block)
    for made in (copy.copy(block), copy.deepcopy(block)):
        assert made.dense[0] is not block.dense[0]
        assert not made.built
        assert graph(made).built


def test_what_leaves_a_stack_keeps_its_weights():
    block = Residual(4, input_shape=(4,))
    model = Sequential([block])
    before = block.get_weights()
    gone = model.pop()
    assert not model.built
    assert_same(gone.get_weights(), before)
    assert_same(Sequential([gone, Dense(1)]).get_weights()[:8], before)
    assert_same(Sequential([block, Dense(1)]).get_weights()[:8], before)
    with pytest.raises(ValueError, match="is in the model twice"):
        Sequential([block, block])


def test_summaries_name_the_class(capsys):
    model = graph(Twice())
    model.summary()
    assert "2  twice (Twice)" in capsys.readouterr().out
    assert model.weight_paths()[2] == "twice/residual/first/kernel"
    assert "twice/residual_1/first" in model.activations(X)


def test_exports_and_predictors_see_the_layers():
    model = graph(Twice())
    np.testing.assert_array_equal(model.predictor()(np.float32(X[:3])), model.predict(X[:3]))
    np.testing.assert_allclose(fastnn.utils.fold(model).predict(X), model.predict(X), atol=1e-5)


class Square(Layer):
    def call(self, x):
        self.x = x
        return x * x

    def backward(self, dy):
        return 2 * self.x * dy


def test_layers_in_numpy_and_functions_stand_inside():
    class Mixed(Layer):
        def __init__(self):
            super().__init__()
            self.own, self.dense = Square(), Sequential([Dense(8), Lambda(np.sin, lambda x, dy: np.cos(x) * dy)])

        def call(self, x):
            return self.own(x) + self.dense(x)

    losses = trained(graph(Mixed()), epochs=5)[0]
    assert losses[-1] < losses[0]
    assert type(Square()(Input((3,))).call.item) is Square


def test_a_class_that_adds_the_way_back_is_a_layer_in_numpy():
    class OnlyForward(Layer):
        def call(self, x):
            return 2 * x

    class Both(OnlyForward):
        def backward(self, dy):
            return 2 * dy

    assert type(Both()(Input((3,))).call.item) is Both
    assert OnlyForward()(Input((3,))).call.item.layer.name is None


def test_masks_and_lengths_pass_through():
    class Read(Layer):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.lstm = Conv1D(4, 3, padding="same"), LayerNormalization(), LSTM(3)

        def call(self, x, training=None, mask=None):
            assert x.shape == (None, None, 4)  # also where the length follows from an open one
            return self.lstm(self.norm(x), mask=mask, training=training)

    words = Input((None,))
    h = Embedding(9, 4, mask_zero=True)(words)
    block = Read()
    model = Model(words, block(h), seed=1)
    norm, lstm = LayerNormalization(), LSTM(3)
    wanted = Model(words, lstm(norm(h)), seed=1)
    lstm.set_weights(block.lstm.get_weights())
    rows = np.array([[3, 4, 0, 0], [1, 2, 3, 4]])
    np.testing.assert_array_equal(model.predict(rows), wanted.predict(rows))
    there = Input((None,))
    given = Model([words, there], block(h, mask=there))
    assert abs(given.predict([rows, np.ones((2, 4))]) - model.predict(rows))[0].max() > 0
    short = Conv1D(4, 2)(h)
    assert Model(words, Read()(short)).predict(rows).shape == (2, 3)
    attends = MultiHeadAttention(2, 4)
    assert attends(h, h, training=None).shape == (None, None, 4)
    with pytest.raises(TypeError, match="layer must be a layer that comes with fastnn"):
        TimeDistributed(Read())


def test_a_call_that_failed_leaves_nothing_behind():
    class Picky(Residual):
        refuses = True

        def call(self, x):
            h = super().call(x)
            if self.refuses:
                raise ValueError("not now")
            return h

    layer = Picky(4)
    with pytest.raises(ValueError, match="not now"):
        layer(Input((4,)))
    layer.units, layer.refuses = 4, False
    layer.dense = [Dense(5), Dense(5)]
    assert layer.parts["norm"].calls == ()
    assert layer(Input((5,))).shape == (None, 5)
    first = Sequential([Activation("relu"), Picky(3)])
    with pytest.raises(ValueError, match="not now"):
        first.build((None, 3))
    first.layers[1].layer.refuses = False
    first.compile("adam", "mse")
    with pytest.raises(ValueError, match="y must have shape"):
        first.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert not first.built
    assert not first.layers[1].layer.built
    first.layers[1].layer.dense = [Dense(2), Dense(2)]
    first.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    assert first.layers[1].layer.count_params() == 20
