"""How functions are compiled: the options of all, and how they are joined."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from numba import njit

OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}  # divisions without a test for zero
INNER = OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # Python calls none of them; compiles faster
kernel = njit(**INNER)
small_kernel = njit(forceinline=True, **INNER)  # LLVM merges it into its callers, and so into their vector loops
inlined = njit(inline="always", **INNER)  # no function of its own to compile: for formulas, and for what is called once
sum_kernel = njit(**(INNER | {"fastmath": {"contract", "reassoc", "nsz"}}))  # sums may be split over lanes

# Without contraction, for numbers whose bits are promised: where the compiler fuses a product and a sum is its choice.
EXACT = INNER | {"fastmath": False}
exact_kernel = njit(**EXACT)
exact_small_kernel = njit(forceinline=True, **EXACT)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """A block without Python's collector of cycles: what Numba makes lives until it is done, and looking through it
    again and again takes an eighth of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
