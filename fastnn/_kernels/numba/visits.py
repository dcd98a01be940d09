"""The way from kernels back to Python, for ops of a user's own: a function of C's kind that takes the GIL.

While a call runs on a plan with such ops, it is found by the address of its workspace. An error stays here until the
call has ended, and every later op passes by; Python alone could end the compiled walk, and it is not in Python.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from ctypes import CFUNCTYPE, c_double, c_float, c_int64, c_void_p, cast
from typing import Any

import numpy as np
from numba import types

from fastnn._kernels.numba.table import Family
from fastnn._kernels.visits import visit
from fastnn._plan.memory import Memory
from fastnn._plan.plan import Plan

FORMS = {4: c_float, 8: c_double}
ARGUMENTS = "workspace, output, back, n_rows, inputs, training, accumulate"
FUNCTION = CFUNCTYPE(None, *[c_int64] * 7)


class Running:
    """A call of the backend that may come back."""

    def __init__(self, plan: Plan, memory: Memory):
        self.plan, self.memory = plan, memory
        self.came = self.went = 0
        self.error: BaseException | None = None

    def visit(self, output: int, back: int, n_rows: int, inputs: int, *flags: int) -> None:
        if self.error is None:
            try:
                block = self._block(n_rows, inputs)
                visit(self.plan, self.memory, output, block, bool(back), *map(bool, flags))
            except BaseException as error:
                self.error = error

    def _block(self, n_rows: int, inputs: int) -> list[np.ndarray]:
        """The rows of the model's inputs, from the list of their addresses."""
        form = FORMS[self.memory.params.itemsize]
        sizes = [int(value["size"]) for value in self.plan.inputs]
        places = (c_int64 * len(sizes)).from_address(inputs)
        rows: list[Any] = [(form * (n_rows * size)).from_address(at) for at, size in zip(places, sizes, strict=True)]
        return [np.frombuffer(numbers, self.memory.params.dtype).reshape(n_rows, -1) for numbers in rows]


_running: dict[int, Running] = {}


@contextlib.contextmanager
def running(plan: Plan, memory: Memory) -> Iterator[None]:
    """A block in which kernels may come back; then the error that one of the ops has raised is raised."""
    call, key = Running(plan, memory), memory.workspace.ctypes.data
    _running[key] = call
    try:
        yield
    finally:
        del _running[key]
    if call.error is not None:
        raise call.error


def _come(workspace: int, *told: int) -> None:
    _running[workspace].visit(*told)


class Way(Family):
    """The one function, in the table of kernels; its address is this process's own, so nothing of it is cached."""

    def __init__(self) -> None:
        super().__init__("visit", {0: _come}, ARGUMENTS, types.void, lambda number: (types.int64,) * 7)

    def compile(self, code: int, number: object, digest: str) -> _Held:
        return _Held()


class _Held:
    """Holds the function, which C calls by its address."""

    def __init__(self) -> None:
        self.function = FUNCTION(_come)
        self.address = cast(self.function, c_void_p).value


VISIT = Way()
come_back = VISIT.caller()
