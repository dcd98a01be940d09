"""``--report`` of ``fastnn train`` and ``fastnn evaluate``: a page beside what they print, and drift from the file."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from test_cli import run, train, value, write
from test_cli_series import prepared

import fastnn
from fastnn.cli.table_report import write_recipe_report
from fastnn.tables import Encoding, Numbers, Table, fit_features
from fastnn.tables.summary import KEY, Summary
from fastnn.tables.target import Quantity

pytestmark = pytest.mark.usefixtures("numpy_backend")


def rows(n: int, seed: int, shift: float = 0.0, city: str = "Bern") -> str:
    """A table of a number, a category, and a class that follows both."""
    random = np.random.default_rng(seed)
    lines = ["a,city,sold"]
    for i in range(n):
        a, place = random.normal() + shift, (city, "Oslo")[i % 2]
        lines.append(f"{a:.3f},{place},{'yes' if a + (place == 'Oslo') + random.normal() > 0.5 else 'no'}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def model(tmp_path, capsys):
    """The path of a model, and what its training printed; the page stands beside it."""
    (tmp_path / "old.csv").write_text(rows(200, 0))
    out = train(
        capsys, tmp_path / "old.csv", "--target", "sold", "--epochs", 20, "--seed", 1, "--threads", 1,
        "--out", tmp_path / "m.safetensors", "--report", tmp_path / "train.html",
    )  # fmt: skip
    return tmp_path / "m.safetensors", out


def test_training_writes_a_page_on_the_held_out_rows(tmp_path, model):
    pytest.importorskip("sklearn")
    _, out = model
    page = (tmp_path / "train.html").read_text(encoding="utf-8")
    assert "40 rows of old.csv, which the model has not seen" in page
    assert out.endswith(f"wrote {tmp_path / 'train.html'}\n")
    for words in ("linear model", "gradient boosting", "importance", "rows that were most wrong", "none of 2 columns"):
        assert words in out


def test_evaluation_finds_drift_by_what_the_model_file_says(tmp_path, capsys, model):
    (tmp_path / "new.csv").write_text(rows(300, 2, shift=1.0, city="Nice"))
    plain = run(capsys, "evaluate", model[0], tmp_path / "new.csv")[1]
    _, out, _ = run(capsys, "evaluate", model[0], tmp_path / "new.csv", "--report", tmp_path / "r.html")
    assert out.startswith(plain)
    assert "new: Nice" in out
    assert "a large shift" in out
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "city has categories that training rows had not: Nice." in page
    assert 'class="large"' in page
    (tmp_path / "same.csv").write_text(rows(300, 3))
    _, out, _ = run(capsys, "evaluate", model[0], tmp_path / "same.csv", "--report", tmp_path / "r.html")
    assert "none of 2 columns has shifted beyond chance" in out


def test_scores_of_the_report_are_those_of_evaluate(tmp_path, capsys, model):
    _, out, _ = run(capsys, "evaluate", model[0], tmp_path / "old.csv", "--report", tmp_path / "r.html")
    plain, report = out.split("\nscores:\n")
    for name, title in (("accuracy", "accuracy"), ("auc", "AUC")):
        line = next(line for line in report.splitlines() if line.startswith(title))
        assert float(line.split()[1]) == pytest.approx(value(plain, name), abs=1e-4)


def test_rows_are_named_by_their_number_in_the_file(tmp_path, capsys, model):
    lines = rows(200, 0).splitlines()
    lines[7] = "9.0,Oslo,no"  # the seventh row, and by far the most wrong one
    lines[2] = lines[2].rpartition(",")[0] + ","  # a row without a target
    (tmp_path / "odd.csv").write_text("\n".join(lines) + "\n")
    _, out, _ = run(capsys, "evaluate", model[0], tmp_path / "odd.csv", "--report", tmp_path / "r.html")
    worst = out.partition("rows that were most wrong:\n")[2].splitlines()[2]
    assert worst.split()[:3] == ["7", "no", "yes"]


def test_the_summary_is_a_key_of_its_own_that_the_encoding_does_not_need(tmp_path, capsys, model):
    loaded = fastnn.load(model[0])
    summary = Summary.of(loaded)
    assert [column.name for column in summary.columns] == ["a", "city"]
    assert (summary.columns[0].rows, summary.predictions.rows) == (160, 40)
    assert json.loads(loaded.metadata[KEY])["version"] == 1
    del loaded.metadata[KEY]
    loaded.save(tmp_path / "old.safetensors")
    _, out, _ = run(
        capsys, "evaluate", tmp_path / "old.safetensors", tmp_path / "old.csv", "--report", tmp_path / "r.html"
    )
    assert "drift" not in out
    loaded.metadata[KEY] = "{}"
    loaded.save(tmp_path / "bad.safetensors")
    status, _, told = run(
        capsys, "evaluate", tmp_path / "bad.safetensors", tmp_path / "old.csv", "--report", tmp_path / "r.html"
    )
    assert status == 1
    assert "summary of its training table is damaged" in told


def test_too_few_rows_to_hold_some_out_are_told(tmp_path, capsys):
    (tmp_path / "few.csv").write_text(rows(12, 0))
    out = train(
        capsys, tmp_path / "few.csv", "--target", "sold", "--epochs", 2, "--seed", 1, "--threads", 1,
        "--out", tmp_path / "m.safetensors", "--report", tmp_path / "r.html",
    )  # fmt: skip
    assert "trained on these very rows" in out
    assert "which the model was trained on" in (tmp_path / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("n_members", [0, 1, 2, 3])
def test_several_networks_are_told_by_what_each_had_not_seen(tmp_path, capsys, n_members):
    """None with rows of its own: all were seen; one: the others are training rows; else fold by fold."""
    n, target = 60, Quantity("y", 0.0, 1.0)
    table = Table({"a": Numbers(np.arange(n) / n)}, "t.csv")
    folds = [np.arange(n)[fold::3] for fold in range(n_members)]
    rows = np.sort(np.concatenate(folds)) if folds else np.arange(0)
    fitted = SimpleNamespace(
        model=SimpleNamespace(predict=lambda x: x), encoding=Encoding(fit_features(table)[0], target),
        members=[SimpleNamespace(held=held) for held in folds], y=np.sin(np.arange(n)),
        out_of_fold=(rows, np.zeros((len(rows), 1))),
    )  # fmt: skip
    write_recipe_report(str(tmp_path / "r.html"), table, np.arange(n) + 1, fitted, 0)
    out, page = capsys.readouterr().out, (tmp_path / "r.html").read_text(encoding="utf-8")
    assert ("cross-validated" in out) == (n_members > 1)
    assert ("linear model" in out) == (n_members > 0)
    assert ("none of 1 columns has shifted" in out) == (n_members == 1)
    words = ("the model was trained on", "the model has not seen", *["networks that had not seen it"] * 2)[n_members]
    assert words in page
    assert f"{n if n_members == 0 else len(rows)} rows of t.csv" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--report", "r.txt"), "must end in .html"),
        (("--report", "missing/r.html"), "no such folder"),
        (("--report", "old.html"), "would be overwritten"),
        (("--report", "r.html", "--window", "4"), "leave it out with --window"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_training(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.html").write_text(rows(40, 0))
    status, _, told = run(capsys, "train", "old.html", "--target", "sold", "--out", "m.safetensors", *arguments)
    assert status == 1
    assert words in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.html"]


def test_images_have_no_report(tmp_path, capsys):
    report = tmp_path / "r.html"
    status, _, told = run(
        capsys, "train", "digits", "--network", "cnn", "--report", report, "--out", tmp_path / "m.safetensors"
    )
    assert status == 1
    assert "these rows are images" in told
    assert not report.exists()


def test_a_series_has_no_summary_and_no_report(tmp_path, capsys):
    write(tmp_path / "t.csv", [["y"], *[[f"{np.sin(i):.3f}"] for i in range(60)]])
    asked = ("--target", "y", "--window", 4, "--epochs", 1, "--seed", 1, "--out", tmp_path / "m.safetensors")
    train(capsys, tmp_path / "t.csv", *asked)
    model = fastnn.load(tmp_path / "m.safetensors")
    assert KEY not in model.metadata
    with pytest.raises(ValueError, match="leave it out with --window"):
        prepared(tmp_path / "t.csv", *asked[2:]).write_report(str(tmp_path / "r.html"), model, 0)
