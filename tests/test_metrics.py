"""Metrics against scikit-learn's, summed over batches as backends do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import draw
from tolerance import assert_close

from fastnn import losses, metrics
from fastnn.metrics import METRICS, STATISTICS, StatisticCode

oracle = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

ROWS = 203


def summed(metric, t, y, w=None, batch=17):
    """The metric's result from sums over batches."""
    w = np.ones(len(y)) if w is None else w
    sums = np.zeros(metrics.n_sums(metric.statistic, y.shape[-1]))
    for first in range(0, len(y), batch):
        part = slice(first, first + batch)
        STATISTICS[metric.statistic](t[part], y[part], w[part], sums, metric.parameter)
    return float(metric.result(sums))


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def weight(request, rng):
    return draw(rng, ROWS) ** 2 if request.param else None


OF_CLASSES = (
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_focal_crossentropy",
)


def check(got, right):
    assert_close(got, right, np.float64, ROWS, magnitude=1.0)


@pytest.mark.parametrize(
    ("name", "score"), [("precision", oracle.precision_score), ("recall", oracle.recall_score), ("f1", oracle.f1_score)]
)
@pytest.mark.parametrize("n_out", [1, 4])
def test_tables_of_yes_and_no_equal_scikit_learn(rng, weight, name, score, n_out):
    t, y = rng.integers(0, 2, (ROWS, n_out)) * 1.0, rng.random((ROWS, n_out))
    metric = metrics.resolve(METRICS[name], losses.get("binary_crossentropy"), n_out)
    right = [score(t[:, j], y[:, j] > 0.5, sample_weight=weight, zero_division=0) for j in range(n_out)]
    check(summed(metric, t, y, weight), np.mean(right))


@pytest.mark.parametrize(
    ("name", "score"), [("precision", oracle.precision_score), ("recall", oracle.recall_score), ("f1", oracle.f1_score)]
)
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_tables_of_classes_equal_scikit_learn(rng, weight, name, score, loss):
    classes, y = rng.integers(0, 4, ROWS), rng.random((ROWS, 5))  # the last class never occurs
    target = classes.astype(np.int32) if loss.startswith("sparse") else np.eye(5)[classes]
    metric = metrics.resolve(METRICS[name], losses.get(loss), 5)
    right = score(classes, y.argmax(axis=1), labels=range(5), average="macro", sample_weight=weight, zero_division=0)
    check(summed(metric, target, y, weight), right)


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_accuracy_and_top_k_equal_scikit_learn(rng, weight, loss):
    classes, y = rng.integers(0, 6, ROWS), rng.random((ROWS, 6))
    target = classes.astype(np.int32) if loss.startswith("sparse") else np.eye(6)[classes]
    accuracy = metrics.resolve(metrics.get("accuracy"), losses.get(loss), 6)
    check(summed(accuracy, target, y, weight), oracle.accuracy_score(classes, y.argmax(axis=1), sample_weight=weight))
    for k in (1, 2, 5):
        right = oracle.top_k_accuracy_score(classes, y, k=k, sample_weight=weight, labels=range(6))
        check(summed(metrics.TopK(k), target, y, weight), right)


@pytest.mark.parametrize(
    ("loss", "threshold"),
    [
        ("binary_crossentropy", 0.5),
        (losses.BinaryCrossentropy(from_logits=True), 0.0),
        ("binary_focal_crossentropy", 0.5),
        (losses.BinaryFocalCrossentropy(from_logits=True), 0.0),
        ("hinge", 0.0),
    ],
)
def test_accuracy_of_yes_and_no_counts_every_output(rng, weight, loss, threshold):
    y = draw(rng, (ROWS, 3)) + threshold
    t = rng.integers(0, 2, y.shape) * 2.0 - 1.0 if loss == "hinge" else rng.integers(0, 2, y.shape) * 1.0
    metric = metrics.resolve(metrics.get("acc"), losses.get(loss), 3)
    right = np.average(((t > threshold) == (y > threshold)).mean(axis=1), weights=weight)
    assert (metric.name, metric.parameter) == ("acc", threshold)
    check(summed(metric, t, y, weight), right)


SOFT = np.array([[0.0], [0.1], [0.4], [0.6], [0.9], [1.0]])
SURE = np.array([[0.1], [0.9], [0.1], [0.9], [0.1], [0.9]])


def test_thresholds_are_for_predictions_and_not_for_targets():
    t, y = np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([[0.95], [0.6], [0.6], [0.1]])
    for threshold, precision, recall in ((0.0, 1 / 2, 1.0), (0.5, 2 / 3, 1.0), (0.9, 1.0, 1 / 2), (1.0, 0.0, 0.0)):
        check(summed(metrics.Precision(threshold), t, y), precision)
        check(summed(metrics.Recall(threshold), t, y), recall)


def test_soft_targets_are_read_as_keras_reads_them():
    """Keras 3: binary_accuracy compares for equality, the confusion table and the curve cast targets to bool."""
    binary = losses.get("binary_crossentropy")
    check(summed(metrics.resolve(metrics.get("accuracy"), binary, 1), SOFT, SURE), 2 / 6)
    check(summed(metrics.Precision(), SOFT, SURE), 3 / 3)
    check(summed(metrics.Recall(), SOFT, SURE), 3 / 5)
    check(summed(METRICS["auc"], SOFT, SURE), 0.5 * 2 / 5 + 3 / 5)


def test_the_no_of_hinge_is_no_in_every_metric():
    t, y = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([[-0.5], [0.5], [0.5], [-0.5]])
    for name in ("accuracy", "precision", "recall", "f1"):
        check(summed(metrics.resolve(METRICS[name], losses.get("hinge"), 1), t, y), 0.5)


@pytest.mark.parametrize("n_out", [1, 3])
def test_area_under_the_curve_equals_scikit_learn_on_the_grid_of_thresholds(rng, weight, n_out):
    t, y = (
        rng.integers(0, 2, (ROWS, n_out)) * 1.0,
        (rng.integers(0, 60, (ROWS, n_out)) * 3 + 0.5) / metrics.N_THRESHOLDS,
    )
    right = [oracle.roc_auc_score(t[:, j], y[:, j], sample_weight=weight) for j in range(n_out)]
    check(summed(METRICS["auc"], t, y, weight), np.mean(right))


def test_area_under_the_curve_takes_predictions_at_and_beyond_the_ends():
    t, y = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([[-2.0], [0.0], [1.0], [3.0]])
    assert summed(METRICS["auc"], t, y) == 1.0
    assert summed(METRICS["auc"], 1 - t, y) == 0.0


@pytest.mark.parametrize("n_out", [1, 3])
def test_regression_metrics_equal_scikit_learn(rng, weight, n_out):
    t = draw(rng, (ROWS, n_out), 3.0) + 2
    y = t + draw(rng, t.shape)
    errors = {"mse": oracle.mean_squared_error, "mae": oracle.mean_absolute_error, "r2": oracle.r2_score}
    for name, score in errors.items():
        right = score(t, y, sample_weight=weight)
        assert_close(summed(METRICS[name], t, y, weight), right, np.float64, ROWS, magnitude=10.0)
    check(summed(METRICS["rmse"], t, y, weight) ** 2, summed(METRICS["mse"], t, y, weight))


def test_r2_of_a_constant_target_follows_scikit_learn():
    t = np.full((4, 1), 3.0)
    assert summed(METRICS["r2"], t, t) == oracle.r2_score(t, t) == 1.0
    assert summed(METRICS["r2"], t, t + 1) == oracle.r2_score(t, t + 1) == 0.0


def test_metrics_of_no_rows_are_not_a_number():
    assert np.isnan(METRICS["mse"].result(np.zeros(2)))


def test_ties_for_the_largest_output_count_the_first():
    y, t = np.array([[0.4, 0.4, 0.2]]), np.eye(3)[[0]]
    accuracy = metrics.resolve(metrics.get("accuracy"), losses.get("categorical_crossentropy"), 3)
    assert summed(accuracy, t, y) == 1.0
    assert summed(accuracy, np.eye(3)[[1]], y) == 0.0


def test_metrics_that_need_whole_targets_refuse_class_indices():
    with pytest.raises(ValueError, match="auc"):
        metrics.resolve(METRICS["auc"], losses.get("sparse_categorical_crossentropy"), 3)


RECORDS = [
    *METRICS.values(),
    metrics.get("acc"),
    metrics.get("f1_score"),
    metrics.TopK(3),
    metrics.Precision(0.7),
    metrics.Recall(0.2),
    replace(METRICS["f1"], statistic=StatisticCode.HITS),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda m: f"{m.name}-{m.parameter}")
def test_configuration_gives_the_metric_back(record):
    assert metrics.get(record.config()) == record


@pytest.mark.parametrize("name", metrics.ALIASES)
def test_other_names_of_a_metric_stay_its_name(name):
    assert metrics.get(name) == replace(METRICS[metrics.ALIASES[name]], name=name)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: metrics.get("acuracy"), ValueError, "accuracy"),
        (lambda: metrics.get(3), TypeError, "metrics"),
        (lambda: metrics.TopK(0), ValueError, "k must"),
        (lambda: metrics.TopK(2.5), TypeError, "k must"),
        (lambda: metrics.Precision("high"), TypeError, "threshold"),
    ],
)
def test_wrong_metrics_are_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
