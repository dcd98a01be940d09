"""``train --class-weight``: what it accepts, and that it acts on training and on when training stops."""

from __future__ import annotations

import re

import numpy as np
import pytest
from test_cli import run, train

from fastnn.cli.weights import class_weights, parse_weights
from fastnn.tables.target import Classes


@pytest.fixture
def rare(tmp_path):
    """A table in which one row in twelve is of the class that its column says little of."""
    random = np.random.default_rng(2)
    y = random.random(900) < 1 / 12
    x = random.normal(size=900) + y
    path = tmp_path / "rare.csv"
    path.write_text("x,y\n" + "".join(f"{a:.3f},{'a=b, c' if b else 'no'}\n" for a, b in zip(x, y, strict=True)))
    path.write_text(path.read_text().replace("a=b, c", '"a=b, c"'))
    return path


@pytest.mark.parametrize("text", ['{"a=b, c": 11.0, "no": 1}', '"a=b, c=11",no=1', '"a=b, c=11"', "balanced"])
def test_a_rare_class_is_found_when_its_rows_count_more(rare, tmp_path, capsys, monkeypatch, text):
    monkeypatch.setenv("FASTNN_BACKEND", "numpy")
    options = (rare, "--target", "y", "--seed", 1, "--epochs", 10, "--out", tmp_path / "m")
    plain, weighted = train(capsys, *options), train(capsys, *options, "--class-weight", text)

    def recall(out: str) -> float:
        return float(re.search(r"^a=b, c +\S+ +([\d.]+)", out, re.MULTILINE).group(1))

    assert "class weights: a=b, c " in weighted
    assert recall(weighted) > recall(plain) + 0.3


def test_balanced_is_scikit_learns(rng):
    utils = pytest.importorskip("sklearn.utils.class_weight")
    y = rng.integers(0, 3, 200) // 2 + rng.integers(0, 2, 200)
    expected = utils.compute_class_weight("balanced", classes=np.unique(y), y=y)
    assert class_weights("balanced", Classes("y", ["a", "b", "c"]), y) == pytest.approx(expected)


def test_names_are_labels_as_they_are_written():
    assert class_weights({"0": 2.0, "1.5": 3.0}, Classes("y", [0, 1.5, "x"]), np.array([0, 1, 2])).tolist() == [2, 3, 1]


@pytest.mark.parametrize("text", ["", "yes", "yes=x", "yes=-1", "yes=nan", "{", '{"a": [1]}', "a=inf"])
def test_what_is_no_weight_is_wrong_usage(capsys, text):
    with pytest.raises(ValueError, match="must be"):
        parse_weights(text)
    assert run(capsys, "train", "digits", "--class-weight", text)[0] == 2


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [("maybe=2", "y", "names 'maybe'; the classes are a=b, c, no"), ("balanced", "x", "needs a target of classes")],
)
def test_weights_that_fit_no_class_are_one_line(rare, capsys, text, target, words):
    code, _, err = run(capsys, "train", rare, "--target", target, "--class-weight", text)
    assert (code, err.count("\n")) == (1, 1)
    assert words in err


def test_no_weight_above_zero_is_refused():
    with pytest.raises(ValueError, match="nothing to learn"):
        class_weights({"a": 0.0, "b": 0.0}, Classes("y", ["a", "b"]), np.array([0, 1]))
