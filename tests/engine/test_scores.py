"""Scores of predictions equal scikit-learn's, on rows with ties, absent classes and one class alone."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn.cli.report import Report
from fastnn.tables.scores import roc_auc, score_classes, score_numbers
from fastnn.tables.target import Classes, Quantity

metrics = pytest.importorskip("sklearn.metrics")
dummy = pytest.importorskip("sklearn.dummy")


def predictions(random, n: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes, the last one rare, and probabilities with many ties."""
    y = np.minimum(random.geometric(0.4, n) - 1, n_classes - 1)
    shares = np.round(random.random((n, n_classes)) + np.eye(n_classes)[y], 1) + 1e-3
    return y, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("n", [1, 2, 9, 500])
def test_scores_of_classes_are_scikit_learns(rng, n, n_classes):
    y, shares = predictions(rng, n, n_classes)
    scores, labels, said = score_classes(y, shares), range(n_classes), shares.argmax(axis=1)
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(y, said, labels=labels))
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(y, said))
    assert scores.log_loss == pytest.approx(metrics.log_loss(y, shares, labels=labels))
    expected = metrics.precision_recall_fscore_support(y, said, labels=labels, zero_division=np.nan)
    for own, theirs in zip((*scores.by_class(), scores.support), expected, strict=True):
        assert np.allclose(own, theirs, equal_nan=True)
    if n_classes == 2 and 0 < y.sum() < n:
        assert scores.auc == pytest.approx(metrics.roc_auc_score(y, shares[:, 1]))


def test_the_baselines_are_those_of_dummy_models(rng):
    y, shares = predictions(rng, 300, 4)
    scores, rows = score_classes(y, shares), np.zeros((300, 1))
    always = dummy.DummyClassifier(strategy="prior").fit(rows, y)
    assert scores.baseline_class == always.predict(rows[:1])[0]
    assert scores.baseline_accuracy == pytest.approx(always.score(rows, y))
    assert scores.baseline_log_loss == pytest.approx(metrics.log_loss(y, always.predict_proba(rows)))
    z = rng.normal(1e6, 3, 300)
    mean = dummy.DummyRegressor().fit(rows, z).predict(rows)
    numbers = score_numbers(z, z + 1)
    assert numbers.baseline_rmse == pytest.approx(metrics.root_mean_squared_error(z, mean))
    assert numbers.baseline_mae == pytest.approx(metrics.mean_absolute_error(z, mean))


def test_scores_of_numbers_are_scikit_learns_far_from_zero(rng):
    y = rng.normal(1.6e9, 100, 400)
    p = y + rng.normal(3, 50, 400)
    scores = score_numbers(y, p)
    assert scores.rmse == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert scores.mae == pytest.approx(metrics.mean_absolute_error(y, p))
    assert scores.r2 == pytest.approx(metrics.r2_score(y, p))
    assert np.isnan(score_numbers(np.ones(3), np.ones(3)).r2)


def test_the_area_is_exact_with_ties_and_tiny_scores(rng):
    positive = rng.random(1000) < 0.02
    scores = np.round(rng.random(1000) * 1e-9, 10) + 1e-10 * positive
    assert roc_auc(positive, scores) == pytest.approx(metrics.roc_auc_score(positive, scores), rel=1e-12)
    assert np.isnan(roc_auc(np.ones(3, bool), np.arange(3.0)))


def test_rows_of_unknown_classes_are_wrong_and_counted():
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    scores = score_classes(np.array([0, 1, -1]), shares)
    assert scores.accuracy == pytest.approx(2 / 3)
    assert (scores.n_unknown, scores.confusion.sum()) == (1, 2)
    assert scores.by_class()[0].tolist() == [0.5, 1.0]
    text = "\n".join(Report(Classes("y", ["a", "b"]), np.array([0, 1, -1]), shares[:, 1:]).text())
    assert "the model does not know: 1;" in text


class TestReport:
    """What is printed."""

    def report(self, rng, labels: list, n: int = 200) -> list[str]:
        y, shares = predictions(rng, n, len(labels))
        return Report(Classes("y", labels), y, shares if len(labels) > 2 else shares[:, 1:]).text()

    def test_lines_of_scores_begin_with_a_name_and_a_number(self, rng):
        lines = self.report(rng, ["a", "b"])
        named = dict(line.split()[:2] for line in lines[:3])
        assert list(named) == ["loss", "accuracy", "auc"]
        assert all(np.isfinite(float(value)) for value in named.values())
        numbers = Report(Quantity("q", 10.0, 2.0), np.array([0.0, 1.0, -1.0]), np.zeros((3, 1))).text()
        assert [line.split()[0] for line in numbers] == ["loss", "rmse", "mae", "r2"]
        assert float(numbers[1].split()[1]) == pytest.approx(2 * np.sqrt(2 / 3), rel=1e-5)

    @pytest.mark.parametrize("n_classes", [2, 12, 13, 100])
    def test_up_to_12_classes_have_a_confusion_matrix_and_very_many_are_the_worst(self, rng, n_classes):
        lines = self.report(rng, [f"class {i}" for i in range(n_classes)])
        assert any(line.startswith("is \\ predicted") for line in lines) == (n_classes <= 12)
        listed = sum(line.startswith("class ") for line in lines)
        assert listed <= 50
        assert any("lowest f1" in line for line in lines) == (n_classes > 30)

    def test_names_of_classes_are_short_and_nothing_a_terminal_obeys(self, rng, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        lines = self.report(rng, ["x" * 300, "\x1b[31mred\n", "", "a\tb"])
        assert max(map(len, lines[4:])) <= 75
        assert all(line.isprintable() for line in lines)
        header = next(line for line in lines if line.startswith("is \\ predicted"))
        assert header.split()[3:] == ["1", "2", "3", "4"]  # too narrow for names
