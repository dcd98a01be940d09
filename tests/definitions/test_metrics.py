"""Metrics against scikit-learn's, summed over batches as backends do."""

from __future__ import annotations

import numpy as np
import pytest
from networks import draw
from tolerance import assert_close

from fastnn import losses, metrics
from fastnn.metrics import METRICS, STATISTICS, StatisticCode, Task

oracle = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

ROWS = 203


def summed(metric, t, y, w=None, task=None, batch=17):
    """The metric's value from sums over batches."""
    reading = metrics.resolve(metric, task or Task(n_out=y.shape[-1]))
    if reading.keeps:
        return reading.read(t, y, w)
    w = np.ones(len(y)) if w is None else w
    sums = np.zeros(metrics.n_sums(reading.statistic, y.shape[-1]))
    for first in range(0, len(y), batch):
        part = slice(first, first + batch)
        STATISTICS[reading.statistic](t[part], y[part], w[part], sums, reading.parameter)
    return reading.read(sums)


def task(loss, n_out, activation=None):
    return metrics.task_of(losses.get(loss), activation, n_out)


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def weight(request, rng):
    return draw(rng, ROWS) ** 2 if request.param else None


OF_CLASSES = (
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_focal_crossentropy",
)
SCORES = {"Precision": oracle.precision_score, "Recall": oracle.recall_score, "F1Score": oracle.f1_score}
AVERAGES = ("micro", "macro", "weighted", None)


def check(got, right):
    assert_close(got, right, np.float64, ROWS, magnitude=1.0)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("n_out", [1, 4])
def test_tables_of_yes_and_no_equal_scikit_learn(rng, weight, name, average, n_out):
    t, y = rng.integers(0, 2, (ROWS, n_out)) * 1.0, rng.random((ROWS, n_out))
    metric = getattr(metrics, name)(average=average)
    got = summed(metric, t, y, weight, task("binary_crossentropy", n_out, "sigmoid"))
    if n_out == 1:
        right = SCORES[name](t[:, 0], y[:, 0] > 0.5, sample_weight=weight)
    else:
        right = SCORES[name](t, y > 0.5, average=average, sample_weight=weight)
    check(got, right)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("average", AVERAGES[1:])
@pytest.mark.parametrize("loss", OF_CLASSES)
def test_tables_of_classes_equal_scikit_learn(rng, weight, name, average, loss):
    classes, y = rng.integers(0, 4, ROWS), rng.random((ROWS, 5))
    y[:, 4] = 0  # the last class occurs neither in targets nor in predictions: it does not count in a mean
    target = classes.astype(np.int32) if loss.startswith("sparse") else np.eye(5)[classes]
    got = summed(getattr(metrics, name)(average=average), target, y, weight, task(loss, 5, "softmax"))
    right = SCORES[name](classes, y.argmax(axis=1), average=average, sample_weight=weight)
    check(got[:4] if average is None else got, right)
    assert average is not None or got[4] == 0


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_accuracy_and_top_k_equal_scikit_learn(rng, weight, loss):
    classes, y = rng.integers(0, 6, ROWS), rng.random((ROWS, 6))
    target = classes.astype(np.int32) if loss.startswith("sparse") else np.eye(6)[classes]
    told = task(loss, 6)
    right = oracle.accuracy_score(classes, y.argmax(axis=1), sample_weight=weight)
    check(summed(metrics.get("accuracy"), target, y, weight, told), right)
    for k in (1, 2, 5):
        right = oracle.top_k_accuracy_score(classes, y, k=k, sample_weight=weight, labels=range(6))
        check(summed(metrics.TopK(k), target, y, weight, told), right)


SOFT = np.array([[0.0], [0.1], [0.4], [0.6], [0.9], [1.0]])
SURE = np.array([[0.1], [0.9], [0.1], [0.9], [0.1], [0.9]])


def test_thresholds_are_for_predictions_and_not_for_targets():
    t, y = np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([[0.95], [0.6], [0.6], [0.1]])
    for threshold, precision, recall in ((0.0, 1 / 2, 1.0), (0.5, 2 / 3, 1.0), (0.9, 1.0, 1 / 2), (1.0, 0.0, 0.0)):
        check(summed(metrics.Precision(threshold), t, y), precision)
        check(summed(metrics.Recall(threshold), t, y), recall)


def test_soft_targets_are_read_as_keras_reads_them():
    """Keras 3: binary_accuracy compares for equality, the confusion table and the curve cast targets to bool."""
    binary = task("binary_crossentropy", 1)
    check(summed(metrics.get("accuracy"), SOFT, SURE, task=binary), 2 / 6)
    check(summed(metrics.Precision(), SOFT, SURE), 3 / 3)
    check(summed(metrics.Recall(), SOFT, SURE), 3 / 5)
    check(summed(METRICS["auc"], SOFT, SURE), 0.5 * 2 / 5 + 3 / 5)


def test_the_no_of_hinge_is_no_in_every_metric():
    t, y = np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.array([[-0.5], [0.5], [0.5], [-0.5]])
    for name in ("accuracy", "precision", "recall", "f1", "f1_score"):
        check(summed(METRICS[name], t, y, task=task("hinge", 1)), 0.5)


def test_several_averages_of_one_score_have_names_of_their_own():
    chosen = [metrics.Precision(average=None), metrics.Precision(), metrics.Precision(thresholds=(0.3, 0.6))]
    resolved = metrics.resolve_all(chosen, [metrics.Precision()], task("binary_crossentropy", 3))
    keys = [key for reading, _ in resolved for key in reading.keys]
    assert len(set(keys)) == len(keys) == 3 + 1 + 2 + 1
    assert keys[:3] == ["precision_0", "precision_1", "precision_2"]


@pytest.mark.parametrize("n_out", [1, 3])
def test_regression_metrics_equal_scikit_learn(rng, weight, n_out):
    t = draw(rng, (ROWS, n_out), 3.0) + 2
    y = t + draw(rng, t.shape)
    errors = {"mse": oracle.mean_squared_error, "mae": oracle.mean_absolute_error, "r2": oracle.r2_score}
    for name, score in errors.items():
        right = score(t, y, sample_weight=weight)
        assert_close(summed(METRICS[name], t, y, weight), right, np.float64, ROWS, magnitude=10.0)
    check(summed(METRICS["rmse"], t, y, weight) ** 2, summed(METRICS["mse"], t, y, weight))


@pytest.mark.parametrize("first", [1.6e9, 0.0], ids=["far", "from zero"])
def test_r2_keeps_its_digits_for_targets_far_from_zero(rng, weight, first):
    t = 1.6e9 + np.round(100 * rng.normal(size=(ROWS, 1)), 3)
    t[0] = first  # a first target unlike the others spoils sums around it
    y = t + 30 * rng.normal(size=t.shape)
    right = oracle.r2_score(t, y, sample_weight=weight)
    assert_close(summed(METRICS["r2"], t, y, weight), right, np.float64, ROWS, magnitude=1e6)


def test_r2_of_a_constant_target_follows_scikit_learn():
    for value in (3.0, 0.1, 1.6e9 + 1 / 3):
        t = np.full((40, 1), value)
        assert summed(METRICS["r2"], t, t) == oracle.r2_score(t, t) == 1.0
        assert summed(METRICS["r2"], t, t + 1) == 0.0


def test_metrics_of_no_rows_are_not_a_number():
    assert np.isnan(metrics.resolve(METRICS["mse"], Task()).read(np.zeros(2)))
    assert np.isnan(metrics.AUC().result())
    assert np.isnan(metrics.Mean().result())


def test_ties_for_the_largest_output_count_the_first():
    y, t = np.array([[0.4, 0.4, 0.2]]), np.eye(3)[[0]]
    told = task("categorical_crossentropy", 3)
    assert summed(METRICS["accuracy"], t, y, task=told) == 1.0
    assert summed(METRICS["accuracy"], np.eye(3)[[1]], y, task=told) == 0.0


@pytest.mark.parametrize("name", ["mse", "r2", "binary_accuracy", "cosine_similarity", "huber", "binary_crossentropy"])
def test_metrics_that_need_whole_targets_refuse_class_indices(name):
    with pytest.raises(ValueError, match=name):
        metrics.resolve(metrics.get(name), task("sparse_categorical_crossentropy", 3))


def test_losses_on_shares_refuse_logits_as_metrics():
    told = task(losses.BinaryCrossentropy(from_logits=True), 1, "linear")
    with pytest.raises(ValueError, match="from_logits=True"):
        metrics.resolve(metrics.get("binary_crossentropy"), told)
    assert metrics.resolve(metrics.BinaryCrossentropy(from_logits=True), told).keeps


RECORDS = [
    *METRICS.values(),
    *(kind() for kind in metrics.OF_LOSSES if kind.of in losses.LOSSES),
    metrics.get("acc"),
    metrics.get("huber"),
    metrics.LossMetric(losses.Huber(0.5), name="robust"),
    metrics.TopK(3),
    metrics.Precision([0.3, 0.7], class_id=2),
    metrics.Recall(0.2, average=None),
    metrics.FBetaScore("micro", 0.5, 0.25),
    metrics.AUC(300, "PR", multi_label=True, label_weights=[1, 2]),
    metrics.R2Score(None, 2),
    metrics.Accuracy(),
]


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_configuration_gives_the_metric_back(record):
    again = metrics.get(record.config())
    assert (type(again), again.config()) == (type(record), record.config())


@pytest.mark.parametrize("name", metrics.ALIASES)
def test_other_names_of_a_metric_stay_its_name(name):
    made = metrics.get(name)
    assert (made.name, type(made)) == (name, type(METRICS[metrics.ALIASES[name]]))


@pytest.mark.parametrize(
    ("stored", "made"),
    [
        ({"name": "auc", "parameter": 0.5, "statistic": "roc"}, metrics.AUC(average="macro")),
        ({"name": "precision", "parameter": 0.5, "statistic": None}, metrics.Precision(average="macro")),
        ({"name": "recall", "parameter": 0.3, "statistic": "confusion"}, metrics.Recall(0.3, average="macro")),
        ({"name": "f1_score", "parameter": 0.5, "statistic": None}, metrics.F1Score("macro")),
        ({"name": "top_k", "parameter": 3, "statistic": "top_k_hits"}, metrics.TopK(3)),
        ({"name": "mse", "parameter": 0.5, "statistic": "squared_error"}, METRICS["mse"]),
        ({"name": "acc", "parameter": 0.5, "statistic": None}, metrics.get("acc")),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_metrics_of_files_of_the_first_format_mean_what_they_meant(stored, made):
    assert metrics.get(stored) == made


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: metrics.get("acuracy"), ValueError, "accuracy"),
        (lambda: metrics.get(3), TypeError, "metrics"),
        (lambda: metrics.get(metrics.AUC), TypeError, "made first"),
        (lambda: metrics.TopK(0), ValueError, "k must"),
        (lambda: metrics.TopK(2.5), TypeError, "k must"),
        (lambda: metrics.Precision("high"), TypeError, "threshold"),
        (lambda: metrics.Precision([]), ValueError, "thresholds"),
        (lambda: metrics.Precision(average="mean"), ValueError, "average"),
        (lambda: metrics.F1Score("binary"), ValueError, "average"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta"),
        (lambda: metrics.AUC(1), ValueError, "num_thresholds"),
        (lambda: metrics.AUC(curve="LIFT"), ValueError, "ROC"),
        (lambda: metrics.AUC(thresholds=[0.5]), ValueError, "exact"),
        (lambda: metrics.AUC(summation_method="minoring"), ValueError, "interpolation"),
        (lambda: metrics.R2Score("mean"), ValueError, "class_aggregation"),
        (lambda: metrics.AUC(name=3), TypeError, "name"),
        (lambda: metrics.AUC()([0, 1], [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [0, 1, 1]]), ValueError, "shape"),
        (lambda: metrics.get("accuracy")([0, 5], np.eye(2)), ValueError, "class indices"),
        (lambda: metrics.resolve(metrics.Precision(class_id=3), Task(n_out=3)), ValueError, "class_id"),
        (lambda: metrics.resolve(metrics.AUC(num_labels=2), Task(n_out=3)), ValueError, "num_labels"),
    ],
)
def test_wrong_metrics_are_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_statistics_that_take_class_indices_are_the_same_of_one_hot_rows(rng):
    classes, y = rng.integers(0, 3, ROWS), rng.random((ROWS, 3))
    for code in metrics.TAKES_LABELS:
        if code != StatisticCode.PREDICTIONS:
            sums = np.zeros((2, metrics.n_sums(code, 3)))
            STATISTICS[code](classes, y, np.ones(ROWS), sums[0], 0.5)
            STATISTICS[code](np.eye(3)[classes], y, np.ones(ROWS), sums[1], 0.5)
            np.testing.assert_array_equal(*sums)
