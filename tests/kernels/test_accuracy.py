"""How exact the native vector functions are: float32 within 3 units in the last place, float64 within 2.

Against 40 digits over all exponents, against NumPy's own validation sets, and in float32 against float64 over a sweep
of all bit patterns. Called by themselves the functions take and give denormals with gradual underflow; inside training
and prediction denormals are zero, and nothing else may change by that.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mpmath", reason="mpmath is not installed")
from networks import Stage, network
from tolerance import MOST_UNITS
from units import NAMES, arguments, truth, units_off

from fastnn import _kernels
from fastnn.layers import Activation

reason = _kernels.why_not("cython")
pytestmark = pytest.mark.skipif(reason is not None, reason=str(reason))
ISAS = [] if reason else [name for name, _, runs in _kernels.load("cython").isas() if runs]
VALIDATION = Path(np.__file__).parent / "_core/tests/data"
INF, NAN = np.inf, np.nan
SPECIAL = {  # arguments and exact results; a zero counts with its sign
    "exp": ((0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (1e4, INF), (-1e4, 0.0), (NAN, NAN)),
    "log": ((1, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1, NAN), (-1e-45, NAN), (NAN, NAN)),
    "tanh": ((0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (30, 1), (-30, -1), (NAN, NAN)),
    "sigmoid": ((0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (50, 1), (-1e4, 0.0), (NAN, NAN)),
    "erf": ((0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (7, 1), (-7, -1), (NAN, NAN)),
    "softplus": ((INF, INF), (-INF, 0.0), (-1e4, 0.0), (50, 50), (NAN, NAN)),
    "expm1": ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1), (1e4, INF), (-50, -1), (NAN, NAN)),
    "log1p": ((0.0, 0.0), (-0.0, -0.0), (-1, -INF), (INF, INF), (-INF, NAN), (-2, NAN), (NAN, NAN)),
}

each_function = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(params=ISAS or ["none"])
def native(request):
    """The native backend with one instruction set forced."""
    module = _kernels.load("cython")
    before = module.isa()
    module.use_isa(request.param)
    yield module
    module.use_isa(before)


def apply(native, name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    native.math(NAMES.index(name), x, y)
    return y


def assert_units(y, right, most):
    """No result lies further from its exact value than ``most`` units."""
    off = units_off(y, right)
    worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
    assert off[worst] <= most, f"{off[worst]:.3g} units off: f({right.x[worst]!r}) gave {y[worst]!r}"


@cache
def exact(name: str, dtype_name: str, a_binade: int, every: int = 1):
    """One of so many arguments and their exact values, the same for all instruction sets."""
    dtype = np.dtype(dtype_name)
    x = arguments(name, dtype, a_binade, np.random.default_rng(NAMES.index(name)))
    return truth(name, x[::every].copy())


@each_function
@pytest.mark.parametrize(
    ("a_binade", "every"),  # exact values of them all take 15 s; of every fourth one lies in each binade
    [(4, 4), pytest.param(4, 1, marks=pytest.mark.long), pytest.param(150, 1, marks=pytest.mark.long)],
)
def test_functions_are_exact_to_a_few_units_over_all_exponents(native, dtype, name, a_binade, every):
    right = exact(name, dtype.name, a_binade, every)
    assert_units(apply(native, name, right.x), right, MOST_UNITS[dtype.itemsize])


@each_function
def test_limits_and_signs_of_zero_are_exact(native, dtype, name):
    x, right = np.array(SPECIAL[name], dtype).T.copy()
    y = apply(native, name, x)
    np.testing.assert_array_equal(y, right)
    zeros = right == 0
    np.testing.assert_array_equal(np.signbit(y[zeros]), np.signbit(right[zeros]))


@each_function
@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFBFFFFF, 0x7FFFFFFF], ids=hex)
def test_every_nan_stays_one(native, name, bits):
    assert np.isnan(apply(native, name, np.array([bits] * 19, np.uint32).view(np.float32))).all()
    wide = (bits >> 31 << 63) | 0x7FF << 52 | (bits & 0x7FFFFF) << 29 | bits & 1
    assert np.isnan(apply(native, name, np.array([wide] * 19, np.uint64).view(np.float64))).all()


@cache
def validation_set(name: str, dtype_name: str):
    """Arguments and results of NumPy's file for a function."""
    path = VALIDATION / f"umath-validation-set-{name}.csv"
    if not path.exists():
        pytest.skip("this NumPy comes without its validation sets")
    lines = [line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if row["dtype"] == f"np.{dtype_name}"]
    natural = np.dtype(dtype_name.replace("float", "uint"))
    columns = [np.array([int(row[column], 16) for row in rows], natural) for column in ("input", "output")]
    return [column.view(dtype_name) for column in columns]


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "expm1", "log1p"])
def test_numpys_validation_sets_are_met(native, dtype, name):
    x, right = validation_set(name, dtype.name)
    assert len(x) > 100, "a file without cases"
    y = apply(native, name, x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(right))
    known = ~np.isnan(right)
    np.testing.assert_array_max_ulp(y[known], right[known], MOST_UNITS[dtype.itemsize])


def doubles(native, name: str, x: np.ndarray) -> np.ndarray:
    """The function in float64, NumPy's where it has one; erf is ours, which 40 digits have checked."""
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            return 1 / (1 + np.exp(-x))
        if name == "softplus":
            return np.logaddexp(0, x)
        return apply(native, name, x) if name == "erf" else getattr(np, name)(x)


def units_by_doubles(y: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Distance of float32 results from float64 ones in units of float32; 0 for NaN in both."""
    beyond = 2.0**128
    np.testing.assert_array_equal(np.isnan(y), np.isnan(right))
    right, y = (
        np.clip(np.nan_to_num(right), -beyond, beyond),
        np.clip(np.nan_to_num(y.astype(np.float64)), -beyond, beyond),
    )
    exponent = np.clip(np.frexp(right)[1], -125, 128)
    return np.abs(y - right) / np.ldexp(1.0, exponent - 24)


@each_function
@pytest.mark.parametrize("stride", [8209, pytest.param(127, marks=pytest.mark.long)])
def test_single_precision_is_exact_over_a_sweep_of_all_bit_patterns(native, name, stride):
    part = 2**19
    for first in range(0, 2**32, part * stride):
        bits = np.arange(first, min(first + part * stride, 2**32), stride, dtype=np.int64)
        x = bits.astype(np.uint32).view(np.float32)
        with np.errstate(invalid="ignore"):  # of signalling NaN
            wide = x.astype(np.float64)
        off = units_by_doubles(apply(native, name, x), doubles(native, name, wide))
        worst = int(np.argmax(off))
        assert off[worst] <= MOST_UNITS[4], f"{off[worst]:.3g} units off at {x[worst]!r}"


@pytest.mark.parametrize("name", ["exponential", "tanh", "sigmoid", "softplus"])
def test_flushed_denormals_change_no_other_number(native, dtype, rng, name):
    function = {"exponential": "exp"}.get(name, name)
    tiny = np.finfo(dtype).tiny
    x = arguments(function, dtype, 4, rng)
    x = x[: len(x) // 16 * 16].reshape(-1, 16)
    stage = Stage(native, network(rng, [Activation(name)], (16,), batch_size=len(x)), dtype)
    for first in range(0, len(x), 256):
        some = x[first : first + 256]
        flushed, gradual = stage.forward(some), apply(native, function, some)
        np.testing.assert_array_equal(flushed, np.where(np.abs(gradual) < tiny, 0, gradual))


@pytest.mark.covering
@each_function
@pytest.mark.parametrize("count", [1, 3, 4, 7, 8, 9, 15, 16, 17, 35])
def test_numbers_do_not_depend_on_their_place(native, dtype, rng, name, count):
    x = rng.uniform(0.1, 3, 64).astype(dtype)
    whole, part = apply(native, name, x), np.full(count + 8, np.nan, dtype)
    native.math(NAMES.index(name), x[5 : 5 + count].copy(), part[:count])
    np.testing.assert_array_equal(part[:count], whole[5 : 5 + count])
    assert np.isnan(part[count:]).all()


def test_results_that_are_denormal_are_among_those_compared(dtype):
    for name in ("exp", "tanh"):
        right = exact(name, dtype.name, 4, 2)
        tiny = np.finfo(dtype).tiny
        assert np.count_nonzero((right.nearest != 0) & (np.abs(right.nearest) < tiny)) > 20
