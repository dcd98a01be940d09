"""Shards that pass through the ops together have the bits of shards one after another."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, _kernels, layers
from fastnn._engine import sharded, together
from fastnn._engine.shards import add_up, bounds, children, postfix
from fastnn.distributed import DataParallel, SelfComm

pytestmark = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not built")
N = 75
ISAS = ("avx512", "avx2", "neon", "portable")
WIDTHS = [(9, 37, 16, 1), (3, 17, 5), (1, 5, 2, 3), (40, 6, 13, 33), (2, 1), (300, 200, 7)]


def drawn(widths):
    draws = np.random.default_rng(3)
    return draws.standard_normal((N, widths[0])), draws.standard_normal((N, widths[-1]))


def dense(widths, dtype="float32", between=(), **more):
    stack = [layers.Dense(n, "relu", **more) for n in widths[1:-1]]
    model = Sequential([*stack[:1], *between, *stack[1:], layers.Dense(widths[-1])], dtype=dtype, seed=4)
    model.build((widths[0],))
    model.compile("adam", "mse", metrics=["mae", "r2_score"])
    return model


def left_by(model, x, y, shards, **more):
    told = {"batch_size": 32, "epochs": 2, "verbose": 0} | more
    history = model.fit(x, y, distribution=DataParallel(SelfComm(), shards), **told).history
    return model.state.params.tobytes(), model.state.slots.tobytes(), history


def check(monkeypatch, make, widths, shards, **more):
    """Trains both ways; returns how many shards passed at a time."""
    seen, real = [], together.gradient
    with monkeypatch.context() as patch:
        patch.setattr(sharded, "gradient_of_shards", lambda *told: (seen.append(len(told[-1])), real(*told)))
        found = left_by(make(), *drawn(widths), shards, **more)
        for module in (sharded, together):
            patch.setattr(module, "passes_together", lambda plan, backend: False)
        n = len(seen)
        assert left_by(make(), *drawn(widths), shards, **more) == found
    assert n == len(seen), "shards passed together that should not"
    return seen


@pytest.fixture(params=ISAS)
def isa(request):
    native = _kernels.load("cython")
    before = native.isa()
    if request.param not in native.running(native.isas()):
        pytest.skip(f"{request.param} does not run here")
    native.use_isa(request.param)
    yield
    native.use_isa(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(("batch", "shards"), [(32, 16), (70, 16), (33, 7), (7, 16), (5, 2), (75, 12), (64, 48)])
def test_the_bits_are_those_of_one_by_one(monkeypatch, isa, widths, dtype, batch, shards):
    seen = check(monkeypatch, lambda: dense(widths, dtype), widths, shards, batch_size=batch)
    assert max(seen) == min(batch, shards)


@pytest.mark.parametrize(
    "more",
    [
        {"kernel_regularizer": "l1_l2", "bias_regularizer": "l2", "use_bias": True},
        {"kernel_constraint": "max_norm", "use_bias": False},
        {"between": [layers.Dropout(0.4), layers.GaussianNoise(0.1), layers.Activation("softmax")]},
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_so_they_are_with_what_stands_around(monkeypatch, more, weighted):
    told = {"sample_weight": np.random.default_rng(1).random(N)} if weighted else {}
    assert check(monkeypatch, lambda: dense((9, 20, 3), **more), (9, 20, 3), 16, **told)


@pytest.mark.parametrize("shards", [5, 16])
def test_so_they_are_on_several_threads(monkeypatch, shards):
    native, threads = _kernels.load("cython"), fastnn.get_num_threads()
    alone = left_by(dense((30, 40, 2)), *drawn((30, 2)), shards)
    flop = native.flop_a_thread(1.0)
    fastnn.set_num_threads(3)
    try:
        assert check(monkeypatch, lambda: dense((30, 40, 2)), (30, 2), shards)
        assert left_by(dense((30, 40, 2)), *drawn((30, 2)), shards) == alone
    finally:
        native.flop_a_thread(flop)
        fastnn.set_num_threads(threads)


def test_so_they_are_where_a_batch_is_several_passes(monkeypatch):
    for module in (sharded, together):
        monkeypatch.setattr(module, "MOST_ROWS", 20)
    seen = check(monkeypatch, lambda: dense((9, 20, 3)), (9, 3), 12, batch_size=60)
    assert set(seen) == {4, 12}  # of 60 rows, and of 15


def test_who_wants_the_batch_or_does_not_sum_by_shards_passes_alone(monkeypatch):
    given = fastnn.Input(shape=(6, 2))
    flat = layers.Flatten()(given)
    shared = layers.Dense(12, "relu")
    for body in (
        layers.BatchNormalization()(layers.Dense(5)(flat)),
        layers.Dense(5, activity_regularizer="l2")(flat),
        shared(shared(flat)),
        layers.Flatten()(layers.Dense(3)(given)),
        layers.LSTM(4)(given),
    ):
        model = Model(given, layers.Dense(1)(body))
        model.compile("sgd", "mse")
        monkeypatch.setattr(sharded, "gradient_of_shards", None)
        left_by(model, np.ones((N, 6, 2)), np.ones((N, 1)), 4, epochs=1)


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 16, 48])
@pytest.mark.parametrize("n_rows", [5, 16, 37, 100])
def test_the_postfix_form_is_the_tree(shards, n_rows):
    at, vectors = bounds(n_rows, shards), np.random.default_rng(1).standard_normal((shards, 3)).astype(np.float32)
    left, right = children((0, shards)) if shards > 1 else ((0, 1), (0, 1))
    for node in {(0, shards), left, right}:
        parts = {(i, i + 1): vectors[i] for i in range(*node) if at[i] < at[i + 1]}
        wanted, stack, filled = np.zeros(3, np.float32), [], iter(parts.values())
        program = postfix(tuple(at), node)
        assert program[:, 0].tolist() == [at[last] - at[first] for first, last in parts]
        for _, adds in program:
            stack.append(next(filled))
            for _ in range(adds):
                above = stack.pop()
                stack.append(stack.pop() + above)
        assert len(stack) == add_up(parts, node, wanted)
        np.testing.assert_array_equal(stack[0] if stack else wanted, wanted)
