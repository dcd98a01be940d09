"""Arrays at addresses that Python hands over as numbers, for lists of arrays whose length the plan decides."""

from __future__ import annotations

from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from fastnn._kernels.numba.compile import inlined


@intrinsic
def _pointer(typing, address):
    def generate(context, builder, signature, given):
        return builder.inttoptr(given[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@inlined
def at_address(address, size, like):
    """The ``size`` numbers at an address, of the dtype of ``like``."""
    return carray(_pointer(address), (size,), like.dtype)
