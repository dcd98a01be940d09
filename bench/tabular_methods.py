"""Methods of the tabular benchmark: each takes raw rows and gives what predicts, with its library's defaults.

A method's encoding of rows is part of its fit and of its prediction, and is timed with them. One whose modules cannot
be imported is refused by name.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabular_data import Split

GAP = "(gap)"  # what a gap among texts is called where a library takes none
TABULAR = ("TabularClassifier", "TabularRegressor")
MOST_CATEGORIES = 255  # of HistGradientBoosting; columns with more are given as numbers

Predict = Callable[[pd.DataFrame], np.ndarray]  # numbers (n,), or probabilities (n, k)


@dataclass(frozen=True)
class Request:
    """How to fit: seed, threads, and arguments of the constructor besides (for the command: options)."""

    seed: int = 0
    threads: int = 1
    settings: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A way to learn a table, and the module that it needs, with what must be in it."""

    module: str
    fit: Callable[[Split, Request], Predict]
    child: bool = False  # processes of its own do the work, their time is the children's
    package: str | None = None  # the distribution's name where it is not the module's
    names: tuple[str, ...] = ()

    def version(self) -> str:
        """Raises ImportError where the module is missing, or what must be in it."""
        module = importlib.import_module(self.module)
        if missing := [name for name in self.names if not hasattr(module, name)]:
            raise ImportError(f"{self.module} of {module.__file__} has no {' and no '.join(missing)}")
        if self.module.partition(".")[0] == "fastnn":
            return _fastnn_version()
        return importlib.metadata.version(self.package or self.module)


def _fastnn_version() -> str:
    """Its version, and of a clone the commit; a plus sign says that files are not as they were committed."""
    import fastnn

    folder = Path(fastnn.__file__).parent
    asked = ["describe", "--always", "--exclude=*", "--dirty=+"]
    told = subprocess.run(["git", "-C", str(folder), *asked], capture_output=True, text=True, check=False)
    return f"{fastnn.__version__} {told.stdout.strip()}".strip()


def _texts(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The frame, gaps among its texts filled."""
    filled = {name: frame[name].astype(object).where(frame[name].notna(), GAP).astype(str) for name in names}
    return frame.assign(**filled)


def _categories(split: Split) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Texts as pandas' categories of the training rows, under plain column names; unseen ones become gaps."""
    names = split.text_columns
    known = {name: sorted(values.unique()) for name, values in _texts(split.x, names)[names].items()}

    def encode(frame: pd.DataFrame) -> pd.DataFrame:
        frame = _texts(frame, names)
        for name in names:
            column = pd.Series(pd.Categorical(frame[name], categories=known[name]), index=frame.index)
            frame[name] = column if len(known[name]) <= MOST_CATEGORIES else column.cat.codes
        return frame.set_axis([f"f{i}" for i in range(frame.shape[1])], axis=1)

    return encode


def _standardised(split: Split):
    """scikit-learn's usual way: means for gaps, standardised numbers, one-hot texts."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder = make_column_transformer((numbers, split.number_columns), (texts, split.text_columns))
    encoder.fit(_texts(split.x, split.text_columns))
    return lambda frame: encoder.transform(_texts(frame, split.text_columns))


def _predictor(model, encode: Callable, split: Split, center: float = 0.0, scale: float = 1.0) -> Predict:
    """Numbers in the target's units, or a column of probabilities for each of the table's classes."""
    if split.labels is None:
        return lambda frame: np.asarray(model.predict(encode(frame)), float).reshape(-1) * scale + center

    def shares(frame: pd.DataFrame) -> np.ndarray:
        given = np.asarray(model.predict_proba(encode(frame)), float)
        whole = np.zeros((len(frame), len(split.labels)))
        whole[:, np.asarray(model.classes_).reshape(-1).astype(int)] = given
        return whole

    return shares


def _estimator(module: str, names: tuple[str, str], split: Split):
    """The class of a module that classifies, or the one that predicts numbers."""
    return getattr(importlib.import_module(module), names[split.labels is None])


def _network(module: str) -> Callable[[Split, Request], Predict]:
    """MLPClassifier or MLPRegressor of a module; a target of numbers is standardised."""

    def fit(split: Split, request: Request) -> Predict:
        encode, y, center, scale = _standardised(split), split.y, 0.0, 1.0
        if split.labels is None:
            center, scale = y.mean(), y.std()
            y = (y - center) / scale
        model = _estimator(module, ("MLPClassifier", "MLPRegressor"), split)
        model = model(**{"random_state": request.seed, **request.settings})
        return _predictor(model.fit(encode(split.x), y), encode, split, center, scale)

    return fit


def _linear(split: Split, request: Request) -> Predict:
    encode = _standardised(split)
    model = _estimator("sklearn.linear_model", ("LogisticRegression", "Ridge"), split)
    given = {"max_iter": 5000} if split.labels is not None else {}
    return _predictor(model(**{**given, **request.settings}).fit(encode(split.x), split.y), encode, split)


def _hist_gradient(split: Split, request: Request) -> Predict:
    names = "HistGradientBoostingClassifier", "HistGradientBoostingRegressor"
    given = {"random_state": request.seed, "categorical_features": "from_dtype", **request.settings}
    encode = _categories(split)
    model = _estimator("sklearn.ensemble", names, split)(**given)
    return _predictor(model.fit(encode(split.x), split.y), encode, split)


def _lightgbm(split: Split, request: Request) -> Predict:
    given = {"random_state": request.seed, "n_jobs": request.threads, "verbose": -1, **request.settings}
    encode = _categories(split)
    model = _estimator("lightgbm", ("LGBMClassifier", "LGBMRegressor"), split)(**given)
    return _predictor(model.fit(encode(split.x), split.y), encode, split)


def _xgboost(split: Split, request: Request) -> Predict:
    given = {"random_state": request.seed, "n_jobs": request.threads, "enable_categorical": True, **request.settings}
    encode = _categories(split)
    model = _estimator("xgboost", ("XGBClassifier", "XGBRegressor"), split)(**given)
    return _predictor(model.fit(encode(split.x), split.y), encode, split)


def _catboost(split: Split, request: Request) -> Predict:
    given = {"random_seed": request.seed, "thread_count": request.threads, **request.settings}
    given = {"verbose": 0, "allow_writing_files": False, "cat_features": split.text_columns, **given}
    model = _estimator("catboost", ("CatBoostClassifier", "CatBoostRegressor"), split)(**given)

    def encode(frame: pd.DataFrame) -> pd.DataFrame:
        return _texts(frame, split.text_columns)

    return _predictor(model.fit(encode(split.x), split.y), encode, split)


def _realmlp(split: Split, request: Request) -> Predict:
    """It takes no gaps in numbers: they get the mean of the training rows."""
    given = {"random_state": request.seed, "n_threads": request.threads, **request.settings}
    means = split.x[split.number_columns].mean()

    def encode(frame: pd.DataFrame) -> pd.DataFrame:
        frame = _texts(frame, split.text_columns)
        return frame.assign(**{name: frame[name].astype(float).fillna(means[name]) for name in split.number_columns})

    model = _estimator("pytabkit", ("RealMLP_TD_Classifier", "RealMLP_TD_Regressor"), split)
    model = model(**{"device": "cpu", "verbosity": 0, **given})
    return _predictor(model.fit(encode(split.x), split.y, cat_col_names=split.text_columns), encode, split)


def _tabular(preset: str) -> Callable[[Split, Request], Predict]:
    """fastnn's estimators of raw frames."""

    def fit(split: Split, request: Request) -> Predict:
        model = _estimator("fastnn.sklearn", TABULAR, split)
        choice = _choice(preset, split, request.settings)
        model = model(preset, random_state=request.seed, choice=choice)
        return _predictor(model.fit(split.x, split.y), lambda frame: frame, split)

    return fit


def _choice(preset: str, split: Split, settings: dict[str, Any]) -> Any:
    """The preset with parts that are set otherwise: fields of ``fastnn.tabular.Choice`` and ``Settings``."""
    from fastnn.tabular import choose

    if not settings:
        return None
    choice = choose(preset, len(split.y), split.labels is not None)
    own = {name: value for name, value in settings.items() if hasattr(choice, name)}
    others = {name: value for name, value in settings.items() if name not in own}
    return replace(choice, settings=replace(choice.settings, **others), **own)


def _command(split: Split, request: Request) -> Predict:
    """``fastnn train`` on a CSV file, then ``fastnn predict``; what the target is is said, the rest is default."""
    folder = tempfile.TemporaryDirectory()
    model = f"{folder.name}/model.safetensors"
    target = split.y if split.labels is None else split.labels[split.y]
    split.x.assign(**{split.target: target}).to_csv(f"{folder.name}/train.csv", index=False)
    options = [text for name, value in request.settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    task = "regress" if split.labels is None else "classify"
    stated = ["--target", split.target, "--task", task, "--seed", str(request.seed), "--threads", str(request.threads)]
    _fastnn("train", f"{folder.name}/train.csv", *stated, *options, "--out", model)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        rows, told = (f"{folder.name}/{name}.csv" for name in ("rows", "told"))
        frame.to_csv(rows, index=False)
        wanted = [] if split.labels is None else ["--probabilities"]
        _fastnn("predict", model, rows, *wanted, "--threads", str(request.threads), "--out", told)
        columns = pd.read_csv(told)
        if split.labels is None:
            return columns[split.target].to_numpy(float)
        found = [columns.get(f"P({label})", np.zeros(len(columns))) for label in split.labels]
        return np.column_stack(found)

    predict.folder = folder  # lives as long as the function
    return predict


def _fastnn(*arguments: str) -> None:
    import fastnn

    home = str(Path(fastnn.__file__).parents[1])
    path = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "fastnn", *arguments]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"fastnn {arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-500:]}")


METHODS = {
    "fastnn-train": Method("fastnn", _command, child=True),
    "fastnn-quick": Method("fastnn.sklearn", _tabular("quick"), names=TABULAR),
    "fastnn-default": Method("fastnn.sklearn", _tabular("default"), names=TABULAR),
    "fastnn-best": Method("fastnn.sklearn", _tabular("best"), names=TABULAR),
    "fastnn-sklearn": Method("fastnn.sklearn", _network("fastnn.sklearn")),
    "sklearn-mlp": Method("sklearn.neural_network", _network("sklearn.neural_network"), package="scikit-learn"),
    "linear": Method("sklearn.linear_model", _linear, package="scikit-learn"),
    "histgb": Method("sklearn.ensemble", _hist_gradient, package="scikit-learn"),
    "lightgbm": Method("lightgbm", _lightgbm),
    "xgboost": Method("xgboost", _xgboost),
    "catboost": Method("catboost", _catboost),
    "realmlp-td": Method("pytabkit", _realmlp),
}
