"""A model that has no shape before its first data: wrong data are an error, and right ones then train as if first."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Sequential
from fastnn.layers import Dense

X = np.random.default_rng(3).normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 3

WRONG = {
    "NaN": (X * np.nan, Y),
    "rows": (X, Y[:7]),
    "classes": (X, Y + 9),
    "text": (X, Y.astype(str)),
    "width": (X, np.eye(3)[Y]),
    "another width of x": (np.ones((60, 9)), Y[:7]),
}


def unbuilt(inner: bool) -> Sequential:
    layers = [Dense(5, "tanh"), Dense(3, "softmax")]
    model = Sequential([Sequential(layers[:1], seed=5), layers[1]] if inner else layers, seed=4)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(model: Sequential) -> tuple[dict, list[np.ndarray]]:
    return model.fit(X, Y, epochs=3, batch_size=16, verbose=0).history, model.get_weights()


@pytest.mark.parametrize("inner", [False, True], ids=["layers", "a model inside"])
@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch"])
@pytest.mark.parametrize("case", WRONG)
def test_right_data_train_as_if_nothing_had_been_before(case, call, inner):
    model, kept = unbuilt(inner), []
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)) as refused:
            getattr(model, call)(*WRONG[case])
        kept.append(refused.value)  # as a notebook does, with all that its frames hold
        assert not model.built
    history, weights = trained(model)
    expected_history, expected = trained(unbuilt(inner))
    assert history == expected_history
    assert [w.tobytes() for w in weights] == [w.tobytes() for w in expected]


def test_another_loss_may_be_what_mends_it():
    model = unbuilt(inner=False)
    model.compile("adam", "categorical_crossentropy")
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        model.fit(X, Y, verbose=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert trained(model)[0] == trained(unbuilt(inner=False))[0]
