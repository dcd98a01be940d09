"""Other machines give the bits of AVX2: NEON under an emulator, and Windows' builds under Wine.

Whole trainings and every kernel by itself. Kernels are run on the same numbers by the native backend with AVX2 forced
(portable ones, which round products and sums apart, with its own portable ones); trainings are compared with
``golden.json``, so that those need no AVX2. NaN must stand in the same places; its bits are each processor's own.

To compile and emulate all of it takes minutes: without --long a few cases run, all of them in float32 on NEON.
"""

from __future__ import annotations

import itertools

import golden
import machines
import numpy as np
import pytest
from golden_cases import OPTIMIZERS, PAIRS
from networks import EVERY_LOSS, Stage, dense, draw, draw_target, loss_id, network

from fastnn import _kernels
from fastnn.activations import ACTIVATIONS
from fastnn.layers import Activation


def here() -> list[str]:
    """Instruction sets that run on this machine."""
    native = _kernels.load("cython") if _kernels.why_not("cython") is None else None
    return [name for name, _, runs in native.isas() if runs] if native else []


def case_of(machine: machines.Machine, name: str, isa: str, *marks):
    reason = machine.why_not() or (None if isa in ("neon", *here()) else f"{isa} does not run on this machine")
    return pytest.param(
        (machine, isa), id=name, marks=(*marks, pytest.mark.skipif(reason is not None, reason=str(reason)))
    )


MACHINES = [
    case_of(machines.ARM, "neon", "neon"),
    *(case_of(machines.WINDOWS, f"windows-{isa}", isa, pytest.mark.long) for isa in ("portable", "avx2", "avx512")),
]
SMALL = (1, 2, 3, 4, 5, 8, 9, 10, 11, 13, 16, 17, 20, 31, 33)
PACKED = ((23, 517, 509), (250, 130, 400), (7, 33, 20000), (1, 2000, 2100), (500, 3100, 17), (2100, 1, 1900))
EXTREMES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 88.5, -88.5, 104.0, -104.0, 710.0, -745.0, 1e30, -1e30, 1e-30)
A_FEW = (
    *("odd-float32", "one-hot-float32", "statistics-float32", "penalties-dropout-float32", "blocks-dropout-float32"),
    "augmented-inside-float32",
)
OF_WINDOWS = 10  # one in so many: its processor is this one, and each call starts Wine


def training(machine, case, dtype: str):
    """A parameter of the trainings."""
    name = f"{case.name}-{dtype}"
    marks = (*machine.marks, *(() if name in A_FEW else (pytest.mark.long,)))
    return pytest.param(machine.values[0], case, dtype, id=f"{machine.id}-{name}", marks=marks)


TRAININGS = [
    training(machine, case, dtype)
    for number, machine in enumerate(MACHINES)
    for i, (case, dtype) in enumerate(PAIRS)
    if number == 0 or i % OF_WINDOWS == number
]


def one_of(count: int, values) -> list:
    """One of so many values, and with --long all."""
    return [pytest.param(value, marks=() if i % count == 0 else pytest.mark.long) for i, value in enumerate(values)]


@pytest.fixture(params=["float32", pytest.param("float64", marks=pytest.mark.long)])
def dtype(request):
    """Both with --long."""
    return np.dtype(request.param)


@pytest.fixture(scope="module", params=MACHINES)
def machine(request):
    """A machine and an instruction set of it."""
    return request.param


@pytest.fixture(scope="module")
def emulated(request, machine):
    """The kernels on that machine: all, or those of float32 where the session has no other case."""
    whole = any(item.path == request.path and "float64" in item.name for item in request.session.items)
    isas = (
        ("neon",)
        if machine[0] is machines.ARM
        else tuple(isa for isa in ("portable", "avx2", "avx512") if isa in here())
    )
    made = machines.Emulated(*machine, isas, whole)
    yield made
    made.close()


@pytest.fixture
def native(machine):
    """The native backend with that forced which has the same bits."""
    reason = _kernels.why_not("cython")
    if reason:
        pytest.skip(reason)
    native, isa = _kernels.load("cython"), "portable" if machine[1] == "portable" else "avx2"
    if (isa, True, True) not in native.isas():
        pytest.skip(f"{isa} does not run on this machine")
    before = native.isa()
    native.use_isa(isa)
    yield native
    native.use_isa(before)


def assert_same_bits(ours, right, what=""):
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(right), f"NaN in other places {what}")
    natural = np.uint32 if ours.dtype == np.float32 else np.uint64
    bits, right_bits = (np.where(np.isnan(a), 0, np.ascontiguousarray(a).view(natural)) for a in (ours, right))
    np.testing.assert_array_equal(bits, right_bits, f"bits {what}")


@pytest.mark.parametrize(("machine", "case", "dtype"), TRAININGS, indirect=["machine"])
def test_trainings_give_the_bits_written_down(emulated, machine, case, dtype, monkeypatch, request):
    monkeypatch.setitem(_kernels.MODULES, "emulated", "machines")
    monkeypatch.setitem(_kernels._loaded, "emulated", emulated)
    name = f"{case.name}-{dtype}"
    right = golden.load()[name]
    if machine[1] == "portable":
        request.getfixturevalue("native")
        right = golden.train(case, dtype)
    told = golden.differences(golden.train(case, dtype, "emulated"), right)
    assert not told, f"{name} on {machine[1]}: {'; '.join(told)}; {golden.REMAKE}"


def check_products(emulated, native, rng, dtype, all_sizes):
    made = []
    with emulated.together():
        for i, (m, n, k) in enumerate(all_sizes):
            a, b, c = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
            a = np.ascontiguousarray(a.T).T if i % 2 else a
            right, accumulate = c.copy(), i % 3 == 0
            emulated.gemm(a, b, c, accumulate)
            native.gemm(a, b, right, accumulate)
            made.append((c, right, (m, n, k)))
    for c, right, sizes in made:
        assert_same_bits(c, right, str(sizes))


def test_products_of_all_ragged_sizes(emulated, native, rng, dtype):
    sizes = [(m, n, SMALL[(2 * m + 3 * n) % len(SMALL)]) for m, n in itertools.product(SMALL, SMALL)]
    check_products(emulated, native, rng, dtype, sizes)


@pytest.mark.long
def test_products_in_blocks(emulated, native, rng, dtype):
    check_products(emulated, native, rng, dtype, [sizes for sizes in PACKED for _ in range(2)])


def numbers(rng, dtype, count):
    """Normal numbers of all sizes, with every extreme among them."""
    drawn = rng.normal(size=count) * 10.0 ** rng.integers(-6, 3, count)
    drawn[rng.choice(count, len(EXTREMES), replace=False)] = EXTREMES
    with np.errstate(over="ignore"):
        return drawn.astype(dtype)


def test_vector_functions(emulated, native, rng, dtype):
    pytest.importorskip("mpmath", reason="mpmath is not installed")
    import units

    made = []
    with emulated.together():
        for function, name in enumerate(units.NAMES):
            x = np.concatenate([units.arguments(name, dtype, 20, rng), numbers(rng, dtype, 1001)])
            ours, right = np.empty_like(x), np.empty_like(x)
            emulated.math(function, x, ours)
            native.math(function, x, right)
            made.append((ours, right, name))
    for ours, right, name in made:
        assert_same_bits(ours, right, name)


def test_activations_and_their_derivatives(emulated, native, rng, dtype):
    made = []
    with emulated.together():
        for (name, record), width in itertools.product(ACTIVATIONS.items(), (1, 7, 16, 37)):
            z, dy = (numbers(rng, dtype, 60 * width).reshape(60, width) for _ in range(2))
            y, right = np.empty_like(z), np.empty_like(z)
            emulated.activate(record.code, record.parameter, z, y)
            native.activate(record.code, record.parameter, z, right)
            ours, back = dy.copy(), dy.copy()
            kept = z if record.keeps_z else None
            emulated.activate_back(record.code, record.parameter, kept, right, ours)
            native.activate_back(record.code, record.parameter, kept, right, back)
            made += [(y, right, name), (ours, back, f"{name} back")]
    for ours, right, name in made:
        assert_same_bits(ours, right, name)


@pytest.mark.parametrize("optimizer", one_of(4, OPTIMIZERS), ids=lambda optimizer: optimizer.code.name.lower())
def test_updates(emulated, native, rng, dtype, optimizer):
    net = dense(rng, (37, 41, 3), loss="mse", optimizer=optimizer)
    shape = 5, len(net.params)
    start = rng.normal(size=shape) * 10.0 ** rng.integers(-9, 3, shape)
    stages = [Stage(module, net, dtype) for module in (emulated, native)]
    for stage in stages:
        inside = net.params != 0
        stage.arenas.slots[:, inside] = np.abs(start[2:][: len(stage.arenas.slots)])[:, inside]
        for step in (1, 2, 1000):
            stage.arenas.grads[inside] = (start[0] / step)[inside]
            stage.update(step, 0.01)
        stage.check()
    for part in ("params", "slots", "grads"):
        assert_same_bits(getattr(stages[0].arenas, part), getattr(stages[1].arenas, part), part)


@pytest.mark.parametrize("loss", one_of(10, EVERY_LOSS), ids=loss_id)
def test_losses(emulated, native, rng, dtype, loss):
    made = []
    with emulated.together():
        for width, weighted in ((1, False), (3, True), (16, True), (37, False)):
            net, rows = network(rng, [Activation("linear")], (width,), loss=loss, batch_size=70), 70
            y, weight = np.abs(draw(rng, (rows, width))) + 0.01, np.abs(draw(rng, rows)) if weighted else None
            target, stages = draw_target(rng, loss, rows, (width,)), []
            for module in (emulated, native):
                stages.append(stage := Stage(module, net, dtype))
                at = int(net.plan.outputs[0]["offset"])
                stage.arenas.workspace[at : at + y.size] = y.ravel()
                stage.loss(target, weight, 0.01)
            made.append((width, stages))
    for width, stages in made:
        for stage in stages:
            stage.check()
        for ours, right in zip(*((stage.sums, stage.dy(rows), stage.output(rows)) for stage in stages), strict=True):
            assert_same_bits(ours, right, f"width {width}")
