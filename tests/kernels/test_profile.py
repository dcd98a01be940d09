"""Where time goes: laps of all kinds of operations on any number of threads, with the bits of a training without."""

from __future__ import annotations

import copy
import tracemalloc

import golden
import numpy as np
import pytest
from golden_cases import CASES

import fastnn
from fastnn import _kernels
from fastnn._kernels import laps as slots
from fastnn._kernels.laps import Part, Stage
from fastnn._ops import OPS
from fastnn.layers import Conv2D, Dense, DepthwiseConv2D, Flatten, Input, MaxPooling2D

reason = _kernels.why_not("cython")
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")
RECORDS = golden.load()
OFTEN = ("odd", "pooled", "batch")  # what the default run looks at, beside the first case of each kind of operation


def kinds_of(case) -> set[str]:
    plan = plan_of(case)
    return {OPS[int(op["kind"])].name for op in plan.ops}


def plan_of(case):
    model = golden.model_of(case, case.dtypes[0], "cython")
    trainee = model.trainee
    return trainee.plans.training(trainee, model.optimizer, case.batch_size, case.rows)[0]


def first_of_each_kind() -> set[str]:
    """Names of the cases in which a kind of operation comes first, of small ones."""
    seen: set[str] = set()
    found = set()
    for case in CASES if reason is None else ():
        new = kinds_of(case) - seen if not case.large else set()
        if new:
            found.add(case.name)
            seen |= new
    return found


FIRST = first_of_each_kind()


@pytest.fixture(params=[1, 2, pytest.param(3, marks=pytest.mark.long)], ids=lambda n: f"{n}threads")
def threads(request, monkeypatch):
    """The number of threads in force, however little the work is."""
    native = _kernels.load("cython")
    before = native.flop_a_thread(1.0)
    monkeypatch.setattr(fastnn._base.threads, "_chosen", request.param)
    yield request.param
    native.flop_a_thread(before)


@pytest.fixture
def clocked(monkeypatch):
    """Has every training of the native backend measured; what was found."""
    native, found = _kernels.load("cython"), []

    def train(plan, memory, rows, course):
        laps = slots.new_laps(plan, 4)
        tick = native.profile(plan, memory, rows, course, laps)
        found.append((plan, laps, tick))

    monkeypatch.setattr(native, "train", train)
    return found


def of_plans(clocked):
    """Laps of all calls of each plan: one may end before its first batch, when it is time to look for Ctrl-C."""
    plans = {id(plan): plan for plan, *_ in clocked}
    return [(plan, sum(laps for other, laps, _ in clocked if other is plan)) for plan in plans.values()]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case.name in FIRST else pytest.mark.long, id=case.name) for case in CASES],
)
def test_a_training_under_the_clock_has_its_bits_and_every_operation_its_laps(case, threads, clocked):
    got = golden.train(case, case.dtypes[0])
    told = golden.differences(got, RECORDS[f"{case.name}-{case.dtypes[0]}"])
    assert not told or _kernels.load("cython").isa() == "portable"
    assert clocked
    assert all(tick > 0 for *_, tick in clocked)
    for plan, laps in of_plans(clocked):
        counts = slots.by_op(plan, laps)[..., 1]
        assert (counts[0, :, Part.FORWARD] > 0).all()
        trained = (plan.ops["dw"] >= 0) | (plan.ops["db"] >= 0)
        assert (counts[:, :, [Part.DW, Part.LEARN]].sum(axis=(0, 2)) > 0)[trained].all()
        assert (slots.by_stage(laps)[0, [Stage.GATHER, Stage.LOSS], 1] > 0).all()
        assert (laps[:, 1:] >= 0).all()
        assert not laps[threads:].any(where=np.arange(laps.shape[1])[None, :, None] > 0)


def images(rng, n_rows=40):
    """A small network of images with pooled convolutions, data, and a plan and memory to train it."""
    layers = [Input((12, 12, 1)), Conv2D(6, 5, activation="relu"), MaxPooling2D(2), Flatten(), Dense(3)]
    model = fastnn.Sequential(layers, seed=1, backend="cython")
    model.compile("adam", "mse")
    x, y = rng.normal(size=(n_rows, 12, 12, 1)), rng.normal(size=(n_rows, 3))
    return model, x, y


@pytest.mark.parametrize("of_thread", [False, True])
def test_laps_add_up_to_the_call(rng, of_thread):
    from time import perf_counter, thread_time

    from fastnn.models import profiling

    model, x, y = images(rng)
    trainer = profiling._trainer(model, x, y, 20, None)
    native, read = _kernels.load("cython"), thread_time if of_thread else perf_counter
    best = 0.0
    for _ in range(8):  # a busy machine may take the thread away outside the laps
        laps = slots.new_laps(trainer.plan, 1)
        course = profiling._Measured(trainer, native, of_thread)._course(400)
        began = read()
        tick = native.profile(trainer.plan, trainer.memory, trainer.rows, course, laps, of_thread)
        best = max(best, laps[0, 1:, 0].sum() * tick / (read() - began))
    assert (0.1 if of_thread else 0.5) < best < 1.05  # what the clock itself takes is left out


def test_nothing_is_allocated_for_a_step(rng):
    from fastnn.models import profiling

    model, x, y = images(rng)
    trainer = profiling._trainer(model, x, y, 20, None)
    native = _kernels.load("cython")
    laps = slots.new_laps(trainer.plan, 1)
    measured = profiling._Measured(trainer, native, False)
    peaks = []
    for steps in (2, 2, 200):
        course = measured._course(steps)
        tracemalloc.start()
        native.profile(trainer.plan, trainer.memory, trainer.rows, course, laps)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] <= peaks[1] + 512


def test_the_reference_tells_of_each_operation(rng):
    from fastnn._kernels import reference
    from fastnn.models import profiling

    model, x, y = images(rng)
    trainer, kept = profiling._trainer(model, x, y, 20, "numpy"), []
    begun = trainer.memory.params.copy(), trainer.memory.slots.copy()
    for run in (reference.train, reference.profile):  # in the same memory: NumPy's bits may depend on where arrays lie
        trainer.memory.params[...], trainer.memory.slots[...] = begun
        course = profiling._Measured(trainer, reference, False)._course(3)
        laps = slots.new_laps(trainer.plan, 1)
        run(trainer.plan, trainer.memory, trainer.rows, course, *([laps] if run is reference.profile else []))
        kept.append(trainer.memory.params.copy())
    np.testing.assert_array_equal(*kept)
    counts = slots.by_op(trainer.plan, laps)[0, :, :, 1]
    assert (counts[:, Part.FORWARD] == 3).all()
    assert (counts[:, Part.BACK] == 3).all()
    assert slots.by_stage(laps)[0, Stage.UPDATE, 1] == 3


@pytest.mark.parametrize("convolution", ["pooled", "plain", "grouped", "depthwise", "large at first"])
@pytest.mark.parametrize("n_threads", [2, 3, 5])
def test_threads_that_share_samples_of_dw_make_the_bits_of_one(rng, monkeypatch, convolution, n_threads):
    layers = {
        "pooled": [Conv2D(6, 5, activation="relu"), MaxPooling2D(2)],
        "plain": [Conv2D(7, 3, activation="tanh", padding="same"), Conv2D(3, 3, strides=2)],
        "grouped": [Conv2D(8, 1), Conv2D(6, 3, groups=2)],
        "depthwise": [Conv2D(5, 1), DepthwiseConv2D(3)],
        # parts of a whole batch are more than are kept, those of the last one are not
        "large at first": [Conv2D(64, 3), Conv2D(90, 3, strides=3)],
    }[convolution]
    size = 130 if convolution == "large at first" else 52
    x, y = rng.normal(size=(size + 45, 9, 9, 2)), rng.normal(size=(size + 45, 2))
    native, found = _kernels.load("cython"), []
    before = native.flop_a_thread(1.0)
    try:
        for n in (1, n_threads):
            monkeypatch.setattr(fastnn._base.threads, "_chosen", n)
            model = fastnn.Sequential([Input((9, 9, 2)), *map(copy.copy, layers), Flatten(), Dense(2)], seed=4)
            model.compile("adam", "mse")
            model.fit(x, y, batch_size=size, epochs=2, verbose=0, backend="cython")
            found.append(golden.digest(model.params))
    finally:
        native.flop_a_thread(before)
    assert found[0] == found[1]
