"""The draws of :mod:`fastnn._base.random` in Numba, bit for bit: the order of rows and dropout's factors.

Design: all words are kept in uint64 and masked, because Numba widens uint32 with a literal to int64 and
mixes of signed and unsigned to float64.
"""

from __future__ import annotations

import numpy as np

from fastnn._base import normal, random
from fastnn._kernels.numba.compile import exact_kernel, exact_small_kernel, kernel
from fastnn._kernels.numba.formulas import compiled
from fastnn._kernels.numba.vector.turns import sine_cosine

LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
MULTIPLY_0, MULTIPLY_1 = random._MULTIPLY
normal_pair = compiled(normal.normal_pair, exact_small_kernel, sine_cosine=sine_cosine)
WEYL_0, WEYL_1 = random._WEYL


@kernel
def philox(seed, block, stream, position):
    """Words ``4 * block ...`` of a stream at a step or epoch: four uint64 below 2**32."""
    x0, x1, x2, x3 = np.uint64(block) & LOW, np.uint64(stream), np.uint64(position) & LOW, np.uint64(position) >> HALF
    k0, k1 = np.uint64(seed) & LOW, np.uint64(seed) >> HALF
    for _ in range(10):
        a, b = x0 * MULTIPLY_0, x2 * MULTIPLY_1
        x0, x1, x2, x3 = (b >> HALF) ^ x1 ^ k0, b & LOW, (a >> HALF) ^ x3 ^ k1, a & LOW
        k0, k1 = (k0 + WEYL_0) & LOW, (k1 + WEYL_1) & LOW
    return x0, x1, x2, x3


@kernel
def fill_order(order, seed, epoch):
    """:func:`fastnn._base.random.fill_order`."""
    n = order.shape[0]
    for i in range(n):
        order[i] = i
    for block in range((n - 1) // 4, -1, -1):
        drawn = philox(seed, block, np.int64(random.ORDER), epoch)
        for i in range(min(4 * block + 3, n - 1), max(4 * block, 1) - 1, -1):
            word = drawn[i - 4 * block]
            j = np.int64((word * np.uint64(i + 1)) >> HALF)
            order[i], order[j] = order[j], order[i]


@kernel
def dropout_factors(factors, seed, layer, step, rate, first):
    """:func:`fastnn._base.random.dropout_scale` for the elements from ``first`` on."""
    threshold = np.uint64(min(rate * 4294967296.0, 4294967295.0))
    kept, dropped, n = factors.dtype.type(1.0 / (1.0 - rate)), factors.dtype.type(0), factors.shape[0]
    for block in range(first // 4, (first + n + 3) // 4):
        drawn = philox(seed, block, layer + 1, step)
        for i in range(max(4 * block, first), min(4 * block + 4, first + n)):
            factors[i - first] = kept if drawn[i - 4 * block] >= threshold else dropped


@exact_kernel
def draw_noise(noise, seed, layer, step, rate, first):
    """:func:`fastnn._base.random.normal` times ``rate``."""
    n = noise.shape[0]
    for block in range(first // 4, (first + n + 3) // 4):
        drawn = philox(seed, block, layer + 1, step)
        for pair in range(0, 4, 2):
            made = normal_pair(np.float64(drawn[pair]), np.float64(drawn[pair + 1]))
            for i in range(2):
                place = 4 * block + pair + i - first
                if 0 <= place < n:
                    noise[place] = rate * made[i]
