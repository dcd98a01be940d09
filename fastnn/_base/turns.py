"""Sine and cosine of angles in turns, float64, with the same bits on every machine.

``sine_cosine`` runs on NumPy arrays, Numba compiles the very same text, and ``turns.h`` states it once more in C. Each
result is within two units in the last place. Only operations that IEEE 754 rounds correctly are used, none of them
fused.

Design: an angle in turns is cut to an eighth of a turn without any rounding, where one in radians would need many
digits of pi. What C libraries and NumPy offer (rejected) differs in its last bits with the library and the processor.
"""

from __future__ import annotations

import numpy as np

from fastnn._base.types import Numbers

TURN, TURN_REST = 6.283185307179586, 2.4492935982947064e-16  # 2 pi, and what is missing of it
# (2 pi)**k / k! with alternating signs, for k = 3, 5, ... of the sine and k = 2, 4, ... of the cosine
S3, S5, S7, S9 = -41.34170224039976, 81.60524927607506, -76.70585975306139, 42.058693944897655
S11, S13, S15, S17 = -15.09464257682299, 3.819952584848282, -0.7181223017785006, 0.10422916220813984
C2, C4, C6, C8 = -19.739208802178716, 64.9393940226683, -85.45681720669373, 60.24464137187666
C10, C12, C14, C16 = -26.4262567833744, 7.903536371318469, -1.714390711088672, 0.28200596845579123


def sine_cosine(turns: Numbers) -> tuple[Numbers, Numbers]:
    """``sin(2 pi turns)`` and ``cos(2 pi turns)`` of finite numbers below ``2**50`` in size.

    The nearest quarter of a turn is taken away exactly; Taylor's series gives the rest, of an eighth of a turn at
    most, where the first term left out is below ``1e-17`` of the sum.

    >>> sine, cosine = sine_cosine(np.array([0.0, 0.25, -0.5, 1 / 12]))
    >>> (sine + 0.0).round(12).tolist(), (cosine + 0.0).round(12).tolist()
    ([0.0, 1.0, 0.0, 0.5], [1.0, 0.0, -1.0, 0.866025403784])
    """
    size = np.abs(turns)
    quarters = np.floor((np.floor(8.0 * size) + 1.0) * 0.5)
    rest = size - 0.25 * quarters
    z = rest * rest
    s = z * (S3 + z * (S5 + z * (S7 + z * (S9 + z * (S11 + z * (S13 + z * (S15 + z * S17)))))))
    c = z * (C2 + z * (C4 + z * (C6 + z * (C8 + z * (C10 + z * (C12 + z * (C14 + z * C16)))))))
    near_sine, near_cosine = TURN * rest + rest * (TURN_REST + s), 1.0 + c
    half = np.floor(quarters * 0.5)
    odd = quarters - 2.0 * half > 0.5
    negative = half - 2.0 * np.floor(half * 0.5) > 0.5
    sine = np.where(odd, near_cosine, near_sine)
    cosine = np.where(odd, -near_sine, near_cosine)
    sine = np.where(negative != (turns < 0.0), -sine, sine)
    return sine, np.where(negative, -cosine, cosine)
