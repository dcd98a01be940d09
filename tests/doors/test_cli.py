"""The command line: raw rows in, labels and values out, and errors that are one line."""

from __future__ import annotations

import csv
import gzip
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.layers import Dense

pytestmark = pytest.mark.usefixtures("numpy_backend")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def people(tmp_path):
    """A table of numbers, text and gaps, whose target follows from two columns; and its path."""
    random = np.random.default_rng(3)
    rows = [["age", "city", "height", "buys", "spent"]]
    for _ in range(600):
        age, city, height = int(random.integers(18, 80)), str(random.choice(["Rome", "Oslo", "Bern"])), random.normal()
        buys = "yes" if (age > 45) != (city == "Oslo") else "no"
        spent = 1000.0 + 25 * age + (400 if city == "Rome" else 0)
        rows.append([age if random.random() > 0.05 else "", city, f"{height:.3f}", buys, f"{spent:.2f}"])
    path = tmp_path / "people.csv"
    write(path, rows)
    return path, rows


def write(path: Path, rows: list[list]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    code = main([str(argument) for argument in arguments])
    came = capsys.readouterr()
    return code, came.out, came.err


def train(capsys, *arguments) -> str:
    """What a training that succeeds prints."""
    code, out, err = run(capsys, "train", *arguments)
    assert code == 0, err
    return out


def value(text: str, name: str) -> float:
    """A result by its name in what a command printed."""
    return float(re.search(rf"\b{name} +([-\d.e]+)", text).group(1))


def test_a_table_trains_and_predicts_raw_rows_with_columns_in_any_order(people, tmp_path, capsys):
    path, rows = people
    model = tmp_path / "m.safetensors"
    out = train(capsys, path, "--target", "buys", "--seed", 1, "--epochs", 40, "--batch-size", 16, "--out", model)
    assert "600 rows" in out
    assert "classify" in out
    assert "held-out" in out
    assert value(out, "accuracy") > 0.9
    code, out, _ = run(capsys, "evaluate", model, path)
    assert code == 0
    assert value(out, "accuracy") > 0.9

    shuffled = tmp_path / "new.tsv"
    shuffled.write_text("\n".join("\t".join([r[4], str(r[2]), r[1], "extra", str(r[0])]) for r in rows) + "\n")
    code, one, _ = run(capsys, "predict", model, shuffled)
    assert code == 0
    assert run(capsys, "predict", model, path)[1] == one
    lines = one.splitlines()
    assert lines[0] == "buys"
    assert set(lines[1:]) == {"yes", "no"}
    assert len(lines) == len(rows)
    assert np.mean([line == row[3] for line, row in zip(lines[1:], rows[1:], strict=True)]) > 0.9


def test_probabilities_sum_to_one_and_agree_with_the_label(people, tmp_path, capsys):
    path, _ = people
    model, result = tmp_path / "m.safetensors", tmp_path / "p.csv"
    train(capsys, path, "--target", "city", "--seed", 1, "--epochs", 2, "--out", model)
    code, out, err = run(capsys, "predict", model, path, "--probabilities", "--out", result)
    assert code == 0
    assert not out
    assert "600 predictions" in err
    header, *rows = csv.reader(result.read_text().splitlines())
    assert header == ["city", "P(Bern)", "P(Oslo)", "P(Rome)"]
    shares = np.array([[float(p) for p in row[1:]] for row in rows])
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-4)
    assert [header[1:][i] for i in shares.argmax(axis=1)] == [f"P({row[0]})" for row in rows]


def test_numbers_are_regressed_in_their_own_unit(people, tmp_path, capsys):
    path, rows = people
    model = tmp_path / "m.safetensors"
    out = train(capsys, path, "--target", "spent", "--seed", 2, "--epochs", 40, "--batch-size", 16, "--out", model)
    assert "regress" in out
    assert value(out, "r2") > 0.8
    assert 1 < value(out, "rmse") < 250
    _, out, _ = run(capsys, "predict", model, path)
    predicted = np.array([float(line) for line in out.splitlines()[1:]])
    actual = np.array([float(row[4]) for row in rows[1:]])
    _, told, _ = run(capsys, "evaluate", model, path)
    assert np.isclose(value(told, "rmse"), np.sqrt(np.mean((predicted - actual) ** 2)), rtol=1e-3)
    assert np.isclose(value(told, "mae"), np.mean(np.abs(predicted - actual)), rtol=1e-3)
    assert np.isclose(value(told, "r2"), 1 - np.mean((predicted - actual) ** 2) / actual.var(), atol=1e-3)


def test_the_held_out_result_is_that_of_rows_the_encoding_and_model_never_saw(tmp_path, capsys):
    from fastnn.cli import parser
    from fastnn.cli.data import read_source
    from fastnn.cli.prepare import prepare

    path = tmp_path / "a.csv"
    write(path, [["a", "y"]] + [[i, "u" if i % 4 else "v"] for i in range(100)])
    arguments = parser().parse_args(["train", str(path), "--target", "y", "--validation", "0.2"])
    prepared = prepare(read_source(str(path), "train", "y"), arguments, seed=5)
    capsys.readouterr()
    x, (held_x, held_y) = prepared.x, prepared.held_out
    assert len(x) == 80
    assert len(held_x) == 20
    assert (held_y == 1).sum() == 5
    assert (prepared.y == 1).sum() == 20
    assert abs(x.mean()) < 1e-6
    assert abs(held_x.mean()) > 1e-6
    assert not set(x[:, 0].tolist()) & set(held_x[:, 0].tolist())


def test_the_same_seed_writes_the_same_weights(people, tmp_path, capsys):
    path, _ = people
    weights = []
    for name in ("a", "b"):
        model = tmp_path / f"{name}.safetensors"
        train(capsys, path, "--target", "buys", "--seed", 7, "--epochs", 2, "--backend", "numpy", "--out", model)
        weights.append(fastnn.load(model).get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_rows_without_a_target_are_left_out_and_told(people, tmp_path, capsys):
    _path, rows = people
    gappy, model = tmp_path / "gappy.csv", tmp_path / "m.safetensors"
    write(gappy, rows[:1] + [[*r[:3], "" if i < 7 else r[3], r[4]] for i, r in enumerate(rows[1:])])
    out = train(capsys, gappy, "--target", "buys", "--epochs", 1, "--out", model)
    assert "7 rows have no 'buys'" in out
    assert "593 rows (7 without 'buys' left out)" in run(capsys, "evaluate", model, gappy)[1]
    assert len(run(capsys, "predict", model, gappy)[1].splitlines()) == 601


@pytest.mark.long
def test_the_bundled_digits_reach_97_percent(tmp_path, capsys):
    model, picture = tmp_path / "m.safetensors", tmp_path / "curve.png"
    out = train(capsys, "digits", "--seed", 1, "--epochs", 20, "--out", model, "--plot", picture)
    assert value(out, "accuracy") >= 0.97
    assert picture.read_bytes()[:4] == b"\x89PNG"
    code, out, _ = run(capsys, "evaluate", model, "digits")
    assert code == 0
    assert "1,797 rows" in out
    assert value(out, "accuracy") > 0.94


def test_info_tells_what_a_model_is_and_how_to_use_it(people, tmp_path, capsys):
    path, _ = people
    model = tmp_path / "m.safetensors"
    train(capsys, path, "--target", "buys", "--epochs", 1, "--out", model)
    code, out, _ = run(capsys, "info", model)
    assert code == 0
    words = [
        "relu",
        "people.csv",
        "buys, one of 2 classes: no, yes",
        "3 categories: Bern, Oslo, Rome",
        "fastnn predict",
    ]
    for word in [*words, "held-out", "number, mean", "KiB", "loss binary_crossentropy", "updates"]:
        assert word in out
    assert str(tmp_path) not in out.replace(str(model), "")
    code, out, _ = run(capsys, "info")
    assert code == 0
    assert fastnn.__version__ in out


def test_info_describes_a_model_that_was_saved_in_python(tmp_path, capsys):
    model = fastnn.Sequential([Dense(1, input_shape=(2,))])
    model.save(tmp_path / "m.safetensors")
    code, out, _ = run(capsys, "info", tmp_path / "m.safetensors")
    assert code == 0
    assert "fastnn.load" in out
    assert "Dense" in out
    code, _, err = run(capsys, "predict", tmp_path / "m.safetensors", "digits")
    assert code == 1
    assert "fastnn train" in err


def test_npz_arrays_train_and_predict(tmp_path, capsys):
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    x[5, 2] = np.nan
    y = np.where(x[:, 0] > 0, "up", "down")
    data, model = tmp_path / "a.npz", tmp_path / "m.safetensors"
    np.savez(data, x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])
    train(capsys, data, "--seed", 1, "--epochs", 20, "--out", model)
    code, out, _ = run(capsys, "evaluate", model, data)
    assert code == 0
    assert "100 rows" in out
    assert value(out, "accuracy") > 0.9


def test_an_idx_folder_trains_and_one_file_of_images_is_predicted(tmp_path, capsys):
    from test_datasets import idx_bytes

    random = np.random.default_rng(0)
    for prefix, n in (("train", 200), ("t10k", 50)):
        images = random.integers(0, 256, (n, 3, 3), dtype=np.uint8)
        labels = (images[:, 1, 1] > 127).astype(np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    model = tmp_path / "m.safetensors"
    train(capsys, tmp_path, "--seed", 1, "--epochs", 60, "--batch-size", 8, "--out", model)
    code, out, _ = run(capsys, "evaluate", model, tmp_path)
    assert code == 0
    assert "50 rows" in out
    assert value(out, "accuracy") > 0.8
    code, out, _ = run(capsys, "predict", model, tmp_path / "t10k-images-idx3-ubyte.gz")
    assert code == 0
    assert set(out.splitlines()[1:]) == {"0", "1"}
    assert len(out.splitlines()) == 51


def test_user_errors_are_one_line_on_stderr_with_exit_code_1(people, tmp_path, capsys):
    path, rows = people
    model = tmp_path / "m.safetensors"
    train(capsys, path, "--target", "buys", "--epochs", 1, "--out", model)
    short, foreign, newer = (tmp_path / f"{n}.safetensors" for n in ("short", "foreign", "newer"))
    short.write_bytes(model.read_bytes()[:-20])
    foreign.write_bytes(b"not a model at all")
    newer.write_bytes(model.read_bytes().replace(b'"version":"1"', b'"version":"9"'))
    lacking, wrong = tmp_path / "lacking.csv", tmp_path / "wrong.csv"
    write(lacking, [row[1:] for row in rows])
    write(wrong, [*rows[:3], ["old", *rows[3][1:]]])
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    before = model.read_bytes()
    cases = [
        (("train", path), "--target"),
        (("train", path, "--target", "bus"), "'bus'"),
        (("train", "digit"), "did you mean 'digits'"),
        (("train", tmp_path / "no.csv", "--target", "a"), "no such file"),
        (("train", tmp_path / "a.parquet", "--target", "a"), "no Parquet file"),
        (("train", path, "--target", "city", "--task", "regress"), "text"),
        (("train", path, "--target", "buys", "--out", tmp_path / "no" / "m.safetensors"), "no such folder"),
        (("train", path, "--target", "buys", "--out", path), "overwritten"),
        (("train", path, "--target", "buys", "--out", tmp_path / "m.h5"), "in the format safetensors"),
        (("train", path, "--target", "buys", "--plot", tmp_path / "a.xyz"), "picture"),
        (("train", path, "--target", "buys", "--learning-rate", "1e30", "--out", tmp_path / "x"), "--learning-rate"),
        (("predict", tmp_path / "no.safetensors", path), "no such file"),
        (("predict", short, path), "arrays end at byte"),
        (("predict", foreign, path), "no fastnn model"),
        (("predict", newer, path), "newer"),
        (("predict", model, lacking), "'age'"),
        (("predict", model, wrong), "'old' in row 3"),
        (("predict", model, path, "--out", model), "overwritten"),
        (("evaluate", model, "digits"), "'buys'"),
    ]
    for arguments, words in cases:
        code, out, err = run(capsys, *arguments)
        assert (code, err.count("\n")) == (1, 1), (arguments, out, err)
        assert err.startswith("fastnn: ")
        assert words in err
    assert model.read_bytes() == before
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["trian"],
        ["train"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--hidden", "64,x"],
        ["train", "digits", "--activation", "rleu"],
        ["train", "digits", "--optimizer", "adem"],
        ["train", "digits", "--backend", "cuda"],
        ["train", "digits", "--validation", "1"],
        ["train", "digits", "--learning-rate", "fast"],
        ["train", "digits", "--time-limit", "0"],
        ["predict", "m"],
    ],
)
def test_wrong_usage_ends_with_exit_code_2(arguments, capsys):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert not out
    assert "usage" in err


def test_a_wrong_name_is_answered_with_the_right_ones(capsys):
    assert "did you mean 'relu'" in run(capsys, "train", "digits", "--activation", "rleu")[2]


def test_no_hidden_layer_and_no_held_out_rows_are_possible(people, tmp_path, capsys):
    path, _ = people
    options = ("--hidden", "", "--validation", 0, "--epochs", 1, "--out", tmp_path / "m")
    out = train(capsys, path, "--target", "buys", *options)
    assert "on the training rows" in out
    assert len(fastnn.load(tmp_path / "m").layers) == 1


def test_a_time_limit_ends_training_early(people, tmp_path, capsys):
    path, _ = people
    began = time.monotonic()
    options = ("--epochs", 1000000, "--time-limit", 0.3, "--out", tmp_path / "m", "--plot", tmp_path / "p.svg")
    train(capsys, path, "--target", "buys", *options)
    assert time.monotonic() - began < 20
    assert fastnn.load(tmp_path / "m").step > 0


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT as a terminal does")
def test_ctrl_c_keeps_the_model_and_writes_it(people, tmp_path):
    path, _ = people
    model = tmp_path / "m.safetensors"
    command = [sys.executable, "-u", "-m", "fastnn", "train", str(path), "--target", "buys", "--epochs", "100000000"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [*command, "--out", str(model)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while b"network" not in process.stdout.readline():
                assert process.poll() is None
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"interrupted" in out
    assert b"Traceback" not in err
    assert fastnn.load(model).step > 0


@pytest.mark.skipif(os.name != "posix", reason="pipes break in another way elsewhere")
def test_a_reader_that_stops_early_is_no_error(people, tmp_path, capsys):
    path, rows = people
    model, many = tmp_path / "m.safetensors", tmp_path / "many.csv"
    train(capsys, path, "--target", "buys", "--epochs", 1, "--out", model)
    write(many, rows[:1] + rows[1:] * 40)  # more than a pipe holds
    command = f"{sys.executable} -m fastnn predict {model} {many} | head -n 1"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, timeout=60)
    assert done.stdout == b"buys\n"
    assert not done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes break in another way elsewhere")
def test_a_model_is_written_though_nobody_reads_what_train_says(people, tmp_path):
    path, _ = people
    model = tmp_path / "m.safetensors"
    command = f"{sys.executable} -m fastnn train {path} --target buys --epochs 1 --out {model} | true"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, timeout=60)
    assert not done.stderr
    assert fastnn.load(model).step > 0


def test_help_imports_no_heavy_module():
    code = (
        "import sys; from fastnn.cli import main; main(['--help']); "
        "print(sorted({'pyarrow', 'matplotlib', 'numba', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "train" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_bench_tells_of_backends_that_are_there_and_of_those_that_are_not(capsys, monkeypatch):
    monkeypatch.setattr("fastnn.cli.bench.SECONDS", 0.001)
    monkeypatch.setattr("fastnn._kernels.PREFERENCE", ("cython", "numpy"))
    monkeypatch.setattr("fastnn._kernels._loaded", {"cython": fastnn.BackendError("not built")})
    code, out, _ = run(capsys, "bench")
    assert code == 0
    assert re.search(r"cython +not built\n", out)
    assert re.search(r"numpy +[\d.]+ us +[\d.]+ us\n", out)


@pytest.mark.long
def test_adult_reaches_84_percent_on_its_test_file(data_folder, tmp_path, capsys):
    model = tmp_path / "m.safetensors"
    options = ("--seed", 1, "--epochs", 3, "--batch-size", 64, "--out", model)
    train(capsys, data_folder / "adult_train.csv.gz", "--target", "income", *options)
    code, out, _ = run(capsys, "evaluate", model, data_folder / "adult_test.csv.gz")
    assert code == 0
    assert "16,281 rows" in out
    assert value(out, "accuracy") > 0.84


@pytest.mark.long
def test_defaults_give_good_results_on_real_data(data_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("FASTNN_BACKEND")
    model = tmp_path / "m.safetensors"
    out = train(capsys, data_folder / "houses.csv", "--target", "target", "--seed", 1, "--out", model)
    assert value(out, "r2") > 0.75
    train(capsys, data_folder / "mnist", "--hidden", 128, "--epochs", 12, "--seed", 1, "--out", model)
    assert value(run(capsys, "evaluate", model, data_folder / "mnist")[1], "accuracy") >= 0.975
