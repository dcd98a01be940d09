"""The preset ``best``: settings that are drawn, selected greedily on rows held out, and within a time limit."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

from fastnn.tables import Numbers, Table
from fastnn.tables.table import Text
from fastnn.tabular import Options, Settings, choose, fit_table, make_ready, train
from fastnn.tabular.draws import drawn
from fastnn.tabular.greedy import row_losses, selected, shares
from fastnn.tabular.search import _within

N = 200


def table(n: int = N, width: int = 3) -> tuple[Table, Numbers]:
    """A product and a sum of columns."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n, width))
    y = x[:, 0] * x[:, 1] + x[:, 2] + 0.1 * random.normal(size=n)
    return Table({f"x{i}": Numbers(column) for i, column in enumerate(x.T)}), Numbers(y)


def short(classes: bool = False, n: int = 6, epochs: int = 4, finalists: int = 2):
    """The choice of best with fewer settings and epochs."""
    choice = choose("best", N, classes)
    candidates = tuple(replace(each, epochs=epochs) for each in choice.candidates[:n])
    return replace(choice, settings=candidates[0], candidates=candidates, n_finalists=finalists)


def test_draws_begin_with_the_recipe_and_stay_within_their_ranges():
    recipe = Settings()
    found = drawn(recipe, 200, 3)
    assert found[0] == recipe
    assert len(set(found)) == 200
    assert drawn(recipe, 200, 3) == found != drawn(recipe, 200, 4)
    for each in found:
        each.check()
        assert min(each.hidden) >= 64
        assert max(each.hidden) <= 256
        assert 2 <= len(each.hidden) <= 4
        assert 0 <= each.dropout <= 0.4
        assert 0.3 <= each.learning_rate / recipe.learning_rate <= 2
    assert {each.activation for each in found} == {"silu", "selu", "mish", "relu"}


@pytest.mark.parametrize("kind", ["numbers", "two classes", "three classes"])
def test_selection_is_the_best_of_all_continuations_in_every_round(kind):
    random = np.random.default_rng(1)
    y = random.normal(size=30) if kind == "numbers" else random.integers(0, 2 + (kind == "three classes"), 30)
    outputs = random.random((4, 30, 3 if kind == "three classes" else 1))
    if kind == "three classes":
        outputs /= outputs.sum(axis=-1, keepdims=True)
    weights = random.random(30)

    def loss(members: list[int]) -> float:
        mean = sum(outputs[i] for i in members) / len(members)
        if kind == "numbers":
            return float((weights * (mean[:, 0] - y) ** 2).sum())
        p = [
            row[label] if len(row) > 1 else (row[0] if label else 1 - row[0])
            for row, label in zip(mean, y, strict=True)
        ]
        return float(-(weights * np.log(p)).sum())

    chosen: list[int] = []
    for _ in range(5):
        chosen.append(min(range(4), key=lambda i: loss([*chosen, i])))
    assert selected(outputs, y, kind != "numbers", weights, 5).tolist() == np.bincount(chosen, minlength=4).tolist()


def test_two_rounds_find_the_best_pair_where_one_of_it_is_the_best_alone():
    y = np.linspace(0, 1, 20)
    outputs = np.stack([y + 0.2, y - 0.3, y + 5])[..., None]
    pairs = itertools.combinations_with_replacement(range(3), 2)
    best = min(pairs, key=lambda pair: ((outputs[list(pair)].mean(axis=0)[:, 0] - y) ** 2).mean())
    assert selected(outputs, y, False, rounds=2).tolist() == np.bincount(best, minlength=3).tolist() == [1, 1, 0]
    found = shares(outputs, y, False)
    assert found.sum() == pytest.approx(1)
    assert found[2] == 0
    assert found[0] == pytest.approx(0.6, abs=0.05)


def test_rows_of_no_weight_do_not_count():
    y, weights = np.zeros(40), np.r_[np.ones(20), np.zeros(20)]
    first, second = np.r_[np.zeros(20), np.full(20, 9.0)], np.full(40, 1.0)
    assert shares(np.stack([first, second])[..., None], y, False, weights).tolist() == [1, 0]
    assert row_losses(True, np.array([[0.0]]), np.array([1.0])) < 20


def test_the_model_is_the_mean_by_shares_and_the_same_on_one_and_two_threads():
    rows, y = table()
    options = Options(preset="best", seed=5, choice=short(), n_threads=1)
    told: list[tuple[int, int]] = []
    one = train(make_ready(rows, y, "y", options), options, lambda member: told.append((member.trial, member.fold)))
    two = fit_table(rows, y, "y", replace(options, n_threads=2))
    x = one.encoding.features.encode(rows)
    output = one.model.predict(x)
    assert np.array_equal(output, two.model.predict(x))
    assert len(told) == 6 + 2 * 4
    assert sorted(told)[:5] == sorted({*told})[:5]
    parts = [member.share for member in one.members]
    assert sum(parts) == pytest.approx(1)
    assert np.allclose(sum(m.share * m.model.predict(x) for m in one.members), output, atol=1e-5)
    where, said = one.out_of_fold
    assert where.tolist() == list(range(N))
    assert np.isfinite(said).all()
    by_trial = {
        trial: sum(m.share for m in one.members if m.trial == trial) for trial in {m.trial for m in one.members}
    }
    expected = np.zeros((N, 1))
    for member in one.members:
        expected[member.held] += by_trial[member.trial] * member.output
    assert np.allclose(said, expected, atol=1e-6)


def test_classes_groups_and_weights():
    rows, y = table()
    labels = Text((y.values > 0).astype(np.int32), ("no", "yes"))
    groups = np.arange(N) // 4
    options = Options(preset="best", choice=short(True), groups=groups, weights=np.ones(N), n_threads=1)
    fitted = fit_table(rows, labels, "y", options)
    for member in fitted.members:
        assert not set(groups[member.learns]) & set(groups[member.held])
    p = fitted.out_of_fold[1]
    assert ((p >= 0) & (p <= 1)).all()
    assert ((p[:, 0] > 0.5) == fitted.y).mean() > 0.6


def test_a_setting_that_diverges_has_lost_and_all_of_them_are_an_error():
    rows, y = table()
    choice = short(n=3)
    wild = replace(choice.candidates[1], learning_rate=1e30)
    mixed = replace(choice, candidates=(choice.candidates[0], wild, choice.candidates[2]))
    fitted = fit_table(rows, y, "y", Options(choice=mixed, n_threads=1))
    assert 1 not in {member.trial for member in fitted.members}
    with pytest.raises(ValueError, match="every network diverged"):
        fit_table(rows, y, "y", Options(choice=replace(choice, candidates=(wild, wild, wild)), n_threads=1))


def test_few_rows_have_plain_networks():
    rows, y = table(8)
    fitted = fit_table(rows, y, "y", Options(choice=short(), n_threads=1))
    assert len(fitted.members) == 4
    assert all(member.share is None for member in fitted.members)


@pytest.mark.parametrize(("count", "expected"), [(3, (0, 0)), (5.9, (0, 0)), (6, (2, 1)), (20, (8, 3)), (32, (12, 5))])
def test_a_time_for_fewer_networks_has_fewer_settings(count, expected):
    assert _within(count, 12, 5, 5) == expected
    assert _within(1e9, 12, 5, 5) == (12, 5)


@pytest.mark.parametrize("limit", [1e-3, 0.5])
def test_a_limit_leaves_networks_with_an_epoch(limit):
    rows, y = table(600, 5)
    began = time.monotonic()
    fitted = fit_table(rows, y, "y", Options(preset="best", time_limit=limit, n_threads=1))
    assert time.monotonic() - began < 3 * limit + 2
    assert all(member.n_epochs >= 1 for member in fitted.members)


@pytest.mark.long
@pytest.mark.parametrize("limit", [2, 5])
def test_a_limit_is_kept(limit):
    rows, y = table(3_000, 10)
    began = time.monotonic()
    fit_table(rows, y, "y", Options(preset="best", time_limit=limit, n_threads=2))
    assert time.monotonic() - began < 1.05 * limit + 0.1
