"""Op kinds: what a plan can contain. A kind is a file here, one in each compiled backend, and a line in this list."""

from __future__ import annotations

from fastnn._ops import activation, dense, dropout
from fastnn._ops.base import Op, Operation, When

OPS: dict[int, Op] = {op.code: op for op in (dense.OP, activation.OP, dropout.OP)}

__all__ = ["OPS", "Op", "Operation", "When"]
