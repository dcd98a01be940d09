"""Perceptrons and pipelines of scikit-learn as models, and back: the same predictions, from raw rows, too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import Sequential, layers, tables
from fastnn.interop import from_sklearn, to_sklearn

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is missing, whose estimators are exchanged")
from sklearn import compose, impute, neural_network, pipeline, preprocessing  # noqa: E402

import fastnn.sklearn as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 60
TASKS = ("binary", "classes", "number")
GAP = float("nan")


def data(task, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, 4))
    y = {
        "binary": np.where(x[:, 0] > 0, "yes", "no"),
        "classes": np.array(["a", "b", "c"])[(x[:, 0] > 0) + (x[:, 1] > 0).astype(int)],
        "labels": (x[:, :3] > 0).astype(int),
        "number": x[:, 0] * 3 + 1,
        "numbers": x[:, :2] * 3 + 1,
    }[task]
    return x, y


def fitted(task, kind=neural_network, **told):
    x, y = data(task)
    name = "MLPRegressor" if task.startswith("number") else "MLPClassifier"
    told = {"hidden_layer_sizes": (7, 5), "max_iter": 5, "random_state": 1} | told
    return getattr(kind, name)(**told).fit(x, y)


def assert_alike(first, second, x):
    np.testing.assert_array_equal(first.predict(x), second.predict(x)) if hasattr(first, "classes_") else None
    for method in ("predict_proba",) if hasattr(first, "classes_") else ("predict",):
        np.testing.assert_allclose(getattr(first, method)(x), getattr(second, method)(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("task", ["binary", "classes", "labels", "number", "numbers"])
def test_perceptrons_travel_both_ways(task, activation):
    x, _ = data(task, seed=5)
    theirs = fitted(task, activation=activation)
    made = from_sklearn(theirs, as_estimator=True)
    assert isinstance(made, ours.MLPClassifier | ours.MLPRegressor)
    assert_alike(made, theirs, x)
    back = to_sklearn(made)
    assert type(back) is type(theirs)
    assert back.get_params() == theirs.get_params() | {"hidden_layer_sizes": (7, 5)}
    assert_alike(back, theirs, x)
    model = from_sklearn(theirs)
    right = theirs.predict_proba(x) if hasattr(theirs, "classes_") else theirs.predict(x).reshape(N, -1)
    found = model.predict(x)
    np.testing.assert_allclose(found, right[:, 1:] if task == "binary" else right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("task", ["binary", "classes", "labels", "number"])
def test_our_estimators_become_theirs(task):
    x, _ = data(task, seed=5)
    mine = fitted(task, kind=ours)
    assert_alike(to_sklearn(mine), mine, x)


def test_models_of_dense_layers_become_perceptrons():
    x = np.random.default_rng(0).normal(size=(9, 4))
    for last, n in (("linear", 1), ("linear", 3), ("sigmoid", 1), ("sigmoid", 3), ("softmax", 3)):
        stack = [layers.Dense(6, input_shape=(4,)), layers.Activation("tanh"), layers.Dropout(0.5)]
        model = Sequential([*stack, layers.Dense(n, last, use_bias=False)], dtype="float64", seed=1)
        made, found = to_sklearn(model), model.predict(x)
        if last == "linear":
            np.testing.assert_allclose(made.predict(x).reshape(9, -1), found, rtol=1e-12)
            continue
        right = np.hstack([1 - found, found]) if n == 1 else found
        np.testing.assert_allclose(made.predict_proba(x), right, rtol=1e-12)
        if last == "softmax":
            assert made.predict(x).tolist() == found.argmax(axis=1).tolist()


def test_training_goes_on_in_the_other_library():
    x, y = data("classes")
    theirs = fitted("classes", warm_start=True)
    made = from_sklearn(theirs, as_estimator=True)
    before = made.loss_curve_[-1]
    assert made.partial_fit(x, y).loss_ < before + 0.1
    assert theirs.loss_curve_[-1] == before
    assert to_sklearn(made).partial_fit(x, y).n_features_in_ == 4


def test_what_has_no_counterpart_is_named():
    for model, words in (
        (Sequential([layers.Dense(3, "gelu", input_shape=(4,)), layers.Dense(1)]), "one activation for all hidden"),
        (Sequential([layers.Dense(3, "elu", input_shape=(4,))]), "end with linear, sigmoid, softmax"),
        (Sequential([layers.LayerNormalization(name="n", input_shape=(4,)), layers.Dense(1)]), "layer 'n'"),
        (Sequential([layers.Dense(1, name="d", input_shape=(4, 2))]), "layer 'd'"),
    ):
        with pytest.raises(ValueError, match=words):
            to_sklearn(model)
    for came in (3, preprocessing.StandardScaler()):
        with pytest.raises(TypeError, match="takes a"):
            from_sklearn(came)
    with pytest.raises(TypeError, match="takes a"):
        to_sklearn("x")
    with pytest.raises(ValueError, match="MLPClassifier is not fitted"):
        from_sklearn(neural_network.MLPClassifier())


# -- pipelines --------------------------------------------------------------------------------------


def frame(seed=0, unseen=False):
    """Columns of a table, with gaps."""
    rng = np.random.default_rng(seed)
    number = rng.normal(50, 20, N)
    number[::7] = GAP
    return {
        "age": number,
        "size": rng.normal(2, 0.1, N),
        "city": rng.choice(["Bern", "Oslo", "Rome", *(["Paris"] if unseen else [])], N).astype(object),
        "kind": rng.choice([1, 2, 3], N),
        "note": np.where(np.arange(N) % 5 == 0, None, rng.choice(["x", "y"], N)).astype(object),
    }


def framed(columns):
    return pytest.importorskip("pandas", reason="pandas is missing, whose frames pipelines take").DataFrame(columns)


def written(columns, path):
    names = list(columns)
    rows = zip(*columns.values(), strict=True)
    text = "\n".join(",".join("" if v is None or v != v else str(v) for v in row) for row in rows)
    path.write_text(",".join(names) + "\n" + text + "\n")
    return path


def imputed(strategy="mean", **told):
    return pipeline.make_pipeline(impute.SimpleImputer(strategy=strategy, **told), preprocessing.StandardScaler())


def one_hot(**told):
    return preprocessing.OneHotEncoder(**({"handle_unknown": "ignore"} | told))


COLUMNS = {
    "numbers": [("n", imputed(), ["age", "size"])],
    "median": [("n", imputed("median"), ["size", "age"])],
    "indicator": [("n", imputed("constant", fill_value=3.0, add_indicator=True), ["age", "size"])],
    "scaled before": [
        ("n", pipeline.make_pipeline(preprocessing.StandardScaler(), impute.SimpleImputer(strategy="median")), ["age"])
    ],
    "other scalers": [
        ("a", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.MinMaxScaler((-1, 1))), ["age"]),
        ("b", preprocessing.RobustScaler(), ["size"]),
        ("c", one_hot(), ["kind"]),
    ],
    "categories": [("c", one_hot(), ["city", "kind"]), ("n", preprocessing.MaxAbsScaler(), ["size"])],
    "dropped": [("c", one_hot(drop="first", handle_unknown="error"), ["city"]), ("n", imputed(), ["age"])],
    "rare": [("c", one_hot(max_categories=2, handle_unknown="infrequent_if_exist"), ["city", "kind"])],
    "gaps as a category": [("c", one_hot(), ["note"]), ("n", "passthrough", ["size"])],
    "filled categories": [
        (
            "c",
            pipeline.make_pipeline(impute.SimpleImputer(strategy="most_frequent"), one_hot(sparse_output=False)),
            ["note", "city"],
        ),
        ("gone", "drop", ["kind"]),
    ],
    "scaled categories": [
        ("c", pipeline.make_pipeline(one_hot(), preprocessing.StandardScaler(with_mean=False)), ["city"])
    ],
}


@pytest.mark.parametrize(
    ("case", "task"),
    [
        pytest.param(case, task, marks=[] if task == TASKS[i % 3] else pytest.mark.long)
        for i, case in enumerate(COLUMNS)
        for task in TASKS
    ],
)
def test_pipelines_are_models_with_their_encoding(tmp_path, case, task):
    _, y = data(task)
    name = "MLPRegressor" if task == "number" else "MLPClassifier"
    last = getattr(neural_network, name)(hidden_layer_sizes=(6,), max_iter=20, random_state=1)
    made = pipeline.make_pipeline(compose.ColumnTransformer(COLUMNS[case]), last).fit(framed(frame()), y)
    unseen = case in ("categories", "rare", "scaled categories")
    raw = frame(seed=9, unseen=unseen)
    right = made.predict(framed(raw)) if task == "number" else made.predict_proba(framed(raw))
    model = from_sklearn(made, target="outcome")
    fastnn.load(_saved(model, tmp_path / "m.safetensors"))
    encoding = tables.Encoding.of(model)
    path = written(raw, tmp_path / "rows.csv")
    table = tables.table_of(str(path), path.name, path.read_bytes(), encoding.reading())
    output = model.predict(encoding.features.encode(table))
    found = encoding.target.decode(output) if task == "number" else encoding.target.probabilities(output)
    np.testing.assert_allclose(found, right, rtol=2e-6, atol=2e-6)
    if task != "number":
        assert encoding.target.decode(output) == made.predict(framed(raw)).tolist()


def _saved(model, path):
    model.save(path)
    return path


def test_a_scaler_before_a_perceptron_needs_no_names(tmp_path):
    x, y = data("classes")
    made = pipeline.make_pipeline(preprocessing.StandardScaler(), neural_network.MLPClassifier((5,), max_iter=9)).fit(
        x, y
    )
    model = from_sklearn(made)
    encoding = tables.Encoding.of(model)
    assert [feature.name for feature in encoding.features.features] == ["x0", "x1", "x2", "x3"]
    table = tables.read_table(str(written({f"x{i}": x[:, i] for i in range(4)}, tmp_path / "rows.csv")))
    np.testing.assert_allclose(model.predict(encoding.features.encode(table)), made.predict_proba(x), atol=2e-6)


def test_models_with_an_encoding_become_pipelines():
    _, y = data("classes")
    _, z = data("number")
    gaps = imputed("constant", fill_value=3.0, add_indicator=True)
    steps = [("n", gaps, ["age", "size"]), ("c", one_hot(), ["city", "note"])]
    for target, last in ((y, neural_network.MLPClassifier), (z, neural_network.MLPRegressor)):
        made = pipeline.make_pipeline(compose.ColumnTransformer(steps), last(hidden_layer_sizes=(6,), max_iter=20))
        made.fit(framed(frame()), target)
        back = to_sklearn(from_sklearn(made))
        raw = framed(frame(seed=9, unseen=True))
        columns = [name for name, _, _ in back.steps[0][1].transformers_]
        rows = raw[columns].astype(object).where(raw[columns].notna(), None).to_numpy()
        rows[:, :2] = np.where(rows[:, :2] == None, np.nan, rows[:, :2])  # noqa: E711 (elementwise)
        method = "predict_proba" if last is neural_network.MLPClassifier else "predict"
        np.testing.assert_allclose(getattr(back, method)(rows), getattr(made, method)(raw), rtol=2e-6, atol=2e-6)


REFUSED = {
    "PCA": lambda: sklearn.decomposition.PCA(2),
    "MinMaxScaler.clip=True": lambda: preprocessing.MinMaxScaler(clip=True),
    "missing_values=0": lambda: impute.SimpleImputer(missing_values=0),
    "PolynomialFeatures": lambda: preprocessing.PolynomialFeatures(),
}


@pytest.mark.parametrize("words", REFUSED)
def test_steps_without_a_counterpart_are_named(words):
    import sklearn.decomposition  # noqa: F401

    x, y = data("binary")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = pipeline.make_pipeline(REFUSED[words](), neural_network.MLPClassifier((3,), max_iter=2)).fit(x, y)
    with pytest.raises((TypeError, ValueError), match=words):
        from_sklearn(made)
