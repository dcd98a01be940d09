"""Multi-layer perceptrons of scikit-learn as ours, and ours as theirs: parameters, weights, records of the training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
from sklearn import neural_network
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

import fastnn.sklearn
from fastnn.layers import Dense
from fastnn.sklearn import networks

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from fastnn.models import Model
    from fastnn.sklearn import MLPClassifier, MLPRegressor

HIDDEN = {"linear": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
OUTPUT = {"linear": "identity", "sigmoid": "logistic", "softmax": "softmax"}
RECORDS = (
    *("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "t_"),
    *("n_features_in_", "feature_names_in_", "n_outputs_", "classes_", "_label_binarizer", "_no_improvement_count"),
)


def is_perceptron(estimator: object) -> bool:
    """Whether an estimator is one of scikit-learn's."""
    return isinstance(estimator, neural_network.MLPClassifier | neural_network.MLPRegressor)


def as_ours(estimator: BaseEstimator) -> MLPClassifier | MLPRegressor:
    """A fitted estimator of scikit-learn as one of :mod:`fastnn.sklearn`."""
    _check_fitted(estimator)
    kind = getattr(fastnn.sklearn, _kind(estimator))
    made: MLPClassifier | MLPRegressor = kind(**estimator.get_params(deep=False))
    _take_records(estimator, made)
    dtype = estimator.coefs_[0].dtype
    made._ready(np.zeros((1, estimator.n_features_in_), dtype), True, False, np.random.RandomState(0))
    networks.take_weights(made.model_, estimator.coefs_, estimator.intercepts_, None)
    _take_records(estimator, made)
    return made


def as_theirs(estimator: BaseEstimator) -> BaseEstimator:
    """A fitted estimator of :mod:`fastnn.sklearn` as one of scikit-learn."""
    _check_fitted(estimator)
    kind = getattr(neural_network, _kind(estimator))
    known = kind().get_params(deep=False)
    given = estimator.get_params(deep=False)
    made = kind(**{name: given[name] for name in known if name in given})
    of_layers = of_model(estimator.model_)
    if type(of_layers) is not kind:
        raise ValueError(f"{type(estimator).__name__} with this loss has no counterpart among scikit-learn's")
    made.set_params(activation=of_layers.activation, hidden_layer_sizes=of_layers.hidden_layer_sizes)
    for name in ("coefs_", "intercepts_", "n_layers_", "out_activation_"):
        setattr(made, name, getattr(of_layers, name))
    _take_records(estimator, made)
    return made


def of_model(model: Model, classes: object = None) -> BaseEstimator:
    """A model of dense layers as a perceptron; ``classes`` are those of a classifier, 0, 1, ... without."""
    kernels, biases, activations = _dense_layers(model)
    hidden, last = set(activations[:-1]), activations[-1]
    if len(hidden) > 1 or not hidden <= HIDDEN.keys():
        raise ValueError(
            f"scikit-learn has one activation for all hidden layers, of {', '.join(HIDDEN)}; the model has "
            f"{', '.join(sorted(hidden))}"
        )
    if last not in OUTPUT:
        raise ValueError(f"scikit-learn's perceptrons end with {', '.join(OUTPUT)}, and the model with {last}")
    sizes = tuple(kernel.shape[1] for kernel in kernels[:-1])
    told = {"hidden_layer_sizes": sizes, "activation": HIDDEN[next(iter(hidden), "relu")]}
    n_out = kernels[-1].shape[1]
    if last == "linear":
        made = neural_network.MLPRegressor(**told)
    else:
        made = neural_network.MLPClassifier(**told)
        _give_classes(made, last, n_out, classes)
    made.coefs_, made.intercepts_ = kernels, biases
    made.n_features_in_, made.n_outputs_, made.n_layers_ = kernels[0].shape[0], n_out, len(kernels) + 1
    made.out_activation_ = OUTPUT[last]
    made.n_iter_, made.t_, made.loss_curve_, made._no_improvement_count = 0, 0, [], 0
    made.loss_, made.best_loss_ = np.inf, np.inf
    return made


def _give_classes(made: BaseEstimator, last: str, n_out: int, classes: object) -> None:
    several = last == "sigmoid" and n_out > 1
    count = n_out if n_out > 1 else 2
    known = np.arange(count) if classes is None else np.asarray(classes)
    y = np.eye(count, dtype=int) if several else known
    made._label_binarizer = LabelBinarizer().fit(y)
    made.classes_ = made._label_binarizer.classes_
    if not several and not np.array_equal(made.classes_, known):
        raise ValueError("scikit-learn keeps classes in their order, and the model's are in another one")


def _dense_layers(model: Model) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Kernels, biases and activations; whatever is idle in prediction is passed over."""
    from fastnn._plan.passes import drop_idle, join_activations, operations_of

    graph = operations_of(model.layout)
    drop_idle(graph)
    join_activations(graph)
    kernels: list[np.ndarray] = []
    biases: list[np.ndarray] = []
    activations: list[str] = []
    before = 0
    for placed in graph.operations:
        layer = model.layout.layers[placed.node.layer]
        if placed.operation.op.name != "dense" or placed.operation.repeat > 1 or not isinstance(layer, Dense):
            raise ValueError(
                f"layer {layer.name!r} ({type(layer).__name__}) has no counterpart in a perceptron of scikit-learn, "
                f"which has dense layers and one activation"
            )
        if len(placed.reads) > 1 or placed.reads[0] != before:
            raise ValueError(f"layer {layer.name!r} does not read the layer before it")
        before = placed.writes
        kernel, *bias = (np.array(w) for w in layer.get_weights())
        kernels.append(kernel)
        biases.append(bias[0] if bias else np.zeros(kernel.shape[1], kernel.dtype))
        activations.append(placed.operation.activation.name)
    return kernels, biases, activations


def _take_records(source: BaseEstimator, target: BaseEstimator) -> None:
    for name in RECORDS:
        if hasattr(source, name):
            setattr(target, name, copy.copy(getattr(source, name)))


def _kind(estimator: BaseEstimator) -> str:
    return "MLPClassifier" if hasattr(estimator, "classes_") else "MLPRegressor"


def _check_fitted(estimator: BaseEstimator) -> None:
    try:
        check_is_fitted(estimator)
    except Exception as error:
        raise ValueError(f"{type(estimator).__name__} is not fitted; call fit before") from error
