"""Probabilities of a table's networks, softened by what held-out rows say."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn.tables import Numbers, Table
from fastnn.tables.table import Text
from fastnn.tabular import Options, Settings, fit_table
from fastnn.tabular.calibrating import LADDER, softened, temperature
from fastnn.tabular.choices import Choice


def drawn(rng, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and classes that are drawn by them."""
    logits = 1.5 * rng.normal(size=(n, k))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return p, (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, k - 1)


@pytest.mark.parametrize("k", [2, 5])
def test_the_temperature_that_was_put_in_is_found(rng, k):
    p, y = drawn(rng, 20_000, k)
    sure = softened(p, 1 / 2.0)
    assert temperature(sure, y) == pytest.approx(2.0, rel=0.1)
    assert temperature(p, y) <= LADDER[1]
    assert temperature(softened(p, 3.0), y) == 1.0  # never surer
    np.testing.assert_allclose(softened(sure, 2.0), p, rtol=1e-3, atol=1e-9)


def test_one_column_is_the_second_of_two(rng):
    p, _ = drawn(rng, 100, 2)
    np.testing.assert_allclose(softened(p[:, 1:], 1.7), softened(p, 1.7)[:, 1:], rtol=1e-9)


def test_weights_decide_and_those_of_nothing_count_alike():
    said, y = np.array([[0.99, 0.01]] * 2), np.array([0, 1])
    assert temperature(said, y, np.array([1.0, 0.0])) == 1.0
    assert temperature(said, y, np.zeros(2)) == LADDER[-1]


@pytest.mark.parametrize(("n_members", "k"), [(1, 2), (3, 2), (3, 3)])
def test_a_fit_is_softened_and_model_and_out_of_fold_rows_agree(rng, monkeypatch, n_members, k):
    x = rng.normal(size=(400, 2))
    y = (x[:, 0] + rng.normal(size=400) > 0).astype(int) + (k > 2) * (x[:, 1] > 1)
    table = Table({"a": Numbers(x[:, 0]), "b": Numbers(x[:, 1])})
    column = Text(y.astype(np.int32), tuple("abc"[:k]))
    settings = Settings(hidden=(64, 64), epochs=60, batch_size=16, learning_rate=0.1, dropout=0.0)
    options = Options(choice=Choice(settings, n_members, 4, 16), n_threads=1, seed=3)
    monkeypatch.setattr("fastnn.tabular.calibrating.temperature", lambda *given: asked.append(given) or 2.0)
    asked: list = []
    soft = fit_table(table, column, "y", options)
    monkeypatch.setattr("fastnn.tabular.fitting.soften", lambda *told: None)
    hard = fit_table(table, column, "y", options)
    rows, sure = hard.out_of_fold
    degree = 2.0 if n_members == 1 else 2.0**0.5
    assert [len(given[0]) for given in asked] == [len(rows)]
    np.testing.assert_allclose(soft.out_of_fold[1], softened(sure, degree), rtol=1e-4, atol=1e-6)
    inputs = soft.encoding.features.encode(table)
    first = [np.asarray(fitted.members[0].model.predict(inputs)) for fitted in (soft, hard)]
    np.testing.assert_allclose(first[0], softened(first[1], degree), rtol=2e-3, atol=2e-6)
