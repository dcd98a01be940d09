"""What the native backend promises beyond the contract: its products, equal bits on all instruction sets, its build.

That its functions equal the reference is tested in ``test_backends`` and ``test_train_epochs`` with all backends.
"""

from __future__ import annotations

import copy
import itertools
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from forced import forced
from networks import Memory, Stage, dense, draw, draw_target, network, output_activation
from tolerance import assert_close

from fastnn import Sequential, _kernels
from fastnn._base import random
from fastnn._plan import allocate
from fastnn.activations import ACTIVATIONS
from fastnn.layers import LSTM, Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastnn.losses.records import EVERY_KERNEL

native = pytest.importorskip("fastnn._kernels.native.native", reason="the native backend is not built")
ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "fastnn/_kernels/native/c/ops"
RUNS = [name for name, _, runs in native.isas() if runs]
FUSED = [name for name in RUNS if name != "portable"]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 25, 31, 32, 33, 64, 67)
LAYOUTS = ("rows", "columns", "gaps")  # of A: dense rows, transposed, no stride of 1
BLOCKED = [
    (23, 517, 509),
    (250, 130, 400),
    (500, 70, 870),
    (7, 33, 20000),
    (1, 2000, 2100),
    (500, 3100, 17),
    (2100, 1, 1900),
]


@pytest.fixture(params=RUNS)
def isa(request):
    """Each instruction set that runs here, forced."""
    with forced(native, request.param):
        yield request.param


def placed(memory, values, layout="rows"):
    """The values in guarded memory, with strides of that layout and NaN in the gaps."""
    rows, columns = values.shape
    if layout == "rows":
        return memory.copy(values, shift=1)
    if layout == "columns":
        return memory.copy(values.T, shift=1).T
    spaced = memory.array((2 * rows, 3 * columns), values.dtype, np.nan)[::2, ::3]
    spaced[...] = values
    return spaced


def check_product(rng, dtype, sizes, layout, accumulate):
    """Whole numbers make every sum exact, so all orders of summing give the same bits."""
    m, n, k = sizes
    a, b, c = (rng.integers(-2, 3, shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    memory = Memory()
    out = placed(memory, c)
    native.gemm(placed(memory, a, layout), placed(memory, b), out, accumulate)
    right = a.astype(np.float64) @ b + (c if accumulate else 0)
    np.testing.assert_array_equal(out, right)
    memory.check()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_products_of_whole_numbers_are_exact_for_all_ragged_sizes(isa, dtype, rng, layout):
    for m, n in itertools.product(SIZES, SIZES):
        check_product(rng, dtype, (m, n, SIZES[(m + 3 * n) % len(SIZES)]), layout, bool((m + n) % 2))


@pytest.mark.covering
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("sizes", BLOCKED, ids=str)
def test_products_in_blocks_are_exact(isa, dtype, rng, sizes, layout, accumulate):
    check_product(rng, dtype, sizes, layout, accumulate)


@pytest.mark.covering
@pytest.mark.parametrize("n", [129, 263, 300])
@pytest.mark.parametrize("k", [1, 3, 4, 6, 39])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("accumulate", [False, True])
def test_long_rows_are_exact(isa, dtype, rng, n, k, layout, accumulate):
    check_product(rng, dtype, (1, n, k), layout, accumulate)


def test_few_rows_of_every_number_of_columns_are_exact(isa, dtype, rng):
    for rows, n, accumulate in itertools.product((1, 2, 3), range(1, 150), (False, True)):
        check_product(rng, dtype, (rows, n, 1 + n % 7), LAYOUTS[n % 3], accumulate)


FEW = {
    "dense": lambda: [Dense(301, "tanh", input_shape=(7,)), Dense(130, "relu"), Dense(3)],
    "images": lambda: [Conv2D(5, 3, activation="relu", input_shape=(6, 6, 2)), MaxPooling2D(), Flatten(), Dense(263)],
    "sequences": lambda: [LSTM(33, input_shape=(4, 3)), Dense(2, "softmax")],
}


@pytest.mark.parametrize("name", FEW)
def test_a_few_rows_have_the_bits_of_many(isa, dtype, rng, name):
    model = Sequential(FEW[name](), dtype=dtype, seed=1)
    model.set_weights([draw(rng, weights.shape) for weights in model.get_weights()])
    predict, x = model.predictor(), draw(rng, (40, *model.input_shape[1:])).astype(dtype)
    expected = predict(x)
    assert np.isfinite(expected).all()
    for n in (1, 2, 3, 4, 5, 9):
        np.testing.assert_array_equal(predict(x[-n:]), expected[-n:])
    np.testing.assert_array_equal(predict(x[3]), expected[3])


def in_order(a, b):
    """``a @ b`` with every sum taken over k from the first on; float32 only, for float64 holds its products."""
    total = np.zeros((len(a), b.shape[1]), np.float32)
    for i in range(a.shape[1]):
        total = (total + a[:, i : i + 1].astype(np.float64) * b[i].astype(np.float64)).astype(np.float32)
    return total


@pytest.mark.parametrize("sizes", [(13, 35, 70), (130, 70, 1000)], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_run_over_k_in_order(isa, rng, sizes, layout):
    m, n, k = sizes
    a, b = draw(rng, (m, k)).astype(np.float32), draw(rng, (k, n)).astype(np.float32)
    out, right = np.empty((m, n), np.float32), in_order(a, b)
    native.gemm(placed(Memory(), a, layout), b, out)
    if isa == "portable":
        assert_close(out, right, np.float32, k, np.abs(a) @ np.abs(b))
    else:  # rounding a double sum once more differs from fma in about one of 2**29 additions
        np.testing.assert_array_equal(out, right)


def trained(isa, net, dtype, data):
    with forced(native, isa):
        stage = Stage(native, net, dtype)
        sums, _, _ = stage.train(*data, epochs=3, rate=0.01)
        stage.check()
    return [stage.arenas.params, stage.arenas.slots, sums]


def assert_all_isas_train_to_the_same_bits(net, dtype, data):
    first, *others = [trained(isa, net, dtype, data) for isa in FUSED]
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


more_than_one = pytest.mark.skipif(len(FUSED) < 2, reason="one instruction set with fused multiply-add runs here")


@pytest.mark.covering
@more_than_one
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_isas_train_to_the_same_bits_with_every_activation(dtype, rng, name, optimizer):
    layers = [Dense(19, name), Dropout(0.3), Activation(name), Dense(33, name), Dense(3)]
    net = network(rng, layers, (5,), loss="mse", optimizer=optimizer, batch_size=24)
    data = draw(rng, (61, 5)), draw(rng, (61, 3)), draw(rng, 61) ** 2
    assert_all_isas_train_to_the_same_bits(net, dtype, data)


@more_than_one
@pytest.mark.parametrize("loss", EVERY_KERNEL, ids=lambda loss: loss.code.name.lower())
def test_isas_train_to_the_same_bits_under_every_loss(dtype, rng, loss):
    net = dense(rng, (6, 37, 3), "tanh", output_activation(loss), loss=loss, optimizer="nadam", batch_size=16)
    data = draw(rng, (50, 6)), draw_target(rng, loss, 50, (3,)), draw(rng, 50) ** 2
    assert_all_isas_train_to_the_same_bits(net, dtype, data)


@more_than_one
@pytest.mark.parametrize("sizes", [(70, 300, 260, 10), (300, 1, 300, 2), (1, 200, 1)], ids=str)
def test_isas_train_to_the_same_bits_in_large_and_narrow_layers(dtype, rng, sizes):
    net = dense(rng, sizes, "relu", loss="mse", optimizer="adam", batch_size=400, seed=3)
    data = draw(rng, (700, sizes[0])), draw(rng, (700, sizes[-1])), None
    assert_all_isas_train_to_the_same_bits(net, dtype, data)


def test_the_order_of_rows_and_random_words_are_those_of_the_definition():
    for n, epoch in itertools.product((0, 1, 2, 3, 4, 5, 127, 128, 129, 256, 1003), (0, 7, 2**40)):
        ours, right = np.empty(n, np.int32), np.empty(n, np.int32)
        native.order(ours, 2**63 + 12345, epoch)
        random.fill_order(right, 2**63 + 12345, epoch)
        np.testing.assert_array_equal(ours, right)
    counter = (2**32 - 1, 7, 0, 2**31)
    assert native.philox(2**64 - 5, counter) == random.philox(2**64 - 5, counter)


def test_an_isa_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=", ".join(RUNS)):
        native.use_isa("sse9")
    assert native.isa() in RUNS


def test_the_best_isa_is_taken_by_itself():
    before = native.isa()
    native.use_isa("")
    assert native.isa() == RUNS[0]
    native.use_isa(before)


X86 = pytest.mark.skipif("avx2" not in [name for name, built, _ in native.isas() if built], reason="not an x86 build")
V2, AVX, FMA, SAVES = (1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23), 1 << 27 | 1 << 28, 1 << 12, 0b111
AVX2, AVX512 = 1 << 5, 1 << 5 | 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31
EVERYTHING = V2 | AVX | FMA, AVX512, 0b11100111


def runs_on(features, extended, saved) -> list[str]:
    return [name for name, _, runs in native.isas_of(features, extended, saved) if runs]


@X86
@pytest.mark.parametrize(
    ("processor", "runs"),
    [
        (EVERYTHING, ["avx512", "avx2", "portable"]),
        ((V2 | AVX | FMA, AVX2, SAVES), ["avx2", "portable"]),
        ((V2 | AVX | FMA, AVX512, SAVES), ["avx2", "portable"]),  # the system does not save ZMM
        ((V2 | AVX | FMA, AVX512, 0b1100111), ["avx2", "portable"]),  # nor half of it
        ((V2 | AVX | FMA, AVX512, 0b011), ["portable"]),  # nor YMM
        ((V2 | AVX | FMA, AVX512, 0), ["portable"]),  # no XGETBV
        ((V2 | AVX, AVX512, 0b11100111), ["portable"]),  # no FMA
        ((V2, 0, 0), ["portable"]),
        ((V2 & ~(1 << 20), 0, 0), []),  # no SSE4.2
        ((0, 0, 0), []),
    ],
)
def test_what_a_processor_and_the_system_say_decides_which_isas_run(processor, runs):
    assert runs_on(*processor) == runs


@X86
@pytest.mark.parametrize("bit", [16, 17, 28, 30, 31])
def test_each_part_of_avx512_is_needed(bit):
    features, extended, saved = EVERYTHING
    assert runs_on(features, extended & ~(1 << bit), saved) == ["avx2", "portable"]


@X86
@pytest.mark.parametrize(
    ("processor", "more", "later", "extras"),
    [
        (EVERYTHING, 1 << 11, 1 << 5 | 1 << 4, ["avx512_bf16", "avx512_vnni", "avx_vnni"]),
        (EVERYTHING, 0, 1 << 5, ["avx512_bf16"]),
        (EVERYTHING, 1 << 11, 0, ["avx512_vnni"]),
        ((V2 | AVX | FMA, AVX512, SAVES), 1 << 11, 1 << 5 | 1 << 4, ["avx_vnni"]),  # the system does not save ZMM
        ((V2 | AVX | FMA, AVX2, SAVES), 1 << 11, 1 << 5 | 1 << 4, ["avx_vnni"]),
        ((V2, AVX2, SAVES), 1 << 11, 1 << 5 | 1 << 4, []),
        (EVERYTHING, 0, 0, []),
    ],
)
def test_extras_are_used_where_their_instruction_set_runs(processor, more, later, extras):
    assert native.extras_of(*processor, more, later) == extras


def test_extras_can_be_left_out_and_taken_again():
    there = native.extras()
    native.use_extras(())
    assert native.extras() == []
    native.use_extras()
    assert native.extras() == there
    with pytest.raises(ValueError, match="sse9"):
        native.use_extras(["sse9"])
    assert native.extras() == there


def test_detection_agrees_with_the_system():
    try:
        with open("/proc/cpuinfo", encoding="ascii") as file:
            flags = next(set(line.split()) for line in file if line.startswith("flags"))
    except (OSError, StopIteration):
        pytest.skip("this system does not list the processor's flags")
    wanted = {
        "avx512": {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl", "avx2", "fma"},
        "avx2": {"avx2", "fma"},
        "portable": {"ssse3", "sse4_2", "popcnt"},
    }
    assert [name for name, parts in wanted.items() if parts <= flags] == RUNS
    assert set(native.extras()) <= flags, "Linux has the same names"


def test_a_machine_that_runs_none_of_the_isas_is_told_so_and_does_without(monkeypatch):
    nothing = [("avx2", True, False), ("neon", False, False), ("portable", True, False)]
    with pytest.raises(ImportError, match=r"none of the instruction sets of this build: avx2, portable$") as told:
        native.running(nothing)

    def fail(name):
        raise told.value

    monkeypatch.setattr(_kernels, "_loaded", {})
    monkeypatch.setattr(_kernels.importlib, "import_module", fail)
    assert "missing (this machine runs none of the instruction sets" in _kernels.why_not("cython")


def test_the_build_asks_no_library_of_the_compiler_for_instruction_sets():
    sources = Path(_kernels.__file__).parent.rglob("*.[ch]")
    assert not [source.name for source in sources if "cpu_supports(" in source.read_text()]


def test_arenas_follow_a_change_of_isa(rng, dtype):
    net = dense(rng, (5, 3), loss="mse")
    stage, x, before = Stage(native, net, dtype), draw(rng, (4, 5)), native.isa()
    for name in RUNS:
        native.use_isa(name)
        assert_close(stage.forward(x), x @ net.params[:15].reshape(5, 3) + net.params[16:19], dtype, 5)
    native.use_isa(before)


def test_denormals_are_zero_inside_and_kept_outside(isa, dtype, rng):
    net = network(rng, [Activation("linear"), Dense(1, use_bias=False)], (1,))
    net.params[0] = 1.0
    stage = Stage(native, net, dtype)
    tiny = np.finfo(dtype).tiny
    y = stage.forward(np.array([[tiny / 4], [tiny * 4]]))
    assert y[0] == 0
    assert y[1] == tiny * 4
    assert np.array(tiny) / 4 > 0


def test_threads_work_beside_each_other_without_sharing(rng):
    net = dense(rng, (300, 300, 10), "relu", loss="mse", optimizer="adam", batch_size=64)
    data = draw(rng, (130, 300)), draw(rng, (130, 10)), None
    alone, results = Stage(native, net, np.float32), {}
    alone.train(*data, epochs=2)

    def work(number):
        stage = Stage(native, net, np.float32)
        stage.train(*data, epochs=2)
        results[number] = stage.arenas.params

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        np.testing.assert_array_equal(results[number], alone.arenas.params)


def test_arenas_can_be_copied_after_use(rng):
    net = dense(rng, (3, 2))
    arenas = allocate(net.plan, net.params.astype(np.float32))
    x, out = draw(rng, (2, 3)).astype(np.float32), np.empty((2, 2), np.float32)
    native.predict(net.plan, arenas, (x,), (out,))
    for again in (copy.deepcopy(arenas), pickle.loads(pickle.dumps(arenas))):
        second = np.empty_like(out)
        native.predict(net.plan, again, (x,), (second,))
        np.testing.assert_array_equal(second, out)


def test_training_lets_other_threads_run(rng):
    net = dense(rng, (4, 8, 1), loss="mse", optimizer="sgd", batch_size=1)
    stage, ticks = Stage(native, net, np.float32), []
    data = draw(rng, (1000, 4)), draw(rng, (1000, 1)), None
    worker = threading.Thread(target=lambda: stage.train(*data, epochs=100))
    worker.start()
    while worker.is_alive():
        ticks.append(1)
        worker.join(0.0005)
    assert len(ticks) > 3


WIDE = re.compile(r"%[yz]mm\d")
RECORDS = "".join(path.read_text("ascii") for path in OPS.glob("*.h"))
LENT = re.findall(r"FNN_LENT_OP\(\w+, (\w+)\)", RECORDS)
LENT_IN_DOUBLE = re.findall(r"FNN_DOUBLE_LENT_OP\(\w+, (\w+)\)", RECORDS)
CODE_BUILT_FOR_ALL = ("cpu", "layout", "random", "scalars", "scratch", "isa_portable_f32", "isa_portable_f64", "native")


@pytest.fixture(scope="module")
def objects(request, tmp_path_factory):
    """Object files by name: of a build in place or of ``make lint``, or with --long of a build of minutes."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("the sources are not there")
    if shutil.which("objdump") is None:
        pytest.skip("objdump is missing")
    sources = [
        ROOT / "setup.py",
        *(ROOT / "fastnn/_kernels").glob("native.pyx"),
        *(ROOT / "fastnn/_kernels/native/c").iterdir(),
    ]
    newest = max(source.stat().st_mtime for source in sources)
    for place in ("temp*", "lint"):
        found = {path.stem: path for path in ROOT.glob(f"build/{place}/**/*.o")}
        if set(CODE_BUILT_FOR_ALL) <= found.keys() and min(path.stat().st_mtime for path in found.values()) > newest:
            return found
    if not request.config.getoption("--long"):
        pytest.skip("no object files newer than the sources are in build/: make lint leaves some, --long makes them")
    return fresh_build(tmp_path_factory.mktemp("build"))


def fresh_build(folder):
    """Compile everything with warnings as errors; object files by name."""
    if subprocess.run([sys.executable, "-c", "import Cython, setuptools"], check=False).returncode:
        pytest.skip("Cython or setuptools is missing")
    shutil.copy(ROOT / "setup.py", folder)
    shutil.copytree(
        ROOT / "fastnn", folder / "fastnn", ignore=shutil.ignore_patterns("*.so", "native.c", "__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--build-temp", "objects", "--build-lib", "library"],
        cwd=folder,
        env=os.environ | {"FASTNN_REQUIRE_NATIVE": "1", "FASTNN_WERROR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: path for path in (folder / "objects").rglob("*.o")}


def assembly(path):
    return subprocess.run(["objdump", "-d", str(path)], capture_output=True, text=True, check=True).stdout


def assembly_of_calls(path):
    return subprocess.run(["objdump", "-dr", str(path)], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif("avx2" not in RUNS, reason="no machine with AVX")
@pytest.mark.parametrize("name", CODE_BUILT_FOR_ALL)
def test_code_built_for_all_machines_holds_no_avx(objects, name):
    assert not WIDE.search(assembly(objects[name]))


@pytest.mark.skipif("avx2" not in RUNS, reason="no machine with AVX")
@pytest.mark.parametrize("name", [f"isa_{isa}_{kind}" for isa in ("avx2", "avx512") for kind in ("f32", "f64")])
def test_kernel_files_show_their_table_and_what_they_lend(objects, name):
    symbols = subprocess.run(["objdump", "-t", str(objects[name])], capture_output=True, text=True, check=True).stdout
    ours = {line.split()[-1] for line in symbols.splitlines() if " g " in line and "*UND*" not in line}
    asked = {line.split()[-1] for line in symbols.splitlines() if "*UND*" in line and "fnn_avx" in line}
    table, lent = name.replace("isa_", "fnn_"), {f"fnn_avx2_{name[-3:]}_{kind}_op" for kind in LENT}
    if "f64" in name:
        lent |= {f"fnn_avx2_f64_{kind}_op" for kind in [*LENT_IN_DOUBLE, "losses"]}
    assert ours == ({table, *lent} if "avx2" in name else {table})
    assert asked == (lent if "avx512" in name else set())
    assert WIDE.search(assembly(objects[name])), "the search must find AVX where it is"


@pytest.mark.skipif("avx2" not in RUNS, reason="no machine with AVX")
@pytest.mark.parametrize("name", [f"isa_{isa}_{kind}" for isa in ("avx2", "avx512") for kind in ("f32", "f64")])
def test_no_guard_of_the_stack_is_in_a_kernel(objects, name):
    assert "__stack_chk_fail" not in assembly_of_calls(objects[name])
    assert "__stack_chk_fail" in assembly_of_calls(objects["native"]), "the search must find guards where they are"


@pytest.mark.long
def test_a_failed_build_says_so_and_is_an_error_only_when_asked(tmp_path):
    if not (ROOT / "setup.py").exists():
        pytest.skip("the sources are not there")
    shutil.copy(ROOT / "setup.py", tmp_path)
    (tmp_path / "fastnn/_kernels/native").mkdir(parents=True)
    (tmp_path / "fastnn/_kernels/native/native.pyx").write_text("this is no Cython", encoding="ascii")
    for required, code in (("0", 0), ("1", 1)):
        done = subprocess.run(
            [sys.executable, "setup.py", "build_ext"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"FASTNN_REQUIRE_NATIVE": required},
        )
        assert (done.returncode != 0) == bool(code), done.stderr
        if not code:
            assert "fastnn: the native backend is missing" in done.stderr


def test_isas_of_the_dispatcher_are_those_of_the_backend():
    assert set(_kernels.ISAS) == {name for name, _, _ in native.isas()}
