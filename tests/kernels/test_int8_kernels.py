"""Products of whole numbers: every backend, instruction set and number of threads gives the bits of the formula."""

from __future__ import annotations

import copy
import hashlib
import math

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on

from fastnn import Sequential, _kernels
from fastnn._base import threads
from fastnn._ops import int8
from fastnn.layers import Conv1D, Conv2D, Dense, Flatten, Input
from fastnn.models import quantizing


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch):
    """Small convolutions, too, which would be faster in float32."""
    monkeypatch.setattr(quantizing, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(quantizing, "LEAST_OUTPUTS", 0)


GOLDEN = {"float32": "9d434a9ce2ace942", "float64": "3091bf802e570056"}  # made on AVX2
RUNS = [] if _kernels.why_not("cython") else [name for name, _, runs in _kernels.load("cython").isas() if runs]


def outward(number):
    """Rounded up to 12 binary digits."""
    fraction, exponent = math.frexp(number)
    return math.ldexp(math.ceil(fraction * 2**12), exponent - 12)


def dense_by_hand(x, calibrate, w, b):
    """The formula once more, number by number as far as that is bearable."""
    low, high = -outward(-min(0.0, float(calibrate.min()))), outward(max(0.0, float(calibrate.max())))
    step = (high - low) / 127 or 1.0
    zero = round(-low / step)
    z = x * x.dtype.type(1 / step)
    q = np.round(np.clip(z, -zero, 127 - zero)).astype(np.int64)
    scale = []
    for column in w.T.astype(np.float64):
        fours = [0.0]
        for k in range(len(column)):
            if k % 8 in (0, 2):
                fours.append(sum(abs(column[i]) for i in (k, k + 1, k + 4, k + 5) if i < len(column)))
        scale.append(max(np.abs(column).max() / 127, max(fours) / 256) or 1.0)
    whole = np.round(w.astype(np.float64) / scale).astype(np.int64)
    assert np.abs(whole).max(initial=0) <= 127
    return (q @ whole).astype(x.dtype) * (np.array(scale) * step).astype(x.dtype) + b


def net(shape, *layers, name, rng, dtype="float32", draw=None):
    model = Sequential([Input(shape), *layers], backend=name, dtype=dtype)
    draw = draw or (lambda size: rng.normal(size=size))
    model.set_weights([draw(w.shape).astype(dtype) for w in model.get_weights()])
    return model


SIZES = [(1, 1), (3, 1), (7, 5), (8, 16), (9, 17), (31, 33), (64, 15), (97, 48), (130, 31)]


@EVERY_BACKEND
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_dense_products_have_the_bits_of_the_formula(name, rng, sizes):
    n_in, n_out = sizes
    dtype = dtype_on(name)
    model = net((n_in,), Dense(n_out), name=name, rng=rng, dtype=dtype)
    calibrate = rng.normal(size=(20, n_in)).astype(dtype)
    predict = model.predictor(precision="int8", calibrate=calibrate)
    for rows in (1, 2, 3, 4, 7, 101):
        x = (1.5 * rng.normal(size=(rows, n_in))).astype(dtype)  # some are cut off
        expected = dense_by_hand(x, calibrate, *model.get_weights())
        assert predict(x).tobytes() == expected.tobytes(), rows


def ones(size):
    return np.ones(size)


def none(size):
    return np.zeros(size)


def blocks(size):
    """Columns of +-1 by turns, zeros, and one large weight."""
    w = np.ones(size)
    if len(size) == 2:
        w[:, 1::3] *= -1
        w[:, 2::3] = 0
        w[0, ::4] = 100
    return w


@EVERY_BACKEND
@pytest.mark.parametrize("draw", [ones, none, blocks])
@pytest.mark.parametrize("x", [0.0, 1.0, -1.0, 1e30, np.inf, -np.inf], ids=str)
def test_extreme_weights_and_inputs_saturate_nothing(name, rng, draw, x):
    dtype = dtype_on(name)
    model = net((64,), Dense(18), name=name, rng=rng, dtype=dtype, draw=draw)
    calibrate = np.full((2, 64), np.clip(x, -2, 2), dtype)
    got = model.predictor(precision="int8", calibrate=calibrate)(np.full((5, 64), x, dtype))
    expected = dense_by_hand(np.full((5, 64), x, dtype), calibrate, *model.get_weights())
    assert got.tobytes() == expected.tobytes()


def test_no_kernel_makes_sums_of_four_that_leave_16_bits(rng):
    draws = [rng.normal(size=(64, 9)), rng.uniform(-1, 1, (33, 5)), np.ones((17, 3)), rng.standard_cauchy((40, 7))]
    for w in [*draws, *(w.round(1) for w in draws)]:
        q, scale = int8.quantized(w)
        padded = np.abs(np.pad(q.astype(int), ((0, -len(q) % 8), (0, 0))))
        lanes = padded.reshape(-1, 2, 2, 2, q.shape[1]).sum(axis=(1, 3))
        assert 127 * lanes.max() < 2**15
        assert np.abs(q * scale - w).max() <= scale.max() / 2 * (1 + 1e-12)


@EVERY_BACKEND
def test_nan_counts_as_zero(name, rng):
    dtype = dtype_on(name)
    predict = net((6,), Dense(4), name=name, rng=rng, dtype=dtype).predictor(
        precision="int8", calibrate=rng.normal(size=(9, 6))
    )
    x = rng.normal(size=(3, 6)).astype(dtype)
    without = x.copy()
    x[1, 2], without[1, 2] = np.nan, 0
    assert predict(x).tobytes() == predict(without).tobytes()


CONVOLUTIONS = {
    "image": ((9, 8, 3), Conv2D(5, 3)),
    "same": ((7, 6, 4), Conv2D(17, (3, 2), padding="same")),
    "strides": ((9, 11, 2), Conv2D(3, 3, strides=2, padding="same", use_bias=False)),
    "dilated": ((9, 9, 2), Conv2D(4, (2, 3), dilation_rate=2)),
    "pixels": ((4, 5, 9), Conv2D(16, 1)),
    "signal": ((30, 2), Conv1D(6, 5, padding="same")),
    "one channel": ((28, 28, 1), Conv2D(6, 5)),
}


def windows_by_hand(model, layer, shape, x, calibrate):
    """Rows of what windows read, by a layer of ones that picks each number: no code of the products is asked."""
    size = layer.kernel_size if len(shape) == 3 else (1, *layer.kernel_size)
    n = math.prod(size) * shape[-1]
    told = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    pick = Sequential([Input(shape), type(layer)(n, layer.kernel_size, use_bias=False, **told)], dtype="float64")
    pick.set_weights([np.eye(n).reshape(pick.get_weights()[0].shape)])
    rows = pick.predict(x.astype("float64")).reshape(-1, n).astype(x.dtype)
    w, *b = model.get_weights()
    z = dense_by_hand(rows, calibrate, w.reshape(n, -1), b[0] if b else x.dtype.type(0))
    return z.reshape(len(x), *model.output_shape[1:])


@EVERY_BACKEND
@pytest.mark.parametrize("which", CONVOLUTIONS)
def test_convolutions_have_the_bits_of_the_formula(name, rng, which):
    shape, layer = CONVOLUTIONS[which]
    dtype = dtype_on(name)
    model = net(shape, copy.copy(layer), name=name, rng=rng, dtype=dtype)
    calibrate = rng.normal(size=(5, *shape)).astype(dtype) + 0.3
    predict = model.predictor(precision="int8", calibrate=calibrate)
    for rows in (1, 5):
        x = rng.normal(size=(rows, *shape)).astype(dtype)
        assert predict(x).tobytes() == windows_by_hand(model, layer, shape, x, calibrate).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_depend_neither_on_threads_nor_on_the_instruction_set(rng, dtype):
    if not RUNS:
        pytest.skip(_kernels.why_not("cython"))
    native = _kernels.load("cython")
    layers = Conv2D(7, 3, activation="relu", padding="same"), Flatten(), Dense(130, "relu"), Dense(11)
    model = net((6, 7, 3), *layers, name="cython", rng=rng, dtype=dtype)
    x = rng.normal(size=(203, 6, 7, 3)).astype(dtype)
    predict = model.predictor(precision="int8", calibrate=x[:50])
    model.backend = "numpy"
    found = {model.predictor(precision="int8", calibrate=x[:50])(x).tobytes()}
    before, isa = native.flop_a_thread(1.0), native.isa()
    try:
        for name in RUNS:
            native.use_isa(name)
            for n in (1, 2, 3, 5):
                with threads.limited(n):
                    found.add(predict(x).tobytes())
            native.use_extras(())
            found.add(predict(x).tobytes())
            native.use_extras()
    finally:
        native.use_isa(isa)
        native.use_extras()
        native.flop_a_thread(before)
    assert len(found) == 1


@pytest.fixture
def each_way():
    """Call a function with each instruction set, with the instructions beyond it and without."""
    if not RUNS:
        pytest.skip(_kernels.why_not("cython"))
    native = _kernels.load("cython")
    before = native.isa()

    def run(made):
        for name in RUNS:
            native.use_isa(name)
            for extras in ((), None):
                native.use_extras(extras)
                made(f"{name} with {native.extras()}")

    yield run
    native.use_isa(before)
    native.use_extras()


# Rows fill tiles of 12 and of 6 or not, and what passes together; columns fill panels of 16 and pairs of them or not.
ROWS = (1, 2, 3, 4, 5, 7, 11, 12, 13, 25)
WAYS = [(1, 70, 16), (5, 33, 25), (8, 10, 12), (31, 48, 13), (64, 31, 11), (100, 17, 7), (1100, 32, 260), (70, 96, 400)]


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh"])
@pytest.mark.parametrize("sizes", WAYS, ids=str)
def test_products_by_other_instructions_have_the_bits_of_the_formula(each_way, rng, sizes, activation):
    n_in, n_out, most = sizes
    model = net((n_in,), Dense(n_out), name="cython", rng=rng)
    active = Sequential([Input((n_in,)), Dense(n_out, activation)], backend="cython")
    active.set_weights(model.get_weights())
    x = (1.5 * rng.normal(size=(most, n_in))).astype(np.float32)
    z = dense_by_hand(x, x[:9], *model.get_weights())
    predict = active.predictor(precision="int8", calibrate=x[:9])

    def made(way):
        for rows in (*ROWS, most):
            got = predict(x[:rows])
            if activation == "tanh":
                assert np.allclose(got, np.tanh(z[:rows]), atol=1e-6), (way, rows)
            else:
                expected = np.maximum(z, 0) if activation == "relu" else z
                assert got.tobytes() == expected[:rows].tobytes(), (way, rows)

    each_way(made)


@pytest.mark.parametrize("draw", [ones, blocks])
@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_the_largest_numbers_are_exact_by_all_instructions(each_way, rng, draw, sign):
    """All numbers of a row are 127, and so are weights: no instruction may keep sums in 16 bits."""
    model = net((4096,), Dense(40), name="cython", rng=rng, draw=lambda size: sign * draw(size))
    x = np.full((14, 4096), 3, np.float32)
    expected = dense_by_hand(x, x, *model.get_weights())
    predict = model.predictor(precision="int8", calibrate=x)

    def made(way):
        for rows in (1, 2, 4, 14):
            assert predict(x[:rows]).tobytes() == expected[:rows].tobytes(), (way, rows)

    each_way(made)


@EVERY_BACKEND
def test_the_bits_are_those_of_every_machine(name):
    """Nothing here is rounded by libraries: ranges come from the rows, sums are exact, relu is."""
    dtype = dtype_on(name)
    model = Sequential([Input((45,)), Dense(19, "relu")], backend=name, dtype=dtype)
    numbers = (np.arange(46 * 19, dtype=np.int64) * 7919 % 1009 / 512 - 1).astype(dtype)
    model.set_weights([numbers[: 45 * 19].reshape(45, 19), numbers[45 * 19 :]])
    x = (np.arange(50 * 45, dtype=np.int64) * 104729 % 2003 / 1024 - 0.7).astype(dtype).reshape(50, 45)
    y = model.predictor(precision="int8", calibrate=x[:30])(x)
    assert hashlib.sha256(y.tobytes()).hexdigest()[:16] == GOLDEN[dtype]
