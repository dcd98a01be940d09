"""``utils.profile``, its table and picture, and ``fastnn bench --phases``, for models of all kinds of inputs."""

from __future__ import annotations

import json
import types

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, _kernels, plot, utils
from fastnn.cli import main
from fastnn.errors import BackendError
from fastnn.layers import LSTM, BatchNormalization, Concatenate, Dense, Embedding, Flatten, Input, Masking
from fastnn.models import profiling
from fastnn.models.made_data import made_data

pytestmark = pytest.mark.skipif("cython" not in fastnn.available_backends(), reason="the native backend is missing")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Runs of a millisecond."""
    monkeypatch.setattr(profiling, "SECONDS", 0.001)
    monkeypatch.setattr(profiling, "RUNS", 3)
    monkeypatch.setattr("fastnn.cli.bench.SECONDS", 0.001)
    monkeypatch.setattr("fastnn.cli.bench.RUNS", 2)


def small(loss="mse", *layers, optimizer="adam") -> Sequential:
    layers = layers or (Dense(8, "tanh", input_shape=(4,)), BatchNormalization(), Dense(3))
    model = Sequential(list(layers), seed=1)
    model.compile(optimizer, loss)
    return model


def two_inputs() -> Model:
    ids, numbers = Input((3,), name="ids"), Input((2,), name="numbers")
    joined = Concatenate()([Flatten()(Embedding(7, 4)(ids)), numbers])
    model = Model([ids, numbers], [Dense(1, name="a")(joined), Dense(5, "softmax", name="b")(joined)], seed=2)
    model.compile("adam", {"a": "mse", "b": "sparse_categorical_crossentropy"})
    return model


MODELS = {
    "dense": small,
    "two inputs": two_inputs,
    "codes": lambda: small("binary_crossentropy", Embedding(9, 4, input_shape=(5,)), Flatten(), Dense(1, "sigmoid")),
    "masks": lambda: small("mse", Masking(input_shape=(6, 2)), LSTM(4), Dense(1)),
    "classes": lambda: small("categorical_crossentropy", Dense(4, "softmax", input_shape=(3,))),
    "signs": lambda: small("hinge", Dense(1, input_shape=(3,))),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_any_inputs_are_profiled_and_stay_as_they_are(name):
    model = MODELS[name]()
    before = [weights.copy() for weights in model.get_weights()]
    found = utils.profile(model, batch_size=16, threads=1)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    sums = sum(seconds for seconds in found.phases.values())
    np.testing.assert_allclose(sums, found.stage_seconds.sum(1) + found.op_seconds.sum((1, 2)))
    assert found.threads == 1
    assert found.bound.seconds > 0
    assert {op.layer for op in found.ops} <= {layer.name for layer in model.layers}
    text = str(found)
    assert all(op.layer in text for op in found.ops)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["total_seconds"] == pytest.approx(found.total)
    assert sum(map(sum, told["phases"].values())) == pytest.approx(found.total)
    assert model.optimizer is not None


def test_operations_are_counted_as_they_are():
    found = utils.profile(small(), batch_size=10, threads=1)
    assert [(op.flop_forward, op.flop_backward, op.flop_dw) for op in found.ops] == [
        (2 * 4 * 8 * 10, 0, 2 * 4 * 8 * 10),
        (0, 0, 0),
        (2 * 8 * 3 * 10, 2 * 8 * 3 * 10, 2 * 8 * 3 * 10),
    ]
    assert found.phases["statistics"][0] > 0


def test_two_threads_have_columns_of_their_own(monkeypatch):
    native = _kernels.load("cython")
    before = native.flop_a_thread(1.0)
    try:
        found = utils.profile(small(), batch_size=64, threads=2)
    finally:
        native.flop_a_thread(before)
    assert found.threads == 2
    assert "ms, thread 1" in str(found)
    assert "all 2 threads together" in str(found)
    assert (found.phases["products"] > 0).all()


def test_lengths_that_differ_need_data_or_a_length():
    model = small("mse", LSTM(4, input_shape=(None, 2)), Dense(1))
    with pytest.raises(ValueError, match="lengths of this model's inputs differ"):
        utils.profile(model)
    x, y = made_data(model, 16, 5)
    assert x.shape == (16, 5, 2)
    assert utils.profile(model, x, y, batch_size=8, threads=1).batch_size == 8


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"model": 3}, TypeError, "takes a Sequential or a Model"),
        ({"model": Sequential([Dense(1, input_shape=(2,))])}, ValueError, "compile the model"),
        ({"model": Sequential([Dense(1)])}, ValueError, "is built"),
        ({"clock": "sundial"}, ValueError, "sundial"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"threads": 0}, ValueError, "threads"),
        ({"model": small(optimizer="lbfgs")}, ValueError, "L-BFGS"),
        ({"model": small(lambda t, y: ((t - y) ** 2, 2 * (y - t)))}, ValueError, "a loss of your own"),
    ],
)
def test_what_cannot_be_profiled_is_named(change, error, text):
    arguments = {"model": small()} | change
    with pytest.raises(error, match=text):
        utils.profile(**arguments)


def test_a_backend_that_cannot_tell_says_so(monkeypatch):
    native = _kernels.load("cython")
    mute = types.SimpleNamespace(**{name: getattr(native, name) for name in ("supports", "train", "predict")})
    monkeypatch.setattr(profiling, "_name_of", lambda module: "mute")
    monkeypatch.setattr(_kernels, "select", lambda plan, name=None: ("mute", mute))
    with pytest.raises(BackendError, match="'mute' cannot say where its time goes; give backend='cython'"):
        utils.profile(small())


def test_data_whose_loss_is_not_finite_are_refused():
    x = np.full((8, 4), 3e38, np.float32)
    with pytest.raises(fastnn.errors.DivergenceError, match="not finite"):
        utils.profile(small("mse", Dense(3, input_shape=(4,))), x, np.full((8, 3), -3e38), batch_size=8)


def test_the_picture_has_a_bar_for_each_operation():
    pytest.importorskip("matplotlib")
    found = utils.profile(small(), batch_size=16, threads=1)
    ax = plot.phases(found)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:3] == [op.layer for op in found.ops]
    width = sum(bar.get_width() for bar in ax.patches)
    assert width == pytest.approx(1e3 * found.total)
    with pytest.raises(TypeError, match=r"what fastnn.utils.profile gives"):
        plot.phases({})


def test_the_command_tells_bounds_phases_and_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fastnn._kernels.PREFERENCE", ("cython",))
    path, out = tmp_path / "m.safetensors", tmp_path / "found.json"
    two_inputs().save(path)
    code = main(["bench", str(path), "--batch", "8", "--rows", "4", "--threads", "1", "--phases", "--json", str(out)])
    came = capsys.readouterr()
    assert code == 0, came.err
    for word in ("4 rows", "update, 8 rows", "prediction: bound", "update: bound", "products", "embedding"):
        assert word in came.out
    told = json.loads(out.read_text())
    assert told["batch"] == 8
    assert told["backends"]["cython"]["update_seconds"] > 0
    assert told["profile"]["ops"][0]["kind"] == "embedding"


def test_the_command_wants_a_length_where_lengths_differ(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fastnn._kernels.PREFERENCE", ("cython",))
    path = tmp_path / "m.safetensors"
    small("mse", LSTM(4, input_shape=(None, 2)), Dense(1)).save(path)
    assert main(["bench", str(path)]) != 0
    assert "say how long" in capsys.readouterr().err
    assert main(["bench", str(path), "--length", "6", "--phases"]) == 0
    assert "lstm" in capsys.readouterr().out
