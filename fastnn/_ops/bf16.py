"""Products of bf16 numbers, the reference: what dense operations and convolutions compute under ``mixed_bfloat16``.

A number of bf16 is the upper half of one of float32: a sign, 8 bits of exponent, 8 binary digits. Operands are rounded
by the rule of the instruction ``VCVTNEPS2BF16``, whatever the processor has (Intel 64 and IA-32 Architectures Software
Developer's Manual, volume 2): to nearest, ties to even; numbers below 2**-126 in magnitude become 0 with their sign;
what is too large becomes infinite; NaN stays NaN, and quiet. With ``r`` for it::

    z = r(x) r(w) + b        dz = r(dL/dz)        dw = r(x).T dz        db = sum of dz        dx = dz r(w).T

and the gradient passes through ``r`` as if it were not there (Bengio et al. 2013, "Estimating or propagating gradients
through stochastic neurons", the straight-through estimator). Parameters, activations, losses and updates are of
float32.

Sums are made in float32, in the order of ``k``, one fused multiply-add for each product. The product of two numbers of
bf16 has 16 digits, so it is exact in float32, and a processor without fused multiply-adds gives the same bits; only
where a product is below 2**-126 or overflows may it differ. Denormal sums count as zero, as ``VDPBF16PS`` has it (same
source), which adds two products one after the other so and asks no control register: the native backend and Numba's
set that register for the time of a call on x86, the native one on ARM too, and NumPy sums in an order and with
denormals of its own.

Design: kernels round weights where they copy them for the processor's sake, into panels or scratch memory, once for a
block's hundreds of rows. A rounded copy in memory, made once an update (rejected), would have to follow every way in
which weights change, and be written and read beside 28 bytes that an update moves for a number: a third of the time
where weights are large, while rounding a panel in the first-level cache takes a hundredth. Where a processor has
``VDPBF16PS``, the same place packs pairs (``gemm_pairs.h``): it adds the product of the upper halves of two words and
then that of the lower ones, so with an even ``k`` in the upper half the bits are those above. Rounded inputs are values
of the plan, because the ways there and back and several layers read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastnn._base.arrays import MIXED, policy_of

if TYPE_CHECKING:
    from fastnn._base.types import DtypeLike
    from fastnn._ops.base import Op

LEAST = 2.0**-126
WIDE = 32  # columns of a panel of packed weights


class OfDtype(Protocol):
    """A layer, of which only its dtype counts here."""

    @property
    def dtype(self) -> DtypeLike | None: ...


def rounded(x: np.ndarray) -> np.ndarray:
    """Numbers of float32 rounded to those of bf16, as float32.

    >>> rounded(np.float32([1 / 3, 257, 1e-40, 3.4e38])).tolist()
    [0.333984375, 256.0, 0.0, inf]
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    magnitude, sign = bits & np.uint32(0x7FFFFFFF), bits & np.uint32(0x80000000)
    near = bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    near = np.where(magnitude > 0x7F800000, bits | np.uint32(0x00400000), near)  # NaN
    near = np.where(magnitude < 0x00800000, sign, near & np.uint32(0xFFFF0000))
    return near.view(np.float32).reshape(np.shape(x))


def pack(w: np.ndarray) -> np.ndarray:
    """A kernel ``(n_in, n_out)`` of float32, rounded, as predictors hold it: a flat vector of float32's bits.

    Panels of 32 columns, two rows of the kernel at a time: of a word of 32 bits, the upper half is a number of the
    first row and the lower half one of the second, 0 where there is none. So one load gives two vectors by a mask and a
    shift, and ``VDPBF16PS``, which takes upper halves first, its operand.

    >>> w = np.arange(3 * 3, dtype=np.float32).reshape(3, 3)
    >>> pack(w).size == packed_numbers(3, 3), bool((unpack(pack(w), 3, 3) == w).all())
    (True, True)
    """
    n_in, n_out = w.shape
    halves = np.pad(rounded(w), ((0, n_in % 2), (0, -n_out % WIDE))).view(np.uint32) >> np.uint32(16)
    words = halves[0::2] << np.uint32(16) | halves[1::2]
    return words.reshape(-1, words.shape[1] // WIDE, WIDE).transpose(1, 0, 2).view(np.float32).ravel()


def unpack(packed: np.ndarray, n_in: int, n_out: int) -> np.ndarray:
    """The kernel ``(n_in, n_out)`` again, in float32."""
    words = packed.view(np.uint32).reshape(-1, (n_in + 1) // 2, WIDE)
    rows = np.stack((words & np.uint32(0xFFFF0000), words << np.uint32(16)), axis=2).view(np.float32)
    panels = rows.reshape(-1, 2 * words.shape[1], WIDE).transpose(1, 0, 2)
    return panels.reshape(-1, words.shape[0] * WIDE)[:n_in, :n_out]


def packed_numbers(n_in: int, n_out: int) -> int:
    """Numbers of float32 that hold a packed kernel."""
    return (n_in + 1) // 2 * (-(-n_out // WIDE) * WIDE)


def multiplies(op: Op, layer: OfDtype) -> bool:
    """Whether operands of a layer's operation are rounded: not if it, or the one in it, was given another dtype."""
    dtype = layer.dtype or getattr(getattr(layer, "layer", None), "dtype", None)
    return op.multiplies and (dtype is None or policy_of(dtype) == MIXED)
