"""Initialisers: what a parameter holds before training, from the model's seed and its own place.

Names, arguments and formulas are those of Keras 3; ``fan_in`` and ``fan_out`` of a kernel
``(..., n_in, n_out)`` count the receptive field in front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.initializers.base import Constant, Identity, Initializer, Ones, Zeros
    from fastnn.initializers.drawn import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
    from fastnn.initializers.known import ALIASES as ALIASES
    from fastnn.initializers.known import CLASSES as CLASSES
    from fastnn.initializers.known import INITIALIZERS, get
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

_MODULES = {
    "base": "Constant Identity Initializer Ones Zeros",
    "drawn": "Orthogonal RandomNormal RandomUniform TruncatedNormal",
    "known": "ALIASES CLASSES INITIALIZERS get",
    "quantile": "TRUNCATED_STDDEV normal_quantile",
    "scaling": "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform VarianceScaling fans",
}

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

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
