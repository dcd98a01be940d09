"""``fastnn.tune`` and ``fastnn tune``: the same bits however often it was interrupted, and files that tell why."""

from __future__ import annotations

import builtins
import csv
import json
import os
import signal
import sys
import threading

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.tabular import tuning
from fastnn.tabular.halving import Halving, rounds
from fastnn.tabular.settings import Settings
from fastnn.tabular.trials import Trial, read_trials, write_trials

N = 120
SHORT = {"trials": 10, "epochs": 6, "seed": 3}


def columns() -> dict[str, np.ndarray]:
    """Two numbers and their product."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, N))
    return {"a": a, "b": b, "y": a * b + a}


@pytest.fixture(scope="module")
def whole() -> tuning.Tuned:
    """A search without a break."""
    return fastnn.tune(columns(), "y", n_threads=1, **SHORT)


def told(found: tuning.Tuned) -> list[dict]:
    """Trials but for how long they took."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found.trials]


def same(one: tuning.Tuned, other: tuning.Tuned) -> None:
    """Both have the same trials and the same weights."""
    assert told(one) == told(other)
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_rounds_halve_settings_and_add_epochs():
    assert rounds(50, 128) == [(50, 14), (17, 42), (6, 128)]
    assert rounds(1, 5) == [(1, 5)]
    assert rounds(9, 2) == [(9, 1), (3, 2)]


def test_a_search_has_its_table_its_best_and_its_model(whole):
    assert [(row["round"], row["epochs"]) for row in whole.trials] == [(0, 2)] * 10 + [(1, 6)] * 4
    last = [row for row in whole.trials if row["round"] == 1]
    assert whole.best["loss"] == min(row["loss"] for row in last)
    first = sorted((row for row in whole.trials if row["round"] == 0), key=lambda row: row["loss"])
    assert {row["trial"] for row in last} == {row["trial"] for row in first[:4]}
    assert sum(row["share"] for row in whole.trials) == pytest.approx(1, abs=1e-5)
    assert len(whole.fitted.out_of_fold[0]) == N
    assert not whole.interrupted


OTHER_BREAKS = [("csv", 0), ("csv", 11), ("csv", 14), ("jsonl", 0), ("jsonl", 4), ("jsonl", 14)]


def test_two_threads_give_the_same_bits(whole):
    same(whole, fastnn.tune(columns(), "y", n_threads=2, **SHORT))


@pytest.mark.parametrize(
    ("ending", "n_known"),
    [("csv", 4), ("jsonl", 11), *(pytest.param(*case, marks=pytest.mark.long) for case in OTHER_BREAKS)],
)
def test_a_search_that_goes_on_gives_the_same_as_one_without_a_break(tmp_path, monkeypatch, whole, ending, n_known):
    path = tmp_path / f"trials.{ending}"
    known = [_trial(row) for row in whole.trials[:n_known]]
    if known:
        write_trials(path, known)
    trained: list[tuple[int, int]] = []
    done = Halving._done
    monkeypatch.setattr(Halving, "_done", lambda self, m, i: (trained.append((m.trial, i)), done(self, m, i)))
    found = fastnn.tune(columns(), "y", n_threads=1, resume=path, **SHORT)
    same(whole, found)
    assert sorted(trained) == sorted((row["trial"], row["round"]) for row in whole.trials[n_known:])
    assert [trial.row() for trial in read_trials(path, whole.trials[0]["run"])] == found.trials


def _trial(row: dict) -> Trial:
    settings = {name: row[name] for name in Settings.__dataclass_fields__}
    settings["hidden"] = tuple(map(int, row["hidden"].split("-")))
    own = {name: row[name] for name in Trial.__dataclass_fields__ if name != "settings"}
    return Trial(**own, settings=Settings(**settings))


def test_a_table_of_another_search_is_refused_and_left_as_it_was(tmp_path, whole):
    path = tmp_path / "trials.csv"
    write_trials(path, [_trial(row) for row in whole.trials])
    before = path.read_bytes()
    for other in ({"seed": 4}, {"trials": 11}, {"epochs": 7}):
        with pytest.raises(ValueError, match="of other data or with other options"):
            fastnn.tune(columns(), "y", resume=path, **SHORT | other)
    with pytest.raises(ValueError, match="of other data"):
        fastnn.tune(columns() | {"a": np.arange(N)}, "y", resume=path, **SHORT)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "\x00\xff", "run,trial\n1\n"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_is_no_table_of_trials_is_refused(tmp_path, text, ending):
    path = tmp_path / f"trials.{ending}"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="is no table of trials"):
        fastnn.tune(columns(), "y", resume=path, **SHORT)


def test_a_loss_that_is_infinite_is_read_again(tmp_path):
    trial = Trial("r", 0, 0, np.inf, 0, 0.5, Settings(patience=3))
    for ending in ("csv", "jsonl"):
        write_trials(tmp_path / f"t.{ending}", [trial])
        assert read_trials(tmp_path / f"t.{ending}", "r") == [trial]
    assert json.loads((tmp_path / "t.jsonl").read_text())["loss"] is None


def test_arguments_that_are_wrong():
    with pytest.raises(ValueError, match="no column 'z'; it has 'a', 'b', 'y'"):
        fastnn.tune(columns(), "z")
    with pytest.raises(ValueError, match="sampler"):
        fastnn.tune(columns(), "y", sampler="grid")
    with pytest.raises(ValueError, match="trials"):
        fastnn.tune(columns(), "y", trials=0)
    with pytest.raises(ValueError, match=r"\.csv or \.jsonl"):
        fastnn.tune(columns(), "y", trials_out="trials.txt", **SHORT)
    with pytest.raises(ValueError, match="too few"):
        fastnn.tune({name: values[:8] for name, values in columns().items()}, "y")


def test_optuna_proposes_and_goes_on(tmp_path):
    pytest.importorskip("optuna")
    one = fastnn.tune(columns(), "y", sampler="optuna", n_threads=2, **SHORT)
    write_trials(tmp_path / "t.csv", [_trial(row) for row in one.trials[:9]])
    same(one, fastnn.tune(columns(), "y", sampler="optuna", n_threads=1, resume=tmp_path / "t.csv", **SHORT))


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.partition(".")[0] == "optuna":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"fastnn-native\[tune\]"):
        fastnn.tune(columns(), "y", sampler="optuna", **SHORT)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("after", [6, 12])
def test_ctrl_c_leaves_a_model_of_what_is_trained_and_a_table_to_go_on_from(tmp_path, monkeypatch, whole, after):
    done, finished = Halving._done, threading.Event()

    def count(self, member, i):
        done(self, member, i)
        if len(self.done) == after and not finished.is_set():
            finished.set()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Halving, "_done", count)
    path = tmp_path / "trials.csv"
    found = fastnn.tune(columns(), "y", n_threads=1, resume=path, **SHORT)
    assert found.interrupted
    assert after <= len(found.trials) < len(whole.trials)
    assert np.isfinite(found.model.predict(np.zeros((1, *found.model.layout.input_shapes[0]), np.float32))).all()
    same(whole, fastnn.tune(columns(), "y", n_threads=1, resume=path, **SHORT))


def test_the_command_writes_a_model_that_predicts_and_a_table(tmp_path, capsys):
    rows = columns()
    lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
    data, out, table = (str(tmp_path / name) for name in ("d.csv", "m.safetensors", "t.csv"))
    (tmp_path / "d.csv").write_text("\n".join([*lines, "1,2,"]) + "\n")
    options = ["--target", "y", "--trials", "4", "--epochs", "3", "--threads", "1", "--out", out, "--trials-out", table]
    assert main(["tune", data, *options]) == 0
    said = capsys.readouterr().out
    assert "1 row has no 'y' and is left out" in said
    assert "round 1 of 1: 4 settings, 3 epochs" in said
    assert f"on {N} rows that a network did not see" in said
    assert f"wrote {table}, 4 rows" in said
    with open(table, newline="") as file:
        assert len(list(csv.DictReader(file))) == 4
    assert main(["predict", out, data, "--out", str(tmp_path / "p.csv")]) == 0
    assert main(["info", out]) == 0
    assert "sampler random" in capsys.readouterr().out
    assert main(["tune", data, "--target", "y", "--trials-out", data]) == 1
    assert "would be overwritten" in capsys.readouterr().err
