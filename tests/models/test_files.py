"""Model files: everything comes back, a failure leaves the old file, and no file can do harm."""

from __future__ import annotations

import pickletools
import re
from pathlib import Path

import numpy as np
import pytest
from models import EVERY_BACKEND, classes, model_of, regression, state_of, weights_of
from safetensors import safe_open

import fastnn
from fastnn import Sequential, initializers, losses, metrics, optimizers, regularizers, schedules
from fastnn.callbacks import ModelCheckpoint
from fastnn.layers import Activation, Dense, Dropout, Flatten, Input, Reshape


def saved(model, tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


# -- round trips ------------------------------------------------------------------------------------


@EVERY_BACKEND
@pytest.mark.parametrize("optimizer", sorted(set(optimizers.OPTIMIZERS) - {"lbfgs"}))
def test_training_goes_on_to_the_same_bits(rng, name, optimizer, tmp_path):
    x, y = regression(rng)
    layers = Dense(8, "tanh"), Dropout(0.2), Dense(1)
    model = model_of(*layers, name=name, optimizer=optimizer, metrics=["mae"])
    model.fit(x, y, epochs=2, verbose=0)
    loaded = fastnn.load(saved(model, tmp_path))
    loaded.backend = name
    assert state_of(loaded)[:-1] == state_of(model)[:-1]
    a = model.fit(x, y, epochs=3, verbose=0).history
    b = loaded.fit(x, y, epochs=3, verbose=0).history
    assert a == b
    assert weights_of(model).tobytes() == weights_of(loaded).tobytes()


CONFIGURED = {
    "SGD": optimizers.SGD(0.02, momentum=0.8, nesterov=True, clipnorm=1.5),
    "RMSprop": optimizers.RMSprop(0.02, rho=0.8, momentum=0.1, centered=True, weight_decay=0.1),
    "Adam": optimizers.Adam(0.02, beta_1=0.8, form="keras", global_clipnorm=2.0),
    "LBFGS": optimizers.LBFGS(history_size=3, tolerance=1e-3),
    "numbers of NumPy": optimizers.Adam(np.float32(0.5), beta_1=np.float32(0.5), clipvalue=np.int64(2)),
    "Constant": optimizers.SGD(schedules.Constant(0.02)),
    "ExponentialDecay": optimizers.SGD(schedules.ExponentialDecay(0.02, 7, 0.9, staircase=True)),
    "StepDecay": optimizers.SGD(schedules.StepDecay(0.02, 7)),
    "Piecewise": optimizers.SGD(schedules.PiecewiseConstantDecay([2, 5], [0.1, 0.02, 0.01])),
    "CosineDecay": optimizers.SGD(schedules.CosineDecay(0.02, 70, 0.1, warmup_target=0.5, warmup_steps=9)),
    "Plateau": optimizers.SGD(schedules.Plateau(0.02, 0.5, 3)),
}


@pytest.mark.parametrize("case", CONFIGURED)
def test_optimizers_and_schedules_come_back(case, tmp_path):
    model = model_of(optimizer=CONFIGURED[case])
    loaded = fastnn.load(saved(model, tmp_path))
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.config() == model.optimizer.config()
    steps = (0, 20) if case != "LBFGS" else (0, 1)
    np.testing.assert_array_equal(loaded.optimizer.learning_rates(*steps), model.optimizer.learning_rates(*steps))


def test_layers_and_definitions_come_back(tmp_path):
    layers = [
        Input((4, 6)),
        Reshape((np.int64(3), -1)),
        Dense(5, fastnn.activations.get("elu", alpha=0.5), name="first", kernel_initializer="he_normal"),
        Dense(4, use_bias=False, kernel_initializer=initializers.RandomUniform(np.float32(-1), 1)),
        Activation("leaky_relu"),
        Dropout(0.25),
        Flatten(),
        Dense(3, "softmax", kernel_regularizer=regularizers.L1L2(np.float32(0.5), 0.25), bias_initializer="ones"),
    ]
    model = Sequential(layers, dtype="float64", seed=2**64 - 1)
    smooth = losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile("adam", smooth, metrics=["acc", metrics.TopK(2)], weighted_metrics=[metrics.Precision(0.3)])
    loaded = fastnn.load(saved(model, tmp_path))
    assert loaded.layers == model.layers
    assert (loaded.dtype, loaded.seed) == (model.dtype, model.seed)
    assert (loaded.loss, loaded.metrics, loaded.weighted_metrics) == (smooth, model.metrics, model.weighted_metrics)
    assert state_of(loaded)[1:] == state_of(model)[1:]
    x = np.random.default_rng(0).normal(size=(5, 4, 6))
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()


@pytest.mark.parametrize(
    "loss",
    [
        *losses.ALL_LOSSES,
        losses.Huber(np.float32(0.5)),
        losses.Pinball(0.9),
        losses.Pinball(np.array([0.1, 0.5, 0.9], np.float32)),
        losses.BinaryFocalCrossentropy(gamma=0),
    ],
    ids=repr,
)
def test_losses_come_back(loss, tmp_path):
    assert fastnn.load(saved(model_of(Dense(3), loss=loss), tmp_path)).loss == loss


def test_a_model_that_is_not_compiled_or_not_named_a_shape_comes_back(rng, tmp_path):
    x, _ = regression(rng)
    model = Sequential([Dense(3, "tanh")], seed=1)
    expected = model.predict(x)
    loaded = fastnn.load(saved(model, tmp_path))
    assert loaded.loss is None
    assert loaded.predict(x).tobytes() == expected.tobytes()


def test_metadata_comes_back_and_can_be_added(tmp_path):
    model, path = model_of(), tmp_path / "m"
    model.metadata["unit"] = "kg"
    model.save(path, metadata={"note": "grün"})
    assert fastnn.load(path).metadata == {"unit": "kg", "note": "grün"}
    assert model.metadata == {"unit": "kg"}


def test_a_custom_loss_is_asked_for_again(rng, tmp_path):
    def mine(target, prediction):
        return (target - prediction) ** 2

    x, y = regression(rng)
    model = model_of(loss=mine)
    model.fit(x, y, verbose=0)
    path = saved(model, tmp_path)
    without = fastnn.load(path)
    without.backend = model.backend
    assert without.predict(x).tobytes() == model.predict(x).tobytes()
    with pytest.raises(ValueError, match="not compiled"):
        without.fit(x, y, verbose=0)
    given = fastnn.load(path, custom_objects={"mine": mine})
    given.backend = model.backend
    for m in (model, given):
        m.fit(x, y, epochs=2, verbose=0)
    assert weights_of(model).tobytes() == weights_of(given).tobytes()


# -- writing ----------------------------------------------------------------------------------------


def test_a_model_that_cannot_be_described_leaves_the_old_file(tmp_path):
    model = model_of()
    path = saved(model, tmp_path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot hold"):
        model.save(path, metadata={"a": object()})
    with pytest.raises(ValueError, match="input's shape is not known"):
        Sequential([Dense(3)]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "missing"))):
        model_of().save(tmp_path / "missing" / "m.safetensors")


def test_a_relative_name_and_a_text_name_will_do(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    model_of().save("plain")
    assert fastnn.load("plain").count_params() == model_of().count_params()


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "M.PKL", "m.onnx", b"m.pt", "m.joblib", "m.weights.h5", "m.npz"])
def test_a_name_that_promises_another_format_is_refused_before_anything_is_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    model = model_of()
    for refuse in (model.save, model.save_weights, ModelCheckpoint):
        with pytest.raises(ValueError, match=r"in the format safetensors and in no other; name it .*\.safetensors"):
            refuse(name)
    assert not list(tmp_path.iterdir())


def test_the_same_model_gives_the_same_bytes(rng, tmp_path):
    model = model_of(metrics=["mae"])
    model.fit(*regression(rng), verbose=0)
    model.metadata.update(unit="kg", note="grün", z="1", a="2")
    first, again = saved(model, tmp_path).read_bytes(), saved(model, tmp_path).read_bytes()
    assert first == again == saved(fastnn.load(tmp_path / "model.safetensors"), tmp_path).read_bytes()


def test_the_package_of_the_format_reads_what_is_written(rng, tmp_path):
    model = model_of()
    model.fit(*regression(rng), verbose=0)
    with safe_open(saved(model, tmp_path), framework="numpy") as file:
        assert file.metadata()["format"] == "fastnn"
        for name, weights in zip(("1.kernel", "1.bias", "2.kernel", "2.bias"), model.get_weights(), strict=True):
            assert file.get_tensor(name).tobytes() == weights.tobytes()


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": "\udc80"}, {1: "a", "1": "b"}, {"a": object()}])
def test_metadata_that_could_not_be_read_again_is_refused(tmp_path, metadata):
    with pytest.raises((ValueError, TypeError), match="a model file cannot hold"):
        model_of().save(tmp_path / "m", metadata=metadata)
    assert not list(tmp_path.iterdir())


def test_no_pickle_in_the_file_and_none_is_read(rng, tmp_path):
    x, y = classes(rng)
    model = model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    path = saved(model, tmp_path)
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the disassembler finds wrong)
        list(pickletools.genops(path.read_bytes()))
    for source in Path(fastnn.__file__).parent.rglob("*.py"):
        if source.parent.name == "_workers":  # what processes of one job hand each other; no file of a user's is read
            continue
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve)|allow_pickle=True", source.read_text(), re.M)
