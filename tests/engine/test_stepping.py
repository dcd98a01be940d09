"""Predictions step by step: the same bits as of whole sequences, and states that are kept between calls."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused

from fastnn import Sequential
from fastnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    GlobalMaxPooling1D,
    Input,
    LayerNormalization,
    SimpleRNN,
)

NETWORKS = {
    "gates": lambda: [GRU(5, return_sequences=True), LayerNormalization(), Dropout(0.5), LSTM(6), Dense(2)],
    "last step": lambda: [SimpleRNN(4, "relu")],
    "before": lambda: [GRU(4, reset_after=False, return_sequences=True), Dense(3, "tanh")],
    "other activations": lambda: [
        GRU(4, "gelu", "softmax", return_sequences=True),
        LSTM(5, "softmax", "mish", return_sequences=True),
        SimpleRNN(3, "swish"),
    ],
    "causal": lambda: [
        Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
        Conv1D(3, 2, padding="causal"),
    ],
}


def network(which, name, length=None, **more):
    return Sequential([Input((length, 3)), *NETWORKS[which]()], seed=3, dtype=dtype_on(name), backend=name, **more)


def steps(f, x):
    return [f.step(np.ascontiguousarray(x[..., t, :])) for t in range(x.shape[-2])]


@EVERY_BACKEND
@pytest.mark.parametrize("which", NETWORKS)
@pytest.mark.parametrize("length", [None, 7])
def test_steps_give_the_bits_of_the_whole(rng, which, name, length):
    model = network(which, name, length)
    f, x = model.predictor(), rng.normal(size=(4, 7, 3)).astype(dtype_on(name))
    whole = model.predict(x)
    together = steps(f, x)
    for i, row in enumerate(x):
        f.reset()
        alone = steps(f, row)
        for made in ([y[i] for y in together], alone):
            found = np.stack(made) if whole.ndim == 3 else made[-1]
            assert np.allclose(found, whole[i], atol=1e-6) if name == "numpy" else np.array_equal(found, whole[i])
        assert np.allclose(f(row), whole[i], atol=1e-6)


@EVERY_BACKEND
def test_masked_steps_leave_states_as_they_are(rng, name):
    layers = [Input((None,)), Embedding(9, 4, mask_zero=True), SimpleRNN(6, return_sequences=True), GRU(3)]
    model = Sequential(layers, seed=3, dtype=dtype_on(name), backend=name)
    f, x = model.predictor(), np.array([[3, 0, 0, 5, 0], [0, 1, 2, 0, 8]], dtype_on(name))
    made = [f.step(np.ascontiguousarray(x[:, t])) for t in range(5)]
    assert np.allclose(made[-1], model.predict(x), atol=1e-6)
    assert np.array_equal(made[1][0], made[0][0])


@EVERY_BACKEND
def test_states_can_be_kept_and_set(rng, name):
    f, x = network("gates", name).predictor(), rng.normal(size=(6, 3)).astype(dtype_on(name))
    steps(f, x[:3])
    kept = f.state
    assert {key: value.shape for key, value in kept.items()} == {"gru_h": (5,), "lstm_h": (6,), "lstm_c": (6,)}
    rest = steps(f, x[3:])
    f.reset()
    assert all(not value.any() for value in f.state.values())
    f.state = kept
    assert all(np.array_equal(a, b) for a, b in zip(steps(f, x[3:]), rest, strict=True))


@EVERY_BACKEND
def test_steps_follow_the_model_as_it_trains(rng, name):
    model = network("last step", name)
    f, x = model.predictor(), rng.normal(size=(5, 4, 3)).astype(dtype_on(name))
    before = steps(f, x)[-1]
    model.compile("adam", "mse")
    model.fit(x, np.ones((5, 4)), verbose=0)
    f.reset()
    after = steps(f, x)[-1]
    assert not np.array_equal(before, after)
    assert np.allclose(after, model.predict(x), atol=1e-6)


def test_out_takes_the_output(rng):
    f = network("gates", "numpy").predictor()
    out = np.empty(2, np.float32)
    assert f.step(np.zeros(3, np.float32), out=out) is out


@pytest.mark.parametrize(
    "layers", [[Bidirectional(GRU(3))], [GRU(3, go_backwards=True)], [GlobalMaxPooling1D()]], ids=repr
)
def test_what_reads_ahead_has_no_steps_and_says_so(layers):
    f = Sequential([Input((None, 3)), *layers], backend="numpy").predictor()
    for call in (lambda: f.step(np.zeros(3, np.float32)), lambda: f.state, f.reset):
        refused(call, ValueError, [type(layers[0]).__name__, "step()"])
    assert f(np.zeros((4, 3), np.float32)).shape == f(np.zeros((2, 3), np.float32)).shape


@EVERY_BACKEND
def test_wrong_steps_change_nothing(rng, name):
    f, x = network("last step", name).predictor(), rng.normal(size=(2, 3)).astype(dtype_on(name))
    f.step(x[0])
    before = f.state
    refused(lambda: f.step(np.zeros(4, dtype_on(name))), ValueError, ["(3,)", "(4,)"])
    refused(lambda: f.step(x), ValueError, ["2", "reset()"])
    refused(lambda: f.step(x[1], out=np.empty(7, dtype_on(name))), ValueError, ["out", "(4,)"])
    refused(lambda: setattr(f, "state", {"h": 1}), ValueError, ["simple_rnn_h"])
    assert np.array_equal(f.state["simple_rnn_h"], before["simple_rnn_h"])
