"""Networks of tables, searches and ensembles on executors: the same bits as on threads, the table sent once."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor

import executors
import numpy as np
import pytest
from executors import Inline

import fastnn
from fastnn.tables import Numbers, Table
from fastnn.tabular import Options, Settings, choose, fit_table

MAKERS = [
    Inline,
    pytest.param(lambda: ThreadPoolExecutor(2), marks=pytest.mark.long),
    pytest.param(executors.spawned, marks=pytest.mark.long),
    pytest.param(executors.loky, marks=pytest.mark.long),
]
NAMES = ["inline", "threads", "spawned", "loky"]
X = np.linspace(-1, 1, 90)
TABLE = {"x": X, "y": np.sin(3 * X)}
SHORT = Settings(hidden=(8,), epochs=4, batch_size=16)


def short(preset="default"):
    from dataclasses import replace

    choice = choose(preset, len(X), False, 0)
    candidates = [replace(SHORT, hidden=(width,)) for width in (4, 6, 8)] if choice.candidates else []
    return replace(choice, settings=SHORT, candidates=tuple(candidates), n_finalists=2)


def same_model(one, other):
    for mine, its in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
@pytest.mark.parametrize("preset", ["default", "best"])
def test_networks_of_a_table(make, preset):
    table, column = Table({"x": Numbers(X)}), Numbers(TABLE["y"])
    here = fit_table(table, column, "y", Options(preset=preset, choice=short(preset)))
    with make() as executor:
        away = fit_table(table, column, "y", Options(preset=preset, choice=short(preset), executor=executor))
    same_model(away.model, here.model)
    assert [(m.seed, m.kept, m.loss, m.share) for m in away.members] == [
        (m.seed, m.kept, m.loss, m.share) for m in here.members
    ]
    for mine, its in zip(away.out_of_fold, here.out_of_fold, strict=True):
        np.testing.assert_array_equal(mine, its)
    assert all(member.seconds > 0 for member in away.members)


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
def test_a_search(make, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = {"trials": 10, "epochs": 3, "seed": 3}
    here = fastnn.tune(TABLE, "y", **told)
    with make() as executor:
        away = fastnn.tune(TABLE, "y", executor=executor, **told)
        if isinstance(executor, Inline):
            tables = {order["parcels"][0][0] for order, *_ in executor.orders}
            assert len(executor.orders) > 10
            assert len(tables) == 1, "the table goes once, whatever the round"
    same_model(away.model, here.model)
    for mine, its in zip(away.trials, here.trials, strict=True):
        assert {**mine, "seconds": 0} == {**its, "seconds": 0}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("fastnn")]


def test_a_time_limit_holds_on_workers():
    table, column = Table({"x": Numbers(X)}), Numbers(TABLE["y"])
    found = fit_table(table, column, "y", Options(time_limit=0.5, executor=Inline()))
    assert min(member.n_epochs for member in found.members) >= 1


def test_ctrl_c_keeps_the_networks_that_are_done(monkeypatch):
    table, column = Table({"x": Numbers(X)}), Numbers(TABLE["y"])
    from fastnn._workers.progress import Tally

    def interrupt(tally, i, seconds):
        if i == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tally, "ended", interrupt)
    found = fit_table(table, column, "y", Options(choice=short(), executor=Inline()))
    assert found.interrupted
    assert len(found.members) == 2


@pytest.mark.parametrize("call", ["tune", "estimator", "ensemble"])
@pytest.mark.parametrize("kind", ["no executor", "beside n_threads"])
def test_bad_input_is_named(call, kind):
    sklearn = pytest.importorskip("sklearn") and fastnn.sklearn
    executor, n_threads = (3, None) if kind == "no executor" else (Inline(), 2)
    error = TypeError if kind == "no executor" else ValueError
    x, y = X[:, None], TABLE["y"]
    calls = {
        "tune": lambda: fastnn.tune(TABLE, "y", executor=executor, n_threads=n_threads),
        "estimator": lambda: sklearn.TabularRegressor(n_threads=n_threads).fit(x, y, executor=executor),
        "ensemble": lambda: sklearn.MLPEnsembleRegressor(n_threads=n_threads).fit(x, y, executor=executor),
    }
    with pytest.raises(error, match="executor"):
        calls[call]()


@pytest.mark.parametrize("make", MAKERS, ids=NAMES)
def test_estimators(make):
    sklearn = pytest.importorskip("sklearn") and fastnn.sklearn
    x, y = X[:, None], TABLE["y"]
    member = sklearn.MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, learning_rate_init=0.01)
    many = sklearn.MLPEnsembleRegressor(member, 3, random_state=1)
    table = sklearn.TabularRegressor(choice=short(), random_state=1)
    with make() as executor:
        for estimator in (many, table):
            import warnings

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                here = estimator.fit(x, y).predict(x)
                away = estimator.fit(x, y, executor=executor).predict(x)
            np.testing.assert_array_equal(here, away)
