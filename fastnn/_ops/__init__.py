"""Op kinds: what a plan can contain. A kind is a file here, one of its name in each backend, and a line below.

A program loads those that its plans have; a kind's number is its place in the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn._ops.base import Op, Operation, When

_MODULES = {"base": "Op Operation When"}

KINDS = (
    "dense",
    "activation",
    "dropout",
    "scale",
    "merge",
    "concatenate",
    "dot",
    "normalize",
    "own",
    "conv",
    "pool",
    "copy",
    "batch_norm",
    "layer_norm",
    "group_norm",
    "conv_transpose",
    "alpha_dropout",
    "noise",
    "rescale",
    "standardize",
    "prelu",
    "warp",
    "simple_rnn",
    "lstm",
    "gru",
    "embedding",
    "mask",
    "blank",
    "attention",
    "masked_mean",
    "position",
    "recall",
    "remember",
    "parametric",
    "periodic",
    "dense_int8",
    "conv_int8",
    "round_bf16",
    "dense_bf16",
)


def _loaded(kind: str) -> Op:
    found: Op = import_module(f"{__name__}.{kind}").OP
    return found


OPS: Mapping[int, Op] = lazy.Table({code: partial(_loaded, kind) for code, kind in enumerate(KINDS)})

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)

__all__ = ["OPS", "Op", "Operation", "When"]
