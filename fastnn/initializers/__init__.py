"""Initialisers: what a parameter holds before training, from the model's seed and its own place.

Names, arguments and formulas are those of Keras 3; ``fan_in`` and ``fan_out`` of a kernel
``(..., n_in, n_out)`` count the receptive field in front.
"""

from __future__ import annotations

from fastnn._base.arguments import lookup, shown
from fastnn.initializers.base import Constant, Identity, Initializer, Ones, Zeros
from fastnn.initializers.drawn import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from fastnn.initializers.quantile import TRUNCATED_STDDEV, normal_quantile
from fastnn.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    fans,
)

__all__ = [
    "INITIALIZERS",
    "TRUNCATED_STDDEV",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "fans",
    "get",
    "normal_quantile",
]

INITIALIZERS: dict[str, Initializer] = {
    "zeros": Zeros(),
    "ones": Ones(),
    "constant": Constant(),
    "identity": Identity(),
    "random_uniform": RandomUniform(),
    "random_normal": RandomNormal(),
    "truncated_normal": TruncatedNormal(),
    "orthogonal": Orthogonal(),
    "variance_scaling": VarianceScaling(),
    "glorot_uniform": VarianceScaling(1.0, "fan_avg", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "fan_avg", "truncated_normal"),
    "he_uniform": VarianceScaling(2.0, "fan_in", "uniform"),
    "he_normal": VarianceScaling(2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": VarianceScaling(1.0, "fan_in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "fan_in", "truncated_normal"),
}
ALIASES = {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"}
CLASSES: dict[str, type[Initializer]] = {
    c.__name__: c
    for c in (
        *(Constant, Zeros, Ones, Identity, RandomUniform, RandomNormal, TruncatedNormal, Orthogonal, VarianceScaling),
        *(GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform),
    )
}


def get(initializer: object) -> Initializer:
    """Turn what a user wrote (name, object, class, configuration) into an initialiser.

    Parameters
    ----------
    initializer : a name such as ``"he_normal"``, a class, an object, or a configuration.

    >>> from fastnn import initializers
    >>> initializers.get("glorot_uniform")
    VarianceScaling(mode='fan_avg', distribution='uniform')
    """
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, type) and initializer in CLASSES.values():
        found: Initializer = initializer()
        return found
    if isinstance(initializer, dict) and "class_name" in initializer:
        return lookup("initializer", initializer["class_name"], CLASSES)(**initializer.get("config", {}))
    if isinstance(initializer, dict):
        kind = type(lookup("initializer", initializer.get("name"), INITIALIZERS))
        return kind(**{k: v for k, v in initializer.items() if k != "name"})
    if isinstance(initializer, str):
        return lookup("initializer", initializer, INITIALIZERS, ALIASES)
    raise TypeError(f"an initializer must be a name or an object of fastnn.initializers, got {shown(initializer)}")
