"""Products of whole numbers, the reference: what dense layers and convolutions in int8 compute, and how they are made.

A layer's input has one range, its kernel one scale for each output (Jacob et al. 2018, "Quantization and training of
neural networks for efficient integer-arithmetic-only inference", section 2; outputs, biases and activations stay real
numbers here). With ``low = min(0, x)`` and ``high = max(0, x)`` over the calibration rows, rounded away from
0 to 12 binary digits::

    step = (high - low) / 127                        zero = round(-low / step)
    q = clip(round(x / step), -zero, 127 - zero)     ties to even; NaN counts as 0
    z[j] = float(sum over k of q[k] * w[k, j]) * (step * scale[j]) + b[j],    y = activation(z)

Here ``x / step`` is ``x * (1 / step)`` with the factor rounded to the model's dtype, ``step * scale[j]`` is rounded to
it once, and product and sum of the last line are rounded one after the other. The sum is exact in 32 bits, so its order
is free and every instruction set gives the same bits. ``w`` is whole, from -127 to 127, with::

    scale = max(most |w[k]| / 127, most (|w[k]| + |w[k + 1]| + |w[k + 4]| + |w[k + 5]|) / 256)

where the sums begin at the first and the third row of each eight, ``k = 0, 2, 8, 10, 16, 18, ...``

Kernels store ``u = q + zero``, 0 to 127, and take ``zero * sum(w)`` off at the end.

Design: 7 bits of the input and the bound of sums of four exist for processors without instructions for int8.
``vpmaddubsw`` multiplies 0..255 by -128..127 and adds pairs in 16 bits, saturating; pairs of two such instructions
add up to ``127 * 258 = 32766`` at most, so nothing saturates, and one widening serves two of them. Measured on a Zen 3
core (float32: 51 billion products a second): 16-bit operands 80, ``vpmaddubsw`` widened each time 98, each second time
125, each fourth time 132. The same numbers fit ``vpdpbusd``, which C uses where it is there (a Zen 5 core: 450 in whole
layers, float32 100), and NEON's ``SDOT``, signed or not, without a correction.
Eight bits of the input (rejected) would need the 16-bit operands. Of weights without outliers the bound of four takes
a part of a bit, at most one; trained kernels seldom reach it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fastnn._ops.views import Views

MOST = 127  # of the input's numbers and of a weight's magnitude
MOST_OF_FOUR = 256  # rounding may add 2, and 127 * 258 is below 2**15
DEEP, WIDE = 8, 16  # rows and columns of a packed kernel come in such blocks
MOST_ROWS = 65536  # of a kernel: sums stay below 2**31, and sums of weights exact in float32
DIGITS = 12  # of ranges
LEAST_STEP, MOST_STEP = 1e-30, 1e30  # beyond them factors would not be normal numbers of float32


def rounded_out(number: float) -> float:
    """The nearest number of 12 binary digits that is not nearer to 0.

    Products of real numbers, which differ in their last bits from one library of matrices to another, lead to the
    ranges of inner layers; so rounded they nearly always are the same everywhere.

    >>> rounded_out(0.1), rounded_out(-3.0)
    (0.100006103515625, -3.0)
    """
    if not math.isfinite(number):
        return number
    fraction, exponent = math.frexp(abs(number))
    return math.copysign(math.ldexp(math.ceil(fraction * 2**DIGITS), exponent - DIGITS), number)


def input_step(low: float, high: float) -> tuple[float, int]:
    """``step`` and ``zero`` for inputs from ``low`` to ``high``; 0 is always among them, and exact.

    >>> input_step(0.0, 254.0), input_step(-1.0, 1.0), input_step(0.0, 0.0)
    ((2.0, 0), (0.015748031496062992, 64), (1.0, 0))
    """
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    step = (high - low) / MOST
    if step < LEAST_STEP:
        return 1.0, 0
    return step, round(-low / step)


def quantized(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A kernel ``(n_in, n_out)`` as int8, and the scale of each output ``(n_out,)`` in float64.

    >>> q, scale = quantized(np.float64([[1, 2], [-0.5, 1]]))
    >>> q.tolist(), scale.round(5).tolist()
    ([[127, 127], [-64, 64]], [0.00787, 0.01575])
    """
    w = w.astype(np.float64)
    most = np.abs(w).max(axis=0)
    scale = np.maximum(most / MOST, _fours(w).max(axis=0) / MOST_OF_FOUR)
    scale = np.where(most > 0, scale, 1.0)
    return np.rint(w / scale).astype(np.int8), scale


def _fours(w: np.ndarray) -> np.ndarray:
    """The sums of four magnitudes that share 16 bits, ``(fours, n_out)``."""
    padded = np.abs(np.pad(w, ((0, -len(w) % DEEP), (0, 0))))
    found: np.ndarray = padded.reshape(-1, 2, 2, 2, w.shape[1]).sum(axis=(1, 3)).reshape(-1, w.shape[1])
    return found


def packed_bytes(n_in: int, n_out: int) -> int:
    """Bytes of a packed kernel."""
    return _blocks(n_in, DEEP) * _blocks(n_out, WIDE)


def _blocks(n: int, block: int) -> int:
    return -(-n // block) * block


def pack(q: np.ndarray) -> np.ndarray:
    """A kernel as backends read it, flat: blocks of 16 columns, of each four rows at a time, column by column."""
    n_in, n_out = q.shape
    padded = np.pad(q, ((0, -n_in % DEEP), (0, -n_out % WIDE)))
    return np.ascontiguousarray(padded.reshape(-1, 4, padded.shape[1] // WIDE, WIDE).transpose(2, 0, 3, 1)).ravel()


def unpack(packed: np.ndarray, n_in: int, n_out: int) -> np.ndarray:
    """The kernel ``(n_in, n_out)`` again.

    >>> q = np.arange(9 * 3, dtype=np.int8).reshape(9, 3)
    >>> bool((unpack(pack(q), 9, 3) == q).all()), pack(q).size == packed_bytes(9, 3)
    (True, True)
    """
    blocks = packed.reshape(_blocks(n_out, WIDE) // WIDE, -1, WIDE, 4).transpose(1, 3, 0, 2)
    return blocks.reshape(-1, _blocks(n_out, WIDE))[:n_in, :n_out]


def numbers_of(n_bytes: int) -> int:
    """Numbers of a model's parameters that hold so many bytes; of float64 the second half stays empty."""
    return -(-n_bytes // 4)


def whole(op: np.void, x: np.ndarray) -> np.ndarray:
    """``q`` of inputs, as numbers of float64, whose sums of products are exact, too."""
    inverse, zero = x.dtype.type(op["numbers"][0]), float(op["numbers"][1])
    z = x * inverse
    found: np.ndarray = np.rint(np.clip(np.where(np.isnan(z), 0, z), -zero, MOST - zero)).astype(np.float64)
    return found


def products(op: np.void, a: Views, q: np.ndarray) -> np.ndarray:
    """``z`` of rows of whole numbers, ``(rows, n_in)``, in the model's dtype."""
    n_in, n_out = q.shape[1], int(op["n_out"])
    held = a.parameter(op["w"], numbers_of(packed_bytes(n_in, n_out)))
    w = unpack(held.view(np.int8)[: packed_bytes(n_in, n_out)], n_in, n_out)
    sums = (q @ w.astype(np.float64)).astype(held.dtype)
    found: np.ndarray = sums * a.vector(0, n_out) + a.b
    return found


def rows_of_kernel(sizes: tuple[int, ...]) -> int:
    """Numbers that an output reads, by the geometry of a convolution."""
    return math.prod((sizes[5], sizes[6], sizes[2]))
