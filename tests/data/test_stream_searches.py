"""Settings compared on streams, by ``--preset best`` and ``fastnn tune``: as on tables, and the same bits each time."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from streamed_fits import fitted_alike, weights

import fastnn
from fastnn.cli import main
from fastnn.data.arrow import CsvOptions, Tables
from fastnn.data.encoding import learn
from fastnn.data.files import find_files
from fastnn.data.raw import raw_rows
from fastnn.tables import FeatureOptions
from fastnn.tabular import Options, choices
from fastnn.tabular.greedy import shares
from fastnn.tabular.report import baselines
from fastnn.tabular.stream_fitting import fit_stream, tune_stream
from fastnn.tabular.streamed import StreamBag
from fastnn.tabular.trials import read_trials
from fastnn.tabular.tuning import Plan

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.stream
N = 600


@pytest.fixture
def files(tmp_path):
    from pyarrow import parquet

    random = np.random.default_rng(4)
    a, city = random.standard_normal(N), random.choice([f"city {i}" for i in range(9)], N)
    y = np.where(a + np.isin(city, ["city 1", "city 2"]) > 0.8, "yes", "no")
    rows = pa.table({"a": a, "city": city, "y": y, "size": 3 * a + 1})
    (tmp_path / "rows").mkdir()
    for number in range(2):
        part = rows.slice(number * 350, 350)
        parquet.write_table(part, tmp_path / "rows" / f"{number}.parquet", row_group_size=90)
    return str(tmp_path / "rows" / "*.parquet")


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setattr(choices, "epochs", lambda n_rows: 3)
    monkeypatch.setattr(choices, "LEAST_EPOCHS", 3)
    monkeypatch.setattr(choices, "CANDIDATES", 4)
    monkeypatch.setattr(choices, "FINALISTS", 2)
    monkeypatch.setattr(baselines, "TRAINED", ())


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def known(files, target="y"):
    tables = Tables(find_files(files), CsvOptions())
    return tables, learn(tables, ["a", "city"], target, None, FeatureOptions(8, 3, dates=True))


def test_best_has_the_same_bits_kept_or_read_anew_on_any_threads(files, monkeypatch):
    tables, learned = known(files)
    choice = choices.choose("best", N, True, 1)
    fitted = fitted_alike(monkeypatch, tables, learned, choice)
    assert sum(member.share for member in fitted.members) == pytest.approx(1)
    assert {member.trial for member in fitted.members} <= set(range(4))
    assert [len(of) for of in fitted.told_by] == [len({member.trial for member in fitted.members})] * 5


def test_best_weighs_settings_by_rows_that_their_networks_did_not_see(files):
    tables, learned = known(files)
    seen = []
    original = StreamBag.train

    def train(bag, members, *more):
        seen.append([(member.trial, member.fold) for member in members])
        return original(bag, members, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamBag, "train", train)
        fitted = fit_stream(tables, learned, choices.choose("best", N, True, 1), Options(seed=1))
    first, rest = seen
    assert first == [(trial, 0) for trial in range(4)]
    best = [trial for trial, fold in rest if fold == 1]
    assert sorted(rest) == sorted((trial, fold) for trial in best for fold in range(1, 5))
    y, output = fitted.out_of_fold
    assert len(y) == len(output) == N  # of these few rows all are asked of, and each is in one fold
    masks = np.array([part.mask(0, N) for part in fitted.folds])
    assert (masks.sum(axis=0) == 1).all()
    table, _ = raw_rows(tables.encoded_by(_encoder(learned)), fitted.folds[1])
    x = learned.encoding.features.encode(table)
    for member in fitted.told_by[1]:
        np.testing.assert_allclose(member.output, member.model.predict(x), rtol=1e-4, atol=1e-6)
    mean = sum(m.share * m.output for m in fitted.told_by[1]) / sum(m.share for m in fitted.told_by[1])
    n = [int(mask.sum()) for mask in masks]
    np.testing.assert_allclose(output[n[0] : n[0] + n[1]], mean, rtol=1e-6)
    of_trial = {}
    for member in sorted(fitted.members, key=lambda each: (each.trial, each.fold)):
        of_trial.setdefault(member.trial, []).append(member)
    outputs = np.stack([np.concatenate([m.output for m in of]) for of in of_trial.values()])
    if len(of_trial) == len(best):
        wanted = shares(outputs, y, True, None, 1)
        found = [sum(m.share for m in of) for of in of_trial.values()]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def _encoder(learned):
    from fastnn.data.encoders import TableEncoder

    return TableEncoder(learned.encoding)


def test_best_on_the_command_line_writes_one_model(files, tmp_path, capsys):
    model, asked = tmp_path / "m.safetensors", ("--target", "y", "--seed", 1, "--preset", "best")
    found = []
    for _ in range(2):
        code, out, err = run(capsys, "train", files, *asked, "--report", tmp_path / "r.html", "--out", model)
        assert code == 0, err
        found.append(fastnn.load(model).get_weights())
    assert "4 settings on one of 5 folds, the best 2 on the others, too" in out
    assert f"on {N} rows that a network did not see: loss" in out
    assert (tmp_path / "r.html").stat().st_size > 10_000
    assert all((a == b).all() for a, b in zip(*found, strict=True))
    code, out, err = run(capsys, "predict", model, files, "--out", tmp_path / "p.csv")
    assert code == 0, err
    code, out, err = run(capsys, "train", files, *asked, "--class-weight", "balanced", "--out", model)
    assert code == 0, err
    code, out, err = run(capsys, "train", files, *asked, "--cv", 3, "--out", model)
    assert code == 0, err
    assert "3 networks" in out
    code, out, err = run(capsys, "train", files, *asked, "--time-limit", 0.2, "--out", model)
    assert code == 0, err
    assert "wrote" in out


def test_tune_goes_on_from_its_table_to_the_same_bits(files, tmp_path, capsys):
    model, table = tmp_path / "m.safetensors", tmp_path / "trials.jsonl"
    asked = ("tune", files, "--target", "size", "--seed", 1, "--trials", 10, "--epochs", 6)
    code, out, err = run(capsys, *asked, "--trials-out", table, "--out", model)
    assert code == 0, err
    assert "search: 10 trials, sampler random, seed 1" in out
    assert "round 1 of 2: 10 settings, 2 epochs; best validation loss" in out
    assert "round 2 of 2: 4 settings, 6 epochs" in out
    assert f"on {N} rows that a network did not see: loss" in out
    assert f"wrote {table}, 14 rows" in out
    whole = fastnn.load(model).get_weights()
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:12]) + "\n")
    code, out, err = run(capsys, *asked, "--resume", table, "--out", model)
    assert code == 0, err
    assert "12 trials are known" in out
    assert all((a == b).all() for a, b in zip(fastnn.load(model).get_weights(), whole, strict=True))
    code, out, err = run(capsys, *asked[:-1], 5, "--resume", table, "--out", model)
    assert code != 0
    assert "is of a search of other data or with other options" in err


def test_tune_of_other_files_does_not_go_on_from_a_table(files, tmp_path, capsys):
    from pyarrow import parquet

    table, model = tmp_path / "trials.csv", tmp_path / "m.safetensors"
    asked = ("tune", files, "--target", "size", "--seed", 1, "--trials", 2, "--resume", table, "--out", model)
    code, _, err = run(capsys, *asked)
    assert code == 0, err
    path = tmp_path / "rows" / "1.parquet"
    parquet.write_table(parquet.read_table(path).slice(1), path, row_group_size=90)
    code, _, err = run(capsys, *asked)
    assert code != 0
    assert "is of a search of other data" in err


def test_a_search_on_threads_is_that_of_one(files, tmp_path):
    tables, learned = known(files, "size")
    choice, found = choices.choose("default", N, False, 1), []
    for how in ({"n_threads": 1}, {"executor": ThreadPoolExecutor(2)}):
        plan = Plan(trials=9, trials_out=str(tmp_path / "t.csv"))
        found.append(tune_stream(tables, learned, choice, Options(seed=1, **how), plan, lambda line: None))
    (one, trials), (other, _) = found
    assert (weights(one) == weights(other)).all()
    written = read_trials(tmp_path / "t.csv", trials[0].run)
    assert [(t.trial, t.round, t.loss) for t in written] == [(t.trial, t.round, t.loss) for t in trials]
    assert sum(trial.share for trial in trials) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("command", [("train", "--preset", "best"), ("tune", "--trials", "2")])
def test_too_few_rows_for_a_search_are_refused(tmp_path, capsys, command):
    from pyarrow import parquet

    (tmp_path / "few").mkdir()
    parquet.write_table(pa.table({"a": np.arange(4.0), "y": np.arange(4.0) ** 2 + 0.5}), tmp_path / "few" / "a.parquet")
    first, *more = command
    asked = ("--target", "y", "--seed", 1, *more, "--out", tmp_path / "m.safetensors")
    code, _, err = run(capsys, first, tmp_path / "few", *asked)
    assert code != 0
    assert "4 rows are too few to hold some out by a draw of each; read them into memory" in err
    assert not (tmp_path / "m.safetensors").exists()


def test_what_tune_takes_of_a_stream_is_said(files, tmp_path, capsys):
    code, _, err = run(capsys, "tune", files, "--out", tmp_path / "m.safetensors")
    assert code != 0
    assert "say with --target which column to predict" in err
    code, _, err = run(capsys, "tune", files, "--target", "nothing", "--out", tmp_path / "m.safetensors")
    assert code != 0
    assert "nothing" in err


SCRIPT = """
import sys
from dataclasses import replace
from fastnn.data import kept, passes, survey
from fastnn.tabular import Options, choices, stream_fitting, streamed
for module, name, value in (
    (kept, "WINDOW_BYTES", 2**22), (passes, "WINDOW_BYTES", 2**22),
    (survey, "SAMPLE", 5_000), (survey, "MOST_COUNTED", 5_000),
    (streamed, "MOST_HELD", 5_000), (stream_fitting, "MOST_HELD", 5_000),
):
    setattr(module, name, value)
from fastnn.data.arrow import CsvOptions, Tables
from fastnn.data.encoding import learn
from fastnn.data.files import find_files
from fastnn.tables import FeatureOptions
from fastnn.tabular.tuning import Plan

tables = Tables(find_files(sys.argv[1]), CsvOptions())
learned = learn(tables, ["a", "b", "c"], "y", None, FeatureOptions(8))
choice = choices.choose("best", 20_000, False, 1)
choice = replace(choice, candidates=tuple(replace(each, epochs=1) for each in choice.candidates[:3]), n_finalists=1)
stream_fitting.fit_stream(tables, learned, choice, Options(seed=1, n_threads=1))
plain = replace(choice, candidates=())
stream_fitting.tune_stream(tables, learned, plain, Options(seed=1, n_threads=1), Plan(2, epochs=1), print)
with open("/proc/self/status") as file:
    print(next(line for line in file if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_searches_take_no_more_memory_of_more_rows(tmp_path):
    from pyarrow import parquet

    random, peaks = np.random.default_rng(0), []
    for n in (240_000, 720_000):  # of fewer the heap is not yet as large as it gets
        path = tmp_path / f"{n}.parquet"
        x = random.standard_normal((3, n))
        parquet.write_table(pa.table(dict(zip("abc", x, strict=True)) | {"y": x.sum(0)}), path, row_group_size=5_000)
        words = [sys.executable, "-c", SCRIPT, str(path)]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "1"}
        made = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        peaks.append(int(made.stdout.split()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 16, peaks  # MB; the rows that came on top have 15, encoded 53
