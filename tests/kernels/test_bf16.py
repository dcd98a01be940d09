"""Products of bf16 numbers: how numbers are rounded, and what dense operations and convolutions make of them."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from models import EVERY_BACKEND, FAST_BACKENDS

from fastnn import Model, Sequential, _kernels
from fastnn._base import threads
from fastnn._ops import bf16
from fastnn.layers import (
    Activation,
    Add,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Input,
    MaxPooling2D,
    TimeDistributed,
)

MIXED = "mixed_bfloat16"


def _rarely_numba(mark):
    """Numba's cases under --long, for it compiles kernels of float32 for them; one test has them always."""
    names, cases = mark.args
    long = [
        pytest.param(*case.values, marks=[*case.marks, pytest.mark.long]) if case.values == ("numba",) else case
        for case in cases
    ]
    return pytest.mark.parametrize(names, long)


BACKENDS, QUICK_BACKENDS = _rarely_numba(EVERY_BACKEND), _rarely_numba(FAST_BACKENDS)
LOWER = (0x0000, 0x0001, 0x1234, 0x7FFF, 0x8000, 0x8001, 0xFFFF)
RUNS = [] if _kernels.why_not("cython") else [name for name, _, runs in _kernels.load("cython").isas() if runs]


def of_bits(bits) -> np.ndarray:
    return np.asarray(bits, np.uint32).view(np.float32)


def every_upper_half(lower: int) -> np.ndarray:
    return of_bits((np.arange(2**16, dtype=np.uint32) << 16) | np.uint32(lower))


def by_search(x: float) -> float:
    """The nearest number of bf16, from the two around ``x`` in float64; no bits are looked at."""
    if x != x or x in (np.inf, -np.inf):
        return x
    if abs(x) < 2.0**-126:
        return np.copysign(0.0, x)
    step = math.ldexp(1.0, math.frexp(x)[1] - 8)
    near = float(np.round(x / step)) * step  # ties to even, exactly
    return near if abs(near) < 2.0**128 else np.copysign(np.inf, x)


def test_rounding_is_to_nearest_and_ties_to_even(rng):
    for lower in LOWER:
        x = every_upper_half(lower)[:: 37 if lower else 11]
        expected = np.array([by_search(float(number)) for number in x])
        got = bf16.rounded(x)
        assert np.array_equal(got, expected, equal_nan=True), hex(lower)
        assert np.array_equal(np.signbit(got), np.signbit(x))


@pytest.mark.parametrize("lower", LOWER, ids=hex)
def test_rounding_is_torchs_but_for_denormals(lower):
    torch = pytest.importorskip("torch")
    x = every_upper_half(lower)
    expected = torch.from_numpy(x.copy()).to(torch.bfloat16).float().numpy()
    expected = np.where(np.abs(x) < np.float32(2.0**-126), np.copysign(np.float32(0), x), expected)
    got = bf16.rounded(x)
    real = ~np.isnan(x)
    assert np.array_equal(got[real].view(np.uint32), expected[real].view(np.uint32))
    assert np.isnan(got[~real]).all()
    assert (got[~real].view(np.uint32) & 0x0040FFFF == 0x00400000).all()  # quiet, and numbers of bf16


@BACKENDS
def test_every_backend_rounds_alike(name):
    """Through a depthwise convolution by 1, which leaves each number by itself."""
    x = np.concatenate([every_upper_half(lower)[::5] for lower in LOWER])
    x = x[np.isfinite(x) & np.isfinite(bf16.rounded(x))]
    model = Sequential([Input((x.size, 1, 1)), Conv2D(1, 1, use_bias=False, kernel_initializer="ones")], dtype=MIXED)
    got = model.predict(x.reshape(1, -1, 1, 1), backend=name).ravel()
    assert np.array_equal(got, bf16.rounded(x))


@BACKENDS
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_goes_through(name, number):
    model = Sequential([Input((5,)), Dense(3, kernel_initializer="ones")], dtype=MIXED, backend=name)
    predict = model.predictor()
    x = np.ones((2, 5), np.float32)
    x[0, 2] = number
    got = predict(x)
    assert np.array_equal(got[0], np.full(3, number, np.float32), equal_nan=True)
    assert (got[1] == 5).all()


SIZES = [(1, 1, 1), (3, 5, 2), (17, 33, 7), (9, 16, 64), (70, 45, 31), (5, 100, 3), (33, 3, 100)]
WIDE = [(300, 301, 203), (16, 700, 401)]  # packed


@pytest.fixture
def extras():
    """The native module, with all its extras in use afterwards."""
    native = pytest.importorskip("fastnn._kernels.native.native")
    if "avx512_bf16" not in native.extras():
        pytest.skip("this processor has no products of bf16 numbers")
    yield native
    native.use_extras()


def products(model, x, dy):
    """Of a dense layer: forward, by a predictor that holds its kernel in bf16, and both ways back."""
    held = model.predictor(precision="bfloat16")
    made = [held(x), held(x[0]), model.predict(x), *model.gradients(x, dy=dy), model.gradients(x, dy=dy, wrt="inputs")]
    return [np.asarray(array).tobytes() for array in made]


# Rows and columns fill tiles of 12 x 32 or not, of k there are pairs or not, and blocks of 1600.
PAIRED = [
    (1, 97, 160),
    (2, 64, 300),
    (3, 31, 131),
    (4, 3, 401),
    (13, 40, 16),
    (37, 97, 17),
    (130, 33, 48),
    (25, 1700, 65),
]


@pytest.mark.parametrize("sizes", PAIRED, ids=str)
def test_products_of_pairs_give_the_bits_of_single_ones(extras, rng, sizes):
    rows, n_in, n_out = sizes
    model = Sequential([Input((n_in,)), Dense(n_out, "tanh"), Dense(5)], dtype=MIXED, backend="cython", seed=1)
    x, dy = rng.normal(size=(rows, n_in)).astype(np.float32), rng.normal(size=(rows, 5)).astype(np.float32)
    paired = products(model, x, dy)
    extras.use_extras(())
    assert products(model, x, dy) == paired


# Channels read and made, and places of a line, are even or not; lines of windows follow each other or not.
CONVOLVED = [
    ((8, 8, 4), Conv2D(6, 3, padding="same")),
    ((9, 10, 2), Conv2D(5, (3, 2), strides=2)),
    ((7, 6, 3), Conv2D(4, 3)),
    ((12, 12, 16), Conv2D(34, 3, padding="same")),
    ((6, 8, 6), Conv2D(40, 1)),
    ((7, 7, 8), Conv2D(16, 6)),
    ((5, 8, 1), Conv2D(7, 2, padding="same")),
    ((8, 8, 4), Conv2D(6, 3, dilation_rate=2)),
    ((8, 8, 4), Conv2D(6, 3, groups=2)),
    ((10, 4), Conv1D(8, 3, padding="causal")),
    ((21, 2), Conv1D(18, 4, strides=3)),
    ((4, 6, 4), Conv2DTranspose(6, 3, strides=2)),
    ((4, 5, 6), Conv2DTranspose(3, 2)),
]


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize(("shape", "layer"), CONVOLVED, ids=repr)
def test_convolutions_of_pairs_give_the_bits_of_single_ones(extras, rng, shape, layer, pooled):
    pool = [MaxPooling2D(2)] if pooled and len(shape) == 3 else []
    layers = [copy.copy(layer), Activation("tanh"), *pool, type(layer)(4, 1), Flatten(), Dense(3)]
    model = Sequential([Input(shape), *layers], dtype=MIXED, backend="cython", seed=1)
    x, dy = rng.normal(size=(19, *shape)).astype(np.float32), rng.normal(size=(19, 3)).astype(np.float32)

    def made():
        arrays = [model.predict(x), *model.gradients(x, dy=dy), model.gradients(x, dy=dy, wrt="inputs")]
        return [np.asarray(array).tobytes() for array in arrays]

    paired = made()
    extras.use_extras(())
    assert made() == paired


def test_pairs_leave_zeros_their_sign(extras):
    """Where k is odd, its last pair has a number that is not there; sums of -0 stay -0 with it."""
    model = Sequential([Input((49,)), Dense(40)], dtype=MIXED, backend="cython")
    model.set_weights([np.ones((49, 40), np.float32), np.full(40, -0.0, np.float32)])
    for predict in (model.predict, model.predictor(precision="bfloat16")):
        got = predict(np.full((40, 49), -0.0, np.float32))
        assert not got.any()
        assert np.signbit(got).all()


@pytest.mark.skipif(not RUNS, reason="the native backend is not there")
def test_denormal_sums_count_as_zero():
    """As VDPBF16PS has it; on x86 and ARM, whose control register is set for the time of a call."""
    kernel = np.float32([[2.0**-70], [2.0**-63]])
    model = Sequential([Input((2,)), Dense(1, use_bias=False)], dtype=MIXED, backend="cython")
    model.set_weights([kernel])
    x = np.float32([[2.0**-70, 0], [0, 2.0**-62], [0, 2.0**-63], [2.0**-70, 2.0**-60]])
    expected = np.float32([[0], [2.0**-125], [2.0**-126], [2.0**-123]])
    for predict in (model.predict, model.predictor(), model.predictor(precision="bfloat16")):
        assert predict(x).tobytes() == expected.tobytes()


def near(got, expected) -> bool:
    """Equal to a millionth of the largest."""
    expected = np.asarray(expected)
    return bool(np.abs(got - expected).max() <= 2e-6 * np.abs(expected).max())


def by_torch(torch, layer, w, x, dy):
    """``z``, ``dw``, ``db`` and ``dx`` of ``layer(x, kernel)`` on operands that torch rounds."""

    def halved(array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(torch.bfloat16).float()

    x, kernel, bias = halved(x).requires_grad_(), halved(w[0]).requires_grad_(), torch.from_numpy(w[1]).requires_grad_()
    z = layer(x, kernel) + bias
    z.backward(halved(dy))
    return [array.detach().numpy() for array in (z, kernel.grad, bias.grad, x.grad)]


def ours(model, x, dy):
    return [model.predict(x), *model.gradients(x, dy=dy), model.gradients(x, dy=dy, wrt="inputs")]


def mixed(*layers, shape, name, rng):
    model = Sequential([Input(shape), *layers], dtype=MIXED, backend=name, seed=1)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@QUICK_BACKENDS
@pytest.mark.parametrize("sizes", [*SIZES, *(pytest.param(s, marks=pytest.mark.long) for s in WIDE)], ids=str)
def test_dense_products_are_torchs_of_rounded_operands(name, rng, sizes):
    torch = pytest.importorskip("torch")
    rows, n_in, n_out = sizes
    model = mixed(Dense(n_out), shape=(n_in,), name=name, rng=rng)
    x, dy = rng.normal(size=(rows, n_in)).astype(np.float32), rng.normal(size=(rows, n_out)).astype(np.float32)
    expected = by_torch(torch, lambda x, w: x @ w, model.get_weights(), x, dy)
    assert all(map(near, ours(model, x, dy), expected))


def _conv(torch, **how):
    def layer(x, w):
        made = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), **how)
        return made.permute(0, 2, 3, 1)

    return layer


def _transposed(torch, **how):
    def layer(x, w):
        made = torch.nn.functional.conv_transpose2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), **how)
        return made.permute(0, 2, 3, 1)

    return layer


def _depthwise(torch, channels):
    def layer(x, w):
        kernel = w.reshape(*w.shape[:2], 1, -1)
        made = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), groups=channels)
        return made.permute(0, 2, 3, 1)

    return layer


CONVOLUTIONS = [
    (Conv2D(7, 3), (9, 8, 5), lambda torch: _conv(torch)),
    (Conv2D(9, (2, 3), strides=2), (8, 9, 1), lambda torch: _conv(torch, stride=2)),
    (Conv2D(6, 3, groups=2), (7, 7, 4), lambda torch: _conv(torch, groups=2)),
    (Conv2D(20, 1), (5, 5, 6), lambda torch: _conv(torch)),
    (Conv2D(3, 2, dilation_rate=2), (6, 6, 2), lambda torch: _conv(torch, dilation=2)),
    (DepthwiseConv2D(3), (6, 7, 11), lambda torch: _depthwise(torch, 11)),
    (Conv2DTranspose(4, 3, strides=2), (4, 5, 6), lambda torch: _transposed(torch, stride=2)),
]


@QUICK_BACKENDS
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda case: repr(case[0]))
def test_convolutions_are_torchs_of_rounded_operands(name, rng, case):
    torch = pytest.importorskip("torch")
    layer, shape, torchs = case
    model = mixed(copy.copy(layer), shape=shape, name=name, rng=rng)
    x = rng.normal(size=(19, *shape)).astype(np.float32)
    dy = rng.normal(size=(19, *model.output_shape[1:])).astype(np.float32)
    expected = by_torch(torch, torchs(torch), model.get_weights(), x, dy)
    got = ours(model, x, dy)
    assert all(near(a.reshape(np.shape(b)), b) for a, b in zip(got, expected, strict=True))


def trained(model, x, y, **how):
    model.compile("sgd", "mean_squared_error")
    model.fit(x, y, epochs=1, batch_size=len(x), verbose=0, **how)
    return [model.predict(x), *model.get_weights()]


def _chain():
    return [Dense(9, "relu"), Dense(5, "relu"), Dense(2)], (11,)


def _images():
    layers = [Conv2D(4, 2, activation="relu"), MaxPooling2D(2), DepthwiseConv2D(2), Conv2DTranspose(3, 2), Flatten()]
    return [*layers, Dense(2)], (6, 5, 2)


def test_numba_rounds_every_kind_of_number_by_the_same_rule():
    """The kernel alone: whole networks of float32 in Numba wait for ``--long``."""
    numba = pytest.importorskip("numba")
    from fastnn._kernels.numba.bf16 import round_rows

    @numba.njit
    def rounded(out, x):
        round_rows(out, x)

    upper, lower = (
        np.arange(0, 1 << 16, 3, np.uint32) << 16,
        np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32),
    )
    x = (upper[:, None] | lower).ravel().view(np.float32)
    out = np.empty_like(x)
    rounded(out, x)
    with np.errstate(all="ignore"):
        assert np.array_equal(out.view(np.uint32), bf16.rounded(x).view(np.uint32))


@pytest.mark.single
@EVERY_BACKEND
@pytest.mark.parametrize("net", [_chain, pytest.param(_images, marks=pytest.mark.long)])
def test_small_whole_numbers_give_the_bits_of_float32(name, net):
    """All operands have 8 digits at most, so nothing is rounded."""
    rng, (layers, shape) = np.random.default_rng(5), net()
    x, y = rng.integers(-2, 3, (8, *shape)).astype(np.float32), rng.integers(-2, 3, (8, 2)).astype(np.float32)
    plain = Sequential([Input(shape), *layers], backend=name)
    plain.set_weights([rng.integers(-1, 2, w.shape) for w in plain.get_weights()])
    model = Sequential([Input(shape), *map(copy.copy, layers)], backend=name, dtype=MIXED)
    model.set_weights(plain.get_weights())
    assert np.abs(plain.predict(x)).max() <= 256
    assert model.predict(x).tobytes() == plain.predict(x).tobytes()
    dy = np.sign(y)
    got, expected = model.gradients(x, dy=dy), plain.gradients(x, dy=dy)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(got, expected, strict=True))


@BACKENDS
def test_gradients_pass_through_the_rounding_to_all_who_share_a_value(name, rng):
    """A value that a product, a sum and an output read, against the same in float32."""
    made = {}
    for dtype in ("float32", MIXED):
        x = Input((6,))
        h = Dense(5, "tanh", name="h")(x)
        y = Dense(5, name="y")(h)
        made[dtype] = Model(x, [Add()([h, y, Dense(5, name="again")(h)]), h], dtype=dtype, seed=3, backend=name)
    rows = rng.normal(size=(21, 6)).astype(np.float32)
    dy = [rng.normal(size=(21, 5)).astype(np.float32) for _ in "ab"]
    for wrt in ("weights", "inputs"):
        got, plain = (model.gradients(rows, dy=dy, wrt=wrt) for model in (made[MIXED], made["float32"]))
        for a, b in zip(*map(_listed, (got, plain)), strict=True):
            assert np.abs(a - b).max() < 0.02 * np.abs(b).max()
            assert not np.array_equal(a, b)


def _listed(arrays):
    return [arrays] if isinstance(arrays, np.ndarray) else list(arrays)


@BACKENDS
def test_a_layer_of_float32_rounds_nothing(name, rng):
    x = rng.normal(size=(7, 6)).astype(np.float32)
    plain = Sequential([Input((6,)), Dense(4, "tanh")], seed=1, backend=name)
    model = Sequential([Input((6,)), Dense(4, "tanh", dtype="float32")], seed=1, backend=name, dtype=MIXED)
    assert model.predict(x).tobytes() == plain.predict(x).tobytes()


NETS = {
    "dense": ((Dense(70, "relu"), Dense(33, "relu"), Dense(1)), (45,)),
    "packed": ((Dense(300, "relu"), Dense(5)), (401,)),
    "images": (
        (Conv2D(12, 3, activation="relu"), MaxPooling2D(2), Conv2D(9, 2, groups=3), Flatten(), Dense(4)),
        (9, 9, 3),
    ),
    "steps": ((TimeDistributed(Dense(8, "relu")), Conv1D(5, 2, activation="relu"), Flatten(), Dense(2)), (6, 4)),
}


@pytest.mark.skipif(not RUNS, reason="the native backend is not there")
@pytest.mark.parametrize("net", NETS)
def test_native_bits_are_the_same_on_every_instruction_set_and_number_of_threads(net, monkeypatch):
    """Also without fused multiply-adds: products are exact. Slopes of one step, for updates round otherwise there."""
    native = _kernels.load("cython")
    before, isa = native.flop_a_thread(1.0), native.isa()
    (layers, shape), rng, seen = NETS[net], np.random.default_rng(2), set()
    x = rng.normal(size=(101, *shape)).astype(np.float32)
    try:
        for name in RUNS:
            native.use_isa(name)
            for count in (1, 2, 3, 5):
                monkeypatch.setattr(threads, "_chosen", count)
                model = Sequential([Input(shape), *map(copy.copy, layers)], seed=4, backend="cython", dtype=MIXED)
                held = model.predictor(precision="bfloat16")
                dy = np.sign(model.predict(x)) / 3
                found = [model.predict(x), held(x), *model.gradients(x, dy=dy)]
                assert found[0].tobytes() == found[1].tobytes()
                seen.add(b"".join(array.tobytes() for array in found))
    finally:
        native.use_isa(isa)
        native.flop_a_thread(before)
    assert len(seen) == 1


@BACKENDS
def test_updates_do_not_stop_at_steps_smaller_than_bf16(name):
    """Weights are of float32: steps of 1e-4 on a weight of 1 add up, which they would not in 8 digits."""
    model = Sequential([Input((1,)), Dense(1, use_bias=False, kernel_initializer="ones")], dtype=MIXED, backend=name)
    model.compile("sgd", "mean_squared_error")
    before = model.get_weights()[0].copy()
    model.optimizer.learning_rate = 1e-4
    model.fit(np.ones((4, 1)), np.zeros((4, 1)), epochs=50, batch_size=4, verbose=0)
    assert 0.985 < float(model.get_weights()[0][0, 0]) < 0.995 < before


@BACKENDS
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 33])
def test_held_kernels_give_the_predictions_of_the_model(name, rng, rows):
    """Also of ragged widths, and of one column."""
    layers = [Dense(31, "tanh"), Dense(33, "relu", use_bias=False), Dense(64, "softmax"), Dense(1)]
    model = Sequential([Input((7,)), *layers], dtype=MIXED, seed=2, backend=name)
    x = rng.normal(size=(rows, 7)).astype(np.float32)
    got, expected = model.predictor(precision="bfloat16")(x), model.predict(x)
    assert got.tobytes() == expected.tobytes() if name == "cython" else np.allclose(got, expected, rtol=1e-3)
