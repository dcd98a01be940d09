"""How kernels are compiled: the options of all, and one kernel made of many that picks by the plan's code.

Design: the if-chain of a choice is written by a loop over the table of definitions, so that a new
definition is compiled without a line here and none can be forgotten. Tuples of functions (rejected) must
all have one type in Numba, and calls through pointers cannot be cached on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numba import njit

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}  # divisions without a test for zero
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Python calls none of them; compiles faster
kernel = njit(**INNER)
small_kernel = njit(forceinline=True, **INNER)  # LLVM merges it into its callers, and so into their vector loops
inlined = njit(inline="always", **INNER)  # no function of its own to compile: for formulas, and for what is called once
sum_kernel = njit(**(INNER | {"fastmath": {"contract", "reassoc", "nsz"}}))  # sums may be split over lanes


def choice(name: str, kernels: Mapping[Any, Any], arguments: str) -> Any:
    """One kernel ``name(code, arguments)`` that calls ``kernels[code]``; another code is a ``ValueError``."""
    lines = [f"def {name}(code, {arguments}):"]
    for code in kernels:
        lines += [f"    if code == {int(code)}:", f"        return kernel_{int(code)}({arguments})"]
    lines.append(f"    raise ValueError({f'{name}: the plan has a code without a kernel'!r})")
    names: dict[str, Any] = {f"kernel_{int(code)}": one for code, one in kernels.items()}
    exec("\n".join(lines), names)
    return kernel(names[name])
