"""Wrong arguments: one error that names the argument, what came and what is wanted, and nothing has changed."""

from __future__ import annotations

import numpy as np
import pytest
from models import model_of, refused, regression, state_of

from fastnn import Sequential, losses, optimizers
from fastnn.layers import Dense

X, Y = regression(np.random.default_rng(1), n=20)
CLASSES = np.arange(20) % 3


def changed(array, value):
    """A copy with one number replaced, in float64."""
    array = np.array(array, np.float64)
    array[3] = value
    return array


WRONG_X = {
    "rank 1": (X[0], ValueError, ("x", "(n, 4)", "(4,)", "x[None]")),
    "rank 3": (X[None], ValueError, ("x", "(n, 4)", "(1, 20, 4)")),
    "rank 0": (1.5, ValueError, ("x", "(n, 4)")),
    "width": (X[:, :3], ValueError, ("x", "(n, 4)", "(20, 3)")),
    "NaN": (changed(X, np.nan), ValueError, ("x", "finite", "nan", "(3, 0)", "4 such")),
    "infinity": (changed(X, -np.inf), ValueError, ("x", "finite", "-inf", "(3, 0)")),
    "too large": (changed(X, 1e300), ValueError, ("x", "finite", "inf (1e+300 in float32)", "(3, 0)")),
    "text": ([["a", "b", "c", "d"]], TypeError, ("x", "real numbers", "<U1")),
    "digits as text": (X.astype(str), TypeError, ("x", "real numbers", "text")),
    "complex": (X.astype(complex), TypeError, ("x", "real numbers", "complex128", "real part")),
    "objects": (X.astype(object), TypeError, ("x", "real numbers", "object")),
    "dates": (X.astype("datetime64[s]"), TypeError, ("x", "real numbers", "datetime64")),
    "ragged": ([[1, 2, 3, 4], [1, 2]], ValueError, ("x", "rectangular")),
    "None": (None, TypeError, ("x", "real numbers", "object")),
    "dict": ({"a": 1}, ValueError, ("x", "'a'", "inputs")),
    "set": ({1, 2}, TypeError, ("x", "real numbers", "object")),
    "masked": (np.ma.masked_greater(X, 0), ValueError, ("x", "masked")),
}
EMPTY_X = (np.empty((0, 4)), ValueError, ("x", "empty", "at least one row"))


def trained(loss="mse", layers=(), metrics=("mae",)) -> Sequential:
    model = model_of(*layers, loss=loss, metrics=list(metrics))
    y = CLASSES if "categorical" in str(loss) else Y
    model.fit(X, np.eye(3)[y] if loss == "categorical_crossentropy" else y, verbose=0)
    return model


CALLS = ("fit", "evaluate", "predict", "train_on_batch", "validation")
X_CASES = [(call, case) for call in CALLS for case in (*WRONG_X, "empty") if (call, case) != ("predict", "empty")]


def call_with(model, call, x, y, good=Y) -> None:
    """One of the public calls with these rows; ``good`` targets where only validation rows are wrong."""
    if call == "validation":
        model.fit(X, good, validation_data=(x, y))
    elif call == "predict":
        model.predict(x)
    else:
        getattr(model, call)(x, y)


@pytest.mark.parametrize(("call", "case"), X_CASES)
def test_wrong_x(call, case):
    x, error, words = (WRONG_X | {"empty": EMPTY_X})[case]
    model = trained()
    before = state_of(model)
    refused(lambda: call_with(model, call, x, Y), error, words)
    assert state_of(model) == before


@pytest.mark.parametrize("case", [case for case in (*WRONG_X, "empty") if case != "width"])
def test_wrong_x_leaves_a_model_waiting_for_its_shape(case):
    x, error, words = (WRONG_X | {"empty": EMPTY_X})[case]
    model = Sequential([Dense(8, "tanh"), Dense(1)], seed=1, backend="numpy")
    model.compile("adam", "mse")
    before = state_of(model)
    fits_any_shape = "(n, 4)" in words  # then it is the number of rows that is wrong
    refused(lambda: model.fit(x, Y), error, () if fits_any_shape else words)
    assert state_of(model) == before


WRONG_Y = {
    "rows": ("mse", Y[:19], ValueError, ("x and y", "20", "19")),
    "width": ("mse", np.hstack([Y, Y]), ValueError, ("y", "(20, 1)", "(20, 2)")),
    "rank": ("mse", Y[:, :, None], ValueError, ("y", "(20, 1)", "(20, 1, 1)")),
    "number": ("mse", 3.0, ValueError, ("y", "(20, 1)")),
    "None": ("mse", None, TypeError, ("y is missing", "ndarray")),
    "NaN": ("mse", changed(Y, np.nan), ValueError, ("y", "finite", "nan", "(3, 0)")),
    "infinity": ("mse", changed(Y, np.inf), ValueError, ("y", "finite", "inf")),
    "text": ("mse", ["a"] * 20, TypeError, ("y", "real numbers", "<U1")),
    "names of classes": ("sparse", ["a", "b"] * 10, TypeError, ("y", "class indices", "<U1")),
    "ragged": ("mse", [[1]] * 19 + [[1, 2]], ValueError, ("y", "rectangular", "pad_sequences")),
    "complex": ("mse", Y * 1j, TypeError, ("y", "real numbers", "complex64")),
    "beyond a probability": ("binary_crossentropy", changed(Y > 0, 1.5), ValueError, ("y", "[0, 1]", "1.5")),
    "below a probability": ("binary_crossentropy", changed(Y > 0, -1), ValueError, ("y", "[0, 1]", "-1")),
    "negative count": ("poisson", changed(Y * 0, -2), ValueError, ("y", "negative", "poisson", "-2")),
    "negative rate": ("poisson_deviance", changed(Y * 0, -2), ValueError, ("y", "negative", "poisson_deviance", "-2")),
    "focal beyond a probability": (
        "binary_focal_crossentropy",
        changed(Y > 0, 1.5),
        ValueError,
        ("y", "[0, 1]", "binary_focal_crossentropy", "1.5"),
    ),
    "negative soft target": (
        "categorical_focal_crossentropy",
        np.eye(3)[CLASSES] - 0.25,
        ValueError,
        ("y", "negative", "categorical_focal_crossentropy", "-0.25"),
    ),
    "focal class above": (
        "sparse_categorical_focal_crossentropy",
        changed(CLASSES, 3),
        ValueError,
        ("y", "0 to 2", "0 to 3"),
    ),
    "focal one-hot": (
        "sparse_categorical_focal_crossentropy",
        np.eye(3)[CLASSES],
        ValueError,
        ("y", "class indices", "(20, 3)", "loss categorical_focal_crossentropy"),
    ),
    "focal indices": (
        "categorical_focal_crossentropy",
        CLASSES,
        ValueError,
        ("y", "(20, 3)", "loss sparse_categorical_focal_crossentropy"),
    ),
    "negative probability": ("kl_divergence", changed(Y * 0, -0.5), ValueError, ("y", "negative", "-0.5")),
    "hinge": ("hinge", changed(Y * 0, 2), ValueError, ("y", "-1 and 1", "hinge")),
    "class above": ("sparse", changed(CLASSES, 3), ValueError, ("y", "0 to 2", "0 to 3")),
    "class below": ("sparse", changed(CLASSES, -1), ValueError, ("y", "0 to 2", "-1")),
    "class with fraction": ("sparse", changed(CLASSES, 0.5), ValueError, ("y", "whole numbers", "fractions")),
    "class NaN": ("sparse", changed(CLASSES, np.nan), ValueError, ("y", "whole numbers", "NaN")),
    "class infinite": ("sparse", changed(CLASSES, np.inf), ValueError, ("y", "0 to 2", "inf")),
    "class as text": ("sparse", CLASSES.astype(str), TypeError, ("y", "class indices", "<U")),
    "class None": ("sparse", None, TypeError, ("y", "missing")),
    "one-hot": (
        "sparse",
        np.eye(3)[CLASSES],
        ValueError,
        ("y", "class indices", "(20, 3)", "categorical_crossentropy"),
    ),
    "class number": ("sparse", 1, ValueError, ("y", "class indices", "(20,)", "()")),
    "indices": ("categorical_crossentropy", CLASSES, ValueError, ("y", "(20, 3)", "sparse_categorical_crossentropy")),
}


@pytest.mark.parametrize("call", ["fit", "evaluate", "train_on_batch", "validation"])
@pytest.mark.parametrize("case", WRONG_Y)
def test_wrong_y(call, case):
    loss, y, error, words = WRONG_Y[case]
    if loss == "sparse":
        loss = "sparse_categorical_crossentropy"
    classes = "categorical" in loss
    last = Dense(3, "softmax") if classes else Dense(1, "linear" if loss in ("mse", "hinge") else "sigmoid")
    model = model_of(last, loss=loss)
    good = np.eye(3)[CLASSES] if loss.startswith("categorical") else CLASSES if classes else (Y > 0) * 1.0
    model.fit(X, good, verbose=0)
    before = state_of(model)
    refused(lambda: call_with(model, call, X, y, good), error, words)
    assert state_of(model) == before


@pytest.mark.parametrize("kind", ["crossentropy", "focal_crossentropy"])
@pytest.mark.parametrize("sparse", ["", "sparse_"])
@pytest.mark.parametrize("activation", [None, "softmax"])
def test_one_output_is_no_class(kind, sparse, activation):
    model = model_of(Dense(1, activation), loss=f"{sparse}categorical_{kind}")
    words = (f"{sparse}categorical_{kind}", "at least 2", f"binary_{kind}")
    for y in (CLASSES, CLASSES[:, None].astype(float)):
        refused(lambda y=y: model.fit(X, y), ValueError, words)

    model = model_of(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    refused(lambda: model.fit(X, CLASSES), ValueError, ("sparse_categorical", "at least 2", "binary_crossentropy"))


@pytest.mark.parametrize(
    ("loss", "last"),
    [("binary_crossentropy", Dense(1, "sigmoid")), ("sparse_categorical_crossentropy", Dense(2, "softmax"))],
)
@pytest.mark.parametrize("dtype", [str, object, "StringDType"])
def test_names_of_classes_are_told_how_to_be_numbers(loss, last, dtype):
    names = np.array(["no", "yes"], np.dtypes.StringDType() if dtype == "StringDType" else dtype)[CLASSES % 2]
    model = model_of(last, loss=loss)
    refused(lambda: model.fit(X, names), TypeError, ("classes, y = np.unique(y, return_inverse=True)",))
    _, y = np.unique(names, return_inverse=True)
    model.fit(X, y, verbose=0)


def test_two_outputs_of_yes_and_no_have_no_class_indices():
    model = model_of(Dense(2, "sigmoid"), loss="binary_crossentropy")
    words = ("(20, 2)", "(20,)", "one output", "sparse_categorical_crossentropy")
    refused(lambda: model.fit(X, CLASSES % 2), ValueError, words)


def test_a_metric_that_cannot_read_class_indices():
    model = model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy", metrics=["mse"])
    before = state_of(model)
    refused(lambda: model.fit(X, CLASSES), ValueError, ("mse", "class indices"))
    assert state_of(model) == before


def test_sequences_have_no_class_weight():
    model = Sequential([Dense(3, "softmax", input_shape=(5, 4))], seed=1, backend="numpy")
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.zeros((20, 5, 4)), np.zeros((20, 5), int)
    refused(lambda: model.fit(x, y, class_weight={0: 2.0}), ValueError, ("class_weight", "sample_weight"))
    refused(lambda: model.fit(x, y[:, :4]), ValueError, ("y", "class indices", "(20, 5)", "(20, 4)"))


def test_the_area_under_the_curve_takes_logits():
    for make in (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy):
        model = model_of(loss=make(from_logits=True), metrics=["auc"])
        assert 0 <= model.evaluate(X, Y > 0)[1] <= 1


@pytest.mark.parametrize("rate", [-0.1, float("nan"), "fast"])
def test_a_wrong_learning_rate_is_refused_where_it_is_set(rate):
    model = trained()
    before, error = state_of(model), TypeError if rate == "fast" else ValueError
    refused(lambda: setattr(model.optimizer, "learning_rate", rate), error, ("learning_rate", rate))
    refused(lambda: model.optimizer.learning_rate.assign(rate), error, ("learning_rate", rate))
    assert state_of(model) == before


WRONG_FIT = {
    "epochs negative": ({"epochs": -1}, ValueError, ("epochs", "at least 0", "-1")),
    "epochs fraction": ({"epochs": 1.5}, TypeError, ("epochs", "whole number", "1.5")),
    "epochs bool": ({"epochs": True}, TypeError, ("epochs", "whole number", "True")),
    "epochs array": ({"epochs": np.ones(2, int)}, TypeError, ("epochs", "whole number")),
    "epochs None": ({"epochs": None}, TypeError, ("epochs", "whole number", "None")),
    "initial_epoch": ({"initial_epoch": -2}, ValueError, ("initial_epoch", "at least 0", "-2")),
    "batch_size zero": ({"batch_size": 0}, ValueError, ("batch_size", "at least 1", "0")),
    "batch_size text": ({"batch_size": "32"}, TypeError, ("batch_size", "whole number", "'32'")),
    "verbose": ({"verbose": 3}, ValueError, ("verbose", "auto", "3")),
    "callbacks": ({"callbacks": [print]}, TypeError, ("callbacks", "print")),
    "callbacks number": ({"callbacks": 5}, TypeError, ("callbacks", "list", "5")),
    "validation_split one": ({"validation_split": 1.0}, ValueError, ("validation_split", "[0, 1)", "1.0")),
    "validation_split negative": ({"validation_split": -0.1}, ValueError, ("validation_split", "[0, 1)", "-0.1")),
    "validation_split large": ({"validation_split": 0.99}, ValueError, ("validation_split", "20 rows", "training")),
    "validation_split text": ({"validation_split": "0.1"}, TypeError, ("validation_split", "number", "'0.1'")),
    "validation_data": ({"validation_data": (X,)}, ValueError, ("validation_data", "(x, y)")),
    "validation_data array": ({"validation_data": X}, ValueError, ("validation_data", "(x, y)")),
    "shuffle": ({"shuffle": "no"}, TypeError, ("shuffle", "True or False", "'no'")),
    "class_weight list": ({"class_weight": [1, 2]}, TypeError, ("class_weight", "dict(enumerate(weights))", "[1, 2]")),
    "class_weight key": ({"class_weight": {"a": 1.0}}, ValueError, ("class_weight", "'a'", "whole numbers")),
    "class_weight negative": ({"class_weight": {0: -1.0}}, ValueError, ("class_weight[0]", "-1.0")),
    "class_weight NaN": ({"class_weight": {0: float("nan")}}, ValueError, ("class_weight[0]", "nan")),
    "class_weight text": ({"class_weight": {0: "a"}}, TypeError, ("class_weight[0]", "number", "'a'")),
    "class_weight None": ({"class_weight": {1: None}}, TypeError, ("class_weight[1]", "number", "None")),
    "sample_weight rows": ({"sample_weight": np.ones(19)}, ValueError, ("sample_weight", "(20,)", "(19,)")),
    "sample_weight rank": ({"sample_weight": np.ones((20, 2))}, ValueError, ("sample_weight", "(20,)", "(20, 2)")),
    "sample_weight NaN": ({"sample_weight": np.full(20, np.nan)}, ValueError, ("sample_weight", "finite", "nan")),
    "sample_weight text": ({"sample_weight": ["a"] * 20}, TypeError, ("sample_weight", "real numbers", "<U1")),
    "time_limit zero": ({"time_limit": 0}, ValueError, ("time_limit", "(0, inf)", "0")),
    "time_limit NaN": ({"time_limit": float("nan")}, ValueError, ("time_limit", "nan")),
    "time_limit text": ({"time_limit": "5"}, TypeError, ("time_limit", "number", "'5'")),
    "backend": ({"backend": "nump"}, ValueError, ("backend", "'nump'", "numpy", "numba", "cython", "auto")),
    "backend number": ({"backend": 5}, TypeError, ("backend", "name", "5")),
}


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("case", WRONG_FIT)
def test_wrong_arguments_of_fit(case, waiting):
    arguments, error, words = WRONG_FIT[case]
    model = trained()
    if waiting:
        model = Sequential([Dense(8, "tanh"), Dense(1)], seed=1)
        model.compile("adam", "mse")
    before = state_of(model)
    refused(lambda: model.fit(X, Y, **arguments), error, words)
    assert state_of(model) == before


WRONG_COMPILE = {
    "loss name": ({"loss": "msee"}, ValueError, ("loss", "'msee'", "mean_squared_error")),
    "loss number": ({"loss": 3}, TypeError, ("loss", "name", "3")),
    "loss for each row": ({"loss": losses.MeanSquaredError(reduction=None)}, ValueError, ("reduction=None", "'sum'")),
    "optimizer name": ({"loss": "mse", "optimizer": "adm"}, ValueError, ("optimizer", "'adm'", "did you mean", "adam")),
    "optimizer class": ({"loss": "mse", "optimizer": optimizers.Adam}, TypeError, ("optimizer", "name", "Adam")),
    "optimizer None": ({"loss": "mse", "optimizer": None}, TypeError, ("optimizer", "None")),
    "optimizer dict": ({"loss": "mse", "optimizer": {}}, ValueError, ("optimizer", "None", "adam")),
    "metric name": ({"loss": "mse", "metrics": ["acuracy"]}, ValueError, ("metric", "'acuracy'", "accuracy")),
    "metric number": ({"loss": "mse", "metrics": 5}, TypeError, ("metrics", "list", "5")),
    "metric in list": ({"loss": "mse", "metrics": [5]}, TypeError, ("metrics", "names", "5")),
    "metric dict": ({"loss": "mse", "metrics": [{}]}, TypeError, ("metrics", "names", "{}")),
    "weighted": ({"loss": "mse", "weighted_metrics": ["x"]}, ValueError, ("metric", "'x'", "accuracy")),
}


@pytest.mark.parametrize("case", WRONG_COMPILE)
def test_wrong_arguments_of_compile(case):
    arguments, error, words = WRONG_COMPILE[case]
    model = trained()
    before = state_of(model)
    refused(lambda: model.compile(**arguments), error, words)
    assert state_of(model) == before


W = trained().get_weights()
WRONG_WEIGHTS = {
    "too few": (W[:3], ValueError, ("weights", "4 arrays", "dense_1/kernel", "got 3")),
    "shape": ([W[0].T, *W[1:]], ValueError, ("weights of dense/kernel", "(4, 8)", "(8, 4)")),
    "NaN": ([*W[:3], W[3] * np.nan], ValueError, ("weights of dense_1/bias", "finite", "nan")),
    "text": ([*W[:3], ["a"]], TypeError, ("weights of dense_1/bias", "real numbers")),
    "None": (None, TypeError, ("weights", "list", "None")),
    "number": (3, TypeError, ("weights", "list", "3")),
    "dict": (dict(enumerate(W)), TypeError, ("weights", "list")),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_weights_change_none(case):
    weights, error, words = WRONG_WEIGHTS[case]
    model = trained()
    before = state_of(model)
    refused(lambda: model.set_weights(weights), error, words)
    assert state_of(model) == before
