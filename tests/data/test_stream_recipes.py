"""The recipe of tables on streams: folds by keyed rows, the same bits wherever networks train, reports, texts."""

from __future__ import annotations

import os

import numpy as np
import pytest
from streamed_fits import fitted_alike

import fastnn
from fastnn.cli import main
from fastnn.data import kept
from fastnn.data.arrow import CsvOptions, Tables
from fastnn.data.encoders import TableEncoder
from fastnn.data.encoding import inputs_of, learn, sample_of
from fastnn.data.files import find_files
from fastnn.data.passes import Part
from fastnn.data.raw import codes_of, raw_rows, targets_of
from fastnn.tables import Encoding, FeatureOptions, read_table
from fastnn.tabular import Options, choices
from fastnn.tabular.report import baselines
from fastnn.tabular.stream_fitting import fit_stream

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.stream
N = 600


def raw(n=N):
    random = np.random.default_rng(4)
    a, city = random.standard_normal(n), random.choice([f"city {i}" for i in range(9)], n)
    written = [str(value) for value in random.integers(0, 50, n)]
    note = [" ".join(random.choice(["good", "bad", "red", "new", "old"], 3)) for _ in range(n)]
    y = np.where(a + np.isin(city, ["city 1", "city 2"]) + [t.count("good") for t in note] > 0.8, "yes", "no")
    columns = {"a": a, "city": city, "written": written, "note": note, "y": y, "size": 3 * a + 1}
    return pa.table(columns)


@pytest.fixture
def files(tmp_path):
    from pyarrow import parquet

    (tmp_path / "rows").mkdir()
    for number in range(2):
        part = raw().slice(number * 350, 350)
        parquet.write_table(part, tmp_path / "rows" / f"{number}.parquet", row_group_size=90)
    return str(tmp_path / "rows" / "*.parquet")


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch):
    monkeypatch.setattr(choices, "epochs", lambda n_rows: 3)
    monkeypatch.setattr(choices, "LEAST_EPOCHS", 3)
    monkeypatch.setattr(baselines, "TRAINED", ())  # they take their time, and are tested elsewhere


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def known(files, target="y", most_one_hot=3):
    """Row groups, and what a pass finds of them."""
    tables = Tables(find_files(files), CsvOptions())
    columns = [name for name in inputs_of(tables, target) if name not in ("note", "y", "size")]
    return tables, learn(tables, columns, target, None, FeatureOptions(8, most_one_hot, dates=True))


def test_shares_side_by_side_are_folds_and_the_first_is_what_is_held_out():
    parts = [Part(3, 1 / 3, True, low=i / 3) for i in range(3)]
    masks = np.array([part.mask(100, 5000) for part in parts])
    assert (masks.sum(axis=0) == 1).all()
    assert (masks[0] == Part(3, 1 / 3, True).mask(100, 5000)).all()
    assert (Part(3, 1 / 3, False, low=1 / 3).mask(100, 5000) == ~masks[1]).all()
    assert abs(masks.mean(axis=1) - 1 / 3).max() < 0.02
    numbers = np.array([100, 101, 2000, 5099])
    assert (parts[1].mask_of(numbers) == masks[1][numbers - 100]).all()
    assert parts[0].marks == [3, 1 / 3, True]  # as checkpoints of before have it


def test_raw_rows_targets_and_codes_are_those_of_the_whole_table(files, tmp_path):
    tables, learned = known(files)
    source, part = tables.encoded_by(TableEncoder(learned.encoding)), Part(1, 0.3, True, low=0.5)
    table, numbers = raw_rows(source, part)
    whole, everything = raw_rows(source, None)
    assert (numbers == np.flatnonzero(part.mask(0, N)) + 1).all()
    assert (everything == np.arange(1, N + 1)).all()
    features = learned.encoding.features
    encoded = features.encode(whole)
    for some, of_all in zip(features.encode(table), encoded, strict=True):
        np.testing.assert_array_equal(some, of_all[numbers - 1])
    y = learned.encoding.row_target.encode(whole.columns["y"])
    for found, wanted in zip(targets_of(source, [part, None]), (y[numbers - 1], y), strict=True):
        np.testing.assert_array_equal(found, wanted)
    codes = codes_of(source, part)
    assert list(codes) == ["city"]
    np.testing.assert_array_equal(codes["city"], np.unique(encoded[-1][numbers - 1]))
    np.testing.assert_array_equal(features.encode(sample_of(learned))[0], encoded[0])  # written numbers are numbers
    assert (learned.survey.numbers == np.arange(N)).all()


def test_networks_have_the_same_bits_kept_or_read_anew_on_any_threads(files, monkeypatch):
    tables, learned = known(files)
    choice = choices.choose("default", N, True, 1)
    fitted = fitted_alike(monkeypatch, tables, learned, choice)
    assert [member.fold for member in fitted.members] == [0, 1, 2, 3]
    y, output = fitted.out_of_fold
    assert len(y) == len(output) == sum(int(part.mask(0, N).sum()) for part in fitted.folds) > 0.7 * N
    source = tables.encoded_by(TableEncoder(learned.encoding))
    table, _ = raw_rows(source, fitted.folds[1])
    said = fitted.members[1].model.predict(learned.encoding.features.encode(table))
    np.testing.assert_allclose(fitted.members[1].output, said, rtol=1e-4, atol=1e-6)  # scales are in its weights


def test_a_network_learns_from_no_row_of_its_fold(files, monkeypatch):
    from fastnn.data import encoders

    tables, learned = known(files)
    seen = []
    original = encoders.TableEncoder.__call__
    monkeypatch.setattr(kept, "WINDOW_BYTES", 0)
    monkeypatch.setattr(
        encoders.TableEncoder,
        "__call__",
        lambda self, table, where: seen.append(table.column("a").to_numpy()) or original(self, table, where),
    )
    choice = choices.choose("quick", N, True, 1)
    fitted = fit_stream(tables, learned, choice, Options(seed=1))
    a = raw().column("a").to_numpy()
    [held] = fitted.folds
    read = np.array(sorted({value for values in seen for value in values}))
    assert len(read) == N  # both parts are read ...
    of_training = [values for values in seen if not np.isin(values, a[held.mask(0, N)]).any()]
    of_held = [values for values in seen if np.isin(values, a[held.mask(0, N)]).all()]
    assert len(of_training) + len(of_held) == len(seen)  # ... and never together
    assert len({*np.concatenate(of_training)}) == N - int(held.mask(0, N).sum())


def test_a_folder_trains_the_networks_of_tables(files, tmp_path, capsys):
    model, asked = tmp_path / "m.safetensors", ("--target", "y", "--seed", 1)
    code, out, err = run(capsys, "train", files, *asked, "--report", tmp_path / "r.html", "--out", model)
    assert code == 0, err
    assert "4 networks" in out
    assert "rows that a network did not see: loss" in out
    assert "the networks one by one, mean and spread" in out
    assert (tmp_path / "r.html").stat().st_size > 10_000
    code, out, err = run(capsys, "predict", model, files, "--out", tmp_path / "p.csv")
    assert code == 0, err
    loaded = fastnn.load(model)
    assert len(read_table(tmp_path / "p.csv")) == N
    assert Encoding.of(loaded).trained["data"].startswith("2 Parquet files, 600 rows")
    code, out, err = run(capsys, "evaluate", model, files, "--report", tmp_path / "e.html")
    assert code == 0, err
    assert "drift" in out  # against the sample that the model file keeps
    assert (tmp_path / "e.html").exists()
    code, out, err = run(capsys, "train", files, *asked, "--shards", 2, "--preset", "quick", "--out", model)
    assert code == 0, err


def test_folds_score_each_row_once(files, tmp_path, capsys):
    asked = ("--target", "size", "--seed", 1, "--cv", 3, "--report", tmp_path / "r.html")
    code, out, err = run(capsys, "train", files, *asked, "--out", tmp_path / "m.safetensors")
    assert code == 0, err
    assert "3 networks" in out
    assert f"on {N} rows that a network did not see: loss" in out
    assert (tmp_path / "r.html").exists()
    limits = Encoding.of(fastnn.load(tmp_path / "m.safetensors")).target.limits
    sizes = raw().column("size").to_numpy()
    assert limits == pytest.approx((sizes.min(), sizes.max()))


@pytest.mark.parametrize("network", ["mlp", pytest.param("gru", marks=pytest.mark.long)])
def test_texts_are_read_word_by_word(files, tmp_path, capsys, network):
    model = tmp_path / "m.safetensors"
    asked = ("--target", "y", "--seed", 1, "--text", "note", "--epochs", 8, "--network", network)
    code, out, err = run(capsys, "train", files, *asked, "--report", tmp_path / "r.html", "--out", model)
    assert code == 0, err
    assert "text 'note' (" in out
    accuracy = float(out.split("accuracy ")[1].split()[0])
    assert accuracy > 0.6
    code, out, err = run(capsys, "evaluate", model, files)
    assert code == 0, err
    code, out, err = run(capsys, "predict", model, files, "--out", tmp_path / "p.parquet")
    assert code == 0, err
    assert (tmp_path / "r.html").exists()


def test_one_network_reports_on_what_was_held_out(files, tmp_path, capsys):
    for share in (0.2, 0):
        asked = ("--target", "y", "--seed", 1, "--epochs", 2, "--report", tmp_path / "r.html", "--validation", share)
        code, out, err = run(capsys, "train", files, *asked, "--out", tmp_path / "m.safetensors")
        assert code == 0, err
        assert "wrote " + str(tmp_path / "r.html") in out
        assert ("the model was trained on these very rows" in out) == (share == 0)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (("--workers", "0"), "must be a number of processes, dask:ADDRESS of a scheduler, or mpi, got '0'"),
        (("--workers", "many"), "must be a number of processes"),
        (("--workers", "2", "--epochs", "2"), "--workers trains several networks of a table side by side"),
        (("--workers", "2", "--shards", "2"), "leave one of both out"),
        (("--workers", "mpi"), "--workers mpi has no workers: start it as mpiexec -n 5 fastnn train"),
    ],
)
def test_workers_that_are_not_to_be_had(files, tmp_path, capsys, said, match):
    if "mpi" in said:
        pytest.importorskip("mpi4py")
    try:
        code, _, err = run(capsys, "train", files, "--target", "y", *said, "--out", tmp_path / "m.safetensors")
    except SystemExit as end:
        code, err = end.code, capsys.readouterr().err
    assert code != 0
    assert match in err
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.long
def test_processes_train_the_same_networks(files, tmp_path, capsys):
    found = []
    for said in ((), ("--workers", 2)):
        model = tmp_path / f"{len(found)}.safetensors"
        code, _, err = run(capsys, "train", files, "--target", "y", "--seed", 1, *said, "--out", model)
        assert code == 0, err
        found.append(fastnn.load(model).get_weights())
    assert [each.shape for each in found[0]] == [each.shape for each in found[1]]


def test_few_rows_are_not_dealt_by_a_draw(tmp_path, capsys):
    from pyarrow import parquet

    os.makedirs(tmp_path / "few")
    parquet.write_table(raw().slice(0, 4), tmp_path / "few" / "a.parquet")
    asked = ("--target", "size", "--preset", "quick", "--out", tmp_path / "m.safetensors")
    codes = [run(capsys, "train", tmp_path / "few", *asked, "--seed", seed) for seed in range(6)]
    refused = [err for code, _, err in codes if code]
    assert refused
    assert all("4 rows are too few to hold some out by a draw of each" in err for err in refused)


def test_infinite_numbers_are_found_in_their_file(tmp_path, capsys):
    from pyarrow import parquet

    (tmp_path / "rows").mkdir()
    table = raw()
    a = table.column("a").to_numpy().copy()
    a[[140, 141]] = np.inf
    parquet.write_table(table.set_column(0, "a", pa.array(a)), tmp_path / "rows" / "a.parquet", row_group_size=100)
    with np.errstate(all="raise"):
        code, _, err = run(capsys, "train", tmp_path / "rows", "--target", "y", "--out", tmp_path / "m.safetensors")
    assert code != 0
    assert "a.parquet, row group 2: column 'a' is infinite in 2 rows, the first of them row 41" in err
