"""``fastnn train --text``: texts in, a model file out, and all that the other commands make of it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from test_cli import run, train, value, write

import fastnn
from fastnn.cli.arguments import parser
from fastnn.cli.data import Source
from fastnn.cli.prepare import _split, prepare
from fastnn.tables import Table
from fastnn.tables.table import column_from_values
from fastnn.watch.command import plane_of

pytestmark = pytest.mark.usefixtures("numpy_backend")


def rows_of(n: int, seed: int = 3) -> list[list]:
    """Short reviews, whose praise a "not" turns around, with stars that follow from them, and other columns."""
    random = np.random.default_rng(seed)
    rows: list[list] = [["review", "city", "nights", "label", "stars"]]
    for _ in range(n):
        good, denied = random.random(2) < 0.5
        word = random.choice(["good", "lovely", "fine"] if good else ["bad", "awful", "dull"])
        end, thing = random.choice(["!", ".", ""]), random.choice(["food", "room", "view"])
        text = f"The {thing} was {'not ' if denied else ''}{word}{end}"
        city, nights = str(random.choice(["Rome", "Oslo"])), int(random.integers(1, 9))
        praises = good != denied
        rows.append([text, city, nights, "yes" if praises else "no", 1.5 + 3 * praises])
    return rows


@pytest.fixture
def reviews(tmp_path) -> Path:
    path = tmp_path / "reviews.csv"
    write(path, rows_of(400))
    return path


FEW = ("--seed", 1, "--epochs", 4)


def test_pairs_of_words_tell_what_words_alone_do_not_and_the_file_predicts_raw_rows(reviews, tmp_path, capsys):
    model, new = tmp_path / "m.safetensors", tmp_path / "new.csv"
    out = train(capsys, reviews, "--target", "label", "--text", "review", *FEW, "--out", model)
    assert "network: text 'review' (" in out
    assert "words and pairs" in out
    assert value(out, "accuracy") > 0.95
    write(new, rows_of(100, seed=8))
    code, out, _ = run(capsys, "evaluate", model, new)
    assert code == 0
    assert value(out, "accuracy") > 0.95
    code, out, _ = run(capsys, "predict", model, new, "--keep", "review,label", "--probabilities")
    header, *rows = csv.reader(out.splitlines())
    assert header == ["review", "label", "predicted label", "P(no)", "P(yes)"]
    assert [row[0] for row in rows] == [row[0] for row in rows_of(100, seed=8)[1:]]
    assert np.mean([row[1] == row[2] for row in rows]) > 0.95
    one = run(capsys, "predict", model, new)[1].splitlines()[1:]
    assert one == [row[2] for row in rows]


def test_a_text_alone_is_one_input_whose_mean_goes_to_the_output(tmp_path, capsys):
    path, model = tmp_path / "r.csv", tmp_path / "m.safetensors"
    write(path, [[row[0], row[4]] for row in rows_of(300)])
    out = train(capsys, path, "--target", "stars", "--text", "review", "--seed", 1, "--epochs", 40, "--out", model)
    assert " - mean - 1, " in out
    assert value(out, "r2") > 0.9
    made = fastnn.load(model)
    assert isinstance(made, fastnn.Sequential)
    assert len(made.layers) == 4
    out = train(capsys, path, "--target", "stars", "--text", "review", *FEW, "--hidden", "8,4", "--out", model)
    assert " - mean - 8 - 4 - 1, " in out


@pytest.mark.parametrize("network", ["gru", "lstm"])
def test_recurrent_layers_read_words_in_order(reviews, tmp_path, capsys, network):
    model = tmp_path / "m.safetensors"
    options = ("--text", "review", "--network", network, "--hidden", 12, "--epochs", 6, "--seed", 1)
    out = train(capsys, reviews, "--target", "label", *options, "--out", model)
    assert f"other inputs - {network} - 64 - 32 - 1, " in out
    assert "pairs" not in out
    assert value(out, "accuracy") > 0.9
    assert type(fastnn.load(model).layers[1]).__name__ == "Embedding"


@pytest.mark.parametrize("network", ["mlp", "gru", pytest.param("lstm", marks=pytest.mark.long)])
def test_an_empty_text_is_all_padding_of_which_nothing_is_read(tmp_path, capsys, network):
    path, model = tmp_path / "r.csv", tmp_path / "m.safetensors"
    write(path, [[row[0], row[4]] for row in rows_of(100)])
    train(capsys, path, "--target", "stars", "--text", "review", "--network", network, *FEW, "--out", model)
    made = fastnn.load(model)
    assert made.predict(np.zeros((1, made.layout.input_shape[0])))[0, 0] == made.layers[-1].bias[0]


def test_the_other_commands_describe_and_time_the_model(reviews, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fastnn._kernels.PREFERENCE", ("numpy",))  # Numba would have to compile
    model = tmp_path / "m.safetensors"
    train(capsys, reviews, "--target", "label", "--text", "review", *FEW, "--out", model)
    out = run(capsys, "info", model)[1]
    assert "text, " in out
    assert "the, was, not" in out
    assert "city" in out
    alone = tmp_path / "a.csv"
    write(alone, [[row[0], row[3]] for row in rows_of(60)])
    train(capsys, alone, "--target", "label", "--text", "review", *FEW, "--out", model)
    code, out, err = run(capsys, "bench", model)
    assert code == 0, err
    assert " us" in out


@pytest.mark.skipif("cython" not in fastnn.available_backends(), reason="the native backend is missing")
def test_a_row_is_predicted_alike_in_any_company(reviews, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FASTNN_BACKEND", "cython")  # products of NumPy's depend on the number of rows
    model, new = tmp_path / "m.safetensors", tmp_path / "new.csv"
    train(capsys, reviews, "--target", "label", "--text", "review", *FEW, "--out", model)
    header, *rows = rows_of(30, seed=9)
    rows += [
        ["", "Rome", 2, "no", 1.5],
        ["nothing known " * 60, "Oslo", 2, "no", 1.5],
        ["\U0001f44d e\u0301\x07", "", 1, "no", 1],
    ]

    def probabilities(those: list[list]) -> list[str]:
        write(new, [header, *those])
        code, out, err = run(capsys, "predict", model, new, "--probabilities")
        assert code == 0, err
        return out.splitlines()[1:]

    together = probabilities(rows)
    assert [probabilities([row])[0] for row in rows[-6:]] == together[-6:]
    assert probabilities(rows[::-1]) == together[::-1]


def test_notes_tell_of_texts_that_are_cut_empty_or_unknown(reviews, tmp_path, capsys):
    model, new = tmp_path / "m.safetensors", tmp_path / "new.csv"
    write(reviews, [*rows_of(60), ["", "Rome", 1, "yes", 1]])
    out = train(capsys, reviews, "--target", "label", "--text", "review", "--text-length", 3, *FEW, "--out", model)
    assert "longer than 3 words, the rest is not read" in out
    write(new, [["review", "city", "nights", "stars"], ["", "Rome", 1, 4], ["unheard of", "Oslo", 2, 4]])
    code, _, err = run(capsys, "predict", model, new)
    assert code == 0
    assert "1 of 2 rows is without words" in err
    assert "1 of 2 rows has no word that training rows had" in err


def test_what_looks_like_numbers_or_a_gap_is_text(tmp_path, capsys):
    path, model = tmp_path / "codes.csv", tmp_path / "m.safetensors"
    write(
        path, [["code", "y"], *[[code, y] for code, y in [("007", "a"), ("7", "b"), ("NA", "a"), ("None", "b")] * 20]]
    )
    out = train(capsys, path, "--target", "y", "--text", "code", "--text-unit", "words", *FEW, "--out", model)
    assert "without words" not in out
    tokens = fastnn.tables.Encoding.of(fastnn.load(model)).features.texts[0].tokens
    assert sorted(tokens) == ["007", "7", "na", "none"]
    out = run(capsys, "predict", model, path, "--keep", "code")[1]
    assert [line.split(",")[0] for line in out.splitlines()[1:5]] == ["007", "7", "NA", "None"]
    assert run(capsys, "predict", model, path)[1].splitlines() == [line.split(",")[1] for line in out.splitlines()]


def test_parquet_gives_the_same_predictions_as_csv(reviews, tmp_path, capsys):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    model, other = tmp_path / "m.safetensors", tmp_path / "r.parquet"
    rows = [*rows_of(60)[1:], [None, "Rome", 1, "yes", 1.5]]
    parquet.write_table(pyarrow.table({n: [row[i] for row in rows] for i, n in enumerate(rows_of(0)[0])}), other)
    train(capsys, other, "--target", "label", "--text", "review", *FEW, "--out", model)
    write(reviews, [rows_of(0)[0], *[["" if v is None else v for v in row] for row in rows]])
    assert run(capsys, "predict", model, other)[1] == run(capsys, "predict", model, reviews)[1]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--text", "absent"), "has no column 'absent'; it has 'review'"),
        (("--text", "label"), "--text names 'label', which is the target"),
        (("--text", "review", "--network", "cnn"), "--network cnn is for images; texts are read by mlp, gru or lstm"),
        (("--text", "review", "--augment"), "--augment is for the networks of images"),
        (("--text", "review", "--image-size", "8x8"), "--image-size is for folders of pictures"),
        (("--text", "review", "--window", 3), "--text reads one row at a time, and --window makes a series of them"),
        (("--text-length", 5), "--text-length needs --text"),
        (("--text-unit", "words"), "--text-unit needs --text"),
    ],
)
def test_options_that_do_not_fit_are_errors(reviews, tmp_path, capsys, options, match):
    model = tmp_path / "m.safetensors"
    code, _, err = run(capsys, "train", reviews, "--target", "label", *options, "--out", model)
    assert code == 1
    assert match in err
    assert not model.exists()


def test_images_have_no_text(tmp_path, capsys):
    np.savez(tmp_path / "i.npz", x=np.zeros((20, 4, 4), np.uint8), y=np.arange(20) % 2)
    code, _, err = run(capsys, "train", tmp_path / "i.npz", "--text", "x", "--out", tmp_path / "m.safetensors")
    assert code == 1
    assert "these rows are images" in err


def test_a_column_that_looks_like_text_and_is_not_named_is_told(tmp_path, capsys):
    random, path = np.random.default_rng(0), tmp_path / "r.csv"
    texts = [" ".join(random.choice(list("abcdefgh"), 9)) for _ in range(60)]
    write(path, [["my review", "id", "n", "y"], *[[t, f"id{i}", i, i % 2] for i, t in enumerate(texts)]])
    out = train(capsys, path, "--target", "y", *FEW, "--out", tmp_path / "m.safetensors")
    assert "note: column 'my review' looks like text, which --text 'my review' reads" in out
    assert "'id' looks like" not in out
    out = train(capsys, path, "--target", "y", *FEW, "--text", "my review", "--out", tmp_path / "m.safetensors")
    assert "looks like text" not in out


def test_held_out_rows_do_not_change_what_is_read():
    arguments = parser().parse_args(["train", "x", "--target", "y", "--text", "t", "--text-unit", "words"])
    labels = column_from_values(["a", "b"] * 20)
    held_out = _split(40, arguments, 1, labels.codes)[1]

    def texts(held: str) -> list:
        values = [held if i in held_out else ["good one", "bad one"][i % 2] for i in range(40)]
        source = Source("s", Table({"t": column_from_values(values)}, "s"), labels, "y")
        return prepare(source, arguments, 1).encoding.features.texts

    assert texts("never seen before") == texts("good") == texts("")
    assert texts("never")[0].tokens == ["one", "bad", "good", "bad one", "good one"]


def test_weights_of_classes_and_plots_go_with_texts_and_there_is_no_plane(reviews, tmp_path, capsys):
    options = ("--class-weight", "balanced", "--plot", tmp_path / "p.svg", "--time-limit", 60, "--weight-decay", 0.1)
    train(capsys, reviews, "--target", "label", "--text", "review", *FEW, *options, "--out", tmp_path / "m.safetensors")
    assert (tmp_path / "p.svg").exists()
    encoding = fastnn.tables.Encoding.of(fastnn.load(tmp_path / "m.safetensors"))
    assert plane_of(encoding, np.zeros((2, 2)), np.zeros(2)) is None


def test_several_texts_are_inputs_of_their_own(tmp_path, capsys):
    path, model = tmp_path / "r.csv", tmp_path / "m.safetensors"
    rows = rows_of(200)
    write(path, [["title", *rows[0]], *[[f"stay in {row[1]}", *row] for row in rows[1:]]])
    out = train(
        capsys,
        path,
        "--target",
        "city",
        "--text",
        "title",
        "--text",
        "review",
        "--text",
        "title",
        "--epochs",
        20,
        "--seed",
        1,
        "--out",
        model,
    )
    assert value(out, "accuracy") > 0.95
    assert len(fastnn.load(model).inputs) == 3
