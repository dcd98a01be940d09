"""Numbers that are moved or joined, and the kinds that have nothing to compute in C."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn._ops.copy import AXES
from fastnn._ops.merge import Join
from fastnn.interop.c.function import Function
from fastnn.interop.c.kinds.columns import activate
from fastnn.interop.program import Step

JOINED = {
    Join.ADD: "add_rows",
    Join.SUBTRACT: "subtract_rows",
    Join.MULTIPLY: "multiply_rows",
    Join.AVERAGE: "add_rows",
    Join.MAXIMUM: "maximum_rows",
    Join.MINIMUM: "minimum_rows",
}


def same(f: Function, step: Step) -> None:
    """Of what acts in training alone."""
    f.call("copy_numbers", f.x(step), f.size(step), f.y(step))


def recall(f: Function, step: Step) -> None:
    f.call("copy_numbers", f.memory[int(step.record["more"][0])], f.program.size(step.output), f.y(step))


def own(f: Function, step: Step) -> None:
    raise ValueError(
        f"the layer {step.layer!r} is NumPy code of your own, which cannot be written in C; build the model of layers "
        "of fastnn, or export the part before it"
    )


def concatenate(f: Function, step: Step) -> None:
    n_rows, n, first = int(step.record["repeat"]), int(step.record["n_out"]), 0
    for i in range(len(step.inputs)):
        width = f.size(step, i) // n_rows
        f.call("put_columns", f.x(step, i), n_rows, width, n, f"{f.y(step)} + {first}")
        first += width


def merge(f: Function, step: Step) -> None:
    join, n_rows, n = Join(int(step.record["geometry"][0])), int(step.record["repeat"]), int(step.record["n_out"])
    for i in range(len(step.inputs)):
        piece = JOINED[join] if i else "set_rows"
        f.call(piece, f.x(step, i), n_rows, f.size(step, i) // n_rows, n, f.y(step))
    if join == Join.AVERAGE:
        f.call("divide_numbers", f.y(step), n_rows * n, f"{len(step.inputs)}.0f")
    activate(f, step, 0, n_rows * n, n)


def dot(f: Function, step: Step) -> None:
    m, k, n, *transposed = step.arrays.sizes
    count = f.size(step) // (m * k)
    f.call("multiply_matrices", f.x(step), f.x(step, 1), count, m, k, n, *transposed, f.y(step))


def position(f: Function, step: Step) -> None:
    n_rows, n = int(step.record["repeat"]), int(step.record["n_out"])
    table = f.table(step, "positions", step.arrays.parameter(step.record["w"], n))
    f.call("repeat_row", table, n_rows, n, f.y(step))


def copy(f: Function, step: Step) -> None:
    s = step.arrays.sizes
    counts, strides = s[:AXES], s[AXES : 2 * AXES]
    _moved(f, step, counts, strides, (s.top, s.bottom, s.left, s.right), s.start)


def warp(f: Function, step: Step) -> None:
    """In prediction the middle of the image."""
    s = step.arrays.sizes
    start = ((s.h - s.oh) // 2 * s.w + (s.w - s.ow) // 2) * s.c
    wide = s.ow * s.c
    _moved(f, step, (1, 1, 1, s.oh, wide), (0, 0, 0, s.w * s.c, 1), (0, s.oh, 0, wide), start)


def _moved(
    f: Function, step: Step, counts: Sequence[int], strides: Sequence[int], box: Sequence[int], start: int
) -> None:
    if counts[:4] == (1, 1, 1, 1) and strides[4] == 1 and box == (0, 1, 0, counts[4]):
        f.call("copy_numbers", f"{f.x(step)} + {start}" if start else f.x(step), counts[4], f.y(step))
        return
    fields = {"n": _braced(counts), "s": _braced(strides)}
    fields |= {**dict(zip(("top", "bottom", "left", "right"), map(str, box), strict=True)), "start": str(start)}
    f.call("move", f.struct(step, "moves", fields), f.x(step), f.y(step))


def _braced(numbers: Sequence[int]) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"
