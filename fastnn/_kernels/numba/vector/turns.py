"""Sine and cosine of :mod:`fastnn._base.turns` in Numba, bit for bit."""

from __future__ import annotations

from fastnn._base import turns
from fastnn._kernels.numba.compile import exact_small_kernel
from fastnn._kernels.numba.formulas import compiled

sine_cosine = compiled(turns.sine_cosine, exact_small_kernel)
