"""Names of activations as editors and type checkers know them; a test compares them with the table."""

from __future__ import annotations

from typing import Literal

# fmt: off
ActivationName = Literal[
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign",
    "hard_sigmoid", "hard_swish", "exponential", "softmax", "log_softmax", "relu6", "hard_tanh", "celu",
    "log_sigmoid", "gelu_tanh", "mish", "tanh_shrink", "hard_shrink", "soft_shrink", "sparse_plus",
    "sparse_sigmoid", "squareplus", "swish", "hard_silu", "logistic", "identity",
]  # A name that :func:`fastnn.activations.get` knows.
# fmt: on
