"""Areas under curves are exact for any distribution of scores, and the same whatever computes the scores."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on
from tolerance import assert_close

from fastnn import Sequential, metrics
from fastnn.layers import Activation, Dense

oracle = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

N = 3000


def _rare(rng):
    y = rng.random(N) < 0.01
    return y, np.where(y, 0.004, 0.001) * rng.random(N)


def _scores(make):
    def drawn(rng):
        y = rng.random(N) < 0.3
        return y, make(rng, y)

    return drawn


CASES = {
    "rare events of tiny probabilities": _rare,
    "a narrow band": _scores(lambda rng, y: 0.7 + 1e-4 * (rng.normal(size=N) + y)),
    "a band below the digits of float32": _scores(lambda rng, y: 0.7 + 1e-9 * (rng.normal(size=N) + y)),
    "near one": _scores(lambda rng, y: 1 - np.exp(-12 - 2 * y - rng.exponential(size=N))),
    "denormal": _scores(lambda rng, y: 1e-310 * (1 + y + rng.random(N))),
    "logits": _scores(lambda rng, y: 30 * (rng.normal(size=N) + y)),
    "ties": _scores(lambda rng, y: rng.integers(0, 4, N) + y),
    "constant": _scores(lambda rng, y: np.full(N, 0.25)),
    "infinite": _scores(lambda rng, y: np.where(rng.random(N) < 0.1, np.inf, rng.normal(size=N))),
    "in order": _scores(lambda rng, y: y * 1.0),
    "in the wrong order": _scores(lambda rng, y: -1.0 * y),
}


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def weight(request, rng):
    return rng.integers(0, 5, N) / 2.0 if request.param else None


@pytest.mark.parametrize("case", CASES)
def test_areas_equal_scikit_learn(rng, weight, case):
    y, score = CASES[case](rng)
    shown = np.clip(score, -1e300, 1e300)  # scikit-learn takes no infinities
    right = oracle.roc_auc_score(y, shown, sample_weight=weight)
    assert_close(metrics.AUC()(y, score, sample_weight=weight), right, np.float64, N)
    right = oracle.average_precision_score(y, shown, sample_weight=weight)
    assert_close(metrics.AveragePrecision()(y, score, sample_weight=weight), right, np.float64, N)


@pytest.mark.parametrize("case", CASES)
def test_the_interpolated_area_is_the_limit_of_finer_steps(rng, case):
    """Precision along each straight piece of the curve of counts, by the midpoint rule."""
    y, score = CASES[case](rng)
    points = np.unique(score)[::-1]
    tp = np.append(0, [(y & (score >= p)).sum() for p in points])
    total = np.append(0, [(score >= p).sum() for p in points])
    part = (np.arange(400) + 0.5) / 400
    precision = (tp[:-1, None] + np.diff(tp)[:, None] * part) / (total[:-1, None] + np.diff(total)[:, None] * part)
    right = (precision.mean(axis=1) * np.diff(tp)).sum() / y.sum()
    np.testing.assert_allclose(metrics.AUC(curve="PR")(y, score), right, rtol=1e-3)


def test_areas_of_float32_scores_are_those_of_the_scores(rng):
    y, score = CASES["a narrow band"](rng)
    score = score.astype(np.float32)
    assert_close(metrics.AUC()(y, score), oracle.roc_auc_score(y, score), np.float64, N)


@pytest.mark.parametrize("metric", [metrics.AUC, lambda: metrics.AUC(curve="PR"), metrics.AveragePrecision])
def test_without_a_curve_there_is_no_area(metric):
    for y, score in (([1, 1], [0.2, 0.3]), ([0, 0], [0.2, 0.3]), ([0, 1], [0.2, np.nan])):
        assert np.isnan(metric()(y, score))


def test_averages_of_areas_equal_scikit_learn(rng, weight):
    y, score = rng.random((N, 3)) < (0.1, 0.5, 0.3), rng.random((N, 3))
    for average in ("micro", "macro", "weighted", None):
        right = oracle.roc_auc_score(y, score, average=average, sample_weight=weight)
        assert_close(metrics.AUC(average=average)(y, score, sample_weight=weight), right, np.float64, N)


def test_outputs_without_a_curve_do_not_count_in_a_mean(rng):
    y, score = rng.random((50, 3)) < 0.4, rng.random((50, 3))
    y[:, 1] = False
    each = metrics.AUC(average=None)(y, score)
    assert np.isnan(each).tolist() == [False, True, False]
    assert metrics.AUC(average="macro")(y, score) == (each[0] + each[2]) / 2


def test_areas_of_class_indices_are_those_of_one_hot_rows(rng):
    classes, score = rng.integers(0, 3, N), rng.random((N, 3))
    for average in ("micro", "macro", None):
        made = metrics.AUC(average=average)
        one_hot = metrics.AUC(average=average)(np.eye(3)[classes], score)
        np.testing.assert_array_equal(made(classes, score), one_hot)


@EVERY_BACKEND
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_fit_validation_and_evaluate_give_the_area_of_their_predictions(rng, name, weighted):
    x = rng.normal(size=(700, 4)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=700) > 1.5).astype(int)
    weight = rng.uniform(0.5, 2, 700).astype(np.float32)
    layers = Dense(6, "tanh", input_shape=(4,)), Dense(1, "sigmoid")
    model = Sequential(layers, seed=2, dtype=dtype_on(name), backend=name)
    wanted = {"weighted_metrics" if weighted else "metrics": ["auc"]}
    model.compile("sgd", "binary_crossentropy", **wanted)
    before, counted = model.predict(x)[:, 0], weight if weighted else None
    data = {"sample_weight": weight, "validation_data": (x, y, weight), "batch_size": 700, "verbose": 0}
    history = model.fit(x, y, epochs=2, **data).history
    assert_close(history["auc"][0], oracle.roc_auc_score(y, before, sample_weight=counted), np.float32, 700)
    after = oracle.roc_auc_score(y, model.predict(x)[:, 0], sample_weight=counted)
    assert_close(history["val_auc"][1], after, np.float64, 700)
    assert model.evaluate(x, y, sample_weight=weight)[1] == history["val_auc"][1]


@EVERY_BACKEND
def test_every_row_of_an_epoch_counts_once_in_its_own_order(rng, name):
    x = rng.normal(size=(333, 3))
    seen = []

    def kept(target, prediction):
        seen.append((target.copy(), prediction.copy()))
        return 0.0

    model = Sequential([Activation("linear", input_shape=(3,))], seed=4, dtype="float64", backend=name)
    model.compile("sgd", "mse", metrics=[kept, "mse"])
    model.fit(x, 2 * x, epochs=3, batch_size=50, verbose=0)
    assert len(seen) == 3
    for target, prediction in seen:
        np.testing.assert_array_equal(target, 2 * prediction)
        np.testing.assert_array_equal(np.sort(prediction[:, 0]), np.sort(x[:, 0]))
    assert not np.array_equal(seen[0][1], seen[1][1])
