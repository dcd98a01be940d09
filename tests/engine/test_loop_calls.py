"""Own loops: activations, gradients as objects, soft updates, and what is refused."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
from graphs_of_two import pair, rows_of
from models import EVERY_BACKEND, model_of, regression
from tolerance import assert_close

import fastnn
from fastnn import Input, Model, Sequential
from fastnn.callbacks import LambdaCallback
from fastnn.layers import Activation, Concatenate, Dense, Dropout
from fastnn.models import Gradients
from fastnn.optimizers import LBFGS, SGD

# -- activations --------------------------------------------------------------------------------


@EVERY_BACKEND
def test_activations_are_the_outputs_of_all_layers(rng, name):
    layers = Dense(5, name="first"), Activation("relu", name="kink"), Dropout(0.5), Dense(2, "softmax", name="last")
    model, x = model_of(*layers, name=name), regression(rng)[0]
    found = model.activations(x)
    assert list(found) == ["first", "kink", "dropout", "last"]
    np.testing.assert_array_equal(found["last"], model.predict(x))
    np.testing.assert_array_equal(found["kink"], np.maximum(found["first"], 0))
    np.testing.assert_array_equal(found["dropout"], found["kink"])
    kernel, bias = model.get_weights()[:2]
    assert_close(found["first"], x @ kernel + bias, "float32", 5)


@EVERY_BACKEND
def test_layers_called_twice_and_inner_models_have_names(rng, name):
    model, x = pair(name), rows_of(rng)
    found, y = model.activations(x), model(x)
    names = ["tower/dense", "tower/dense_1", "tower", "tower_1/dense", "tower_1/dense_1", "tower_1"]
    assert {*names, "left", "right", "flatten", "concatenate", "v", "s"} <= set(found)
    np.testing.assert_array_equal(found["tower/dense_1"], found["tower"])
    np.testing.assert_array_equal(found["concatenate"], np.hstack([found["tower"], found["tower_1"]]))
    np.testing.assert_array_equal(found["v"], y["value"])
    np.testing.assert_array_equal(found["right"], x[1])
    np.testing.assert_array_equal(found["flatten"], x[1].reshape(-1, 4))


def test_more_layers_than_a_plan_has_inputs_have_activations():
    model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(1,)), *(Dense(1) for _ in range(299))], seed=1)
    found = model.activations([[1.0]])
    assert len(found) == 300
    np.testing.assert_array_equal(found[model.layers[-1].name], model.predict([[1.0]]))


# -- gradients as objects -----------------------------------------------------------------------


def test_frozen_layers_have_no_gradients_and_do_not_change(rng):
    model, x = model_of(Dense(3, "tanh"), Dense(4, "tanh"), Dense(1), dtype="float64"), rng.normal(size=(5, 4))
    whole = model.gradients(x, dy=np.ones((5, 1)))
    model.layers[1].trainable = False
    kept, parts = model.get_weights(), model.gradients(x, dy=np.ones((5, 1)))
    assert parts.names == ("dense/kernel", "dense/bias", "dense_2/kernel", "dense_2/bias")
    assert [array.shape for array in parts] == [array.shape for array in model.trainable_variables]
    for got, right in zip(parts, [*whole[:2], *whole[4:]], strict=True):
        np.testing.assert_array_equal(got, right)
    model.apply_gradients(parts)
    assert [np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True)] == [0, 0, 1, 1, 0, 0]
    model.trainable = False
    nothing = model.gradients(x, dy=np.ones((5, 1)))
    assert len(nothing) == nothing.flat.size == 0
    model.trainable = True
    assert len(model.gradients(x, dy=np.ones((5, 1)))) == 6


def test_gradients_are_views_of_one_vector(rng):
    model = model_of(Dense(3), Dense(1))
    gradients = model.gradients(*regression(rng))[1]
    assert gradients.flat.shape == (model.count_params(),)
    gradients.flat *= 2
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in gradients]), gradients.flat)
    gradients[0] = 0
    assert not gradients.flat[:12].any()
    assert [array.shape for array in gradients[-2:]] == [(3, 1), (1,)]
    assert repr(gradients).startswith("<Gradients of 4 arrays, 19 numbers, float32, norm ")
    with pytest.raises(IndexError):
        gradients[4]


FORMS = {
    "object": lambda g: g,
    "list": list,
    "tuple": tuple,
    "vector": lambda g: g.flat,
    "lists": lambda g: [a.tolist() for a in g],
}


@pytest.mark.parametrize("form", FORMS)
def test_gradients_may_come_in_any_form(rng, form):
    ours, right = model_of(), model_of()
    x, y = regression(rng)
    ours.apply_gradients(FORMS[form](ours.gradients(x, y)[1]))
    right.train_on_batch(x, y)
    assert ours.params.tobytes() == right.params.tobytes()


def test_a_step_follows_what_is_set_on_the_optimizer(rng):
    ours, right = model_of(optimizer=SGD(0.5)), model_of(optimizer=SGD(0.5))
    x, y = regression(rng)
    for setting in ({"learning_rate": 0.1}, {"learning_rate": 0.2}, {"clipnorm": 0.01}, {"momentum": 0.5}):
        for model in (ours, right):
            for key, value in setting.items():
                setattr(model.optimizer, key, value)
        ours.apply_gradients(ours.gradients(x, y)[1])
        right.train_on_batch(x, y)
        assert ours.params.tobytes() == right.params.tobytes()


def test_fit_goes_on_where_a_loop_has_stopped(rng):
    ours, right = model_of(), model_of()
    x, y = regression(rng)
    for _ in range(3):
        ours.apply_gradients(ours.gradients(x, y)[1])
    for model, epochs in ((ours, 2), (right, 5)):
        model.fit(x, y, batch_size=50, shuffle=False, epochs=epochs, verbose=0)
    assert ours.params.tobytes() == right.params.tobytes()


def test_a_model_that_waits_for_its_shape_is_built_by_the_rows():
    for call in (
        lambda model, x: model(x, training=True),
        lambda model, x: model.activations(x),
        lambda model, x: model.gradients(x, dy=np.ones((3, 2))),
    ):
        model = Sequential([Dense(2)], seed=0)
        call(model, np.ones((3, 5)))
        assert model.input_shape == (None, 5)
        with pytest.raises(ValueError, match="finite"):
            call(unbuilt := Sequential([Dense(2)]), np.full((3, 5), np.nan))
        assert not unbuilt.built


# -- soft updates -------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_soft_update_mixes_weights(name, dtype):
    online, target = (pair(name, dtype, seed) for seed in (1, 2))
    wanted = [
        np.asarray(0.1, dtype) * a + np.asarray(0.9, dtype) * b
        for a, b in zip(online.weights, target.weights, strict=True)
    ]
    online.soft_update(target, 0.1)
    for got, right in zip(target.get_weights(), wanted, strict=True):
        assert_close(got, right, dtype, 2)
    online.soft_update(target, 1)
    for got, right in zip(target.get_weights(), online.get_weights(), strict=True):
        np.testing.assert_array_equal(got, right)


def test_a_soft_update_leaves_other_models_of_the_store_alone():
    shared = Dense(3, "tanh")
    online, other = (Sequential([Input((2,)), shared, Dense(1)], seed=seed) for seed in (1, 2))
    target = Sequential([Input((2,)), Dense(3, "tanh"), Dense(1)], seed=3)
    joined = Sequential([Input((2,)), copy.copy(shared), Dense(1)], seed=4)
    Model(target.input, Concatenate()([target.output, joined(target.input)]))  # one store for both
    kept = joined.get_weights(), other.get_weights()
    online.soft_update(target, 1.0)
    for before, after in zip((*kept[0], *kept[1]), (*joined.get_weights(), *other.get_weights()), strict=True):
        np.testing.assert_array_equal(before, after)
    online.soft_update(other, 0.5)
    np.testing.assert_array_equal(online.weights[0], kept[1][0])


def test_a_soft_update_follows_a_target_whose_weights_have_moved():
    online, target = (Sequential([Dense(1, input_shape=(1,))], seed=seed) for seed in (1, 2))
    online.soft_update(target, 0.5)
    Sequential([target, Dense(2)], seed=3).build((1,))
    Model(target.input, Concatenate()([target.output, Dense(2)(Sequential([Dense(1)])(target.input))]))
    online.soft_update(target, 1.0)
    np.testing.assert_array_equal(online.get_weights()[0], target.get_weights()[0])


# -- refused ------------------------------------------------------------------------------------

X, Y = np.ones((3, 4), np.float32), np.ones((3, 1), np.float32)
REFUSED = {
    "both": (lambda m: m.gradients(X, Y, dy=Y), TypeError, "got both"),
    "neither": (lambda m: m.gradients(X), TypeError, "got none"),
    "wrt": (lambda m: m.gradients(X, Y, wrt="outputs"), ValueError, "'weights' or 'inputs'"),
    "training": (lambda m: m.gradients(X, Y, training=2), (TypeError, ValueError), "training"),
    "rows of dy": (lambda m: m.gradients(X, dy=np.ones((2, 1))), ValueError, r"\(3, 1\), got \(2, 1\)"),
    "width of dy": (lambda m: m.gradients(X, dy=np.ones((3, 2))), ValueError, r"\(3, 1\), got \(3, 2\)"),
    "nan in dy": (lambda m: m.gradients(X, dy=Y * np.nan), ValueError, "dy must be finite"),
    "text": (lambda m: m.gradients(X, dy=[["a"]] * 3), TypeError, "real numbers"),
    "dy by name": (lambda m: m.gradients(X, dy={"unknown": Y}), ValueError, "unknown"),
    "weights beside dy": (lambda m: m.gradients(X, dy=Y, sample_weight=np.ones(3)), TypeError, "multiply"),
    "no rows": (lambda m: m.gradients(X[:0], dy=Y[:0]), ValueError, "x is empty"),
    "too few": (lambda m: m.apply_gradients([np.ones((4, 8))]), ValueError, "4 trainable_variables.*got 1"),
    "shape": (lambda m: m.apply_gradients([w.T for w in m.weights]), ValueError, r"dense/kernel.*\(4, 8\).*\(8, 4\)"),
    "none": (lambda m: m.apply_gradients([None] * 4), TypeError, "None; give zeros"),
    "number": (lambda m: m.apply_gradients(1.0), TypeError, "list of arrays"),
    "complex": (lambda m: m.apply_gradients([w * 1j for w in m.weights]), TypeError, "real part"),
    "nan": (
        lambda m: m.apply_gradients([w * np.nan for w in m.weights]),
        ValueError,
        r"grads\[0\] \(dense/kernel\) must",
    ),
    "overflow": (lambda m: m.apply_gradients([np.full(w.shape, 1e300) for w in m.weights]), ValueError, "finite"),
    "other model": (lambda m: m.soft_update(model_of(Dense(2)), 0.5), ValueError, "same parameters"),
    "other dtype": (lambda m: m.soft_update(model_of(dtype="float64"), 0.5), ValueError, "float64"),
    "no model": (lambda m: m.soft_update(m.get_weights(), 0.5), TypeError, "another model"),
    "tau": (lambda m: m.soft_update(model_of(), 1.5), ValueError, "tau"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_arguments_are_named_and_change_nothing(case):
    model = model_of()
    call, kind, words = REFUSED[case]
    before = model.params.tobytes(), model.step
    with pytest.raises(kind, match=words):
        call(model)
    assert (model.params.tobytes(), model.step) == before


def test_what_is_not_compiled_is_told():
    model = Sequential([Dense(1, input_shape=(4,))])
    with pytest.raises(fastnn.errors.NotReadyError, match="not compiled"):
        model.gradients(X, Y)
    with pytest.raises(fastnn.errors.NotReadyError, match="not compiled"):
        model.apply_gradients(model.get_weights())
    model.compile("sgd")
    model.apply_gradients(model.gradients(X, dy=Y))
    with pytest.raises(fastnn.errors.NotReadyError, match="without a loss"):
        model.gradients(X, Y)
    model.compile(LBFGS(), "mse")
    with pytest.raises(ValueError, match="L-BFGS"):
        model.apply_gradients(model.gradients(X, Y)[1])


@EVERY_BACKEND
def test_gradients_of_a_loss_that_is_not_finite_are_nan(name):
    model = model_of(Dense(1, "exponential", kernel_initializer="ones"), name=name)
    loss, gradients = model.gradients(np.full((2, 4), 1e4), np.ones((2, 1)))
    assert not np.isfinite(loss)
    assert np.isnan(gradients.flat).all()
    with pytest.raises(ValueError, match="must be finite"):
        model.apply_gradients(gradients)


CALLS = {
    "gradients": lambda model: model.gradients(X, Y),
    "slopes": lambda model: model.gradients(X, dy=Y, wrt="inputs"),
    "activations": lambda model: model.activations(X),
    "training": lambda model: model(X, training=True),
    "soft_update": lambda model: model.soft_update(model_of(), 0.5),
    "target": lambda model: model_of().soft_update(model, 0.0),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_fit_lets_its_own_callbacks_look_and_no_other_thread(rng, call):
    model, refused, seen = model_of(), [], []

    def elsewhere():
        with pytest.raises(RuntimeError, match="another thread") as told:
            CALLS[call](model)
        refused.append(told)

    def look(*arguments):
        seen.append(CALLS[call](model))
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="being trained"):
            model.apply_gradients(model.get_weights())

    model.fit(*regression(rng), epochs=2, callbacks=LambdaCallback(on_epoch_end=look), verbose=0)
    assert len(refused) == len(seen) == 2
    CALLS[call](model)


def test_callbacks_of_fits_side_by_side_may_look(rng):
    seen = []

    class Look(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.gradients(X, dy=Y))

        def __deepcopy__(self, memo):
            return Look()

    fastnn.fit_many([model_of(seed=1), model_of(seed=2)], *regression(rng), epochs=2, callbacks=[Look()], n_threads=2)
    assert [type(entry) for entry in seen] == [Gradients] * 4
