"""Names of initialisers as editors and type checkers know them; a test compares them with the table."""

from __future__ import annotations

from typing import Literal

# fmt: off
InitializerName = Literal[
    "zeros", "ones", "constant", "identity", "random_uniform", "random_normal", "truncated_normal",
    "orthogonal", "variance_scaling", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal",
    "lecun_uniform", "lecun_normal", "zero", "one", "uniform", "normal", "Constant", "Zeros", "Ones",
    "Identity", "RandomUniform", "RandomNormal", "TruncatedNormal", "Orthogonal", "VarianceScaling",
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform",
]  # A name that :func:`fastnn.initializers.get` knows.
# fmt: on

Fan = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["uniform", "truncated_normal", "untruncated_normal"]
