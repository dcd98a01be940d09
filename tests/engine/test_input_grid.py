"""Every form of an array in every place that takes one: the result of its plain copy, or an error that names the place.

Whatever is refused leaves the model as it was, and no warning of NumPy comes first. Arrays of more than 2^31 numbers of
which one is in memory are refused, or used, without making them. A spread of the cases by default, all with ``--long``.
"""

from __future__ import annotations

import re
import resource
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from forms import FORMS, Form, copy_of
from models import dtype_on, model_of, state_of

import fastnn
from fastnn import DivergenceError, Sequential, _kernels, losses, metrics, utils
from fastnn.layers import LSTM, Conv2D, Dense, Embedding, Flatten, Normalization

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = RNG.normal(size=(12, 1)).astype(np.float32)
CLASSES = np.arange(12) % 3
SHARES = np.eye(3, dtype=np.float32)[CLASSES]
WEIGHT = RNG.uniform(0.5, 1, 12).astype(np.float32)
IMAGES = RNG.normal(size=(6, 4, 4, 1)).astype(np.float32)
WORDS = (np.arange(18).reshape(6, 3) % 5).astype(np.int32)
STEPS = RNG.normal(size=(6, 3, 2)).astype(np.float32)
ROOM = 2**30  # of addresses, beyond what is there


@dataclass(frozen=True)
class Place:
    """Where an array is taken.

    Parameters
    ----------
    good : an array that is taken.
    make : of a backend's name, the object that takes it; None where a function does.
    call : with the object and the array; gives what is compared.
    words : one of which an error must have.
    """

    good: np.ndarray
    make: Callable[[str], Any]
    call: Callable[[Any, Any], Any]
    words: tuple[str, ...]


def dense(name: str) -> Sequential:
    return model_of(name=name, metrics=["mae"], dtype=dtype_on(name))


def updated(name: str) -> Sequential:
    """A model that keeps what its first single update was made with."""
    model = dense(name)
    model.train_on_batch(X, Y)
    return model


def classifier(name: str) -> Sequential:
    loss = "sparse_categorical_crossentropy"
    return model_of(Dense(3, "softmax"), name=name, loss=loss, metrics=["accuracy"], dtype=dtype_on(name))


def of_shares(name: str) -> Sequential:
    loss = "categorical_crossentropy"
    return model_of(Dense(3, "softmax"), name=name, loss=loss, metrics=["accuracy"], dtype=dtype_on(name))


def waiting(name: str) -> Sequential:
    model = Sequential([Dense(3), Dense(1)], seed=1, backend=name, dtype=dtype_on(name))
    model.compile("sgd", "mse")
    return model


def _compiled(layers: list, name: str) -> Sequential:
    model = Sequential([*layers, Dense(1)], seed=1, backend=name, dtype=dtype_on(name))
    model.compile("sgd", "mse")
    return model


def images(name: str) -> Sequential:
    return _compiled([Conv2D(2, 3, input_shape=(4, 4, 1)), Flatten()], name)


def words(name: str) -> Sequential:
    return _compiled([Embedding(5, 2, input_shape=(3,)), Flatten()], name)


def steps(name: str) -> Sequential:
    return _compiled([LSTM(2, input_shape=(3, 2))], name)


def fitted(model: Any, *arguments: Any, **named: Any) -> Any:
    history = model.fit(*arguments, epochs=1, batch_size=5, verbose=0, **named)
    return history.history, model.params


def _of(kind: Callable, good: np.ndarray, call: Callable, *names: str) -> Place:
    return Place(good, kind, call, names)


Y6 = Y[:6]
KINDS = (dense, updated, classifier, of_shares, waiting, images, words, steps)
MODELS = {
    "fit x": _of(dense, X, lambda m, a: fitted(m, a, Y), "x"),
    "fit y": _of(dense, Y, lambda m, a: fitted(m, X, a), "y"),
    "fit sample_weight": _of(dense, WEIGHT, lambda m, a: fitted(m, X, Y, sample_weight=a), "sample_weight"),
    "fit validation x": _of(dense, X, lambda m, a: fitted(m, X, Y, validation_data=(a, Y)), "x", "validation_data"),
    "fit validation y": _of(dense, Y, lambda m, a: fitted(m, X, Y, validation_data=(X, a)), "y", "validation_data"),
    "fit class indices": _of(classifier, CLASSES, lambda m, a: fitted(m, X, a), "y"),
    "fit shares of classes": _of(of_shares, SHARES, lambda m, a: fitted(m, X, a), "y"),
    "fit of a model that waits": _of(waiting, X, lambda m, a: fitted(m, a, Y), "x", "y"),
    "fit images": _of(images, IMAGES, lambda m, a: fitted(m, a, Y6), "x"),
    "fit words": _of(words, WORDS, lambda m, a: fitted(m, a, Y6), "x", "embedding"),
    "fit steps": _of(steps, STEPS, lambda m, a: fitted(m, a, Y6), "x"),
    "evaluate x": _of(dense, X, lambda m, a: m.evaluate(a, Y), "x"),
    "evaluate y": _of(dense, Y, lambda m, a: m.evaluate(X, a), "y"),
    "evaluate sample_weight": _of(dense, WEIGHT, lambda m, a: m.evaluate(X, Y, sample_weight=a), "sample_weight"),
    "evaluate class indices": _of(classifier, CLASSES, lambda m, a: m.evaluate(X, a), "y"),
    "predict": _of(dense, X, lambda m, a: m.predict(a), "x"),
    "predict in batches": _of(dense, X, lambda m, a: m.predict(a, batch_size=5), "x"),
    "predict images": _of(images, IMAGES, lambda m, a: m.predict(a), "x"),
    "predict words": _of(words, WORDS, lambda m, a: m.predict(a), "x", "embedding"),
    "call": _of(dense, X, lambda m, a: m(a), "x"),
    "call in training": _of(dense, X, lambda m, a: m(a, training=True), "x"),
    "predict_on_batch": _of(dense, X, lambda m, a: m.predict_on_batch(a), "x"),
    "train_on_batch x": _of(dense, X, lambda m, a: (m.train_on_batch(a, Y), m.params), "x"),
    "train_on_batch y": _of(dense, Y, lambda m, a: (m.train_on_batch(X, a), m.params), "y"),
    "second train_on_batch x": _of(updated, X, lambda m, a: (m.train_on_batch(a, Y), m.params), "x"),
    "second train_on_batch y": _of(updated, Y, lambda m, a: (m.train_on_batch(X, a), m.params), "y"),
    "train_on_batch sample_weight": _of(
        dense, WEIGHT, lambda m, a: (m.train_on_batch(X, Y, sample_weight=a), m.params), "sample_weight"
    ),
    "test_on_batch x": _of(dense, X, lambda m, a: m.test_on_batch(a, Y), "x"),
    "test_on_batch y": _of(dense, Y, lambda m, a: m.test_on_batch(X, a), "y"),
    "gradients x": _of(dense, X, lambda m, a: m.gradients(a, Y), "x"),
    "gradients y": _of(dense, Y, lambda m, a: m.gradients(X, a), "y"),
    "gradients sample_weight": _of(dense, WEIGHT, lambda m, a: m.gradients(X, Y, a), "sample_weight"),
    "gradients dy": _of(dense, Y, lambda m, a: m.gradients(X, dy=a), "dy", "takes targets y or slopes"),
    "gradients of inputs": _of(dense, X, lambda m, a: m.gradients(a, Y, wrt="inputs"), "x"),
    "activations": _of(dense, X, lambda m, a: m.activations(a), "x"),
    "predictor x": _of(dense, X, lambda m, a: m.predictor()(a), "x"),
    "predictor out": _of(
        lambda name: model_of(Dense(4), name=name, dtype="float32"),
        X,
        lambda m, a: np.array(m.predictor()(X, out=a)),
        "out",
    ),
    "predictor step": _of(steps, STEPS[:, 0], lambda m, a: m.predictor().step(a), "x"),
    "set_weights": _of(
        dense, X[:4].repeat(2, 1), lambda m, a: (m.set_weights([a, *m.get_weights()[1:]]), m.params), "weights"
    ),
    "apply_gradients": _of(
        dense,
        X[:4].repeat(2, 1),
        lambda m, a: (m.apply_gradients([a, *m.gradients(X, Y)[1][1:]]), m.params),
        "grad",
    ),
}


def regressor(name: str) -> Any:
    from fastnn.sklearn import MLPRegressor

    return MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=1, batch_size=5, backend=name)


def forecaster(name: str) -> Any:
    from fastnn.sklearn import MLPClassifier

    return MLPClassifier(hidden_layer_sizes=(3,), max_iter=2, random_state=1, batch_size=5, backend=name)


def numbers(name: str) -> Any:
    return regressor(name).fit(X, Y[:, 0])


def kinds(name: str) -> Any:
    return forecaster(name).fit(X, CLASSES)


def _coefs(estimator: Any) -> Any:
    return estimator.coefs_


ROWS = (  # as scikit-learn's own checks say it
    *("X", "x", "array", "sample", "feature", "[Ii]nput", "Complex data", "could not convert", "dtype"),
    *("not supported between", "Unsupported"),
)
ESTIMATORS = {
    "regressor fit X": _of(regressor, X, lambda m, a: _coefs(m.fit(a, Y[:, 0])), *ROWS),
    "regressor fit y": _of(regressor, Y[:, 0], lambda m, a: _coefs(m.fit(X, a)), "y", *ROWS),
    "regressor fit sample_weight": _of(
        regressor, WEIGHT, lambda m, a: _coefs(m.fit(X, Y[:, 0], sample_weight=a)), "sample", "weight"
    ),
    "regressor partial_fit X": _of(regressor, X, lambda m, a: _coefs(m.partial_fit(a, Y[:, 0])), *ROWS),
    "regressor predict": _of(numbers, X, lambda m, a: m.predict(a), *ROWS),
    "regressor score X": _of(numbers, X, lambda m, a: m.score(a, Y[:, 0]), *ROWS),
    "regressor score y": _of(numbers, Y[:, 0], lambda m, a: m.score(X, a), "y", *ROWS),
    "classifier fit X": _of(forecaster, X, lambda m, a: _coefs(m.fit(a, CLASSES)), *ROWS),
    "classifier fit y": _of(forecaster, CLASSES, lambda m, a: _coefs(m.fit(X, a)), "y", "class", "label", *ROWS),
    "classifier partial_fit y": _of(
        forecaster, CLASSES, lambda m, a: _coefs(m.partial_fit(X, a, classes=[0, 1, 2])), "y", "class", "label", *ROWS
    ),
    "classifier predict": _of(kinds, X, lambda m, a: m.predict(a), *ROWS),
    "classifier predict_proba": _of(kinds, X, lambda m, a: m.predict_proba(a), *ROWS),
    "classifier score X": _of(kinds, X, lambda m, a: m.score(a, CLASSES), *ROWS),
    "classifier score y": _of(kinds, CLASSES, lambda m, a: m.score(X, a), "y", "class", "labels", "targets", *ROWS),
}


def _function(good: np.ndarray, call: Callable[[Any], Any], *names: str) -> Place:
    return Place(good, lambda name: None, lambda _, a: call(a), names)


def _metric(kind: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    metric = kind()
    metric.update_state(y_true, y_pred, sample_weight)
    return np.asarray(metric.result())


def _adapted(array: Any) -> Any:
    layer = Normalization()
    layer.adapt(array)
    return [layer.mean, layer.variance]


FUNCTIONS = {
    "losses.mse y_true": _function(Y, lambda a: losses.mse(a, Y), "y_true"),
    "losses.mse y_pred": _function(Y, lambda a: losses.mse(Y, a), "y_pred"),
    "losses.sparse y_true": _function(
        CLASSES, lambda a: losses.sparse_categorical_crossentropy(a, SHARES), "y_true", "target"
    ),
    "losses.sparse y_pred": _function(
        SHARES, lambda a: losses.sparse_categorical_crossentropy(CLASSES, a), "y_pred", "y_true"
    ),
    "losses.crossentropy y_true": _function(
        SHARES, lambda a: losses.categorical_crossentropy(a, SHARES), "y_true", "target"
    ),
    "losses.Huber y_true": _function(Y, lambda a: losses.Huber()(a, Y), "y_true"),
    "losses.Huber y_pred": _function(Y, lambda a: losses.Huber()(Y, a), "y_pred"),
    "losses.Huber sample_weight": _function(WEIGHT, lambda a: losses.Huber()(Y, Y * 2, a), "sample_weight"),
    "metrics.MeanSquaredError y_true": _function(
        Y, lambda a: _metric(metrics.MeanSquaredError, a, Y), "y_true", "target"
    ),
    "metrics.MeanSquaredError y_pred": _function(
        Y, lambda a: _metric(metrics.MeanSquaredError, Y, a), "y_pred", "y_true"
    ),
    "metrics.MeanSquaredError sample_weight": _function(
        WEIGHT, lambda a: _metric(metrics.MeanSquaredError, Y, Y * 2, a), "sample_weight"
    ),
    "metrics.SparseCategoricalAccuracy y_true": _function(
        CLASSES, lambda a: _metric(metrics.SparseCategoricalAccuracy, a, SHARES), "y_true", "class"
    ),
    "metrics.AUC y_pred": _function(
        np.abs(Y) / 9, lambda a: _metric(metrics.AUC, (Y > 0).astype(np.float32), a), "y_pred", "y_true"
    ),
    "metrics.Mean values": _function(WEIGHT, lambda a: _metric_of_values(a), "values"),
    "Normalization.adapt": _function(X, _adapted, "data", "adapt", "x"),
    "utils.to_categorical": _function(CLASSES, utils.to_categorical, "x", "num_classes"),
    "utils.normalize": _function(X, utils.normalize, "x"),
    "utils.pad_sequences": _function(WORDS, utils.pad_sequences, "sequences"),
    "activations.relu": _function(X, fastnn.activations.relu, "z", "x"),
}


def _metric_of_values(array: Any) -> Any:
    metric = metrics.Mean()
    metric.update_state(array)
    return np.asarray(metric.result())


PLACES = MODELS | ESTIMATORS | FUNCTIONS
SPREAD = 17  # of the cases, one in so many runs by default
ON_NUMBA = ("predict", "fit x")  # by default


def _cases(places: dict[str, Place]) -> list:
    """A place and a form each."""
    found = []
    for i, place in enumerate(places):
        for j, form in enumerate(FORMS):
            marks = () if (i * 5 + j * 3) % SPREAD == 0 else pytest.mark.long
            found.append(pytest.param(place, form, id=f"{place}-{form}", marks=marks))
    return found


def _on_backends(places: dict[str, Place]) -> list:
    """The same on each backend; on Numba, which compiles, few by default."""
    found = []
    for name in _kernels.PREFERENCE:
        reason = _kernels.why_not(name)
        for case in _cases(places):
            place, form = case.values
            marks = [*case.marks, *([pytest.mark.long] if name == "numba" and place not in ON_NUMBA else [])]
            marks += [] if reason is None else [pytest.mark.skip(reason=reason)]
            found.append(pytest.param(name, place, form, id=f"{case.id}-{name}", marks=marks))
    return found


def outcome(place: Place, target: Any, array: Any) -> Any:
    """What comes of it: numbers in a form that can be compared, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if place.make in KINDS:  # functions of arrays warn as NumPy's do, and scikit-learn as it likes
            warnings.simplefilter("error", RuntimeWarning)
        try:
            return plain(place.call(target, array))
        except Exception as error:
            return error


def plain(came: Any) -> Any:
    if isinstance(came, dict):
        return {name: plain(value) for name, value in came.items()}
    if isinstance(came, np.ndarray):
        return came.shape, came.dtype.str, np.ascontiguousarray(came).tobytes()
    if isinstance(came, list | tuple) or type(came).__name__ == "Gradients":
        return [plain(one) for one in came]
    return repr(came)


def numbers_in(came: Any) -> list[float]:
    """All numbers of what :func:`plain` gives."""
    if isinstance(came, tuple) and len(came) == 3 and isinstance(came[2], bytes):
        return np.frombuffer(came[2], came[1]).astype(float).ravel().tolist()
    if isinstance(came, dict | list):
        return [one for part in (came.values() if isinstance(came, dict) else came) for one in numbers_in(part)]
    return [float(word) for word in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", came)]


def check(place: Place, form: Form, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of estimators that have seen few rows
        good, targets = place.good, [place.make(name) for _ in range(2)]
    models = [getattr(target, "model_", target) for target in targets if hasattr(target, "params")]
    before = [state_of(model) for model in models if isinstance(model, Sequential)]
    given = form.make(good.copy())  # an output is written to
    found = _bounded(place, targets[0], given)
    if isinstance(found, Exception):
        assert isinstance(found, ValueError | TypeError | DivergenceError), f"{type(found).__name__}: {found}"
        message = str(found)
        diverged = isinstance(found, DivergenceError)
        assert diverged or any(re.search(rf"(?<![A-Za-z]){word}", message) for word in place.words), message
        assert message.strip(), "an error without words"
        assert not form.same or _refuses(place, message), message
        assert [state_of(model) for model in models if isinstance(model, Sequential)] == before or diverged
        return
    copy = copy_of(form, good)
    if copy is not None:
        same = outcome(place, targets[1], copy)
        assert not isinstance(same, Exception), f"the copy is refused: {type(same).__name__}: {same}"
        if place.make not in KINDS:  # NumPy's sums follow the layout; scikit-learn makes another dtype of lists
            np.testing.assert_allclose(numbers_in(found), numbers_in(same), rtol=2e-4, atol=2e-5)
        else:
            assert found == same


def _refuses(place: Place, message: str) -> bool:
    """Whether a place says that it takes no other layout, dtype or number of axes than that of the good array."""
    return place.good.ndim == 1 or any(
        words in message for words in ("C-contiguous", "must be an array", "out must", "class indices", "masked")
    )


def _bounded(place: Place, target: Any, given: Any) -> Any:
    """The outcome under a bound of memory, which what only looks large must not reach."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    if getattr(given, "size", 0) is None or not isinstance(given, np.ndarray) or given.size < 2**31:
        return outcome(place, target, given)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, before[1]))
    try:
        return outcome(place, target, given)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def skip_unless_there(place: str, form: str) -> None:
    if place in ESTIMATORS:
        pytest.importorskip("sklearn")
    for word, package in (("frame", "pandas"), ("polars", "polars"), ("sparse", "scipy")):
        if word in form:
            pytest.importorskip(package)


@pytest.mark.parametrize(("name", "place", "form"), _on_backends(MODELS))
def test_models_give_the_result_of_the_plain_copy_or_name_what_is_wrong(name, place, form):
    skip_unless_there(place, form)
    check(MODELS[place], FORMS[form], name)


@pytest.mark.parametrize(("place", "form"), _cases(ESTIMATORS | FUNCTIONS))
def test_others_give_the_result_of_the_plain_copy_or_name_what_is_wrong(place, form):
    skip_unless_there(place, form)
    check(PLACES[place], FORMS[form], "numpy")


def test_there_are_as_many_cases_as_promised():
    n_backends = 3
    assert len(FORMS) * (len(MODELS) * n_backends + len(ESTIMATORS) + len(FUNCTIONS)) >= 3000
