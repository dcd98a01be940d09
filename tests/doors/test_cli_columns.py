"""``--drop``, and what is said of slips on the command line: the way out, and no screen of options before it."""

from __future__ import annotations

import random

import pytest

import fastnn
from fastnn import cli


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = random.Random(0)
    lines = [f"{k},{chosen.randint(0, 9)},{chosen.choice('xy')}" for k in range(60)]
    (tmp_path / "a.csv").write_text("id,size,kind\n" + "\n".join(lines) + "\n")
    (tmp_path / "new.csv").write_text("size\n3\n5\n")
    return tmp_path


def run(capsys, line: str) -> tuple[int, str, str]:
    code = cli.main(line.split())
    told = capsys.readouterr()
    return code, told.out, told.err


KINDS = {"single": "--hidden 4 --epochs 1", "several": "--preset quick", "a stream": "--stream --hidden 4 --epochs 1"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_dropped_column_is_not_learned_from_and_not_asked_for(folder, capsys, kind):
    if "stream" in kind:
        pytest.importorskip("pyarrow")
    code, told, _ = run(capsys, f"train a.csv --target kind --drop id --seed 0 {KINDS[kind]}")
    assert code == 0
    assert "60 rows, 1 column" in told
    assert "seems to name it" not in told
    code, told, _ = run(capsys, "predict model.safetensors new.csv")
    assert code == 0
    assert len(told.splitlines()) == 3


def test_tune_drops_columns_too(folder, capsys):
    pytest.importorskip("sklearn")
    code, told, _ = run(capsys, "tune a.csv --target kind --drop id --trials 1 --epochs 1 --seed 0")
    assert code == 0
    assert "seems to name it" not in told


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        ("ids", "no column 'ids' to drop (did you mean 'id'?); it has 'id', 'size'"),
        ("kind", "--drop kind is the target"),
        ("id,size", "--drop leaves no column to learn from"),
    ],
)
@pytest.mark.parametrize("stream", ["", "--stream"])
def test_what_cannot_be_dropped(folder, capsys, drop, words, stream):
    if stream:
        pytest.importorskip("pyarrow")
    code, _, told = run(capsys, f"train a.csv --target kind --drop {drop} --preset quick {stream}")
    assert code == 1
    assert words in told
    assert len(told.splitlines()) == 1


def test_images_have_no_columns(folder, capsys):
    code, _, told = run(capsys, "train digits --network cnn --drop x --epochs 1")
    assert code == 1
    assert "--drop is for columns of tables" in told


SLIPS = {
    "train a.csv more.csv --target kind": ("there is one DATA, and got 'more.csv', too", "'data/*.csv'"),
    "train a.csv --target kind --sead 1": ("usage: fastnn train [options] DATA\n", "did you mean '--seed'"),
    "explain model.safetensors": ("did you mean 'fastnn evaluate MODEL DATA --report PAGE.html'",),
    "fit a.csv": ("did you mean 'fastnn train'",),
    "evalute a.csv": ("did you mean 'evaluate'",),
}


@pytest.mark.parametrize("line", SLIPS)
def test_a_slip_is_told_in_a_few_lines(folder, capsys, line):
    code, _, told = run(capsys, line)
    assert code == 2
    assert all(words in told for words in SLIPS[line]), told
    assert len(told.splitlines()) < 4


def test_without_a_command_there_is_the_help(capsys):
    code, told, err = run(capsys, "")
    assert (code, told) == (2, "")
    assert "train a model and write it to a file" in err


def test_model_and_data_in_the_other_order(folder, capsys):
    model = fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(2,))])
    model.save("m.safetensors")
    code, _, told = run(capsys, "predict a.csv m.safetensors")
    assert code == 1
    assert told == "fastnn: m.safetensors is the model, and a.csv is none: MODEL stands before DATA\n"
    code, _, told = run(capsys, "info a.csv")
    assert "it does not begin as a safetensors file" in told
