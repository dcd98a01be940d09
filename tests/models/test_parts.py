"""Layers of one model in another, models in models, and what layers know of their place."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, refused, regression, weights_of

from fastnn import Model, Sequential
from fastnn.layers import Activation, Dense, Dropout, Input


def trained(rng, *layers, **more) -> Sequential:
    model = model_of(*layers, **more)
    model.fit(*regression(rng), epochs=2, verbose=0)
    return model


def same(arrays, others) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays, others, strict=True))


@pytest.mark.single
@EVERY_BACKEND
def test_layers_of_a_trained_model_bring_their_weights_into_another(rng, name):
    old = trained(rng, Dense(8, "tanh"), Dense(5, "relu"), Dense(1), name=name)
    new = Sequential([*old.layers[:-1], Dense(2)], seed=9, backend=name)
    x, _ = regression(rng)
    new.predict(x)
    assert same(new.get_weights()[:4], old.get_weights()[:4])
    before = old.get_weights()
    new.compile("adam", "mse")
    new.fit(x, x[:, :2], verbose=0)
    assert same(old.get_weights()[:4], new.get_weights()[:4]), "the weights are shared, not copied"
    assert same(old.get_weights()[4:], before[4:]), "what is not in the new model stays"
    assert not same(old.get_weights()[:2], before[:2])
    again = Sequential(new.layers)
    again.build((None, 4))
    assert same(again.get_weights(), new.get_weights())


def test_a_model_that_is_gone_still_gives_its_weights(rng):
    old = trained(rng)
    layers, weights, gone = old.layers, old.get_weights(), weakref.ref(old)
    del old
    gc.collect()
    assert gone() is None
    new = Sequential([Input((4,)), *layers])
    assert same(new.get_weights(), weights)


def test_a_model_waiting_for_its_shape_takes_the_weights_that_layers_have_then(rng):
    layers = [Dense(8, "tanh"), Dense(1)]
    first, second = Sequential(layers, seed=1), Sequential(layers, seed=2)
    first.compile("adam", "mse")
    first.fit(*regression(rng), verbose=0)
    second.build((4,))
    assert same(second.get_weights(), first.get_weights())


def test_add_and_pop_keep_the_weights_of_the_layers_that_stay(rng):
    model = trained(rng)
    before = model.get_weights()
    model.add(Dense(3))
    assert same(model.get_weights()[:4], before)
    model.pop()
    assert same(model.get_weights(), before)
    last = model.pop()
    model.add(last)
    assert same(model.get_weights(), before)


def test_weights_that_do_not_fit_are_refused_and_copies_start_afresh(rng):
    old = trained(rng)
    words = ("Dense(units=8", "(4, 8)", "(7, 8)", "copy.copy")
    refused(lambda: Sequential([Input((7,)), *old.layers]), ValueError, words)
    fresh = Sequential([Input((4,)), *map(copy.copy, old.layers)], seed=old.seed)
    assert same(fresh.get_weights(), model_of(seed=old.seed).get_weights())
    assert Sequential([Input((7,)), *map(copy.copy, old.layers)]).built


def test_weights_of_another_dtype_are_refused_and_can_be_set(rng):
    old = trained(rng)
    words = ("float32", "float64", "copy.copy")
    refused(lambda: Sequential([Input((4,)), *old.layers], dtype="float64"), ValueError, words)
    new = Sequential([Input((4,)), *map(copy.copy, old.layers)], dtype="float64")
    new.set_weights(old.get_weights())
    assert same(new.get_weights(), old.get_weights())


def test_a_layer_twice_in_a_model_is_refused():
    layer = Dense(4, input_shape=(4,))
    refused(lambda: Sequential([layer, layer]), ValueError, ("twice", "copy.copy"))
    model = Sequential([layer])
    refused(lambda: model.add(model.layers[0]), ValueError, ("twice",))
    assert Sequential([layer, copy.copy(layer)]).count_params() == 2 * 20


def test_a_layer_of_another_model_is_in_a_model_once():
    old = Sequential([Dense(4, input_shape=(4,)), Dense(4)])
    layer = old.layers[0]
    refused(lambda: Sequential([layer, layer]), ValueError, ("twice", "copy.copy"))
    refused(lambda: Sequential([layer, Dense(4), old]), ValueError, ("twice",))
    refused(lambda: Sequential([old, layer]), ValueError, ("twice",))
    new = Sequential([layer])
    refused(lambda: new.add(layer), ValueError, ("twice",))
    new.pop()
    new.add(layer)
    assert same(new.get_weights(), old.get_weights()[:2])
    waiting = Dense(4)
    inner = Sequential([waiting])
    refused(lambda: Sequential([waiting, inner]), ValueError, ("twice",))


def test_chains_of_models_keep_no_more_than_the_last_needs(rng):
    model = trained(rng)
    size, last = len(model.params), model.layers[-1].count_params()
    for _ in range(3):
        model = Sequential([Input((4,)), *model.layers[:-1], Dense(1)])
        gc.collect()
    assert len(model.params) <= size + 2 * max(last, 64)


# -- models in models -------------------------------------------------------------------------------


@pytest.mark.single
@EVERY_BACKEND
def test_a_model_in_a_model_trains_with_it(rng, name):
    encoder = Sequential([Dense(3, "tanh", input_shape=(4,))], seed=1, backend=name, name="encoder")
    decoder = Sequential([Dense(5, "relu"), Dense(4)], seed=2, backend=name)
    both = Sequential([encoder, decoder], seed=3, backend=name)
    x, _ = regression(rng)
    both.compile("adam", "mse")
    both.fit(x, x, epochs=2, verbose=0)
    assert decoder.built
    assert same([*encoder.get_weights(), *decoder.get_weights()], both.get_weights())
    np.testing.assert_array_equal(decoder.predict(encoder.predict(x)), both.predict(x))
    encoder.compile("sgd", "mse")
    encoder.fit(x, x[:, :3], verbose=0)
    assert same(encoder.get_weights(), both.get_weights()[:2])
    assert both.get_layer("encoder") is encoder
    assert [layer.name for layer in both.layers] == ["encoder", "sequential"]
    assert [layer.name for layer in decoder.layers] == ["dense", "dense_1"]


def test_a_trained_model_brings_its_weights_and_its_optimiser_goes_on(rng):
    inner = trained(rng)
    weights, slots = inner.get_weights(), inner.slots.copy()
    outer = Sequential([inner, Dense(2)])
    assert same(outer.get_weights()[:4], weights)
    assert outer.input_shape == (None, 4)
    np.testing.assert_array_equal(inner.slots[:, : slots.shape[1]], slots)
    outer.set_weights([w + 1 for w in outer.get_weights()])
    assert same(inner.get_weights(), [w + 1 for w in weights])


def test_parts_of_parts_share_too():
    core = Sequential([Dense(3)], name="core")
    middle = Sequential([core, Activation("relu")], name="middle")
    outer = Sequential([Input((4,)), Dense(5), middle, Dense(1)])
    outer.set_weights([np.full_like(w, i) for i, w in enumerate(outer.get_weights())])
    assert [w.flat[0] for w in core.get_weights()] == [2, 3]
    assert same(core.get_weights(), middle.get_weights())
    outer.add(Dense(2))
    outer.set_weights([w + 1 for w in outer.get_weights()])
    assert [w.flat[0] for w in core.get_weights()] == [3, 4]


def test_pop_takes_a_model_off_whole(rng):
    inner = Sequential([Dense(3), Dense(2)])
    outer = Sequential([Dense(5, input_shape=(4,)), inner])
    weights = inner.get_weights()
    assert outer.pop() is inner
    assert (len(outer.layers), outer.output_shape) == (1, (None, 5))
    assert same(inner.get_weights(), weights)
    inner.add(Dense(1))
    outer.add(inner)
    assert same(outer.get_weights()[2:6], weights)


@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deep", "pickle"])
def test_a_copy_of_a_model_with_parts_shares_nothing_with_it(make):
    inner = Sequential([Dense(3)], name="inner")
    outer = Sequential([Input((4,)), inner, Dense(1)])
    twin = make(outer)
    assert same(twin.get_weights(), outer.get_weights())
    twin.set_weights([w + 1 for w in twin.get_weights()])
    assert not same(twin.get_weights(), outer.get_weights())
    assert same(twin.get_layer("inner").get_weights(), twin.get_weights()[:2])
    assert [layer.name for layer in twin.layers] == [layer.name for layer in outer.layers]


def test_a_shallow_copy_leaves_the_layers_to_their_model():
    model = Sequential([Dense(3, input_shape=(4,))])
    twin = copy.copy(model)
    twin.set_weights([w + 1 for w in twin.get_weights()])
    assert same(model.layers[0].get_weights(), model.get_weights())
    assert not same(model.get_weights(), twin.get_weights())


def test_where_a_model_cannot_be_a_part():
    inner = Sequential([Dense(3, input_shape=(4,))])
    outer = Sequential([inner, Dense(1)])
    twin = Sequential([inner])
    assert same(twin.get_weights(), inner.get_weights()), "several models may share one"
    refused(lambda: inner.add(Dense(2)), ValueError, ("part of",))
    refused(lambda: inner.pop(), ValueError, ("part of",))
    refused(lambda: outer.add(outer), ValueError, ("itself", "copy.deepcopy"))
    other = Sequential([Dense(3)], dtype="float64")
    refused(lambda: outer.add(other), ValueError, ("dtype", "float64", "float32"))
    narrow = Sequential([Input((7,)), Dense(2)])
    refused(lambda: outer.add(narrow), ValueError, ("(7,)", "(1,)"))
    assert not narrow.is_part
    narrow.add(Dense(2))


def test_a_model_is_free_again_when_the_model_around_it_is_gone():
    inner = Sequential([Dense(3, input_shape=(4,))])
    Sequential([inner, Dense(1)]).predict(np.ones((1, 4)))
    gc.collect()
    assert Sequential([inner]).count_params() == 15


def test_data_that_do_not_fit_leave_parts_unbuilt(rng):
    given = Sequential([Dense(3)], seed=1)
    given.build((4,))
    weights = given.get_weights()
    waiting = Sequential([Sequential([Dense(4)], name="first"), given, Dense(1)])
    waiting.compile("adam", "mse")
    with pytest.raises(ValueError, match="number of rows"):
        waiting.fit(np.ones((5, 4)), np.ones(4))
    assert not waiting.built
    assert not waiting.layers[0].built
    assert same(given.get_weights(), weights)


# -- what a layer knows -----------------------------------------------------------------------------


def test_layers_show_and_take_their_weights():
    model = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5), Dense(1, name="last")], seed=1)
    assert [len(layer.get_weights()) for layer in model.layers] == [2, 0, 2]
    assert [layer.count_params() for layer in model.layers] == [15, 0, 4]
    kernel = np.arange(3.0).reshape(3, 1)
    model.get_layer("last").set_weights([kernel, [7.0]])
    np.testing.assert_array_equal(model.get_weights()[2], kernel)
    model.layers[0].get_weights()[0][:] = 9
    assert not (model.get_weights()[0] == 9).any()
    before = weights_of(model)
    refused(lambda: model.layers[2].set_weights([kernel]), ValueError, ("2 arrays", "last/kernel"))
    refused(lambda: model.layers[2].set_weights([kernel, [np.nan]]), ValueError, ("last/bias", "finite"))
    assert same([weights_of(model)], [before])
    assert Dense(3).get_weights() == []
    refused(lambda: Dense(3).set_weights([kernel]), ValueError, ("no weights yet", "build"))


def test_names_are_keras_names_and_each_layer_has_its_own():
    model = Sequential([Dense(1), Activation("relu"), Dense(1, name="dense_1"), Dense(1)])
    assert [layer.name for layer in model.layers] == ["dense", "activation", "dense_1", "dense_2"]
    model.pop()
    model.add(Dense(2))
    assert model.layers[-1].name == "dense_2"
    refused(lambda: model.add(Dense(2, name="dense_1")), ValueError, ("'dense_1'", "name"))
    refused(lambda: model.get_layer("dnse"), ValueError, ("'dnse'", "did you mean 'dense'"))
    refused(lambda: model.get_layer(index=4), ValueError, ("index", "4"))
    refused(lambda: model.get_layer(), ValueError, ("name or an index",))
    assert model.get_layer(index=-1) is model.layers[-1]
    other = Sequential([*model.layers[:1], *Sequential([Dense(3)]).layers])
    assert [layer.name for layer in other.layers] == ["dense", "dense_1"]
    assert "name=" not in repr(model.layers[0])


@pytest.mark.parametrize(
    ("shape", "came"),
    [((28, 28, 1), (5, 28, 28)), ((28, 28), (5, 28, 28, 1)), ((1,), (5,)), ((4,), (5, 4, 1)), ((4, 1), (5, 4))],
)
def test_a_last_axis_of_one_is_added_or_dropped_as_keras_does(rng, shape, came):
    model = Sequential([Input(shape), Dense(2)], seed=1)
    x = rng.normal(size=came).astype(np.float32)
    np.testing.assert_array_equal(model.predict(x), model.predict(x.reshape(5, *shape)))
    model.compile("sgd", "mse")
    model.fit(x, model.predict(x), verbose=0)


def test_other_shapes_are_still_refused(rng):
    model = Sequential([Input((4,)), Dense(2)], seed=1)
    for came in ((5, 4, 1, 1), (5, 1, 4), (5, 3), (4,)):
        refused(lambda came=came: model.predict(np.zeros(came)), ValueError, ("(n, 4)", str(came)))


def test_weights_can_be_read_as_they_are_but_not_written():
    layer = Dense(3, use_bias=False, name="one")
    assert (layer.built, layer.weights, layer.bias) == (False, [], None)
    assert not hasattr(layer, "kernel")
    model = Sequential([layer, Dense(1)], seed=1)
    assert model.weights == model.trainable_weights == []
    model.build((None, 4))
    assert layer.built
    model.set_weights([w + 1 for w in model.get_weights()])
    for seen in (layer.kernel, layer.weights[0], model.weights[0]):
        np.testing.assert_array_equal(seen, model.get_weights()[0])
        with pytest.raises(ValueError, match="read-only"):
            seen[:] = 0
    np.testing.assert_array_equal(model.layers[1].bias, model.get_weights()[2])


def test_a_model_that_is_called_predicts_and_does_not_train(rng):
    model = model_of(Dense(3), Dropout(0.5), Dense(1), metrics=["mae"])
    x, _ = regression(rng)
    np.testing.assert_array_equal(model(x), model.predict(x))
    before = model.get_weights()
    assert not np.array_equal(model(x, training=True), model(x)), "dropout acts as in training"
    assert same(model.get_weights(), before)
    assert model.metrics_names == ["loss", "mae"]
    assert not hasattr(Sequential([Dense(1)]), "metrics_names")


@pytest.mark.single
@EVERY_BACKEND
def test_predictors_follow_layers_that_join_another_model(rng, name):
    inner, other = (model_of(Dense(3, "tanh"), Dense(2), name=name, seed=seed) for seed in (1, 2))
    predict, also = inner.predictor(), other.predictor()
    x = rng.normal(size=(5, 4)).astype(np.float32)
    outer = Sequential([inner, Dense(4), other], backend=name)
    outer.set_weights([w + 1 for w in outer.get_weights()])
    np.testing.assert_array_equal(predict(x), inner.predict(x))
    np.testing.assert_array_equal(also(x), other.predict(x))


@pytest.mark.single
@EVERY_BACKEND
def test_a_layer_that_was_frozen_when_its_model_was_built_is_trained_once_it_is_set_free(rng, name):
    base = Sequential([Dense(3, "tanh", input_shape=(4,))], backend=name)
    base.trainable = False
    model = Sequential([base, Dense(1)], backend=name)
    model.compile("adam", "mse")
    x, y = regression(rng)
    before = base.get_weights()
    model.fit(x, y, verbose=0)
    assert same(base.get_weights(), before)
    base.trainable = True
    model.fit(x, y, verbose=0)
    assert not same(base.get_weights(), before)


def test_a_layer_that_is_used_twice_reads_the_same_width_both_times():
    layer, x = Dense(5, name="twice"), Input((4,))
    h = layer(x)
    refused(lambda: layer(h), ValueError, ("'twice'", "(4, 5)", "(5, 5)", "copy.copy"))


def test_layers_shared_with_another_model_still_give_their_first_output():
    base = Sequential([Dense(6, "relu", input_shape=(4,)), Dense(5, name="features"), Dense(1)], seed=1)
    new = Sequential([*base.layers[:-1], Dense(3)])
    assert new.layers[0] is base.layers[0]
    features = Model(base.input, base.get_layer("features").output)
    assert features.layers[1] is base.layers[0]
    x = np.ones((2, 4))
    np.testing.assert_array_equal(Model(base.input, base.layers[2](features.output)).predict(x), base.predict(x))
