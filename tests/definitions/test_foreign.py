"""Arrays of other libraries give the bits of plain ones, or one error that names the argument; masks hide nothing."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND, model_of, refused, regression, weights_of

from fastnn import Sequential
from fastnn._base.foreign import as_array
from fastnn.layers import Dense

N = 20
FLOATS = np.random.default_rng(1).normal(size=N)
TRUTH = FLOATS > 0
X = np.stack([FLOATS, TRUTH], axis=1)
Y = regression(np.random.default_rng(1), n=N)[1]
CLASSES = np.arange(N) % 3


class Broken:
    """Says that it is an array and is none."""

    shape, dtype = (N, 2), np.dtype(float)

    def __len__(self):
        return N

    def __array__(self, *_, **__):
        raise RuntimeError("no array today")


class Exchanged:
    """An array that speaks DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def _pandas(kind):
    pandas = pytest.importorskip("pandas")
    if kind:
        pytest.importorskip("pyarrow")
    floats, truths = {"": (None, None), "own": ("Float64", "boolean"), "arrow": ("double[pyarrow]", "bool[pyarrow]")}[
        kind
    ]
    return pandas.DataFrame({"a": pandas.array(FLOATS, floats), "b": pandas.array(TRUTH, truths)})


FRAMES = {
    "pandas, a boolean beside a float": lambda: _pandas(""),
    "pandas, nullable": lambda: _pandas("own"),
    "pandas, of Arrow": lambda: _pandas("arrow"),
    "polars": lambda: pytest.importorskip("polars").DataFrame({"a": FLOATS, "b": TRUTH}),
    "Arrow": lambda: pytest.importorskip("pyarrow").table({"a": FLOATS, "b": TRUTH}),
    "a tensor that requires a gradient": lambda: pytest.importorskip("torch").tensor(X, requires_grad=True),
    "a list of such tensors": lambda: list(pytest.importorskip("torch").tensor(X, requires_grad=True).unbind()),
    "DLPack": lambda: Exchanged(X),
    "an empty mask": lambda: np.ma.masked_array(X),
}


@pytest.mark.parametrize("case", FRAMES)
def test_rows_of_another_library_give_the_bits_of_an_array(case):
    frame = FRAMES[case]()
    models = [Sequential([Dense(3, "tanh"), Dense(1)], seed=1, backend="numpy") for _ in range(2)]
    for model, x in zip(models, (X, frame), strict=True):
        model.compile("adam", "mse")
        model.fit(x, Y, verbose=0)
    assert weights_of(models[0]).tobytes() == weights_of(models[1]).tobytes()
    assert models[0].predict(X).tobytes() == models[1].predict(frame).tobytes()


@pytest.mark.filterwarnings("ignore::UserWarning")  # ConvergenceWarning; its name would be imported
@pytest.mark.parametrize("case", FRAMES)
def test_estimators_take_them_too(case):
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPRegressor

    frame = FRAMES[case]()
    plain, other = (MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, solver="lbfgs", random_state=0) for _ in range(2))
    plain.fit(X, Y[:, 0])
    other.fit(frame, Y[:, 0])
    assert plain.coefs_[0].tobytes() == other.coefs_[0].tobytes()


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "category"])
def test_targets_of_pandas_are_class_indices(dtype):
    pandas = pytest.importorskip("pandas")
    if "arrow" in dtype:
        pytest.importorskip("pyarrow")
    models = [model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy") for _ in range(2)]
    for model, y in zip(models, (CLASSES, pandas.Series(CLASSES).astype(dtype)), strict=True):
        model.fit(regression(np.random.default_rng(1), n=N)[0], y, verbose=0)
    assert weights_of(models[0]).tobytes() == weights_of(models[1]).tobytes()


def test_a_column_that_holds_no_numbers_is_named():
    pandas = pytest.importorskip("pandas")
    for other, dtype in (("text", "str"), ("2020-01-01", "datetime64[us]"), ("text", "category")):
        frame = pandas.DataFrame({"a": FLOATS, "city": pandas.Series([other] * N).astype(dtype)})
        with pytest.raises(TypeError, match=rf"x, column 'city', must hold real numbers, got dtype .*{dtype[:3]}"):
            as_array("x", frame)


def test_a_gap_of_a_nullable_column_is_no_number():
    pandas = pytest.importorskip("pandas")
    array = as_array("x", pandas.DataFrame({"a": FLOATS, "b": pandas.array([None, *range(N - 1)], "Int64")}))
    assert np.isnan(array).sum() == 1
    assert np.isnan(array[0, 1])


@pytest.mark.parametrize("call", ["fit", "predict", "evaluate", "targets", "classes", "weights"])
def test_what_raises_in_becoming_an_array_is_named(call):
    x = regression(np.random.default_rng(1), n=N)[0]
    model = model_of()
    classes = model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy")
    calls = {
        "fit": (lambda: model.fit(Broken(), Y), "x must"),
        "predict": (lambda: model.predict(Broken()), "x must"),
        "evaluate": (lambda: model.evaluate(Broken(), Y), "x must"),
        "targets": (lambda: model.fit(x, Broken()), "y must"),
        "classes": (lambda: classes.fit(x, Broken()), "y must"),
        "weights": (lambda: model.fit(x, Y, sample_weight=Broken()), "sample_weight must"),
    }
    refused(calls[call][0], ValueError, (calls[call][1], "Broken", "RuntimeError: no array today"))


@pytest.mark.single
@EVERY_BACKEND
def test_a_predictor_takes_an_empty_mask_and_refuses_hidden_values(name):
    x = regression(np.random.default_rng(1), n=N)[0]
    model = model_of(name=name)
    predict = model.predictor()
    assert predict(np.ma.masked_array(x)).tobytes() == predict(x).tobytes()
    for hidden in ({"x": np.ma.masked_greater(x, 0)}, {"x": x, "out": np.ma.masked_less(np.zeros((N, 1), x.dtype), 1)}):
        refused(lambda given=hidden: predict(**given), ValueError, ("masked values",))


MASKED = {
    "array": lambda a: np.ma.masked_array(a, np.arange(a.size).reshape(a.shape) == 3),
    "list of arrays": lambda a: [np.ma.masked_array(row, True) for row in a],
    "list with the constant": lambda a: [np.ma.masked, *a.tolist()[1:]],
}


@pytest.mark.parametrize("case", MASKED)
@pytest.mark.parametrize("argument", ["x", "y", "class indices", "sample_weight", "predict"])
def test_masked_values_are_refused_wherever_they_come_in(case, argument):
    x, y = regression(np.random.default_rng(1), n=N)
    hide, model = MASKED[case], model_of()
    classes = model_of(Dense(3, "softmax"), loss="sparse_categorical_crossentropy")
    calls = {
        "x": lambda: model.fit(hide(x), y),
        "y": lambda: model.fit(x, hide(y)),
        "class indices": lambda: classes.fit(x, hide(CLASSES)),
        "sample_weight": lambda: model.fit(x, y, sample_weight=hide(np.ones(N))),
        "predict": lambda: model.predict(hide(x)),
    }
    refused(calls[argument], ValueError, ("masked values",))


@pytest.mark.filterwarnings("ignore::UserWarning")  # ConvergenceWarning; its name would be imported
@pytest.mark.parametrize("case", MASKED)
def test_estimators_refuse_masked_values(case):
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPClassifier

    fitted = MLPClassifier((3,), max_iter=1, solver="lbfgs").fit(X, TRUTH)
    with pytest.raises(ValueError, match="X has masked values"):
        fitted.predict(MASKED[case](X))
    with pytest.raises(ValueError, match="y has masked values"):
        MLPClassifier().fit(X, MASKED[case](CLASSES))
    with pytest.raises(ValueError, match="sample_weight has masked values"):
        MLPClassifier().fit(X, TRUTH, sample_weight=MASKED[case](np.ones(N)))


def test_rows_without_columns_are_refused_by_name():
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    for empty in (np.empty((N, 0)), np.empty((N, 0, 3))):
        refused(lambda x=empty: model.fit(x, Y), ValueError, ("x has no columns", "(20, 0"))


def test_estimators_count_no_dates_as_numbers():
    pytest.importorskip("sklearn")
    from fastnn.sklearn import MLPRegressor

    dates = np.zeros((N, 2), "M8[s]")
    with pytest.raises(TypeError, match="X must hold real numbers, got dtype datetime64"):
        MLPRegressor().fit(dates, Y[:, 0])
    with pytest.raises(TypeError, match="y must hold real numbers"):
        MLPRegressor().fit(X, dates[:, 0])
