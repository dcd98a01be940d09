"""What the estimators' parameters may be, in the form that scikit-learn checks them with before a fit."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from fastnn.activations import ACTIVATIONS, ALIASES, Activation
from fastnn.losses import LossRecord
from fastnn.optimizers import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

SHARED: dict[str, list[object]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({*ACTIVATIONS, *ALIASES}), Activation, "array-like"],
    "solver": [StrOptions(set(OPTIMIZERS)), Optimizer],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "layers": ["array-like", None],
    "dtype": [StrOptions({"float32", "float64", "mixed_bfloat16"}), type, np.dtype, None],
    "callbacks": [list, tuple, None],
    "time_limit": [Interval(Real, 0, None, closed="neither"), None],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    "backend": [str, None],
    "checkpoint": [str, PathLike, None],
    "checkpoint_every": [str, Interval(Integral, 1, None, closed="left")],
    "resume": [StrOptions({"auto"}), "boolean"],
}

CLASSIFIER: dict[str, list[object]] = SHARED | {
    "loss": [StrOptions({"log_loss", "focal"})],
    "gamma": [Interval(Real, 0, None, closed="left")],
    "class_weight": [dict, StrOptions({"balanced"}), None],
}

REGRESSOR: dict[str, list[object]] = SHARED | {
    "loss": [StrOptions({"squared_error", "absolute_error", "huber", "poisson", "pinball"}), LossRecord],
    "delta": [Interval(Real, 0, None, closed="neither")],
    "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
}

ENSEMBLE: dict[str, list[object]] = {
    "estimator": [HasMethods("fit"), None],
    "n_estimators": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
    "n_threads": SHARED["n_threads"],
}


def keep(estimator: BaseEstimator, given: dict[str, object]) -> None:
    """Keep the arguments of a constructor under their names, as scikit-learn wants them: untouched.

    ``given`` are the constructor's ``locals()``, whose list of names it must spell out for ``get_params``.
    """
    for name, value in given.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)
