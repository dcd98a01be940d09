"""``fastnn predict`` writes numbers that lose nothing, columns of the input as they were, and what a name says."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from test_cli import run, train, value

import fastnn
from fastnn.tables import Encoding, read_table

pytestmark = pytest.mark.usefixtures("numpy_backend")

CODES = ["007", "12345678901234567890", "1e3", "-0", "8.50"]


@pytest.fixture
def orders(tmp_path, capsys):
    """A table with columns that a model uses and others, and a model of it; their paths, and the rows."""
    random = np.random.default_rng(5)
    rows = [["id", "note", "a", "b", "y"]]
    for i in range(60):
        note = ["Müller, Hans", 'says "no"', "", "two\nlines", "=1+1"][i % 5]
        a = random.normal()
        rows.append([CODES[i] if i < 5 else str(i), note, f"{a:.2f}0", "uv"[i % 2], "yes" if a > 0 else "no"])
    table, model = tmp_path / "orders.csv", tmp_path / "m.safetensors"
    with open(table, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    (tmp_path / "small.csv").write_text("a,b,y\n" + "".join(f"{r[2]},{r[3]},{r[4]}\n" for r in rows[1:]))
    train(capsys, tmp_path / "small.csv", "--target", "y", "--epochs", 3, "--seed", 1, "--out", model)
    return table, model, rows


def read(text: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=separator))


@pytest.mark.parametrize("offset", [0.0, 1.6e9, -1e12])
def test_predicted_numbers_are_what_the_model_says_to_the_last_bit(tmp_path, capsys, offset):
    x = np.random.default_rng(0).normal(size=80)
    path, model = tmp_path / "d.csv", tmp_path / "m.safetensors"
    path.write_text("x,t\n" + "".join(f"{a!r},{offset + 100 * a!r}\n" for a in x.tolist()))
    train(capsys, path, "--target", "t", "--epochs", 3, "--seed", 1, "--out", model)
    loaded = fastnn.load(model)
    encoding = Encoding.of(loaded)
    expected = encoding.target.decode(loaded.predict(encoding.features.encode(read_table(path))))
    _, out, _ = run(capsys, "predict", model, path)
    assert [float(line) for line in out.splitlines()[1:]] == expected.tolist()
    told = value(run(capsys, "evaluate", model, path)[1], "rmse")
    assert told == pytest.approx(np.sqrt(np.mean((expected - offset - 100 * x) ** 2)), rel=1e-4)


def test_probabilities_are_the_models_own(orders, capsys):
    table, model, _ = orders
    loaded = fastnn.load(model)
    shares = loaded.predict(Encoding.of(loaded).features.encode(read_table(table)))[:, 0]
    _, out, _ = run(capsys, "predict", model, table, "--probabilities")
    assert [np.float32(row[2]) for row in read(out)[1:]] == shares.tolist()


def test_all_columns_are_kept_as_they_were_written(orders, capsys):
    table, model, rows = orders
    code, out, err = run(capsys, "predict", model, table, "--keep", "all")
    assert code == 0, err
    assert read(out)[0] == [*rows[0], "predicted y"]
    assert [row[:5] for row in read(out)[1:]] == rows[1:]
    plain = run(capsys, "predict", model, table)[1].splitlines()
    assert [row[5] for row in read(out)[1:]] == plain[1:]


@pytest.mark.parametrize("names", [("a,id",), ("a", "id"), ('"a",id',), ("a, id",)])
def test_named_columns_are_kept_in_the_order_that_is_given(orders, capsys, names):
    table, model, rows = orders
    keep = [part for name in names for part in ("--keep", name)]
    code, out, err = run(capsys, "predict", model, table, *keep)
    assert code == 0, err
    assert read(out)[0] == ["a", "id", "y"]
    assert [row[:2] for row in read(out)[1:]] == [[row[2], row[0]] for row in rows[1:]]


def test_a_column_that_is_not_there_cannot_be_kept(orders, capsys):
    table, model, _ = orders
    code, _, err = run(capsys, "predict", model, table, "--keep", "id,idd")
    assert (code, err.count("\n")) == (1, 1)
    assert "no column 'idd' to keep (did you mean 'id'?); it has 'id'" in err


def test_kept_columns_hide_no_prediction(tmp_path, orders, capsys):
    _, model, rows = orders
    path = tmp_path / "clash.csv"
    path.write_text("a,b,predicted y,y,P(no)\n" + "".join(f"{r[2]},{r[3]},,{r[4]},1\n" for r in rows[1:]))
    _, out, _ = run(capsys, "predict", model, path, "--keep", "all", "--probabilities")
    header = read(out)[0]
    assert header[5:] == ["predicted predicted y", "predicted P(no)", "P(yes)"]


def test_parquet_and_arrays_keep_their_columns(tmp_path, orders, capsys):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    _, model, _ = orders
    columns = {"id": [2**60 + 1, 2], "f": [0.1, None], "t": [True, False], "a": [0.5, -1.25], "b": ["u", None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "o.parquet")
    _, out, _ = run(capsys, "predict", model, tmp_path / "o.parquet", "--keep", "id,f,a,b")
    assert [row[:4] for row in read(out)[1:]] == [[str(2**60 + 1), "0.1", "0.5", "u"], ["2", "", "-1.25", ""]]
    x, numbers = np.array([[0.1, np.nan], [2.0, 3.0], [4.0, -1.0], [5.0, 6.0]]), tmp_path / "n.npz"
    np.savez(numbers, x=x, y=np.array([0, 1, 0, 1]))
    train(capsys, numbers, "--epochs", 1, "--validation", 0, "--out", tmp_path / "n")
    _, out, _ = run(capsys, "predict", tmp_path / "n", numbers, "--keep", "x1,x0,y")
    kept = [["", "0.1", "0"], ["3", "2.0", "1"], ["-1", "4.0", "0"], ["6", "5.0", "1"]]
    assert [row[:3] for row in read(out)[1:]] == kept


UNPACK = {"": bytes, ".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}


@pytest.mark.parametrize("packed", UNPACK)
@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_text_files_hold_what_standard_output_shows(tmp_path, orders, capsys, ending, separator, packed):
    table, model, _ = orders
    options = ("predict", model, table, "--keep", "all", "--probabilities")
    shown, path = run(capsys, *options)[1], tmp_path / f"p{ending}{packed}"
    code, out, err = run(capsys, *options, "--out", path)
    assert (code, out, err) == (0, "", f"wrote 60 predictions to {path}\n")
    assert read(UNPACK[packed](path.read_bytes()).decode(), separator) == read(shown)
    assert run(capsys, *options, "--out", "-")[1] == shown


def test_parquet_holds_numbers_as_numbers_and_codes_as_text(tmp_path, orders, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table, model, rows = orders
    run(capsys, "predict", model, table, "--keep", "id,a,note", "--probabilities", "--out", tmp_path / "p.parquet")
    frame = pandas.read_parquet(tmp_path / "p.parquet")
    assert list(frame) == ["id", "a", "note", "y", "P(no)", "P(yes)"]
    assert frame["id"].tolist() == [row[0] for row in rows[1:]]
    assert frame["note"].fillna("").tolist() == [row[1] for row in rows[1:]]
    assert frame["P(yes)"].dtype == np.float32


def test_excel_holds_text_that_looks_like_a_formula_as_text(tmp_path, orders, capsys):
    openpyxl = pytest.importorskip("openpyxl")
    table, model, rows = orders
    code, _, err = run(capsys, "predict", model, table, "--keep", "all", "--out", tmp_path / "p.xlsx")
    assert code == 0, err
    sheet = openpyxl.load_workbook(tmp_path / "p.xlsx").active
    cells = [list(row) for row in sheet.iter_rows()]
    assert [cell.value for cell in cells[0]] == [*rows[0], "predicted y"]
    assert [[cell.value or "" for cell in row[:2]] for row in cells[1:]] == [row[:2] for row in rows[1:]]
    assert cells[5][1].data_type == "s"


@pytest.mark.parametrize("name", ["p.json", "p.xls", "p.parquet.gz", "p.txt", "p.gz", "p.safetensors"])
def test_other_endings_are_refused_with_the_list_before_anything_is_read(tmp_path, orders, capsys, name):
    _, model, _ = orders
    code, _, err = run(capsys, "predict", model, tmp_path / "none.csv", "--out", tmp_path / name)
    assert (code, err.count("\n")) == (1, 1)
    assert ".csv, .tsv, .parquet, .xlsx" in err
    assert not (tmp_path / name).exists()


def test_a_missing_package_is_named_with_its_extra(tmp_path, orders, capsys, monkeypatch):
    import sys

    table, model, _ = orders
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    code, _, err = run(capsys, "predict", model, table, "--out", tmp_path / "p.xlsx")
    assert (code, err.count("\n")) == (1, 1)
    assert "fastnn-native[excel]" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_pipe_is_written_into_and_stays_one(tmp_path, orders, capsys):
    table, model, _ = orders
    pipe, came = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(Path(pipe).read_text()))
    reader.start()
    assert run(capsys, "predict", model, table, "--out", pipe)[0] == 0
    reader.join()
    assert came == [run(capsys, "predict", model, table)[1]]
    assert pipe.is_fifo()


def test_keep_without_a_name_is_refused(orders, capsys):
    code, _, err = run(capsys, "predict", orders[1], orders[0], "--keep", "")
    assert (code, err.count("\n")) == (1, 1)
    assert "--keep names no column" in err


def test_output_is_utf8_whatever_the_locale(orders):
    table, model, _ = orders
    command = [sys.executable, "-m", "fastnn", "predict", model, table, "--keep", "note"]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=True)
    assert "Müller, Hans" in done.stdout.decode("utf-8")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.long
def test_closed_streams_and_full_disks_end_without_a_traceback(orders):
    table, model, _ = orders
    for command, words in (
        (f'"$PY" -m fastnn predict {model} {table} >&-', ""),
        (f'"$PY" -m fastnn predict {model} - <&-', "fastnn: standard input is empty"),
        (f'"$PY" -m fastnn predict {model} {table} >/dev/full', "fastnn: No space left on device"),
    ):
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, env=os.environ | {"PY": sys.executable}, check=False
        )
        assert done.returncode == int(bool(words))
        assert done.stderr.strip() == words


@pytest.mark.parametrize("kept", ["note,a", "all"])
def test_kept_columns_keep_words_that_are_gaps_elsewhere(orders, capsys, tmp_path, kept):
    words = ["NULL", "NA", "007", "-", "", "n/a"]
    (tmp_path / "new.csv").write_text("note,a,b\n" + "".join(f"{w},{w if w != '007' else 1},u\n" for w in words))
    code, out, err = run(capsys, "predict", orders[1], tmp_path / "new.csv", "--keep", kept)
    assert (code, err) == (0, "")
    assert [row[0] for row in read(out)[1:]] == words
    assert [row[1] for row in read(out)[1:]] == ["NULL", "NA", "1", "-", "", "n/a"]
    _, plain, _ = run(capsys, "predict", orders[1], tmp_path / "new.csv")
    assert [row[-1] for row in read(out)] == [row[0] for row in read(plain)]
