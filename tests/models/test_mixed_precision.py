"""Models of ``dtype="mixed_bfloat16"``: what they say, files, configurations, copies, fits that go on, exports."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, utils
from fastnn.layers import LSTM, BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D, TimeDistributed
from fastnn.models import bfloat16, clone_model

MIXED = "mixed_bfloat16"
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": MIXED}, "registered_name": None}


def chain(dtype=MIXED, **how):
    model = Sequential([Input((5,)), Dense(7, "tanh"), Dense(2)], dtype=dtype, seed=3, **how)
    model.compile("adam", "mean_squared_error")
    return model


def graph(dtype=MIXED):
    x = Input((5,))
    h = Dense(7, "tanh")(x)
    model = Model(x, [Dense(2)(h), h], dtype=dtype, seed=3)
    model.compile("adam", ["mean_squared_error", "mean_squared_error"])
    return model


@pytest.fixture
def rows(rng):
    return rng.normal(size=(40, 5)).astype(np.float32), rng.normal(size=(40, 2)).astype(np.float32)


def same(a, b, x):
    a, b = (model.predict(x) for model in (a, b))
    return all(map(np.array_equal, *((made,) if isinstance(made, np.ndarray) else made for made in (a, b))))


def test_a_model_says_what_it_is(rows):
    model = chain()
    assert (model.dtype_policy, model.dtype, model.predict(rows[0]).dtype) == (MIXED, np.float32, np.float32)
    assert {w.dtype for w in model.weights} == {np.dtype("float32")}
    assert (chain("float32").dtype_policy, chain(np.float64).dtype_policy) == ("float32", "float64")
    with pytest.raises(AttributeError, match="make the model with dtype="):
        model.dtype_policy = "float32"
    lines = []
    model.summary(print_fn=lines.append)
    assert "dense, dense_1" in "\n".join(lines)
    assert "bf16" in "\n".join(lines)


def test_policies_come_as_keras_says_them():
    assert Sequential([Dense(1)], dtype=POLICY).dtype_policy == MIXED
    assert Dense(2, dtype=POLICY).dtype == MIXED


@pytest.mark.parametrize("make", [chain, graph])
@pytest.mark.parametrize(
    "again",
    [
        lambda model: model.from_config(json.loads(json.dumps(model.get_config()))),
        lambda model: fastnn.models.model_from_json(model.to_json()),
        clone_model,
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        utils.fold,
    ],
    ids=["config", "json", "clone", "copy", "pickle", "fold"],
)
def test_what_is_made_of_a_model_has_its_policy(make, again, rows):
    model = make()
    other = again(model)
    assert other.dtype_policy == MIXED
    other.set_weights(model.get_weights())
    assert same(model, other, rows[0])
    assert not same(model, make("float32"), rows[0])


def test_configurations_spell_the_policy_as_keras_3_does():
    assert chain().get_config()["dtype"] == POLICY
    assert chain("float32").get_config()["dtype"] == "float32"


@pytest.mark.parametrize("make", [chain, graph])
def test_files_keep_the_policy_and_weights_of_float32(make, rows, tmp_path):
    model = make()
    x, y = rows
    model.fit(x, y if make is chain else [y, y[:, :1].repeat(7, axis=1)], epochs=1, verbose=0)
    model.save(tmp_path / "m.safetensors")
    back = fastnn.load(tmp_path / "m.safetensors")
    assert back.dtype_policy == MIXED
    assert all(map(np.array_equal, back.get_weights(), model.get_weights()))
    assert same(model, back, x)
    plain = make("float32")
    model.save_weights(tmp_path / "w.safetensors")
    plain.load_weights(tmp_path / "w.safetensors")
    assert all(map(np.array_equal, plain.get_weights(), model.get_weights()))


def test_a_file_of_an_unknown_policy_is_refused(tmp_path):
    chain().save(tmp_path / "m.safetensors")
    told = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(told.replace(MIXED.encode(), b"mixed_bfloat17"))
    with pytest.raises(ValueError, match="mixed_bfloat17"):
        fastnn.load(tmp_path / "m.safetensors")


def test_a_fit_that_goes_on_in_an_epoch_has_the_bits_of_one_that_was_not_stopped(rows, tmp_path):
    x, y = rows
    whole = chain()
    whole.fit(x, y, epochs=3, batch_size=7, verbose=0)

    class Stops(fastnn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.step == 8:
                raise KeyboardInterrupt

    stopped = chain()
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(
            x, y, epochs=3, batch_size=7, verbose=0, callbacks=[Stops()],
            checkpoint=tmp_path / "c.safetensors", checkpoint_every=1,
        )  # fmt: skip
    assert fastnn.load(tmp_path / "c.safetensors").dtype_policy == MIXED
    back = chain()
    back.fit(x, y, epochs=3, batch_size=7, verbose=0, checkpoint=tmp_path / "c.safetensors")
    assert back.step == whole.step
    assert all(map(np.array_equal, back.get_weights(), whole.get_weights()))


def test_models_of_other_policies_do_not_go_inside():
    inner = Sequential([Dense(3, input_shape=(5,))], name="inner")
    message = "has the dtype float32, and the model that it is put into mixed_bfloat16"
    with pytest.raises(ValueError, match=message):
        Sequential([inner, Dense(1)], dtype=MIXED)
    x = Input((5,))
    with pytest.raises(ValueError, match=message):
        Model(x, Dense(1)(inner(x)), dtype=MIXED)


@pytest.mark.parametrize(("model", "layer"), [("float32", MIXED), ("float64", "float32"), (MIXED, "float64")])
def test_layers_of_other_policies_are_refused(model, layer):
    with pytest.raises(ValueError, match=f"the model has {model}, give it dtype="):
        Sequential([Input((5,)), Dense(1, dtype=layer)], dtype=model)


def test_a_layer_of_float32_in_another_layer_rounds_nothing(rng):
    x = rng.normal(size=(3, 4, 5)).astype(np.float32)
    made = [
        Sequential([Input((4, 5)), TimeDistributed(Dense(2, dtype=layer))], dtype=dtype, seed=1)
        for layer, dtype in (("float32", MIXED), (None, "float32"), (None, MIXED))
    ]
    assert same(made[0], made[1], x)
    assert not same(made[1], made[2], x)


def images(dtype):
    layers = [Conv2D(4, 3, use_bias=False), BatchNormalization(), MaxPooling2D(2), Flatten(), Dense(8), Dense(3)]
    return Sequential([Input((6, 6, 2)), *layers], dtype=dtype, seed=2)


def test_predictors_tell_what_became_of_each_layer(rng):
    model = images("float32")
    predict = model.predictor(precision="bfloat16", fold=True)
    told = str(predict).splitlines()
    assert told[0].startswith("<Predictor (6, 6, 2) -> (3,), bfloat16, on ")
    assert [line.split(None, 2)[2] for line in told[1:]] == [
        "bfloat16, its kernel held in float32",
        "float32: MaxPooling2D is not computed in bf16",
        "float32: Flatten is not computed in bf16",
        "bfloat16, its kernel in half the memory",
        "bfloat16, its kernel in half the memory",
    ]
    x = rng.normal(size=(9, 6, 6, 2)).astype(np.float32)
    assert np.abs(predict(x) - model.predict(x)).max() < 0.03
    mixed = images(MIXED)
    mixed.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predictor(precision="bfloat16")(x), mixed.predict(x), rtol=1e-5, atol=1e-6)


def test_a_predictor_holds_half_the_memory():
    model = Sequential([Input((512,)), Dense(512), Dense(512)])
    half, _ = bfloat16.in_bfloat16(model)
    assert half.params.nbytes < 0.51 * model.params.nbytes


def test_predictors_go_step_by_step(rng):
    model = Sequential([Input((6, 4)), LSTM(5, return_sequences=True), Dense(3)], seed=1)
    x = rng.normal(size=(6, 4)).astype(np.float32)
    predict = model.predictor(precision="bfloat16")
    whole = predict(x[None])[0]
    for step, right in zip(x, whole, strict=True):
        np.testing.assert_allclose(predict.step(step), right, rtol=1e-5, atol=1e-6)


def test_what_a_predictor_cannot_be_is_said():
    with pytest.raises(ValueError, match="is for a model of float32, and this one is of float64"):
        chain("float64").predictor(precision="bfloat16")
    with pytest.raises(ValueError, match='calibrate= is for precision="int8"; bfloat16 needs no rows'):
        chain().predictor(precision="bfloat16", calibrate=[[1.0] * 5])
    with pytest.raises(ValueError, match=r"must be 'float32', 'bfloat16' or 'int8', got 'bfloat'"):
        chain().predictor(precision="bfloat")


def test_exports_have_the_weights_and_compute_in_float32(rows, tmp_path):
    from fastnn.interop import from_onnx, to_onnx

    pytest.importorskip("onnx")
    model, plain = chain(), chain("float32")
    to_onnx(model, tmp_path / "m.onnx")
    back = from_onnx(tmp_path / "m.onnx")
    assert back.dtype_policy == "float32"
    np.testing.assert_allclose(back.predict(rows[0]), plain.predict(rows[0]), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::Warning")  # three passes do not converge
def test_estimators_take_the_policy(rows):
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPRegressor

    fitted = MLPRegressor(hidden_layer_sizes=(8,), dtype=MIXED, max_iter=3, random_state=0).fit(*rows)
    assert (fitted.model_.dtype_policy, fitted.predict(rows[0]).dtype) == (MIXED, np.float32)


def wide():
    """Large enough for gradients and updates to be made together."""
    model = Sequential([Input((200,)), Dense(300, "relu"), Dense(20)], dtype=MIXED, seed=2)
    model.compile("adam", "mean_squared_error")
    return model


def test_every_way_to_train_has_the_bits_of_fit(rng):
    from fastnn.distributed import DataParallel

    x, y = rng.normal(size=(64, 200)).astype(np.float32), rng.normal(size=(64, 20)).astype(np.float32)
    how = {"batch_size": 32, "epochs": 1, "shuffle": False, "verbose": 0}
    fitted, parallel, by_batch, by_hand, many = (wide() for _ in range(5))
    fitted.fit(x, y, **how)
    parallel.fit(x, y, **how, distribution=DataParallel(shards=1))
    fastnn.fit_many([many], x, y, **how)
    for first in (0, 32):
        rows = x[first : first + 32], y[first : first + 32]
        by_batch.train_on_batch(*rows)
        by_hand.apply_gradients(by_hand.gradients(*rows)[1])
    for model in (parallel, by_batch, by_hand, many):
        assert all(map(np.array_equal, model.get_weights(), fitted.get_weights()))


def test_a_frozen_layer_is_rounded_and_not_trained(rows):
    model = chain()
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(*rows, epochs=1, verbose=0)
    same_weights = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert same_weights == [True, True, False, False]
