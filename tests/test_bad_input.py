"""Wrong arguments: one error that names the argument, what came and what is wanted, and nothing has changed.

And arguments that only look unusual: whatever NumPy turns into numbers gives the bits of its plain copy.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, regression, state_of, weights_of

import fastnn
from fastnn import Sequential, activations, callbacks, initializers, layers, losses, optimizers, regularizers, schedules
from fastnn.layers import Dense

X, Y = regression(np.random.default_rng(1), n=20)
CLASSES = np.arange(20) % 3


def changed(array, value):
    """A copy with one number replaced, in float64."""
    array = np.array(array, np.float64)
    array[3] = value
    return array


def refused(call, error, words) -> None:
    """The call raises exactly this error with these words in it, and no warning comes before."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((ValueError, TypeError)) as told:
            call()
    message = str(told.value)
    assert type(told.value) is error, message
    for word in words:
        assert str(word) in message, message
    assert "\n" not in message


WRONG_X = {
    "rank 1": (X[0], ValueError, ("x", "(n, 4)", "(4,)", "x[None]")),
    "rank 3": (X[None], ValueError, ("x", "(n, 4)", "(1, 20, 4)")),
    "rank 0": (1.5, ValueError, ("x", "(n, 4)")),
    "width": (X[:, :3], ValueError, ("x", "(n, 4)", "(20, 3)")),
    "NaN": (changed(X, np.nan), ValueError, ("x", "finite", "nan", "(3, 0)", "4 such")),
    "infinity": (changed(X, -np.inf), ValueError, ("x", "finite", "-inf", "(3, 0)")),
    "too large": (changed(X, 1e300), ValueError, ("x", "finite", "inf")),
    "text": ([["a", "b", "c", "d"]], TypeError, ("x", "real numbers", "<U1")),
    "digits as text": (X.astype(str), TypeError, ("x", "real numbers", "text")),
    "complex": (X.astype(complex), TypeError, ("x", "real numbers", "complex128", "real part")),
    "objects": (X.astype(object), TypeError, ("x", "real numbers", "object")),
    "dates": (X.astype("datetime64[s]"), TypeError, ("x", "real numbers", "datetime64")),
    "ragged": ([[1, 2, 3, 4], [1, 2]], ValueError, ("x", "rectangular")),
    "None": (None, TypeError, ("x", "real numbers", "object")),
    "dict": ({"a": 1}, TypeError, ("x", "real numbers", "object")),
    "set": ({1, 2}, TypeError, ("x", "real numbers", "object")),
    "masked": (np.ma.masked_greater(X, 0), ValueError, ("x", "masked")),
}
EMPTY_X = (np.empty((0, 4)), ValueError, ("x", "empty", "at least one row"))


def trained(loss="mse", layers=(), metrics=("mae",)) -> Sequential:
    model = model_of(*layers, loss=loss, metrics=list(metrics))
    y = CLASSES if "categorical" in str(loss) else Y
    model.fit(X, np.eye(3)[y] if loss == "categorical_crossentropy" else y, verbose=0)
    return model


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "train_on_batch", "validation", "waiting"])
@pytest.mark.parametrize("case", [*WRONG_X, "empty"])
def test_wrong_x(call, case):
    x, error, words = (WRONG_X | {"empty": EMPTY_X})[case]
    if case == "empty" and call == "predict":
        pytest.skip("no rows predict to no rows")
    model = trained()
    if call == "waiting":
        model = Sequential([Dense(8, "tanh"), Dense(1)], seed=1)
        model.compile("adam", "mse")
        if case in ("rank 1", "rank 3", "rank 0", "width", "empty"):
            words = ()  # any width is right for a model that waits for its first rows; their number is not
    before = state_of(model)
    calls = {
        "fit": lambda: model.fit(x, Y),
        "waiting": lambda: model.fit(x, Y),
        "evaluate": lambda: model.evaluate(x, Y),
        "predict": lambda: model.predict(x),
        "train_on_batch": lambda: model.train_on_batch(x, Y),
        "validation": lambda: model.fit(X, Y, validation_data=(x, Y)),
    }
    if call == "waiting" and case == "width":
        pytest.skip("three columns are as good as four to a model that waits")
    refused(calls[call], error, words)
    assert state_of(model) == before


WRONG_Y = {
    "rows": ("mse", Y[:19], ValueError, ("x and y", "20", "19")),
    "width": ("mse", np.hstack([Y, Y]), ValueError, ("y", "(20, 1)", "(20, 2)")),
    "rank": ("mse", Y[:, :, None], ValueError, ("y", "(20, 1)", "(20, 1, 1)")),
    "number": ("mse", 3.0, ValueError, ("y", "(20, 1)")),
    "None": ("mse", None, TypeError, ("y", "real numbers")),
    "NaN": ("mse", changed(Y, np.nan), ValueError, ("y", "finite", "nan", "(3, 0)")),
    "infinity": ("mse", changed(Y, np.inf), ValueError, ("y", "finite", "inf")),
    "text": ("mse", ["a"] * 20, TypeError, ("y", "real numbers", "<U1")),
    "ragged": ("mse", [[1]] * 19 + [[1, 2]], ValueError, ("y", "rectangular")),
    "complex": ("mse", Y * 1j, TypeError, ("y", "real numbers", "complex64")),
    "beyond a probability": ("binary_crossentropy", changed(Y > 0, 1.5), ValueError, ("y", "[0, 1]", "1.5")),
    "below a probability": ("binary_crossentropy", changed(Y > 0, -1), ValueError, ("y", "[0, 1]", "-1")),
    "negative count": ("poisson", changed(Y * 0, -2), ValueError, ("y", "negative", "poisson", "-2")),
    "negative probability": ("kl_divergence", changed(Y * 0, -0.5), ValueError, ("y", "negative", "-0.5")),
    "hinge": ("hinge", changed(Y * 0, 2), ValueError, ("y", "-1 and 1", "hinge")),
    "class above": ("sparse", changed(CLASSES, 3), ValueError, ("y", "0 to 2", "0 to 3")),
    "class below": ("sparse", changed(CLASSES, -1), ValueError, ("y", "0 to 2", "-1")),
    "class with fraction": ("sparse", changed(CLASSES, 0.5), ValueError, ("y", "whole numbers", "fractions")),
    "class NaN": ("sparse", changed(CLASSES, np.nan), ValueError, ("y", "whole numbers", "NaN")),
    "class infinite": ("sparse", changed(CLASSES, np.inf), ValueError, ("y", "0 to 2", "inf")),
    "class as text": ("sparse", CLASSES.astype(str), TypeError, ("y", "class indices", "<U")),
    "class None": ("sparse", None, TypeError, ("y", "class indices", "object")),
    "one-hot": ("sparse", np.eye(3)[CLASSES], ValueError, ("y", "class indices", "(20, 3)", "categorical_crossentropy")),
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
    good = np.eye(3)[CLASSES] if loss == "categorical_crossentropy" else CLASSES if classes else (Y > 0) * 1.0
    model.fit(X, good, verbose=0)
    before = state_of(model)
    calls = {
        "fit": lambda: model.fit(X, y),
        "evaluate": lambda: model.evaluate(X, y),
        "train_on_batch": lambda: model.train_on_batch(X, y),
        "validation": lambda: model.fit(X, good, validation_data=(X, y)),
    }
    refused(calls[call], error, words)
    assert state_of(model) == before


def test_one_output_has_no_class_indices():
    model = model_of(loss="sparse_categorical_crossentropy")
    refused(lambda: model.fit(X, CLASSES), ValueError, ("sparse_categorical", "at least 2", "binary_crossentropy"))


def test_a_metric_that_cannot_read_class_indices():
    model = model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy", metrics=["mse"])
    before = state_of(model)
    refused(lambda: model.fit(X, CLASSES), ValueError, ("mse", "class indices"))
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
    "class_weight list": ({"class_weight": [1, 2]}, TypeError, ("class_weight", "dict", "[1, 2]")),
    "class_weight class": ({"class_weight": {3: 1.0}}, ValueError, ("class_weight", "3", "0 to 1")),
    "class_weight key": ({"class_weight": {"a": 1.0}}, ValueError, ("class_weight", "'a'", "0 to 1")),
    "class_weight negative": ({"class_weight": {0: -1.0}}, ValueError, ("class_weight[0]", "-1.0")),
    "class_weight NaN": ({"class_weight": {0: float("nan")}}, ValueError, ("class_weight[0]", "nan")),
    "class_weight text": ({"class_weight": {0: "a"}}, TypeError, ("class_weight[0]", "number", "'a'")),
    "class_weight None": ({"class_weight": {1: None}}, TypeError, ("class_weight[1]", "number", "None")),
    "sample_weight rows": ({"sample_weight": np.ones(19)}, ValueError, ("sample_weight", "(20,)", "(19,)")),
    "sample_weight rank": ({"sample_weight": np.ones((20, 1))}, ValueError, ("sample_weight", "(20,)", "(20, 1)")),
    "sample_weight negative": ({"sample_weight": -np.ones(20)}, ValueError, ("sample_weight", "negative", "-1")),
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
    "no loss": ({}, ValueError, ("compile", "loss")),
    "loss name": ({"loss": "msee"}, ValueError, ("loss", "'msee'", "mean_squared_error")),
    "loss number": ({"loss": 3}, TypeError, ("loss", "name", "3")),
    "optimizer name": ({"loss": "mse", "optimizer": "adm"}, ValueError, ("optimizer", "'adm'", "did you mean", "adam")),
    "optimizer class": ({"loss": "mse", "optimizer": optimizers.Adam}, TypeError, ("optimizer", "name", "Adam")),
    "optimizer None": ({"loss": "mse", "optimizer": None}, TypeError, ("optimizer", "None")),
    "optimizer dict": ({"loss": "mse", "optimizer": {}}, ValueError, ("optimizer", "None", "adam")),
    "metric name": ({"loss": "mse", "metrics": ["acuracy"]}, ValueError, ("metric", "'acuracy'", "accuracy")),
    "metric number": ({"loss": "mse", "metrics": 5}, TypeError, ("metrics", "list", "5")),
    "metric in list": ({"loss": "mse", "metrics": [5]}, TypeError, ("metrics", "names", "5")),
    "metric dict": ({"loss": "mse", "metrics": [{}]}, TypeError, ("metrics", "names", "None")),
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
    "too few": (W[:3], ValueError, ("weights", "4 arrays", "1.kernel", "got 3")),
    "shape": ([W[0].T, *W[1:]], ValueError, ("weights of 1.kernel", "(4, 8)", "(8, 4)")),
    "NaN": ([*W[:3], W[3] * np.nan], ValueError, ("weights of 2.bias", "finite", "nan")),
    "text": ([*W[:3], ["a"]], TypeError, ("weights of 2.bias", "real numbers")),
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


WRONG_MODEL = {
    "dtype name": (lambda: Sequential(dtype="float16"), ValueError, ("dtype", "float32", "float64", "float16")),
    "dtype word": (lambda: Sequential(dtype="double precision"), ValueError, ("dtype", "float32", "double precision")),
    "dtype None": (lambda: Sequential(dtype=None), ValueError, ("dtype", "float32", "None")),
    "dtype swapped": (lambda: Sequential(dtype=">f4"), ValueError, ("dtype", "float32", ">f4")),
    "seed negative": (lambda: Sequential(seed=-1), ValueError, ("seed", "at least 0", "-1")),
    "seed large": (lambda: Sequential(seed=2**64), ValueError, ("seed", "2**64")),
    "seed text": (lambda: Sequential(seed="a"), TypeError, ("seed", "whole number", "'a'")),
    "backend": (lambda: Sequential(backend="cuda"), ValueError, ("backend", "'cuda'", "cython", "numba", "numpy")),
    "layer alone": (lambda: Sequential(Dense(3)), TypeError, ("layers", "list", "Dense")),
    "layers text": (lambda: Sequential("Dense"), TypeError, ("layers", "list", "'Dense'")),
    "layer class": (lambda: Sequential([Dense]), TypeError, ("layers", "Dense")),
    "build nothing": (lambda: Sequential().build((3,)), ValueError, ("no layers",)),
    "build unknown": (lambda: Sequential([Dense(2)]).build(), ValueError, ("input", "not known", "input_shape")),
    "build batch": (lambda: Sequential([Dense(2)]).build((None, 3)), ValueError, ("input_shape", "(None, 3)")),
    "build empty": (lambda: Sequential([Dense(2)]).build(()), ValueError, ("input_shape", "()")),
    "build other": (lambda: model_of().build((5,)), ValueError, ("input_shape", "(5,)", "(4,)")),
    "pop": (lambda: Sequential().pop(), ValueError, ("no layer",)),
    "count": (lambda: Sequential([Dense(2)]).count_params(), ValueError, ("input", "not known")),
    "only a shape": (lambda: Sequential([layers.Input((3,))]).predict(X[:, :3]), ValueError, ("no layer", "Dense")),
    "fit": (lambda: Sequential([Dense(1)]).fit(X, Y), ValueError, ("not compiled", "compile(")),
    "evaluate": (lambda: Sequential([Dense(1)]).evaluate(X, Y), ValueError, ("not compiled", "compile(")),
    "predict batch": (lambda: model_of().predict(X, batch_size=0), ValueError, ("batch_size", "at least 1", "0")),
    "predict backend": (lambda: model_of().predict(X, backend="x"), ValueError, ("backend", "'x'", "numpy")),
    "evaluate batch": (lambda: model_of().evaluate(X, Y, "32"), TypeError, ("batch_size", "whole number", "'32'")),
    "evaluate weight": (lambda: model_of().evaluate(X, Y, sample_weight=[1]), ValueError, ("sample_weight", "(20,)")),
    "units zero": (lambda: Dense(0), ValueError, ("units", "at least 1", "0")),
    "units negative": (lambda: Dense(-3), ValueError, ("units", "at least 1", "-3")),
    "units float": (lambda: Dense(3.0), TypeError, ("units", "whole number", "3.0")),
    "activation": (lambda: Dense(3, "rellu"), ValueError, ("activation", "'rellu'", "relu")),
    "activation number": (lambda: Dense(3, 5), TypeError, ("activation", "5")),
    "initializer": (lambda: Dense(3, kernel_initializer="he"), ValueError, ("initializer", "'he'", "he_normal")),
    "initializer kind": (lambda: Dense(3, bias_initializer=0), TypeError, ("initializer", "0")),
    "regularizer": (lambda: Dense(3, kernel_regularizer="l3"), ValueError, ("regularizer", "'l3'", "l2")),
    "regularizer kind": (lambda: Dense(3, kernel_regularizer=0.1), TypeError, ("regularizer", "0.1")),
    "penalty": (lambda: regularizers.L2(-1), ValueError, ("l2", "[0, inf)", "-1")),
    "input_shape": (lambda: Dense(3, input_shape=(0,)), ValueError, ("input_shape", "at least 1", "(0,)")),
    "input_dim": (lambda: Dense(3, input_dim=0), ValueError, ("input_dim", "at least 1", "0")),
    "Input": (lambda: layers.Input(None), ValueError, ("shape", "tuple", "None")),
    "Input later": (lambda: Sequential([Dense(2, input_dim=3), layers.Input((3,))]), ValueError, ("first", "(2,)")),
    "dropout": (lambda: layers.Dropout(1.0), ValueError, ("rate", "[0, 1)", "1.0")),
    "reshape": (lambda: Sequential([layers.Reshape((5,), input_shape=(4,))]), ValueError, ("(5,)", "4 numbers")),
    "reshape twice": (lambda: layers.Reshape((-1, -1)), ValueError, ("target_shape", "one -1")),
    "slope": (lambda: activations.get("leaky_relu", negative_slope="a"), TypeError, ("negative_slope", "'a'")),
    "rate": (lambda: optimizers.Adam(-0.1), ValueError, ("learning_rate", "[0, inf)", "-0.1")),
    "rate NaN": (lambda: optimizers.SGD(float("nan")), ValueError, ("learning_rate", "nan")),
    "rate text": (lambda: optimizers.SGD("0.1"), TypeError, ("learning_rate", "number", "'0.1'")),
    "beta": (lambda: optimizers.Adam(beta_1=1.0), ValueError, ("beta_1", "[0, 1)", "1.0")),
    "beta text": (lambda: optimizers.Adam(beta_1="0.9"), TypeError, ("beta_1", "number", "'0.9'")),
    "epsilon": (lambda: optimizers.Adam(epsilon=0), ValueError, ("epsilon", "(0, inf)", "0")),
    "momentum": (lambda: optimizers.SGD(momentum=-1), ValueError, ("momentum", "[0, 1)", "-1")),
    "clips": (lambda: optimizers.Adam(clipnorm=1, clipvalue=1), ValueError, ("clipvalue", "clipnorm", "one of")),
    "clip": (lambda: optimizers.Adam(clipnorm=0), ValueError, ("clipnorm", "(0, inf)", "0")),
    "form": (lambda: optimizers.Adam(form="x"), ValueError, ("form", "paper", "keras", "'x'")),
    "history": (lambda: optimizers.LBFGS(history_size=0), ValueError, ("history_size", "at least 1", "0")),
    "lbfgs clip": (lambda: optimizers.LBFGS(clipnorm=1.0), ValueError, ("LBFGS", "clipping")),
    "decay": (lambda: schedules.ExponentialDecay(0.1, 0, 0.9), ValueError, ("decay_steps", "at least 1", "0")),
    "boundaries": (lambda: schedules.PiecewiseConstantDecay([5, 5], [1, 2, 3]), ValueError, ("boundaries", "rise")),
    "values": (lambda: schedules.PiecewiseConstantDecay([5], [1]), ValueError, ("values", "one more")),
    "delta": (lambda: losses.Huber(0), ValueError, ("delta", "(0, inf)", "0")),
    "quantile": (lambda: losses.Pinball(1), ValueError, ("quantile", "(0, 1)", "1")),
    "scale": (lambda: initializers.VarianceScaling(0), ValueError, ("scale", "(0, inf)", "0")),
    "mode": (lambda: initializers.VarianceScaling(mode="x"), ValueError, ("mode", "'x'", "fan_in")),
    "uniform": (lambda: initializers.RandomUniform("a"), TypeError, ("minval", "number", "'a'")),
    "normal": (lambda: initializers.RandomNormal(stddev=-1), ValueError, ("stddev", "[0, inf)", "-1")),
    "truncated": (lambda: initializers.TruncatedNormal(np.nan), ValueError, ("mean", "nan")),
    "constant": (lambda: initializers.Constant([1]), TypeError, ("value", "number", "[1]")),
    "gain": (lambda: initializers.Orthogonal(np.inf), ValueError, ("gain", "inf")),
    "patience": (lambda: callbacks.EarlyStopping(patience=-1), ValueError, ("patience", "at least 0", "-1")),
    "mode of monitor": (lambda: callbacks.EarlyStopping(mode="up"), ValueError, ("mode", "auto", "'up'")),
    "factor": (lambda: callbacks.ReduceLROnPlateau(factor=1.0), ValueError, ("factor", "[0, 1)", "1.0")),
    "hook": (lambda: callbacks.LambdaCallback(on_end=print), TypeError, ("on_train_end", "'on_end'")),
    "hook value": (lambda: callbacks.LambdaCallback(on_epoch_end=5), TypeError, ("on_epoch_end", "5")),
    "threshold": (lambda: fastnn.metrics.Precision("a"), TypeError, ("threshold", "number", "'a'")),
    "k": (lambda: fastnn.metrics.TopK(0), ValueError, ("k", "at least 1", "0")),
    "threads": (lambda: fastnn.set_num_threads(0), ValueError, ("n", "at least 1", "0")),
}


@pytest.mark.parametrize("case", WRONG_MODEL)
def test_wrong_arguments_of_models_and_definitions(case):
    refused(*WRONG_MODEL[case])


@pytest.mark.parametrize(
    "layer", [Dense(2, bias_initializer="orthogonal"), layers.Reshape((5,)), layers.Input((9,)), "Dense"], ids=repr
)
def test_a_layer_that_cannot_be_added_changes_nothing(layer):
    model = trained()
    before = state_of(model)
    with pytest.raises((ValueError, TypeError)):
        model.add(layer)
    assert state_of(model) == before


# -- unusual but right ------------------------------------------------------------------------------


def _misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    assert not raw.flags.aligned
    return raw


def _mapped(array, tmp_path):
    path = tmp_path / f"{array.shape}"
    np.ascontiguousarray(array).tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def _read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


UNUSUAL = {
    "column order": lambda a, path: np.asfortranarray(a),
    "every second": lambda a, path: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a, path: a[::-1].copy()[::-1],
    "transposed": lambda a, path: np.ascontiguousarray(a.T).T,
    "read-only": lambda a, path: _read_only(a),
    "big-endian": lambda a, path: a.astype(a.dtype.newbyteorder(">")),
    "misaligned": lambda a, path: _misaligned(a),
    "misaligned and read-only": lambda a, path: _read_only(_misaligned(a)),
    "float64": lambda a, path: a.astype(np.float64),
    "list": lambda a, path: a.tolist(),
    "list of arrays": lambda a, path: list(a),
    "memory map": _mapped,
    "subclass": lambda a, path: np.ma.masked_array(a),
    "broadcast": lambda a, path: np.broadcast_to(a, a.shape),
}
NARROW = {"float16": np.float16, "int8": np.int8, "uint64": np.uint64, "bool": np.bool_, "longdouble": np.longdouble}


@EVERY_BACKEND
@pytest.mark.parametrize("case", [*UNUSUAL, *NARROW])
def test_every_form_of_the_same_numbers_gives_the_same_bits(name, case, tmp_path):
    x, y, weight = X, Y, np.abs(X[:, 0])
    turn = UNUSUAL.get(case)
    if turn is None:
        x, y, weight = (np.clip(np.round(a * 2), 0, 1).astype(np.float32) for a in (x, y, weight))
        turn = lambda a, path: a.astype(NARROW[case])
    plain, unusual = model_of(name=name), model_of(name=name)
    plain.fit(x, y, epochs=2, sample_weight=weight, validation_data=(x, y), verbose=0)
    forms = [turn(a, tmp_path) for a in (x, y, weight)]
    unusual.fit(*forms[:2], epochs=2, sample_weight=forms[2], validation_data=forms[:2], verbose=0)
    assert weights_of(unusual).tobytes() == weights_of(plain).tobytes()
    assert unusual.history.history == plain.history.history
    assert unusual.predict(forms[0]).tobytes() == plain.predict(x).tobytes()
    unusual.set_weights([turn(w, tmp_path) for w in plain.get_weights()] if case in UNUSUAL else plain.get_weights())
    assert unusual.evaluate(*forms[:2], sample_weight=forms[2]) == plain.evaluate(x, y, sample_weight=weight)


@EVERY_BACKEND
@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float32, np.float64, np.dtype(">i4"), list, "column", "strided"])
def test_every_form_of_class_indices_gives_the_same_bits(name, kind):
    models = [model_of(Dense(3, "softmax"), name=name, loss="sparse_categorical_crossentropy") for _ in range(2)]
    forms = {list: CLASSES.tolist, "column": lambda: CLASSES[:, None], "strided": lambda: np.repeat(CLASSES, 2)[::2]}
    given = forms[kind]() if kind in forms else CLASSES.astype(kind)
    models[0].fit(X, CLASSES, verbose=0)
    models[1].fit(X, given, verbose=0)
    assert weights_of(models[0]).tobytes() == weights_of(models[1]).tobytes()


@EVERY_BACKEND
def test_a_users_arrays_are_never_written(name):
    x, y, weight = X.copy(), Y.copy(), np.ones(20, np.float32)
    copies = [a.copy() for a in (x, y, weight)]
    model = model_of(name=name)
    model.fit(x, y, epochs=3, sample_weight=weight, validation_split=0.3, verbose=0)
    model.evaluate(x, y, sample_weight=weight)
    model.predict(x)
    for array, copy in zip((x, y, weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
