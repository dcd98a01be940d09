"""What an output means to its loss: warnings of fits that run to their end and learn little or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import users_line
from fastnn._plan.passes import last_operation

if TYPE_CHECKING:
    from fastnn._engine.compiled import Compiled
    from fastnn._ops.base import Operation
    from fastnn.losses import CustomLoss, LossRecord

SHARES = ("sigmoid", "softmax", "hard_sigmoid", "sparse_sigmoid")  # their values lie in [0, 1]
AS_WEIGHTS = ("relu", "relu6", "softplus", "squareplus", "sparse_plus", "exponential")  # shares once they are divided


def warn_of_outputs(compiled: Compiled) -> None:
    """Warn of outputs that are always 1, that are no shares where the loss wants some, or shares where it wants logits.

    Keras clips what is no share at 0 and 1, as kernels here do: the gradient is 0 beyond.
    """
    layout = compiled.layout
    for output, (loss, shape) in enumerate(zip(compiled.losses, layout.output_shapes, strict=True)):
        last = last_operation(layout, output)
        if last is None:
            continue
        if shape[-1] == 1 and last.activation.name == "softmax":
            users_line.warn(
                f"the output {shape} is a softmax over one number, which is always 1: give it activation='sigmoid' for "
                f"yes and no, or a unit for each class"
            )
        elif told := _mismatch(loss, last):
            users_line.warn(told if len(compiled.names) == 1 else f"output {compiled.names[output]!r}: {told}")


def _mismatch(loss: LossRecord | CustomLoss, last: Operation) -> str | None:
    """What is wrong with an output for a cross-entropy; None where nothing is, or nobody can know."""
    wanted, name = loss.activation, last.activation.name
    if loss.is_own or wanted not in ("sigmoid", "softmax"):
        return None
    if loss.from_logits:
        if name not in ("sigmoid", "softmax"):
            return None
        return (
            f"the loss {loss.name} takes logits (from_logits=True), and the output is a {name} already: leave out one "
            f"of the two"
        )
    is_known = last.op.multiplies or last.op.name == "activation"  # others may give shares of shares
    is_share = name in SHARES or (wanted == "softmax" and not loss.sparse and name in AS_WEIGHTS)
    if not is_known or is_share:
        return None
    return (
        f"the loss {loss.name} takes shares from 0 to 1, and the output is {_any_number(name)}, which is cut off "
        f"there: give the last layer activation={wanted!r}, or the loss from_logits=True"
    )


def _any_number(name: str) -> str:
    return "any number (its last layer has no activation)" if name == "linear" else f"a {name}"
