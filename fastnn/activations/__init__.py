"""Activations as users write them: by name with :func:`get`, or the records under Keras' names.

``gelu(approximate=True)`` is the record ``gelu_tanh``, ``relu(max_value=)`` is ``relu6`` and ``relu(negative_slope=)``
is ``leaky_relu``: each is a formula of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn.activations.known import ALIASES, get
    from fastnn.activations.known import celu as celu
    from fastnn.activations.known import elu as elu
    from fastnn.activations.known import exponential as exponential
    from fastnn.activations.known import gelu as gelu
    from fastnn.activations.known import gelu_tanh as gelu_tanh
    from fastnn.activations.known import hard_shrink as hard_shrink
    from fastnn.activations.known import hard_sigmoid as hard_sigmoid
    from fastnn.activations.known import hard_swish as hard_swish
    from fastnn.activations.known import hard_tanh as hard_tanh
    from fastnn.activations.known import leaky_relu as leaky_relu
    from fastnn.activations.known import linear as linear
    from fastnn.activations.known import log_sigmoid as log_sigmoid
    from fastnn.activations.known import log_softmax as log_softmax
    from fastnn.activations.known import mish as mish
    from fastnn.activations.known import relu as relu
    from fastnn.activations.known import relu6 as relu6
    from fastnn.activations.known import selu as selu
    from fastnn.activations.known import sigmoid as sigmoid
    from fastnn.activations.known import silu as silu
    from fastnn.activations.known import soft_shrink as soft_shrink
    from fastnn.activations.known import softmax as softmax
    from fastnn.activations.known import softplus as softplus
    from fastnn.activations.known import softsign as softsign
    from fastnn.activations.known import sparse_plus as sparse_plus
    from fastnn.activations.known import sparse_sigmoid as sparse_sigmoid
    from fastnn.activations.known import squareplus as squareplus
    from fastnn.activations.known import tanh as tanh
    from fastnn.activations.known import tanh_shrink as tanh_shrink
    from fastnn.activations.records import ACTIVATIONS, Activation, ActivationCode

_NAMES = (
    "linear sigmoid tanh relu leaky_relu elu selu gelu silu softplus softsign hard_sigmoid "
    "hard_swish exponential softmax log_softmax relu6 hard_tanh celu log_sigmoid gelu_tanh mish "
    "tanh_shrink hard_shrink soft_shrink sparse_plus sparse_sigmoid squareplus"
)
_MODULES = {"known": f"ALIASES get {_NAMES}", "records": "ACTIVATIONS Activation ActivationCode"}

__all__ = ["ACTIVATIONS", "ALIASES", "Activation", "ActivationCode", "get", *_NAMES.split()]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
