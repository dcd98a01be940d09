"""What is special to the Numba backend; that it equals the reference is shown by the tests of all backends.

The parts below the contract are compared with their Python twins: scalars of a step, exponentials, draws,
products. Then that no code is without a kernel, and that blocks, cuts and broken losses keep their promises.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import Memory, Stage, dense, draw, network, reading
from tolerance import assert_close, limit

import fastnn
from fastnn import _plan as plan
from fastnn import losses, optimizers
from fastnn._base import random
from fastnn._kernels import reference
from fastnn._kernels.contract import Course, Rows
from fastnn._ops import OPS
from fastnn._plan import compile as compiling
from fastnn.activations import ActivationCode
from fastnn.layers import LSTM, Dense, Dropout
from fastnn.losses import LossCode
from fastnn.metrics import StatisticCode
from fastnn.optimizers import SGD, Adam, RMSprop
from fastnn.optimizers.updates import N_HYPER, ClipCode, OptimizerCode

pytest.importorskip("numba", reason="numba is not installed")

from numba import njit
from numba.core.errors import TypingError

from fastnn._kernels.numba import activations, ops, statistics, update
from fastnn._kernels.numba import backend as jit
from fastnn._kernels.numba import losses as jit_losses
from fastnn._kernels.numba import optimizers as jit_optimizers
from fastnn._kernels.numba import table as jit_table
from fastnn._kernels.numba.compile import uncollected
from fastnn._kernels.numba.vector import denormals, math, products
from fastnn._kernels.numba.vector import random as jit_random

pytestmark = pytest.mark.numba
DOUBLE = np.dtype("float64")
PRODUCT = njit(lambda start, a, i, j, b, c, m, k, n: products.product(start, a, i, j, b, c, m, k, n))
TRANSPOSE = njit(lambda w, out, m, n: products.transpose(w, out, m, n))
DROPOUT_FACTORS = njit(lambda out, *place: jit_random.dropout_factors(out, *place))
FILL_ORDER = njit(lambda order, seed, epoch: jit_random.fill_order(order, seed, epoch))
OPTIMIZERS = [
    *(SGD(0.1), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.9, nesterov=True)),
    *("rmsprop", RMSprop(centered=True, momentum=0.8), "adagrad", "adadelta"),
    *("adam", Adam(form="paper"), Adam(amsgrad=True), "adamw", "nadam", "adamax", "lion", "ftrl"),
]


@pytest.mark.parametrize(
    ("kernels", "codes"),
    [
        (ops.FORWARD.kernels, OPS),
        (ops.BACKWARD.kernels, [code for code, op in OPS.items() if op.backward is not None]),
        (ops.SETTLE.kernels, [code for code, op in OPS.items() if op.measures or op.remembers]),
        (activations.KERNELS, ActivationCode),
        (activations.GRADIENTS, ActivationCode),
        (jit_losses.KERNELS, LossCode),
        (statistics.KERNELS, StatisticCode),
        (jit_optimizers.KERNELS, OptimizerCode),
        (jit_optimizers.SCALARS, OptimizerCode),
        (update.CLIPS, ClipCode),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_every_code_has_a_kernel(kernels, codes):
    assert {int(code) for code in kernels} == {int(code) for code in codes}


@pytest.mark.parametrize(
    ("table", "field"),
    [
        *(("ops", "kind"), ("ops", "activation"), ("losses", "code"), ("metrics", "statistic")),
        *(("optimizer", "code"), ("optimizer", "clip")),
    ],
)
def test_a_plan_with_an_unknown_code_is_not_supported(rng, table, field):
    metrics = [(reading("mse"), False)]
    compiled = dense(rng, (3, 2), loss="mse", optimizer="adam", metrics=metrics).plan
    assert jit.supports(compiled) is None
    changed = getattr(compiled, table).copy()
    changed[field] = 99
    assert "99" in jit.supports(replace(compiled, **{table: changed}))


def test_the_table_has_a_place_for_every_kernel():
    families = (*jit_table.FAMILIES, ops.FORWARD, ops.BACKWARD, ops.SETTLE, ops.VISIT)
    places = [family.first + code for family in families for code in family.kernels]
    assert len(set(places)) == len(places)
    assert (min(places), max(places)) == (0, ops.SIZE - 1)


def test_a_plan_needs_the_kernels_of_its_codes_alone(rng):
    def names(compiled):
        return sorted(f"{family.name} {code}" for family, code in ops.needed(compiled))

    net = dense(rng, (3, 4, 2), "relu", "sigmoid", loss="mse", optimizer="adam", metrics=[(reading("mae"), False)])
    relu, sigmoid = int(ActivationCode.RELU), int(ActivationCode.SIGMOID)
    training = [f"activate {sigmoid}", f"activate {relu}", f"activation_gradient {sigmoid}"]
    training += [f"activation_gradient {relu}", f"loss {int(LossCode.MEAN_SQUARED_ERROR)}", "product 0"]
    training += [
        "forward 0",
        "backward 0",
        f"statistic {int(StatisticCode.ABSOLUTE_ERROR)}",
        f"update {int(OptimizerCode.ADAM)}",
    ]
    assert names(net.plan) == sorted(training)
    assert names(dense(rng, (3, 4, 2), "relu").plan) == [f"activate {relu}", "forward 0", "product 0"]
    fused = dense(rng, (3, 2), output="softmax", loss="categorical_crossentropy").plan
    assert f"activate {int(ActivationCode.SOFTMAX)}" in names(fused)
    gate = int(ActivationCode.HARD_SIGMOID)
    cell = network(rng, [LSTM(2, "linear", "hard_sigmoid")], (5, 3), loss="mse", optimizer="sgd").plan
    assert {f"activate {gate}", f"activation_gradient {gate}"} <= set(names(cell))


def test_a_call_with_other_arrays_than_the_kernel_takes_is_refused():
    wrong = njit(lambda table, y: jit_table.activation_gradient(table, 3, (y, y, y[::2], 4, 0.0)))
    with pytest.raises(TypingError, match="activation_gradient takes"):
        wrong(np.zeros(jit_table.SIZE, np.int64), np.zeros(8))


def test_networks_of_a_dtype_share_what_is_compiled(rng, dtype):
    compiled = jit._compiled(dtype)
    for widths, loss in (((3, 4, 2), "mse"), ((1, 1), "hinge"), ((7, 5), "sparse_categorical_crossentropy")) * 2:
        stage = Stage(jit, dense(rng, widths, "relu", loss=loss), dtype)
        held = len(compiled.held)
        for _ in range(2):
            stage.forward(draw(rng, (2, widths[0])))
        assert held <= len(compiled.held) <= held + len(ops.needed(stage.plan))
    assert len(compiled.held) == held, "the second round compiled again"
    assert np.count_nonzero(compiled.kernels) == len(compiled.held)


def test_plans_are_forgotten_with_their_last_reference(rng, dtype):
    known = len(jit._compiled(dtype).prepared)
    stage = Stage(jit, dense(rng, (3, 2)), dtype)
    stage.forward(draw(rng, (2, 3)))
    assert len(jit._compiled(dtype).prepared) == known + 1
    del stage
    gc.collect()
    assert len(jit._compiled(dtype).prepared) <= known


def test_a_change_of_any_source_changes_the_names_in_the_cache(monkeypatch, tmp_path):
    package = Path(fastnn.__file__).parent
    copy = shutil.copytree(package, tmp_path / "fastnn", ignore=shutil.ignore_patterns("*.c", "*.so", "__pycache__"))
    monkeypatch.setattr(jit, "ROOT", Path(copy))
    seen = {jit._digest.__wrapped__()}
    changed = ("_kernels/numba/vector/math.py", "_kernels/steps.py", "_ops/dense.py", "_plan/records.py")
    for name in (*changed, "_base/random.py", "losses/formulas.py", "activations/formulas.py", "optimizers/updates.py"):
        with (copy / name).open("a") as file:
            file.write("# changed\n")
        seen.add(jit._digest.__wrapped__())
    assert len(seen) == 9
    names = {jit_table.renamed(jit.execute, f"execute_{digest}").__qualname__ for digest in seen}
    assert len(names) == 9


def test_kernels_come_from_the_disk_in_the_next_process(tmp_path):
    code = (
        "import numpy as np; from numba import typeof; from fastnn._kernels.numba.table import ACTIVATE;"
        "print(*(ACTIVATE.compile(3, typeof(np.float32(0)), digest).cache_hits for digest in ('a', 'b', 'a')))"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    outputs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert outputs == ["0 0 1\n", "1 1 1\n"]


@pytest.mark.parametrize("on", [True, False])
def test_compiling_leaves_the_collector_of_garbage_as_it_was(on):
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        with pytest.raises(TypeError), uncollected():
            jit_table.ACTIVATE.compile(1, None, "no dtype")
        assert gc.isenabled() == on
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()


def _text(module):
    with open(module.__file__) as file:
        return file.read()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: getattr(o, "name", o))
def test_scalars_of_a_step_equal_those_of_the_optimizer(optimizer):
    record = optimizers.get(optimizer)
    hyper = np.zeros(N_HYPER)
    hyper[: len(record.hyper())] = record.hyper()
    kernel = jit_optimizers.SCALARS[record.code]
    scalars = njit(lambda hyper, step, rate: kernel(hyper, step, rate))
    for step in (1, 2, 3, 10, 1000, 2**40):
        if record.name == "nadam" and step > 1000:
            continue  # its schedule of momentum is a product over the steps
        got = scalars(hyper, step, 0.03)
        np.testing.assert_allclose(got, record.all_scalars(step, 0.03)[1:], rtol=limit(DOUBLE))


@pytest.mark.parametrize("name", ["exp", "expm1", "tanh"])
def test_exponentials_are_exact_to_some_units_in_the_last_place(name):
    function = getattr(math, name)
    run = njit(lambda x: [function(value) for value in x])
    near, far = 10.0 ** np.arange(-300, 1), np.linspace(-700, 709.7, 4001)
    x = np.concatenate([far, np.linspace(-3, 3, 4001), near, -near, [0.0, np.inf, -np.inf, np.nan]])
    expected = getattr(np, name)(x)
    got = np.array(run(x))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    assert (np.abs(got[finite] - expected[finite]) <= 4 * np.spacing(np.abs(expected[finite]))).all()


def test_exponential_overflows_to_infinity_and_underflows_to_zero():
    run = njit(lambda x: math.exp(x))
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


@pytest.mark.covering
@pytest.mark.parametrize("n", [1, 2, 4, 7, 16, 31, 32, 33, 65])
@pytest.mark.parametrize("m", [1, 3, 4, 9, 15])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_products_of_small_integers_are_exact(rng, dtype, m, n, k):
    memory = Memory()
    a, b, row = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((m, k), (k, n), (n,)))
    for flat, strides, start in ((a, (k, 1), row), (a, (k, 1), row[:0]), (np.ascontiguousarray(a.T), (1, m), row[:0])):
        c = memory.array(m * n, dtype)
        PRODUCT(memory.copy(start), memory.copy(flat.ravel()), *strides, memory.copy(b.ravel()), c, m, k, n)
        np.testing.assert_array_equal(c.reshape(m, n), (start if len(start) else 0) + a @ b)
        if len(start):
            PRODUCT(c, memory.copy(flat.ravel()), *strides, memory.copy(b.ravel()), c, m, k, n)
            np.testing.assert_array_equal(c.reshape(m, n), start + a @ b + a @ b, "sums that go on")
    memory.check()


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 16, 17, 33])
@pytest.mark.parametrize("m", [1, 3, 8, 15, 16, 33])
def test_a_transpose_moves_every_number(rng, dtype, m, n):
    memory = Memory()
    w, out = memory.copy(draw(rng, (m, n)).ravel(), dtype), memory.array(m * n, dtype)
    TRANSPOSE(w, out, m, n)
    np.testing.assert_array_equal(out.reshape(n, m), w.reshape(m, n).T)
    memory.check()


@pytest.mark.skipif(not denormals.HAS_MXCSR, reason="denormals are flushed on x86 alone")
def test_denormals_count_as_zero_inside_and_stay_outside(rng, dtype):
    tiny = np.finfo(dtype).tiny
    halve = njit(lambda x: x * x.dtype.type(0.5))
    net = dense(rng, (2, 1))
    net.params[:] = 0
    stage = Stage(jit, net, dtype)
    stage.arenas.params[:2] = tiny / 2, 0.5
    assert stage.forward(np.array([[1.0, tiny]]))[0, 0] == 0
    assert halve(np.full(3, tiny, dtype))[0] > 0, "the control register was not restored"


def test_running_out_of_memory_leaves_denormals_as_they_are(rng, dtype):
    layout = plan.lay_out([Dense(1)], (1,))
    compiled = plan.compile_plan(layout, batch_size=4, losses=[losses.get("mse")], optimizer=optimizers.get("sgd"))
    header = compiled.header.copy()
    header["block_rows"] = 2**60
    broken, arenas = replace(compiled, header=header), plan.allocate(compiled, plan.aligned(layout.n_params, dtype))
    run, order = plan.new_run(4, (0, 1)), np.arange(4, dtype=np.int32)
    rows = Rows((np.ones((4, 1), dtype),), (np.ones((4, 1), dtype),), (None,))
    with pytest.raises((MemoryError, ValueError)):
        jit.train(broken, arenas, rows, Course(order, run, np.array([0.1]), np.zeros((1, 1))))
    assert np.full(3, np.finfo(dtype).tiny, dtype)[0] * dtype.type(0.5) > 0
    assert run["step"] == 0


def small_blocks(monkeypatch, rows):
    monkeypatch.setattr(compiling, "MIN_BLOCK", rows)
    monkeypatch.setattr(compiling, "MAX_BLOCK", rows)


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
        rng, layers, (6,), loss="huber", optimizer=Adam(**clip), batch_size=32, metrics=[(reading("mse"), True)]
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
    expected = reference.forward(stage.plan, stage.arenas, (x,))[0].copy()
    out = np.empty((6, 3), dtype)
    jit.predict(stage.plan, stage.arenas, (x,), (out,))
    assert_close(out, expected, dtype, net.depth)
    run = plan.new_run(6, (0, 1))
    order, sums = np.arange(6, dtype=np.int32), np.zeros((1, 1))
    jit.train(stage.plan, stage.arenas, Rows((x,), (target,), (None,)), Course(order, run, np.array([0.1]), sums))
    assert run["step"] == 1
