"""What is special to the Numba backend; that it equals the reference is shown by the tests of all backends.

The parts below the contract are compared with their Python twins: scalars of a step, exponentials, draws,
products. Then that no code is without a kernel, and that blocks, cuts and broken losses keep their promises.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from networks import Stage, dense, draw, network
from tolerance import assert_close, limit

from fastnn import optimizers, plan, random
from fastnn._kernels import reference
from fastnn.activations import ActivationCode
from fastnn.layers import Dense, Dropout
from fastnn.layers.base import OpKind
from fastnn.losses import LossCode
from fastnn.metrics import METRICS, StatisticCode
from fastnn.optimizers import SGD, Adam, RMSprop
from fastnn.updates import N_HYPER, ClipCode, OptimizerCode

pytest.importorskip("numba", reason="numba is not installed")

from numba import njit

from fastnn._kernels import (
    jit,
    jit_activations,
    jit_compile,
    jit_losses,
    jit_math,
    jit_products,
    jit_random,
    jit_statistics,
    jit_update,
    jit_walk,
)

DOUBLE = np.dtype("float64")
ADD_PRODUCT = njit(lambda a, i, j, b, c, m, k, n: jit_products.add_product(a, i, j, b, c, m, k, n))
DROPOUT_FACTORS = njit(lambda out, *place: jit_random.dropout_factors(out, *place))
FILL_ORDER = njit(lambda order, seed, epoch: jit_random.fill_order(order, seed, epoch))
SCALARS = njit(lambda code, hyper, step, rate: jit_update.step_scalars(code, hyper, step, rate))
OPTIMIZERS = [
    *(SGD(0.1), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True)),
    *("rmsprop", RMSprop(centered=True, momentum=0.8), "adagrad", "adadelta"),
    *("adam", Adam(form="keras"), "adamw", "nadam", "adamax", "lion"),
]


@pytest.mark.parametrize(
    ("kernels", "codes"),
    [
        (jit_walk.KINDS, OpKind),
        (jit_activations.KERNELS, ActivationCode),
        (jit_losses.KERNELS, LossCode),
        (jit_statistics.KERNELS, StatisticCode),
        (jit_update.KERNELS, OptimizerCode),
        (jit_update.SCALARS, OptimizerCode),
        (jit_update.CLIPS, ClipCode),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_code_has_a_kernel(kernels, codes):
    assert {int(code) for code in kernels} == {int(code) for code in codes}


@pytest.mark.parametrize(
    ("table", "field"),
    [
        *(("ops", "kind"), ("ops", "activation"), ("loss", "code"), ("metrics", "statistic")),
        *(("optimizer", "code"), ("optimizer", "clip")),
    ],
)
def test_a_plan_with_an_unknown_code_is_not_supported(rng, table, field):
    metrics = [(METRICS["mse"], False)]
    compiled = dense(rng, (3, 2), loss="mse", optimizer="adam", metrics=metrics).plan
    assert jit.supports(compiled) is None
    changed = getattr(compiled, table).copy()
    changed[field] = 99
    assert "99" in jit.supports(replace(compiled, **{table: changed}))


def test_a_choice_refuses_a_code_without_a_kernel():
    @jit_compile.kernel
    def double(x):
        return 2 * x

    chosen = jit_compile.choice("chosen", {3: double}, "x")
    run = njit(lambda code, x: chosen(code, x))
    assert run(3, 4) == 8
    with pytest.raises(ValueError, match="chosen: the plan has a code without a kernel"):
        run(4, 4)


def test_one_signature_serves_all_networks_of_a_dtype(rng, dtype):
    before = len(jit._dispatcher().overloads)
    jit._entry(dtype)
    compiled = len(jit._dispatcher().overloads)
    for widths, loss in (((3, 4, 2), "mse"), ((1, 1), "hinge"), ((7, 5), "sparse_categorical_crossentropy")):
        Stage(jit, dense(rng, widths, loss=loss), dtype).forward(draw(rng, (2, widths[0])))
    assert len(jit._dispatcher().overloads) == compiled <= before + 1


def test_a_change_of_any_source_changes_the_key_of_the_cache():
    caches = [jit._make(digest)._cache for digest in (1, 2)]
    signature, target = jit._signature(DOUBLE), jit._dispatcher().targetctx.codegen()
    assert caches[0]._index_key(signature, target) != caches[1]._index_key(signature, target)
    named = {source.__name__ for source in jit.SOURCES}
    imported = re.findall(r"^from (fastnn\S*) import", "".join(map(_text, jit.SOURCES)), re.MULTILINE)
    formulas = {name for name in imported if "_kernels." in name or name.endswith("_formulas")}
    assert formulas <= named


def _text(module):
    with open(module.__file__) as file:
        return file.read()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: getattr(o, "name", o))
def test_scalars_of_a_step_equal_those_of_the_optimizer(optimizer):
    record = optimizers.get(optimizer)
    hyper = np.zeros(N_HYPER)
    hyper[: len(record.hyper())] = record.hyper()
    for step in (1, 2, 3, 10, 1000, 2**40):
        if record.name == "nadam" and step > 1000:
            continue  # its schedule of momentum is a product over the steps
        got = SCALARS(int(record.code), hyper, step, 0.03)
        np.testing.assert_allclose(got, record.all_scalars(step, 0.03)[1:], rtol=limit(DOUBLE))


@pytest.mark.parametrize("name", ["exp", "expm1", "tanh"])
def test_exponentials_are_exact_to_some_units_in_the_last_place(name):
    function = getattr(jit_math, name)
    run = njit(lambda x: [function(value) for value in x])
    near, far = 10.0 ** np.arange(-300, 1), np.linspace(-700, 709.7, 4001)
    x = np.concatenate([far, np.linspace(-3, 3, 4001), near, -near, [0.0, np.inf, -np.inf, np.nan]])
    expected = getattr(np, name)(x)
    got = np.array(run(x))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    assert (np.abs(got[finite] - expected[finite]) <= 4 * np.spacing(np.abs(expected[finite]))).all()


def test_exponential_overflows_to_infinity_and_underflows_to_zero():
    run = njit(lambda x: jit_math.exp(x))
    assert run(709.78) < np.inf == run(709.79) == run(1e300)
    assert run(-707.1) == run(-1e300) == 0
    assert run(np.float32(-100.0)) > 0


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 33, 1000])
def test_order_of_rows_is_that_of_the_reference(n):
    for seed, epoch in ((0, 0), (2**64 - 1, 7), (2**40 + 17, 2**33 + 1)):
        got, expected = np.zeros(n, np.int32), np.zeros(n, np.int32)
        FILL_ORDER(got, np.uint64(seed), epoch)
        random.fill_order(expected, seed, epoch)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("rate", "first", "count"), [(0.5, 0, 16), (0.1, 3, 7), (0.999, 5, 1), (0.0, 2, 9), (0.3, 1, 2)]
)
def test_dropout_factors_are_those_of_the_reference(dtype, rate, first, count):
    for seed, layer, step in ((1, 0, 0), (2**63 + 5, 3, 2**34 + 1)):
        got = np.full(count, np.nan, dtype)
        DROPOUT_FACTORS(got, np.uint64(seed), layer, step, rate, first)
        expected = random.dropout_scale(seed, layer, step, rate, first, count)
        np.testing.assert_array_equal(got, expected.astype(dtype))


@pytest.mark.parametrize("n", [1, 2, 4, 7, 16, 31, 32, 33, 65])
@pytest.mark.parametrize("m", [1, 3, 4, 9])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_products_of_small_integers_are_exact(rng, dtype, m, n, k):
    a, b, start = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    for flat, strides in ((a, (k, 1)), (np.ascontiguousarray(a.T), (1, m))):
        c = start.ravel().copy()
        ADD_PRODUCT(flat.ravel(), *strides, b.ravel(), c, m, k, n)
        np.testing.assert_array_equal(c.reshape(m, n), start + a @ b)


def small_blocks(monkeypatch, rows):
    monkeypatch.setattr(plan, "MIN_BLOCK", rows)
    monkeypatch.setattr(plan, "MAX_BLOCK", rows)


def trained(backend, net, dtype, data, **more):
    stage = Stage(backend, net, dtype)
    sums, order, run = stage.train(*data, epochs=3, rate=0.02, **more)
    return stage, sums, order, run


@pytest.mark.parametrize("block", [5, 16, 64])
@pytest.mark.parametrize("clip", [{}, {"clipnorm": 0.5}])
def test_training_in_blocks_equals_reference(monkeypatch, rng, dtype, block, clip):
    small_blocks(monkeypatch, block)
    layers = [Dropout(0.1), Dense(17, "tanh"), Dropout(0.5), Dense(9, "gelu", use_bias=False), Dense(1)]
    net = network(
        rng, layers, (6,), loss="huber", optimizer=Adam(**clip), batch_size=32, metrics=[(METRICS["mse"], True)]
    )
    assert net.plan.header["block_rows"] == min(block, 32)
    data = draw(rng, (75, 6)), draw(rng, (75, 1)), draw(rng, 75) ** 2
    ours, sums, order, run = trained(jit, net, dtype, data)
    right, expected, expected_order, _ = trained(reference, net, DOUBLE, data)
    k = 9 * net.depth * 32  # nine updates, each on sums over the network and the batch
    assert_close(ours.params(), right.params(), dtype, k)
    assert_close(sums, expected, dtype, k)
    np.testing.assert_array_equal(order, expected_order)
    assert (run["epoch"], run["batch"], run["step"], run["status"]) == (3, 0, 9, 0)
    ours.check()


@pytest.mark.parametrize("max_steps", [1, 4])
def test_training_cut_into_calls_in_blocks_changes_no_bit(monkeypatch, rng, dtype, max_steps):
    small_blocks(monkeypatch, 5)
    net = network(rng, [Dense(9, "relu"), Dropout(0.5), Dense(3)], (6,), loss="mse", optimizer="nadam", batch_size=16)
    data = draw(rng, (43, 6)), draw(rng, (43, 3)), None
    whole, cut = trained(jit, net, dtype, data), trained(jit, net, dtype, data, max_steps=max_steps)
    np.testing.assert_array_equal(cut[0].params(), whole[0].params())
    np.testing.assert_array_equal(cut[1], whole[1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_before_its_update(monkeypatch, rng, dtype, value):
    small_blocks(monkeypatch, 5)
    net = dense(rng, (4, 3, 2), "relu", loss="mse", optimizer="adam", batch_size=8)
    x, target = draw(rng, (40, 4)), draw(rng, (40, 2))
    target[19] = value  # in the third batch
    stopped, _, _, run = trained(jit, net, dtype, (x, target, None), shuffle=False)
    assert (run["status"], run["step"], run["batch"], run["epoch"]) == (1, 2, 2, 0)
    fine, *_ = trained(jit, net, dtype, (x[:16], target[:16], None), shuffle=False, max_steps=2)
    first_epoch = Stage(jit, net, dtype)
    first_epoch.train(x[:16], target[:16], epochs=1, rate=0.02, shuffle=False)
    np.testing.assert_array_equal(stopped.params(), first_epoch.params())
    assert not np.array_equal(stopped.params(), fine.params())


def test_rows_that_cannot_be_written_are_read(rng, dtype):
    net = dense(rng, (4, 3), loss="mse", optimizer="sgd")
    stage = Stage(jit, net, dtype)
    x, target = stage.place(draw(rng, (6, 4))), stage.place(draw(rng, (6, 3)))
    x.flags.writeable = target.flags.writeable = False
    expected = reference.forward(stage.plan, stage.arenas, x).copy()
    out = np.empty((6, 3), dtype)
    jit.predict(stage.plan, stage.arenas, x, out)
    assert_close(out, expected, dtype, net.depth)
    run = plan.new_run(6, (0, 1))
    order, sums = np.arange(6, dtype=np.int32), np.zeros((1, 1))
    jit.train_epochs(stage.plan, stage.arenas, x, target, None, order, run, np.array([0.1]), sums)
    assert run["step"] == 1
