"""The tabular benchmark: splits, scores and figures are right, and a run of two methods comes out as a report."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA

pytest.importorskip("pandas", reason="the tabular benchmark reads its tables with pandas")
pytest.importorskip("sklearn", reason="the tabular benchmark scores with scikit-learn")

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of bench/ by its name, as its neighbours do."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def result(label: str, table: str, seed: int, rmse: float, **others) -> dict:
    """A line of the cache, of a table of numbers with 1,000 rows."""
    line = {
        "method": label,
        "label": label,
        "version": "1",
        "table": table,
        "rows": 1000,
        "n_train": 750,
        "n_test": 250,
    }
    line |= {"seed": seed, "threads": 1, "cap": 3000, "scores": {"rmse": rmse}, "fit_cpu": 2.0, "predict_cpu": 0.5}
    return line | {"cpu": "Some CPU", "load": 0.5, "date": "2026-01-02T03:04:05+00:00"} | others


def run(cache: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(BENCH / "tabular.py"), *arguments, "--cache", str(cache)]
    path = os.pathsep.join([str(BENCH.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_two_methods_on_iris_come_out_as_a_report(tmp_path):
    cache = tmp_path / "cache.jsonl"
    asked = "run", "linear,fastnn-sklearn", "--tables", "iris", "--seeds", "0", "--set", "max_iter=300", "--label"
    done = run(cache, *asked, "short", "--caps", "50")
    assert done.returncode == 0, done.stderr
    done = run(cache, *asked[:-3], "--caps", "3000,none", "--data", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "2 results were in" in done.stderr  # under no cap, iris has the rows that it has under 3,000
    lines = [json.loads(line) for line in cache.read_text().splitlines()]
    assert [(line["label"], line["n_train"], line["n_test"]) for line in lines] == [
        *(("short", 50, 37), ("short", 50, 37)),
        *(("linear", 113, 37), ("fastnn-sklearn", 113, 37)),
    ]
    for line in lines:
        assert 0.5 < line["scores"]["auc"] <= 1
        assert line["fit_cpu"] > 0
    assert lines[0]["settings"] == {"max_iter": 300}
    told = run(cache, "report")
    assert told.returncode == 0, told.stderr
    assert "| table | fastnn-sklearn | linear |" in told.stdout
    assert "| iris | 0." in told.stdout


def test_what_cannot_run_is_refused_by_name(bench, monkeypatch):
    methods, tabular = bench("tabular_methods"), bench("tabular")
    lacking = methods.Method("json", lambda split, request: None, names=("loads", "nothing"))
    with pytest.raises(ImportError, match="has no nothing"):
        lacking.version()
    with pytest.raises(SystemExit, match="no method is called other; there are fastnn-train"):
        tabular.available("linear,other")
    monkeypatch.setitem(methods.METHODS, "lacking", lacking)
    monkeypatch.setitem(methods.METHODS, "missing", methods.Method("no_such_module", lacking.fit))
    with pytest.raises(SystemExit, match="No module named 'no_such_module'"):
        tabular.available("linear,missing")
    assert tabular.available("all").keys().isdisjoint(("lacking", "missing"))


@pytest.mark.long
def test_a_table_that_is_not_here_is_skipped_with_the_reason(tmp_path):
    done = run(tmp_path / "cache.jsonl", "run", "linear", "--tables", "churn", "--data", str(tmp_path))
    assert done.returncode == 0
    assert "skipped: churn: there is no tables/churn.csv.gz in the data folder" in done.stderr
    assert "no table is called other" in run(tmp_path / "c", "run", "linear", "--tables", "other").stderr


@pytest.mark.parametrize("table", ["diabetes", "iris", "adult", "ames"])
def test_splits_are_those_of_the_seed(bench, table):
    data = bench("tabular_data")
    if table in data.FILES and not (DATA / data.FILES[table][0]).exists():
        pytest.skip(f"no {data.FILES[table][0]} in {DATA}")
    frame, kind = data.read(table, DATA)
    whole, capped = (data.split(table, cap, 3, DATA) for cap in (None, 60))
    order = np.random.default_rng(1003).permutation(len(frame))
    n_test = min(len(frame) // 4, 5000)
    assert (len(whole.x_test), len(whole.x), len(capped.x)) == (n_test, len(frame) - n_test, 60)
    for split, rows in ((whole, order[n_test:]), (capped, order[n_test : n_test + 60])):
        assert split.x.equals(frame.iloc[rows, :-1].reset_index(drop=True))
        y = split.y if split.labels is None else split.labels[split.y]
        assert (y == frame.iloc[rows, -1].to_numpy()).all()
        assert (split.labels is None) == (kind == data.NUMBERS)
        assert sorted(split.text_columns + split.number_columns) == sorted(frame.columns[:-1])


def test_scores_are_those_of_their_definitions(bench):
    scores = bench("tabular_scores")
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.45, 0.55]])
    found = scores.scores(np.array([0, 1, 1, 1]), shares, True)
    apart = abs(1 - 1.8) + abs(1 - 0.7) + abs(1 - 0.55)  # 0.9 and 0.9 in a bin, 0.7 and 0.55 in bins of their own
    assert found["ece"] == pytest.approx(apart / 4)
    assert found["accuracy"] == 0.75
    assert found["auc"] == pytest.approx(2.5 / 3)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.1, 0.7, 0.55]).mean())
    found = scores.scores(np.array([1.0, 3.0]), np.array([2.0, 5.0]), False)
    assert found == pytest.approx({"rmse": 2.5**0.5, "mae": 1.5, "r2": -1.5})
    with pytest.raises(ValueError, match="not finite"):
        scores.scores(np.array([1.0]), np.array([np.nan]), False)


def test_ranks_and_ratios_count_every_table_the_same(bench):
    figures = bench("tabular_figures")
    own = [result("own", "houses", seed, 2.0) for seed in range(4)] + [result("own", "ames", 0, 1.0)]
    cat = [result("catboost", "houses", seed, 1.0) for seed in range(3)] + [result("catboost", "ames", 0, 2.0)]
    third = [result("third", "houses", 0, 3.0)]
    found = figures.at_cap(own + cat + third, 3000)
    assert figures.ratio(found, "own", "catboost") == pytest.approx(1.0)
    assert figures.not_worse(found, "own", "catboost") == (1, 2)
    ranks = {label: figures.mean_rank(found, label) for label in found}
    assert ranks == pytest.approx({"own": 1.5, "catboost": 1.5, "third": 3.0})
    assert math.isnan(figures.ratio(found, "own", "realmlp-td"))
    assert figures.at_cap(own, 500) == {}
    assert figures.at_cap(own, None).keys() == {"own"}


def test_the_report_takes_the_newest_line_and_names_failures(bench):
    tabular, report = bench("tabular"), bench("tabular_report").report
    lines = [
        result("catboost", "houses", 0, 9.0),
        result("catboost", "houses", 0, 4.0),
        result("linear", "houses", 0, 6.0),
    ]
    lines += [result("linear", "ames", 0, 0.0, error="ValueError: no"), result("linear", "ames", 0, 5.0, threads=2)]
    lines += [result("linear[alpha=2]", "houses", 0, 3.0, method="linear")]
    told = report(tabular.newest(lines, 1))
    assert "| houses | 6.0000 | 4.0000 |" in told
    assert "| linear | 1 x 1 | 2.00 | 1.500 | 0 of 1 |" in told
    assert "| linear[alpha=2] | 1 | 0.5000 | 1 of 1 | 1.000 |" in told
    assert "- linear, ames, 750 rows, seed 0: ValueError: no" in told


def test_settings_are_literals_or_texts(bench):
    setting = bench("tabular")._setting
    assert setting("a=3") == ("a", 3)
    assert setting("b=(1, 2)") == ("b", (1, 2))
    assert setting("c=selu") == ("c", "selu")
    with pytest.raises(argparse.ArgumentTypeError, match="is not name=value"):
        setting("=3")
