"""Formulas of the definitions, written for NumPy arrays, compiled for single numbers.

Design: a formula is given another ``np`` and compiled versions of the functions it calls. Numba's own ``np.where``
makes arrays even of numbers, and its ``np.exp`` is a call that no loop is vectorised around.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from fastnn._kernels.numba.compile import inlined
from fastnn._kernels.numba.vector import math as jit_math


@inlined
def where(condition, x, y):
    return x if condition else y


@inlined
def maximum(a, b):
    return a if (a >= b) | (a != a) else b  # NaN goes through, as in NumPy


@inlined
def minimum(a, b):
    return a if (a <= b) | (a != a) else b


@inlined
def ones_like(y):
    return 1


def _on_numbers() -> ModuleType:
    """What ``np`` means in a formula on single numbers."""
    module = ModuleType("on_numbers")
    module.__dict__.update(
        where=where, ones_like=ones_like, maximum=maximum, minimum=minimum, abs=math.fabs, sign=np.sign
    )
    module.__dict__.update(floor=np.floor)
    module.__dict__.update(exp=jit_math.exp, expm1=jit_math.expm1, tanh=jit_math.tanh)
    module.__dict__.update(log=math.log, log1p=math.log1p, sqrt=math.sqrt, floor=np.floor, frexp=math.frexp)
    return module


ON_NUMBERS = _on_numbers()


def compiled(formula: Callable[..., object], compiler: Callable[..., object] = inlined, **known: object) -> Any:
    """The formula on single numbers, with the functions it calls, all compiled by ``compiler`` but those ``known``."""
    given = formula.__globals__ | known
    own = {
        name: compiled(given[name], compiler)
        for name in formula.__code__.co_names
        if isinstance(given.get(name), FunctionType)
    }
    return compiler(FunctionType(formula.__code__, given | own | {"np": ON_NUMBERS, "erf": math.erf}, formula.__name__))
