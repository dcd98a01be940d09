"""What the command line takes in: raw tables as people have them, notes on what was made of them, and no traceback."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from test_cli import run, train, value

from fastnn.cli import main

pytestmark = pytest.mark.usefixtures("numpy_backend")

X = np.random.default_rng(0).normal(size=300)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def table(name: str, lines: list[str], header: str = "x,t") -> None:
    """Write a file of text."""
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join([header, *lines]) + "\n")


def by_sign(low: str, high: str) -> list[str]:
    """Rows of a number and a label that its sign decides."""
    return [f"{x:.4f},{high if x > 0 else low}" for x in X]


def learn(capsys, data="d.csv", target="t", epochs=20, *options) -> str:
    return train(capsys, data, "--target", target, "--epochs", epochs, "--seed", 1, "--out", "m.st", *options)


def notes(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("note"))


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("007", "042"),
        ("01", "1"),
        ("1", "1.0"),
        ("9007199254740992", "9007199254740993"),
        ("True", "true"),
        ("no", "yes"),
    ],
)
def test_labels_come_back_as_they_were_written(low, high, capsys):
    table("d.csv", by_sign(low, high))
    assert value(learn(capsys), "accuracy") > 0.8
    assert set(run(capsys, "predict", "m.st", "d.csv")[1].split()[1:]) == {low, high}
    code, out, err = run(capsys, "evaluate", "m.st", "d.csv")
    assert (code, err) == (0, "")
    assert value(out, "accuracy") > 0.8


@pytest.mark.parametrize("labels", [np.array(["007", "7"]), np.array([False, True]), np.array([2**60, 2**60 + 1])])
def test_labels_of_arrays_and_parquet_come_back_exactly(labels, capsys):
    y = labels[(X > 0).astype(int)]
    np.savez("d.npz", x=np.stack([X, X], axis=1), y=y)
    train(capsys, "d.npz", "--epochs", 5, "--seed", 1, "--out", "m.st")
    assert set(run(capsys, "predict", "m.st", "d.npz")[1].split()[1:]) == set(map(str, labels))
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"x": X, "t": y}), "d.parquet")
    learn(capsys, "d.parquet", "t", 5)
    assert set(run(capsys, "predict", "m.st", "d.parquet")[1].split()[1:]) == set(map(str, labels))


def test_labels_that_the_model_does_not_know_count_as_wrong_and_are_told(capsys):
    table("d.csv", by_sign("a", "b"))
    learn(capsys)
    table("new.csv", ["2,b", "2,c", "-2,a", "2,zz"])
    code, out, err = run(capsys, "evaluate", "m.st", "new.csv")
    assert code == 0
    assert value(out, "accuracy") == 0.5
    assert "2 of 4 rows have a 't' that the model does not know ('c', 'zz')" in err
    table("new.csv", ["2,c", "2,zz"])
    code, out, err = run(capsys, "evaluate", "m.st", "new.csv")
    assert (code, value(out, "accuracy")) == (0, 0.0)


def test_the_task_line_says_why_and_how_to_choose_otherwise(capsys):
    table("d.csv", [f"{x},{18 + i % 18}" for i, x in enumerate(X[:40])])
    assert "regress (whole numbers with 18 different values in 40 rows, too few rows" in learn(capsys, epochs=1)
    table("d.csv", [f"{x},{i % 3}" for i, x in enumerate(X)])
    assert "--task regress predicts them as numbers" in learn(capsys, epochs=1)
    table("d.csv", [f"{i},name{i}" for i in range(30)])
    code, _, err = run(capsys, "train", "d.csv", "--target", "t", "--out", "m.st")
    assert code == 1
    assert "another text in each of 30 rows" in err
    assert "--validation" not in err


@pytest.mark.parametrize("word", ["None", "n/a", "<NA>", "#N/A", "NULL", "-", "?", "-nan", " NA "])
def test_a_gap_as_pandas_has_it_keeps_a_column_of_numbers(word, capsys):
    rows = by_sign("a", "b")
    table("d.csv", [f"{word},a", *rows])
    out = learn(capsys, epochs=10)
    assert not notes(out)
    assert value(out, "accuracy") > 0.8


def test_rows_left_out_for_a_word_in_the_target_name_it(capsys):
    table("d.csv", [f"{x},{('None', 'minor', 'major', '')[i % 4]}" for i, x in enumerate(X)])
    assert "150 rows have no 't' ('None' in 75) and are left out" in notes(learn(capsys, epochs=1))


def test_words_among_numbers_are_gaps_that_a_note_names_and_the_model_remembers(capsys):
    table("d.csv", [*by_sign("a", "b"), "unknown,a", "missing,b", "unknown,b"])
    out = learn(capsys, epochs=10)
    assert value(out, "accuracy") > 0.8
    assert "'x' holds numbers; words in 3 of its rows count as gaps ('unknown' in 2 rows, 'missing' in 1 row)" in notes(
        out
    )
    table("new.csv", ["unknown", "1.5"], header="x")
    code, out, err = run(capsys, "predict", "m.st", "new.csv")
    assert (code, len(out.split())) == (0, 3)
    assert "a word in one of its rows counts as a gap ('unknown')" in err
    table("new.csv", ["odd", "1.5"], header="x")
    assert "'odd' in row 1" in run(capsys, "predict", "m.st", "new.csv")[2]


def test_a_column_with_too_many_words_is_said_to_hold_mostly_numbers(capsys):
    table("d.csv", [f"{i}.5,b" for i in range(300)] + [f"word{i},a" for i in range(100)])
    _, _, err = run(capsys, "train", "d.csv", "--target", "t", "--out", "m.st")
    assert "no column to learn from besides the target; column 'x': numbers, but also words in" in err


def test_european_tables_are_read_without_a_word_on_how(capsys):
    lines = [f"{x:.3f};{1000 * abs(x):_.2f} €;{'ja' if x > 0 else 'nein'}" for x in X]
    swapped = [line.replace(".", ",").replace("_", ".") for line in lines]
    table("d.csv", swapped, "größe;preis;t")
    out = learn(capsys)
    assert value(out, "accuracy") > 0.8
    assert "'größe', 'preis': the comma stands before fractions" in notes(out)
    out = learn(capsys, "d.csv", "preis", 1)
    assert "regress" in out
    with open("latin.csv", "wb") as file:
        file.write("\n".join(["größe;preis;t", *swapped]).replace("€", "").encode("latin-1"))
    assert "latin.csv is not in UTF-8" in notes(learn(capsys, "latin.csv", "t", 1))


def test_the_format_can_be_given(capsys):
    table("d.csv", [f"{x:.3f}_{'u' if x > 0 else 'v'}".replace(".", ",") for x in X], "x_t")
    out = learn(capsys, "d.csv", "t", 20, "--sep", "_", "--decimal", ",", "--encoding", "utf-8")
    assert value(out, "accuracy") > 0.8
    for wrong in (("--sep", "ab"), ("--decimal", ";"), ("--encoding", "utf-88"), ("--max-bytes", "0")):
        assert run(capsys, "train", "d.csv", "--target", "t", *wrong)[0] == 2
    assert run(capsys, "train", "d.csv", "--target", "t", "--encoding", "utf-16")[0] == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_is_a_table(pack, capsys, monkeypatch):
    data = pack(("x,t\n" + "\n".join(by_sign("a", "b"))).encode())

    def pipe():
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return "-"

    assert "standard input: 300 rows" in learn(capsys, pipe(), "t", 20)
    assert set(run(capsys, "predict", "m.st", pipe())[1].split()[1:]) == {"a", "b"}
    assert value(run(capsys, "evaluate", "m.st", pipe())[1], "accuracy") > 0.8


def test_the_index_that_pandas_writes_is_left_out_with_a_note(capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"noise": np.tile([1.0, 2.0], 150), "t": np.repeat(["p", "q"], 150)})
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.to_csv("d.csv")
    shuffled.to_parquet("d.parquet")
    shuffled.reset_index().rename(columns={"index": "Unnamed: 0"}).to_csv("again.csv", index=False)
    for name in ("d.csv", "d.parquet", "again.csv"):
        out = learn(capsys, name)
        assert "index" in notes(out)
        assert value(out, "accuracy") < 0.8
    code, _, err = run(capsys, "train", "d.parquet", "--target", "__index_level_0__", "--out", "m.st", "--epochs", 1)
    assert (code, err) == (0, "")


def test_an_index_without_a_name_is_not_kept_beside_predictions(capsys):
    table("d.csv", [f"{i},{row}" for i, row in enumerate(by_sign("01", "1"))], header=",x,t")
    learn(capsys, "d.csv", "t", 1)
    out = run(capsys, "predict", "m.st", "d.csv", "--keep", "all")[1].splitlines()
    assert out[0] == "x,t,predicted t"
    assert out[1].split(",")[1] in ("01", "1")


def test_categories_that_training_had_not_are_told_with_their_count(capsys):
    table("d.csv", [f"{'AB'[i % 2]},{'uv'[i % 2]}" for i in range(100)], "city,t")
    learn(capsys, epochs=1)
    table("new.csv", ["A,u", "C,u", "C,v", "D,v"], "city,t")
    for command in ("predict", "evaluate"):
        code, _, err = run(capsys, command, "m.st", "new.csv")
        assert code == 0
        assert "column 'city': 3 of 4 rows have a category that training rows had not (C, D)" in err


@pytest.mark.parametrize("number", ["1e300", "-1e39", "1e999"])
def test_a_number_that_overflows_names_its_column_and_row(number, capsys):
    table("d.csv", by_sign("a", "b"))
    learn(capsys, epochs=1)
    table("new.csv", ["1,a", f"{number},b"])
    for command in (("predict", "m.st"), ("evaluate", "m.st"), ("train", "--target", "t")):
        code, _, err = run(capsys, *command, "new.csv")
        assert (code, err.count("\n")) == (1, 1)
        assert "column 'x'" in err
        assert "row 2" in err
    table("tiny.csv", [f"{i * 1e-40},{'uv'[i % 2]}" for i in range(20)])
    learn(capsys, "tiny.csv", "t", 1)
    table("new.csv", ["1,a"])
    assert "'x' has 1 in row 1, too far" in run(capsys, "predict", "m.st", "new.csv")[2]


def test_a_damaged_file_is_one_line_on_standard_error(capsys):
    table("d.csv", by_sign("a", "b"))
    learn(capsys, epochs=1)
    good = Path("d.csv").read_bytes()
    damaged = {
        "short.csv.gz": gzip.compress(good)[:-20],
        "zeros.csv": good[:50] + b"\0" + good[50:],
        "quote.csv": good[:20] + b'\n"1,a' + good[20:],
        "short.npz": b"PK\x03\x04" + bytes(40),
        "short.parquet": b"PAR1" + bytes(40),
        "short.xlsx": b"PK\x03\x04" + bytes(40),
        "short-ubyte": b"\0\0\x08\x03\0\0",
        "empty.csv": b"",
    }
    for name, data in damaged.items():
        with open(name, "wb") as file:
            file.write(data)
        for command in (("train", name, "--target", "t"), ("predict", "m.st", name), ("evaluate", "m.st", name)):
            code, _, err = run(capsys, *command)
            assert (code, err.count("\n")) == (1, 1), (command, err)
            assert name in err


def test_few_rows_are_split_all_the_same():
    with open("d.csv", "w", encoding="utf-8") as file:
        file.write("x,t\n1,a\n2,b\n3,a\n4,b\n")
    assert main(["train", "d.csv", "--target", "t", "--epochs", "1", "--out", "m.st"]) == 0


def test_a_first_line_that_names_the_separator_is_obeyed_and_counts_as_a_line(capsys):
    table("d.csv", ["x;t", *(row.replace(",", ";") for row in by_sign("a", "b"))], header="sep=;")
    assert value(learn(capsys), "accuracy") > 0.8
    table("d.csv", ["x;t", "1;2;3"], header="sep=;")
    assert "d.csv line 3 has 3 fields" in run(capsys, "train", "d.csv", "--target", "t")[2]


def test_an_overflow_is_told_with_its_row_in_the_file(capsys):
    numbers = [f"{x:.4f},{x:.5f}" for x in X]
    table("d.csv", numbers)
    learn(capsys, "d.csv", "t", 1)
    table("d.csv", ["1,NA", *numbers[:250], "1,1e39", *numbers[250:]])
    for command in (("train", "d.csv", "--target", "t", "--out", "other.st"), ("evaluate", "m.st", "d.csv")):
        code, _, err = run(capsys, *command)
        assert code == 1
        assert "column 't' has 1e+39" in err
        assert "in row 252;" in err


def test_one_row_one_column_one_update_are_told_in_the_singular(capsys):
    table("d.csv", ["1,a", "2,b"])
    out = learn(capsys, "d.csv", "t", 1)
    assert "d.csv: 2 rows, 1 column to predict 't' from" in out
    assert "trained 1 epoch, 1 update, in" in out
    table("one.csv", ["1,a"])
    assert run(capsys, "evaluate", "m.st", "one.csv")[1].startswith("one.csv: 1 row\n")


def test_a_model_given_as_data_is_called_one(capsys):
    table("d.csv", by_sign("a", "b"))
    learn(capsys, epochs=1)
    assert "m.st is a safetensors file, as models are, and no table" in run(capsys, "predict", "m.st", "m.st")[2]


@pytest.mark.parametrize(("low", "high"), [("-", "+"), ("None", "Some"), ("?", "!")])
def test_words_for_a_gap_are_labels_where_else_one_label_is_left(low, high, capsys):
    table("d.csv", by_sign(low, high))
    out = learn(capsys)
    assert f"{low!r} in the target counts as a label beside {high!r}, not as a gap" in notes(out)
    assert value(out, "accuracy") > 0.8
    code, out, err = run(capsys, "evaluate", "m.st", "d.csv")
    assert (code, err) == (0, "")
    assert "300 rows\n" in out


def test_words_for_a_gap_stay_gaps_beside_two_labels(capsys):
    table("d.csv", [*by_sign("a", "b"), *("1,None" for _ in range(9))])
    assert "9 rows have no 't' ('None' in 9) and are left out" in notes(learn(capsys, epochs=1))
    assert "d.csv: 300 rows (9 without 't' left out)" in run(capsys, "evaluate", "m.st", "d.csv")[1]


def test_a_training_that_diverges_names_the_option_that_mends_it_and_writes_nothing(capsys):
    table("d.csv", [f"{x:.4f},{x:.5f}" for x in X])
    code, _, err = run(
        capsys, "train", "d.csv", "--target", "t", "--optimizer", "sgd", "--learning-rate", "1e9", "--out", "m.st"
    )
    assert (code, err.count("\n")) == (1, 1)
    assert "training diverged" in err
    assert "--learning-rate" in err
    assert not Path("m.st").exists()


def test_a_line_of_words_in_front_of_the_names_is_told(capsys):
    table("notes.csv", [*by_sign("a", "b")], header="# made by a program\nx,t")
    status, _, err = run(capsys, "train", "notes.csv", "--target", "t")
    assert status == 1
    assert "line 2 has 2 fields, the first line has 1; the first line must name the columns" in err
