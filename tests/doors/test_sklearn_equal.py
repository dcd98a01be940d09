"""The estimators train as scikit-learn's do: with rows in their own order the numbers are the same up to rounding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")

from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning

from fastnn import sklearn as ours

N = 130
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.5, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain": {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 1e-2},
    "lbfgs": {"solver": "lbfgs"},
}
TASKS = ("binary", "multiclass", "multilabel", "regression", "several outputs", "poisson")


def task_data(task: str):
    """Class name, extra parameters, x and y."""
    rng = np.random.RandomState(3)
    x = rng.normal(size=(N, 6))
    z = np.sin(x @ rng.normal(size=(6, 3))) + 0.1 * rng.normal(size=(N, 3))
    return {
        "binary": ("MLPClassifier", {}, x, np.array(["no", "yes"])[(z[:, 0] > 0).astype(int)]),
        "multiclass": ("MLPClassifier", {}, x, z.argmax(axis=1) * 3 + 1),
        "multilabel": ("MLPClassifier", {}, x, (z > 0).astype(int)),
        "regression": ("MLPRegressor", {}, x, z[:, 0]),
        "several outputs": ("MLPRegressor", {}, x, z),
        "poisson": ("MLPRegressor", {"loss": "poisson"}, x, rng.poisson(np.exp(z[:, 0])).astype(float)),
    }[task]


def both(task: str, parameters: dict, weight=None, method="fit", times=1):
    """Ours and theirs, trained alike."""
    kind, extra, x, y = task_data(task)
    trained = []
    for package in (ours, theirs):
        defaults = {"hidden_layer_sizes": (9, 5), "random_state": 7, "shuffle": False, "max_iter": 12, "batch_size": 32}
        estimator = getattr(package, kind)(**{**defaults, **extra, **parameters})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for _ in range(times):
                classes = {"classes": np.unique(y)} if method == "partial_fit" and kind == "MLPClassifier" else {}
                getattr(estimator, method)(x, y, sample_weight=weight, **classes)
        trained.append(estimator)
    return (*trained, x, y)


def assert_alike(a, b, x, rtol=1e-6):
    """Records, weights and predictions agree."""
    assert a.n_iter_ == b.n_iter_
    assert a.t_ == b.t_
    assert a.out_activation_ == b.out_activation_
    assert (a.n_layers_, a.n_outputs_, a._no_improvement_count) == (b.n_layers_, b.n_outputs_, b._no_improvement_count)
    for mine, its in zip((*a.coefs_, *a.intercepts_), (*b.coefs_, *b.intercepts_), strict=True):
        np.testing.assert_allclose(mine, its, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(a.loss_, b.loss_, rtol=rtol)
    if hasattr(b, "loss_curve_"):
        np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=rtol)
        assert (a.best_loss_ is None) == (b.best_loss_ is None)
        if b.best_loss_ is not None:
            np.testing.assert_allclose(a.best_loss_, b.best_loss_, rtol=rtol)
    ask = "predict_proba" if hasattr(a, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(a, ask)(x), getattr(b, ask)(x), rtol=rtol, atol=rtol)
    np.testing.assert_array_equal(a.predict(x).shape, b.predict(x).shape)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "lbfgs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_epochs_equal_theirs(task, solver, weighted):
    weight = np.random.RandomState(1).uniform(0.1, 3, N) if weighted else None
    a, b, x, _ = both(task, SOLVERS[solver], weight)
    assert_alike(a, b, x)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_activations_and_penalty_equal_theirs(activation, alpha):
    a, b, x, _ = both("multiclass", {"activation": activation, "alpha": alpha})
    assert_alike(a, b, x)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("weighted", [False, True])
def test_first_iterations_of_lbfgs_equal_theirs(task, weighted):
    weight = np.random.RandomState(1).uniform(0.1, 3, N) if weighted else None
    a, b, _, _ = both(task, {"solver": "lbfgs", "max_iter": 4}, weight)
    if task == "several outputs":  # their loss is not the one whose gradient they give
        assert a.loss_ < b.loss_ * 1.5
        return
    assert a.n_iter_ == b.n_iter_
    np.testing.assert_allclose(a.loss_, b.loss_, rtol=1e-6)
    for mine, its in zip(a.coefs_, b.coefs_, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", ["binary", "regression", "multilabel", "several outputs"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_equals_theirs(task, weighted):
    """The same split (of three classes and more ours is stratified, as documented; theirs is not), scores and end."""
    weight = np.random.RandomState(1).uniform(0.1, 3, N) if weighted else None
    parameters = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 3, "learning_rate_init": 0.02}
    a, b, x, _ = both(task, parameters, weight)
    assert_alike(a, b, x)
    np.testing.assert_allclose(a.validation_scores_, b.validation_scores_, rtol=1e-6)
    np.testing.assert_allclose(a.best_validation_score_, b.best_validation_score_, rtol=1e-6)
    assert len(a.validation_loss_curve_) == a.n_iter_


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("solver", ["adam", "nesterov", "invscaling", "adaptive"])
def test_partial_fits_equal_theirs(task, solver):
    a, b, x, _ = both(task, SOLVERS[solver], method="partial_fit", times=7)
    assert_alike(a, b, x)


@pytest.mark.parametrize("solver", ["adam", "invscaling"])
def test_warm_starts_equal_theirs(solver):
    a, b, x, _ = both("multiclass", {**SOLVERS[solver], "warm_start": True, "max_iter": 4}, times=3)
    assert_alike(a, b, x)
    assert len(a.loss_curve_) == 12


@pytest.mark.parametrize("tol", [1e-4, 3e-3])
@pytest.mark.parametrize("solver", ["adam", "adaptive"])
def test_training_ends_in_the_same_epoch(solver, tol):
    a, b, _, _ = both("regression", {**SOLVERS[solver], "tol": tol, "n_iter_no_change": 2, "max_iter": 300})
    assert a.n_iter_ == b.n_iter_ < 300
    assert a._no_improvement_count == b._no_improvement_count
    if solver == "adaptive":  # their Adam keeps the corrected rate of the last step there
        np.testing.assert_allclose(a._optimizer.learning_rate, b._optimizer.learning_rate)


def test_float32_rows_train_in_float32():
    kind, _, x, y = task_data("binary")
    a = getattr(ours, kind)(max_iter=3, shuffle=False, random_state=1, tol=0).set_params(max_iter=2)
    with pytest.warns(ConvergenceWarning):
        a.fit(x.astype(np.float32), y)
    assert {array.dtype for array in (*a.coefs_, *a.intercepts_)} == {np.dtype(np.float32)}
    assert a.predict_proba(x).dtype == np.float32


def test_initial_weights_are_theirs():
    for activation in ("relu", "logistic"):
        a, b, _, _ = both("multiclass", {"activation": activation, "learning_rate_init": 1e-300, "max_iter": 1})
        for mine, its in zip((*a.coefs_, *a.intercepts_), (*b.coefs_, *b.intercepts_), strict=True):
            np.testing.assert_array_equal(mine, its)
