"""How formulas become kernels: the options of all kernels, formulas on single numbers, choice by code.

``compiled`` turns a formula of the definitions, written for NumPy arrays, into a kernel on single
numbers; ``choice`` makes one kernel of many, which picks by the plan's code outside of the loops.

Design: the if-chain of a choice is written by a loop over the table of definitions, so that a new
definition is compiled without a line here and none can be forgotten. Tuples of functions (rejected) must
all have one type in Numba, and calls through pointers cannot be cached on disk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}  # divisions without a test for zero
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # called by kernels alone: half the compile time
kernel = njit(**INNER)
inlined = njit(inline="always", **INNER)  # no function of its own to compile: for formulas, and for what is called once
sum_kernel = njit(**(INNER | {"fastmath": {"contract", "reassoc", "nsz"}}))  # sums may be split over lanes


@inlined
def where(condition, x, y):
    return x if condition else y


@inlined
def maximum(a, b):
    return a if a >= b or a != a else b  # NaN goes through, as in NumPy


@inlined
def minimum(a, b):
    return a if a <= b or a != a else b


@inlined
def ones_like(y):
    return 1


def _on_numbers() -> ModuleType:
    """What ``np`` means in a formula on single numbers: its own ``where`` makes arrays even of numbers."""
    module = ModuleType("on_numbers")
    module.__dict__.update(
        where=where, ones_like=ones_like, maximum=maximum, minimum=minimum, abs=math.fabs, sign=np.sign
    )
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh"):
        setattr(module, name, getattr(math, name))
    return module


ON_NUMBERS = _on_numbers()


def compiled(formula: Callable[..., Any]) -> Any:
    """The formula on single numbers, with the functions it calls."""
    given = formula.__globals__
    own = {
        name: compiled(given[name]) for name in formula.__code__.co_names if isinstance(given.get(name), FunctionType)
    }
    return inlined(FunctionType(formula.__code__, given | own | {"np": ON_NUMBERS, "erf": math.erf}, formula.__name__))


def choice(name: str, kernels: Mapping[int, Any], arguments: str) -> Any:
    """One kernel ``name(code, arguments)`` that calls ``kernels[code]``; another code is a ``ValueError``."""
    lines = [f"def {name}(code, {arguments}):"]
    for code in kernels:
        lines += [f"    if code == {int(code)}:", f"        return kernel_{int(code)}({arguments})"]
    lines.append(f"    raise ValueError({f'{name}: the plan has a code without a kernel'!r})")
    names: dict[str, Any] = {f"kernel_{int(code)}": one for code, one in kernels.items()}
    exec("\n".join(lines), names)
    return kernel(names[name])
