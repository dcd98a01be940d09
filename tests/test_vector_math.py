"""Native vector functions against 40 digits: float32 within 3 units in the last place, float64 within 2."""

from __future__ import annotations

import numpy as np
import pytest
from tolerance import assert_units

from fastnn import _kernels

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed")
mp = mpmath.mp
mp.dps = 40
reason = _kernels.why_not("cython")
pytestmark = pytest.mark.skipif(reason is not None, reason=str(reason))
ISAS = [] if reason else [name for name, _, runs in _kernels.load("cython").isas() if runs]

FUNCTIONS = (  # in the order of enum fnn_math: formula, lowest and highest argument in float32 and in float64
    ("exp", mp.exp, (-87, 88), (-708, 709)),
    ("log", mp.log, (1e-37, 1e38), (1e-307, 1e308)),
    ("tanh", mp.tanh, (-12, 12), (-22, 22)),
    ("sigmoid", lambda z: 1 / (1 + mp.exp(-z)), (-86, 88), (-707, 709)),
    ("erf", mp.erf, (-5, 5), (-7, 7)),
    ("softplus", lambda z: mp.log1p(mp.exp(z)), (-86, 88), (-707, 709)),
    ("expm1", mp.expm1, (-87, 88), (-708, 709)),
    ("log1p", mp.log1p, (-0.9999, 1e38), (-0.9999999, 1e308)),
)


def arguments(rng, low, high, dtype):
    """Numbers of all sizes between the ends, dense around zero and one."""
    least = max(float(np.finfo(dtype).tiny) * 4, low) if low > 0 else 1e-30
    spread = np.exp(rng.uniform(np.log(least), np.log(high), 500))
    near = np.concatenate([rng.uniform(-3, 3, 400), 1 + rng.normal(0, 0.01, 100), rng.normal(0, 1e-4, 50)])
    both = np.concatenate([spread, near, -spread, [low, high, 0.0]])
    return both[(both >= low) & (both <= high)].astype(dtype)


@pytest.fixture(params=ISAS or ["none"])
def native(request):
    """The native backend with one instruction set forced."""
    module = _kernels.load("cython")
    before = module.isa()
    module.use_isa(request.param)
    yield module
    module.use_isa(before)


@pytest.mark.parametrize("function", range(len(FUNCTIONS)), ids=[entry[0] for entry in FUNCTIONS])
def test_functions_are_exact_to_a_few_units(native, dtype, rng, function):
    _, formula, single, double = FUNCTIONS[function]
    x = arguments(rng, *(single if dtype.itemsize == 4 else double), dtype)
    y = np.empty_like(x)
    native.math(function, x, y)
    assert_units(y, [formula(mp.mpf(float(value))) for value in x])


@pytest.mark.parametrize("function", range(len(FUNCTIONS)), ids=[entry[0] for entry in FUNCTIONS])
@pytest.mark.parametrize("count", [1, 3, 4, 7, 8, 9, 15, 16, 17, 35])
def test_numbers_do_not_depend_on_their_place(native, dtype, rng, function, count):
    x = rng.uniform(0.1, 3, 64).astype(dtype)
    whole, part = np.empty_like(x), np.full(count + 8, np.nan, dtype)
    native.math(function, x, whole)
    native.math(function, x[5 : 5 + count].copy(), part[:count])
    np.testing.assert_array_equal(part[:count], whole[5 : 5 + count])
    assert np.isnan(part[count:]).all()
