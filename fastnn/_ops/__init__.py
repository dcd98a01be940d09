"""Op kinds: what a plan can contain. A kind is a file here, one of its name in each backend, and a line below."""

from __future__ import annotations

from importlib import import_module

from fastnn._ops.base import Op, Operation, When

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
)
OPS: dict[int, Op] = {op.code: op for op in (import_module(f"{__name__}.{kind}").OP for kind in KINDS)}

__all__ = ["OPS", "Op", "Operation", "When"]
