"""Metrics under Keras' names compute what Keras 3.15 computes: numbers it gave for the arrays of :func:`arrays`."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import Sequential, losses, metrics
from fastnn.layers import Activation

KERAS = [  # call, targets, predictions, value, value with weights
    ("Precision()", "many", "shares", 0.307692, 0.275),
    ("Recall()", "many", "shares", 0.222222, 0.222973),
    ("Precision(0.7)", "many", "shares", 0.0, 0.0),
    ("Precision([0.25, 0.75])", "many", "shares", [0.37931, 0.0], [0.332103, 0.0]),
    ("Recall(top_k=2)", "many", "shares", 0.597222, 0.587838),
    ("Precision(top_k=2)", "one_hot", "softmax", 0.333333, 0.351064),
    ("Precision(class_id=1)", "many", "shares", 0.25, 0.208333),
    ("Recall(thresholds=0.3, class_id=2)", "many", "shares", 0.346154, 0.363636),
    ("Precision()", "one_hot", "softmax", 0.592593, 0.686567),
    ("Recall()", "one_hot", "softmax", 0.266667, 0.326241),
    ("F1Score()", "one_hot", "softmax", [0.368421, 0.511628, 0.358974], [0.414634, 0.510204, 0.392157]),
    ("F1Score('micro')", "one_hot", "softmax", 0.416667, 0.439716),
    ("F1Score('macro')", "one_hot", "softmax", 0.413008, 0.438998),
    ("F1Score('weighted')", "one_hot", "softmax", 0.413008, 0.435649),
    ("F1Score('macro', 0.5)", "many", "shares", 0.257007, 0.248119),
    ("F1Score(None, 0.5)", "many", "shares", [0.333333, 0.232558, 0.205128], [0.309524, 0.215054, 0.21978]),
    ("FBetaScore('macro', 2.0)", "one_hot", "softmax", 0.414886, 0.441328),
    ("FBetaScore('micro', 0.5, 0.4)", "many", "shares", 0.364583, 0.318287),
    ("AUC()", "many", "shares", 0.436857, 0.449287),
    ("AUC(multi_label=True)", "many", "shares", 0.43338, 0.448464),
    ("AUC(curve='PR')", "many", "shares", 0.375347, 0.32434),
    ("AUC(curve='PR', multi_label=True)", "many", "shares", 0.399198, 0.357684),
    ("AUC(multi_label=True, label_weights=(1.0, 2.0, 3.0))", "many", "shares", 0.400756, 0.407466),
    ("AUC(label_weights=(1.0, 2.0, 3.0))", "many", "shares", 0.40152, 0.404847),
    ("TruePositives()", "many", "shares", 16.0, 16.5),
    ("FalsePositives()", "many", "shares", 36.0, 43.5),
    ("TrueNegatives()", "many", "shares", 72.0, 94.0),
    ("FalseNegatives()", "many", "shares", 56.0, 57.5),
    ("TrueNegatives([0.25, 0.75])", "many", "shares", [36.0, 108.0], [47.0, 137.5]),
    ("FalsePositives(0.25)", "many", "shares", 72.0, 90.5),
    ("BinaryAccuracy()", "many", "shares", 0.488889, 0.522459),
    ("BinaryAccuracy(threshold=0.25)", "many", "shares", 0.444444, 0.434988),
    ("Accuracy()", "many", "rounded", 0.488889, 0.522459),
    ("CategoricalAccuracy()", "one_hot", "softmax", 0.416667, 0.439716),
    ("SparseCategoricalAccuracy()", "classes", "softmax", 0.416667, 0.439716),
    ("TopKCategoricalAccuracy(k=2)", "one_hot", "softmax", 0.666667, 0.702128),
    ("SparseTopKCategoricalAccuracy(k=2)", "classes", "softmax", 0.666667, 0.702128),
    ("MeanSquaredError()", "many", "shares", 0.304669, 0.286045),
    ("RootMeanSquaredError()", "many", "shares", 0.551968, 0.534832),
    ("MeanAbsoluteError()", "many", "shares", 0.492014, 0.470939),
    ("MeanAbsolutePercentageError()", "shares", "softmax", 32.01757, 34.170982),
    ("MeanSquaredLogarithmicError()", "many", "shares", 0.150291, 0.144076),
    ("CosineSimilarity()", "many", "shares", 0.451467, 0.400179),
    ("LogCoshError()", "many", "shares", 0.14086, 0.132498),
    ("R2Score()", "many", "shares", -0.271083, -0.261955),
    ("R2Score('variance_weighted_average')", "many", "shares", -0.2724, -0.262439),
    ("R2Score(None)", "many", "shares", [-0.074611, -0.364347, -0.37429], [-0.002618, -0.41424, -0.369006]),
    ("BinaryCrossentropy()", "many", "shares", 0.914423, 0.852927),
    ("BinaryCrossentropy(from_logits=True)", "many", "shares", 0.759673, 0.773952),
    ("BinaryCrossentropy(label_smoothing=0.1)", "many", "shares", 0.914146, 0.859732),
    ("CategoricalCrossentropy()", "one_hot", "softmax", 1.204269, 1.162435),
    ("SparseCategoricalCrossentropy()", "classes", "softmax", 1.204269, 1.162435),
    ("KLDivergence()", "one_hot", "softmax", 1.204266, 1.162432),
    ("Poisson()", "many", "shares", 0.95761, 0.874577),
    ("Hinge()", "many", "shares", 1.092014, 1.121057),
    ("SquaredHinge()", "many", "shares", 1.350199, 1.406317),
    ("CategoricalHinge()", "one_hot", "softmax", 1.060752, 1.044477),
]


def arrays() -> dict[str, np.ndarray]:
    """Targets and predictions, no two of which are equal."""
    rng = np.random.default_rng(7)
    shares = (rng.permutation(180).reshape(60, 3) + 1) / 256.0
    many = (rng.random((60, 3)) < 0.4).astype(float)
    classes = rng.integers(0, 3, 60)
    softmax = shares / shares.sum(-1, keepdims=True)
    weight = rng.integers(1, 5, 60) / 2.0
    found = {"shares": shares, "many": many, "classes": classes, "softmax": softmax, "one_hot": np.eye(3)[classes]}
    return found | {"rounded": np.round(shares), "weight": weight}


def made(call: str) -> metrics.Metric:
    metric = eval(f"metrics.{call}", {"metrics": metrics})
    of = getattr(metric, "of", None)
    if of and of not in losses.LOSSES:
        pytest.skip(f"there is no loss {of}")
    return metric


def check(got, right) -> None:
    np.testing.assert_allclose(got, right, rtol=3e-6, atol=3e-6)  # Keras gave six digits, of float32


@pytest.mark.parametrize(("call", "target", "prediction", "plain", "weighted"), KERAS)
def test_classes_compute_what_keras_computes(call, target, prediction, plain, weighted):
    given = arrays()
    check(made(call)(given[target], given[prediction]), plain)
    check(made(call)(given[target], given[prediction], given["weight"]), weighted)


@pytest.mark.parametrize(("call", "target", "prediction", "plain", "weighted"), KERAS)
def test_a_metric_of_parts_is_that_of_the_whole(call, target, prediction, plain, weighted):
    given, metric = arrays(), made(call)
    for part in (slice(7), slice(7, 40), slice(40, None)):
        metric.update_state(given[target][part], given[prediction][part], given["weight"][part])
    check(metric.result(), weighted)
    metric.reset_state()
    check(metric(given[target], given[prediction]), plain)


@pytest.mark.parametrize(("call", "target", "prediction", "plain", "weighted"), KERAS)
def test_a_model_evaluates_what_the_metric_computes(call, target, prediction, plain, weighted):
    given = arrays()
    loss = "sparse_categorical_crossentropy" if target == "classes" else "mean_squared_error"
    model = Sequential([Activation("linear", input_shape=(3,))], dtype="float64")
    model.compile("sgd", loss, metrics=[made(call)], weighted_metrics=[made(call)])
    logs = model.evaluate(given[prediction], given[target], sample_weight=given["weight"], return_dict=True)
    del logs["loss"]
    check(list(logs.values()), np.ravel([plain, weighted]))
