"""Curves and scores of a report agree with scikit-learn's, with ties and without, and say what they cannot know."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn.tables.target import Classes, Quantity
from fastnn.tabular.report import curves, scoring

CASES = [(n, ties, seed) for n in (2, 3, 17, 500) for ties in (False, True) for seed in (0, 1)]


def case(n: int, ties: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both kinds and their scores, some of which are equal."""
    random = np.random.default_rng([n, ties, seed])
    positive = random.random(n) < 0.4
    positive[:2] = True, False
    scores = np.clip(0.3 * positive + 0.7 * random.random(n), 0, 1)
    return positive, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize(("n", "ties", "seed"), CASES)
def test_curves_are_those_of_scikit_learn(n, ties, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    positive, scores = case(n, ties, seed)
    roc = curves.roc_curve(positive, scores)
    for mine, theirs in zip(
        (roc["fpr"], roc["tpr"], roc["thresholds"]), metrics.roc_curve(positive, scores), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-15)
    assert roc["auc"] == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-15)
    found = curves.precision_recall_curve(positive, scores)
    precision, recall, thresholds = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_array_equal(found["thresholds"][::-1], thresholds)
    np.testing.assert_allclose(found["precision"][::-1], precision[:-1], rtol=1e-15)
    np.testing.assert_allclose(found["recall"][::-1], recall[:-1], rtol=1e-15)
    average = metrics.average_precision_score(positive, scores)
    assert found["average_precision"] == pytest.approx(average, abs=1e-14)


@pytest.mark.parametrize(("n", "ties", "seed"), CASES)
@pytest.mark.parametrize("n_bins", [1, 4, 10])
def test_calibration_is_that_of_scikit_learn(n, ties, seed, n_bins):
    calibration = pytest.importorskip("sklearn.calibration")
    positive, scores = case(n, ties, seed)
    found = curves.calibration_curve(positive, scores, n_bins)
    observed, predicted = calibration.calibration_curve(positive, scores, n_bins=n_bins, strategy="quantile")
    np.testing.assert_allclose(found["predicted"], predicted, rtol=1e-14)
    np.testing.assert_allclose(found["observed"], observed, rtol=1e-14)
    assert found["rows"].sum() == n
    assert found["ece"] == pytest.approx(np.average(np.abs(predicted - observed), weights=found["rows"]))


@pytest.mark.parametrize(("n", "ties", "seed"), CASES)
def test_thresholds_say_what_flagging_brings(n, ties, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    positive, scores = case(n, ties, seed)
    found = curves.threshold_table(positive, scores)
    assert set(curves.THRESHOLDS) <= set(found["threshold"].tolist())
    for i, threshold in enumerate(found["threshold"]):
        flagged = scores >= threshold
        assert found["flagged"][i] == flagged.mean()
        assert found["recall"][i] == metrics.recall_score(positive, flagged)
        assert found["f1"][i] == pytest.approx(metrics.f1_score(positive, flagged))
        if flagged.any():
            assert found["precision"][i] == metrics.precision_score(positive, flagged)
        else:
            assert np.isnan(found["precision"][i])
    every = [metrics.f1_score(positive, scores >= threshold) for threshold in np.unique(scores)]
    assert found["f1"][found["threshold"] == found["best"]] == pytest.approx(max(every))


def test_rows_of_one_kind_have_no_rates_of_the_other():
    alone = np.zeros(3, bool)
    scores = np.array([0.1, 0.2, 0.2])
    assert np.isnan(curves.roc_curve(alone, scores)["tpr"]).all()
    assert np.isnan(curves.roc_curve(alone, scores)["auc"])
    assert np.isnan(curves.precision_recall_curve(alone, scores)["average_precision"])
    assert np.isnan(curves.threshold_table(alone, scores)["best"])
    empty = np.zeros(0, bool)
    assert np.isnan(curves.calibration_curve(empty, np.zeros(0))["ece"])
    assert len(curves.precision_recall_curve(empty, np.zeros(0))["precision"]) == 0


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_scores_of_classes_are_those_of_scikit_learn(n_classes):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(n_classes)
    y = random.integers(0, n_classes, 200)
    shares = random.dirichlet(np.ones(n_classes), 200) + np.eye(n_classes)[y]
    shares /= shares.sum(axis=1, keepdims=True)
    target = Classes("t", [f"c{k}" for k in range(n_classes)])
    found = scoring.score(target, y, shares[:, 1:] if n_classes == 2 else shares)
    said = shares.argmax(axis=1)
    two = n_classes == 2
    expected = {
        "auc": metrics.roc_auc_score(y, shares[:, 1] if two else shares, multi_class="ovr"),
        "log_loss": metrics.log_loss(y, shares),
        "accuracy": metrics.accuracy_score(y, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, said),
        "f1": metrics.f1_score(y, said, average="binary" if two else "macro"),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_a_row_of_an_unknown_class_counts_as_wrong_and_in_no_curve():
    target = Classes("t", ["no", "yes"])
    found = scoring.score(target, np.array([0, 1, -1, -1]), np.array([[0.1], [0.9], [0.1], [0.9]]))
    assert found["accuracy"] == 0.5
    assert found["auc"] == 1.0
    assert found["ece"] == pytest.approx(0.1)


def test_scores_of_numbers_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    target = Quantity("t", 100.0, 20.0)
    y, output = random.normal(size=50), random.normal(size=(50, 1))
    found = scoring.score(target, y, output)
    actual, predicted = y * 20 + 100, output[:, 0] * 20 + 100
    expected = {
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "mae": metrics.mean_absolute_error(actual, predicted),
        "median_error": metrics.median_absolute_error(actual, predicted),
        "bias": (predicted - actual).mean(),
        "r2": metrics.r2_score(actual, predicted),
    }
    assert found == pytest.approx(expected)


def test_folds_have_a_mean_and_a_spread():
    found = scoring.spread_of([{"auc": 0.5, "f1": 0.1}, {"auc": 0.7}])
    assert list(found) == ["auc"]
    assert (found["auc"]["mean"], found["auc"]["std"]) == pytest.approx((0.6, 0.2 / 2**0.5))
    assert np.isnan(scoring.spread_of([{"auc": 0.5}])["auc"]["std"])
    assert scoring.spread_of([]) == {}
