"""A class derived from Model with a ``call``: the model of the graph that call makes, once it knows a shape."""

from __future__ import annotations

import copy
import json
import pickle
import threading

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, NotReadyError, Sequential, fit_many, load
from fastnn.layers import LSTM, Add, BatchNormalization, Concatenate, Dense, Dropout, Flatten, Lambda, Layer, Reshape

X = np.random.default_rng(0).normal(size=(90, 4))
Y = X[:, :1] ** 2


class Block(Layer):
    def __init__(self, units, **given):
        super().__init__(**given)
        self.dense, self.norm = Dense(units, "relu"), BatchNormalization()

    def call(self, x, training=False):
        return x + self.norm(self.dense(x), training=training)


class Net(Model):
    def __init__(self, units=8, **given):
        super().__init__(**given)
        self.first = Dense(units, "tanh")
        self.blocks = [Block(units), Block(units)]
        self.drop, self.head = Dropout(0.2), Dense(1)

    def call(self, inputs, training=None, mask=None):
        h = self.first(inputs)
        for block in self.blocks:
            h = block(h, training=training)
        return self.head(self.drop(h, training=training))


class Steps(Model):
    def __init__(self):
        super().__init__()
        self.lstm = LSTM(3)

    def call(self, x, start=None):
        return self.lstm(x)


class Pair(Model):
    """Two inputs and two outputs."""

    def __init__(self):
        super().__init__()
        self.left, self.right = Dense(2, name="left"), Dense(1, name="right")

    def call(self, inputs):
        a, b = inputs.values() if isinstance(inputs, dict) else inputs
        h = self.left(a)
        return h, self.right(Concatenate()([h, b]))


PAIR = [np.ones((6, 3)), np.ones((6, 2))]
TARGETS = [np.ones((6, 2)), np.ones((6, 1))]


def restated(**given):
    """What :class:`Net` says, as a graph."""
    x = Input((4,))
    h = Dense(8, "tanh")(x)
    for _ in range(2):
        h = Add()([h, BatchNormalization()(Dense(8, "relu")(h))])
    return Model(x, Dense(1)(Dropout(0.2)(h)), **given)


def trained(model, **given):
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=2, verbose=0, **given)
    return [*history.history.values(), *model.get_weights(), model.predict(X)]


def assert_same(ours, wanted):
    assert len(ours) == len(wanted)
    for mine, its in zip(ours, wanted, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_it_trains_as_the_graph_to_the_bit(dtype):
    assert_same(trained(Net(seed=2, dtype=dtype)), trained(restated(seed=2, dtype=dtype)))


BUILT_BY = {
    "build": lambda model: model.build((None, 4)),
    "build of a sample": lambda model: model.build((4,)),
    "fit": lambda model: trained(model),
    "predict": lambda model: model.predict(X),
    "call": lambda model: model(X, training=True),
    "edges": lambda model: model(Input((4,))),
    "a stack": lambda model: Sequential([model, Dense(2)]).build((None, 4)),
    "evaluate": lambda model: (model.compile("sgd", "mse"), model.evaluate(X, Y)),
    "batches": lambda model: (model.compile("sgd", "mse"), model.fit([(X, Y)], verbose=0)),
    "train_on_batch": lambda model: (model.compile("sgd", "mse"), model.train_on_batch(X, Y)),
    "gradients": lambda model: model.gradients(X, dy=np.ones((90, 1))),
    "activations": lambda model: model.activations(X),
}


@pytest.mark.parametrize("how", BUILT_BY)
def test_what_knows_the_shape_builds_it(how):
    model = Net()
    assert (model.built, model.name, len(model.layers)) == (False, "net", 5)
    BUILT_BY[how](model)
    assert (model.built, model.input_shape, model.output_shape) == (True, (None, 4), (None, 1))
    assert model.count_params() == len(Net().blocks) * 104 + 49
    assert model.head.kernel.shape == (8, 1)
    assert [layer.name for layer in model.layers][2:4] == ["block", "block_1"]


def test_threads_build_it_once():
    model = Net(seed=1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(X))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same(found, [model.predict(X)] * 4)
    assert len(model.first.calls) == 1


def test_what_wants_a_shape_says_so(capsys):
    model = Net()
    for ask in (lambda: model.output_shape, model.count_params, lambda: model.save("x.safetensors"), model.build):
        with pytest.raises(NotReadyError, match=r"build\("):
            ask()
    model.summary()
    assert "1  block (Block)" in capsys.readouterr().out
    model.build((None, 4))
    model.build((None, 4))
    model.build(None)
    lengths = Steps()
    lengths.build((None, None, 3))
    lengths.build((None, None, 3))
    with pytest.raises(TypeError, match="takes its inputs as one argument, a list or dict of them"):
        Steps()(Input((5, 3)), Input((5, 3)))
    with pytest.raises(ValueError, match=r"is built for \(None, 4\), got \(None, 5\); make another model"):
        model.build((None, 5))


@pytest.mark.parametrize("inputs", [PAIR, tuple(PAIR), {"a": PAIR[0], "b": PAIR[1]}])
def test_several_inputs_and_outputs(inputs):
    model = Pair()
    model.compile("adam", ["mse", "mae"], metrics=[["mae"], None], loss_weights=[1.0, 0.5])
    history = model.fit(inputs, TARGETS, epochs=1, verbose=0).history
    assert list(history) == ["loss", "left_loss", "right_loss", "left_mae"]
    assert [y.shape for y in model.predict(inputs)] == [(6, 2), (6, 1)]
    assert model.input_names == (["a", "b"] if isinstance(inputs, dict) else ["input_layer", "input_layer_1"])
    built = Pair()
    built.build({"a": (None, 3), "b": (None, 2)} if isinstance(inputs, dict) else [(None, 3), (None, 2)])
    assert built.input_shape == [(None, 3), (None, 2)]


def test_several_inputs_inside_a_model_are_kept_in_files(tmp_path):
    class Around(Model):
        def __init__(self):
            super().__init__()
            self.pair, self.add = Pair(), Dense(3)

        def call(self, inputs):
            left, right = self.pair([inputs, self.add(inputs)])
            return {"left": 2 * left, "right": right + 1}

    model = Around()
    found = model.predict(X)
    model.save(tmp_path / "m.safetensors")
    for made in (load(tmp_path / "m.safetensors"), copy.deepcopy(model)):
        for name, array in made.predict(X).items():
            np.testing.assert_array_equal(array, found[name])


@pytest.mark.parametrize("told", ["mse", {"left": "mse", "right": "mae"}, ["mse", None]])
def test_losses_by_outputs_wait_for_these(told):
    model, wanted = Pair(), Pair()
    model.compile("adam", told)
    assert model.optimizer.name == "adam"
    wanted.build([(None, 3), (None, 2)])
    wanted.compile("adam", told)
    wanted.set_weights(start := [np.full_like(weights, 0.1) for weights in wanted.get_weights()])
    twin = copy.deepcopy(model)
    for each in (model, twin):
        each.build([(None, 3), (None, 2)])
        each.set_weights(start)
        assert each.losses == wanted.losses
        assert each.evaluate(PAIR, TARGETS) == wanted.evaluate(PAIR, TARGETS)


def test_wrong_losses_are_refused_where_they_are_given():
    with pytest.raises(ValueError, match="mean_sqared_error"):
        Net().compile("adam", "mean_sqared_error")
    model = Pair()
    model.compile("adam", {"left": "mse", "rihgt": "mse"})
    with pytest.raises(ValueError, match="did you mean 'right'"):
        model.fit(PAIR, TARGETS, verbose=0)


def test_outputs_may_be_a_dict():
    class Named(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs):
            return {"twice": 2 * inputs["x"], "made": self.dense(inputs["x"])}

    model = Named()
    found = model.predict({"x": X})
    assert list(found) == ["twice", "made"]
    assert model.output_names == ["twice", "made"]


def test_copies_files_and_clones(tmp_path):
    model = Net(seed=4)
    trained(model)
    model.save(tmp_path / "m.safetensors")
    made = {
        "copy": copy.copy(model),
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "file": load(tmp_path / "m.safetensors", custom_objects={"Net": Net, "Block": Block}),
    }
    wanted = trained(copy.deepcopy(model))
    for how, one in made.items():
        assert type(one) is (Model if how == "file" else Net)
        assert one.name == "net"
        assert_same(trained(one), wanted)
        if how != "file":
            assert one.head in one.layers
            assert one.blocks[0].count_params() == 104
            assert not any(one.head is layer for layer in model.layers)
    clone = fastnn.models.clone_model(model)
    assert type(clone) is Model
    assert clone.loss == model.loss
    waiting = pickle.loads(pickle.dumps(Net(seed=2)))
    assert_same(trained(waiting), trained(restated(seed=2)))


def test_configurations():
    model = Net(units=3, seed=1, name="mine")
    assert model.get_config() == {"units": 3, "seed": 1, "name": "mine"}
    twin = Net.from_config(model.get_config())
    for each in (model, twin):
        each.build((None, 4))
    assert_same(model.get_weights(), twin.get_weights())
    described = json.loads(model.to_json())
    assert (described["class_name"], described["registered_name"]) == ("Functional", "Net")
    again = fastnn.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_fit_many_trains_classes_as_fit_does():
    models = [Net(seed=seed) for seed in (1, 2)]
    for model in models:
        model.compile("adam", "mse")
    fit_many(models, X, Y, epochs=2)
    for seed, model in zip((1, 2), models, strict=True):
        alone = Net(seed=seed)
        alone.compile("adam", "mse")
        alone.fit(X, Y, epochs=2, verbose=0)
        assert_same(model.get_weights(), alone.get_weights())


def test_freezing_before_and_after_the_build():
    model = Net(trainable=False)
    model.build((None, 4))
    assert not model.trainable_weights
    model.trainable = True
    model.blocks[0].trainable = False
    before = model.get_weights()
    trained(model)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [True] * 2 + [False] * 6 + [True] * 8
    early = Net()
    early.first.trainable = False
    early.build((None, 4))
    assert len(early.non_trainable_weights) == 2 + 4


class AutoEncoder(Model):
    def __init__(self, **given):
        super().__init__(**given)
        self.encoder = Sequential([Flatten(), Dense(3, "relu")])
        self.decoder = Sequential([Dense(8), Reshape((2, 4))])

    def call(self, x):
        return self.decoder(self.encoder(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_seed_decides_of_models_inside_too(dtype):
    def built(code, decode):
        x = Input((2, 4))
        return Model(x, decode[1](decode[0](code[1](code[0](x)))), seed=5, dtype=dtype)

    class Inside(AutoEncoder):
        def __init__(self):
            super().__init__(seed=5, dtype=dtype)
            self.whole = AutoEncoder()

        def call(self, x):
            return self.whole(x)

    wanted = built([Flatten(), Dense(3, "relu")], [Dense(8), Reshape((2, 4))]).get_weights()
    for model in (AutoEncoder(seed=5, dtype=dtype), Inside()):
        model.build((None, 2, 4))
        assert_same(model.get_weights(), wanted)
        assert model.layers[1].dtype_policy == dtype
    own = AutoEncoder(seed=5)
    own.encoder = Sequential([Flatten(), Dense(3, "relu")], seed=6)
    own.build((None, 2, 4))
    alone = Sequential([Flatten(), Dense(3, "relu")], seed=6)
    alone.build((None, 2, 4))
    assert_same(own.encoder.get_weights(), alone.get_weights())


def test_models_inside_are_there_by_themselves():
    model, x = AutoEncoder(), np.random.default_rng(0).random((20, 2, 4))
    model.compile("adam", "mse")
    model.fit(x, x, verbose=0)
    code = model.encoder(x)
    assert code.shape == (20, 3)
    np.testing.assert_array_equal(model.decoder.predict(code), model.predict(x))


@pytest.mark.parametrize("made", [Net, AutoEncoder])
def test_an_error_takes_the_build_back(made):
    model = made()
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="y must"):
        model.fit(np.ones((5, 2, 3)), np.ones((5, 7)), verbose=0)
    assert not model.built
    x = X if made is Net else X[:88].reshape(-1, 2, 4)
    model.fit(x, Y if made is Net else x, verbose=0)
    assert model.input_shape == (None, *x.shape[1:])
    fails = made()
    fails.head = fails.decoder = Lambda(np.sum)
    with pytest.raises(ValueError, match="Lambda"):
        fails.build((None, 7, 3))
    fails.head = fails.decoder = Lambda(np.sin)
    fails.build((None, 4, 3))
    assert fails.built


def test_a_model_of_a_class_may_have_a_build_and_graphs_may_be_derived_from():
    class Late(Model):
        def build(self, input_shape):
            self.dense = Dense(input_shape[-1])
            super().build(input_shape)

        def call(self, x):
            return self.dense(x)

    for prepare in (lambda model: model.build((None, 4)), lambda model: model.predict(X)):
        model = Late()
        prepare(model)
        assert model.output_shape == (None, 4)

    class Graph(Model):
        def __init__(self, units):
            self.units = units
            x = Input((4,))
            super().__init__(x, Dense(units)(x))

    assert Graph(3).output_shape == (None, 3)
    assert type(copy.deepcopy(Graph(3))) is Graph
