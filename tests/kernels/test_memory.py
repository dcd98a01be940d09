"""What training asks of memory: nothing for a batch, and for a memory map little besides the order of rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from models import model_of

from fastnn import _kernels
from fastnn._base import arrays
from fastnn._base.arrays import check_finite
from fastnn._engine import convert
from fastnn.layers import Dense

HERE = Path(__file__).resolve().parents[1]
KIB, MIB = 1024, 1024**2

# -- nothing for a batch ----------------------------------------------------------------------------

BATCHES = 3, 40  # few and many
ALLOCATING = """
import ctypes, json, os, sys
import numpy as np
import fastnn
from fastnn import Sequential
from fastnn.layers import Activation, Dense, Dropout
from fastnn._kernels.contract import Course, Rows
from fastnn._plan import new_run
from fastnn._engine.plans import take_memory

requests = ctypes.CDLL(os.environ["LD_PRELOAD"]).requests_so_far
requests.restype = ctypes.c_long
sys.path.insert(0, sys.argv[1])
import lenet5, residual_digits


def model_of(case):
    if "graph" in case:
        given = eval(case["graph"])
        model = type(given).from_config(given.get_config() | {"dtype": case["dtype"]})
    else:
        layers = [fastnn.layers.Input((case["n_in"],)), *eval(case["layers"])]
        model = Sequential(layers, seed=1, backend="cython", dtype=case["dtype"])
    model.compile(eval(case["optimizer"]), case["loss"], metrics=case["metrics"])
    return model


def rows_of(case, model, rows):
    rng, dtype = np.random.default_rng(1), case["dtype"]
    x = rng.standard_normal((rows, case["n_in"])).astype(dtype)
    if "sparse" in case["loss"]:
        y = rng.integers(0, model.layout.output_shape[-1], (rows, 1)).astype(np.int32)
    else:
        y = rng.uniform(0, 1, (rows, model.layout.output_shape[-1])).astype(dtype)
    return Rows((x,), (y,), (np.ones(rows, dtype),))


def counts_of(case):
    # By threads: requests for few batches, for many, and for twice as many.
    (few, many), batch_size = case["batches"], case["batch_size"]
    rows, model = batch_size * many, model_of(case)
    given = rows_of(case, model, rows)
    plan, pool = model.training_plan(batch_size, rows)
    arenas = take_memory(model.state, plan, pool, training=True)
    _, backend = fastnn._kernels.select(plan, "cython")
    sums, rates, order = np.zeros((4, int(plan.header["n_sums"]))), np.array([1e-3]), np.arange(rows, dtype=np.int32)

    def count(batches):
        run = new_run(rows, (0, 4), step=0, shuffle=True)
        run["max_steps"] = batches
        sums[...] = 0
        before = requests()
        backend.train(plan, arenas, given, Course(order, run, rates, sums))
        return requests() - before

    counted = []
    for threads in (2, 1):
        fastnn.set_num_threads(threads)
        count(many)  # scratch memory and threads are kept from here on
        counted.append([count(few), count(many), count(2 * many)])
    return counted


print(json.dumps([counts_of(case) for case in json.load(sys.stdin)]))
"""
CASES = {
    "xor": {"layers": "[Dense(4, 'tanh'), Dense(1)]", "n_in": 2, "batch_size": 4},
    "tutorial": {
        "layers": "[Dense(64, 'relu'), Dense(32, 'relu'), Dense(1, 'sigmoid')]",
        "n_in": 20,
        "batch_size": 32,
        "loss": "binary_crossentropy",
        "metrics": ["accuracy", "auc"],
    },
    "packed": {"layers": "[Dense(300, 'relu'), Dense(200, 'gelu'), Dense(7)]", "n_in": 260, "batch_size": 300},
    "blocks": {"layers": "[Dense(64, 'relu'), Dense(1)]", "n_in": 9, "batch_size": 1500},
    "dropout": {
        "layers": "[Dense(64, 'relu'), Dropout(0.3), Dense(5), Activation('softmax')]",
        "n_in": 12,
        "batch_size": 40,
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
    },
    "convolutions": {
        "layers": "[fastnn.layers.Reshape((7, 6, 2)), fastnn.layers.Conv2D(5, 3, activation='relu', padding='same'), "
        "fastnn.layers.DepthwiseConv2D(2), fastnn.layers.Conv2DTranspose(3, 2, 2), fastnn.layers.Flatten(), Dense(2)]",
        "n_in": 84,
        "batch_size": 40,
    },
    "pools and norms": {
        "layers": "[fastnn.layers.Reshape((8, 8, 2)), fastnn.layers.Conv2D(8, 3, padding='same', use_bias=False), "
        "fastnn.layers.BatchNormalization(), Activation('relu'), fastnn.layers.MaxPooling2D(2), "
        "fastnn.layers.SeparableConv2D(6, 3, padding='same', activation='gelu'), fastnn.layers.GroupNormalization(2), "
        "fastnn.layers.UpSampling2D(), fastnn.layers.ZeroPadding2D(1), fastnn.layers.AveragePooling2D(3, 2, 'same'), "
        "fastnn.layers.LayerNormalization([-2, -1]), Dropout(0.2), fastnn.layers.Permute((2, 1, 3)), "
        "fastnn.layers.Cropping2D(1), fastnn.layers.GlobalMaxPooling2D(), fastnn.layers.UnitNormalization(), Dense(3)]",
        "n_in": 128,
        "batch_size": 40,
    },
    "residual": {"graph": "residual_digits.residual((8, 8, 1))", "n_in": 64, "batch_size": 32},
    "LeNet-5": {"graph": "lenet5.lenet5((28, 28, 1))", "n_in": 784, "batch_size": 32},
    "clipnorm": {
        "layers": "[Dense(64, 'relu', kernel_regularizer='l2'), Dense(3)]",
        "n_in": 12,
        "batch_size": 40,
        "optimizer": "fastnn.optimizers.SGD(0.01, momentum=0.9, clipnorm=0.1)",
    },
    "global clipnorm": {
        "layers": "[Dense(64, 'relu'), Dense(3)]",
        "n_in": 12,
        "batch_size": 40,
        "optimizer": "fastnn.optimizers.Adam(global_clipnorm=0.1)",
    },
}


@pytest.fixture(scope="module")
def counting(tmp_path_factory) -> Path:
    """The library that counts requests for memory."""
    if not sys.platform.startswith("linux") or not os.confstr("CS_GNU_LIBC_VERSION"):
        pytest.skip("requests for memory are counted with glibc only")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("a free-threaded Python has no PYTHONMALLOC=malloc, so its requests are not glibc's")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the library that counts")
    library = tmp_path_factory.mktemp("counting") / "counting.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(HERE / "counting.c"), "-o", str(library)], check=True)
    return library


@pytest.fixture(scope="module")
def counted(request, counting) -> dict:
    """The counts of every case that the session has, by its name and dtype, from one program.

    ``PYTHONMALLOC=malloc`` has Python's own objects counted too.
    """
    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    usual = {"optimizer": "'adam'", "loss": "mean_squared_error", "metrics": None, "batches": BATCHES}
    params = [item.callspec.params for item in request.session.items if "counted" in getattr(item, "fixturenames", ())]
    wanted = [(given["case"], given["dtype"]) for given in params]
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATING, str(HERE.parent / "examples")],
        input=json.dumps([usual | {"dtype": dtype} | CASES[case] for case, dtype in wanted]),
        env=os.environ | {"LD_PRELOAD": str(counting), "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(wanted, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    ("case", "dtype"),
    [  # without --long every case in one dtype, and every dtype in some
        pytest.param(case, dtype, marks=() if (i + j) % 2 == 0 else pytest.mark.long)
        for i, case in enumerate(CASES)
        for j, dtype in enumerate(("float32", "float64"))
    ],
)
def test_a_native_call_asks_for_as_much_memory_for_many_batches_as_for_few(counted, case, dtype):
    counts = counted[case, dtype]
    assert len(counts) == 2
    assert all(few == many == most for few, many, most in counts), counts


def test_the_library_counts(counting):
    script = (
        "import ctypes, os; lib = ctypes.CDLL(os.environ['LD_PRELOAD']); before = lib.requests_so_far(); "
        "kept = [bytes(1000) for _ in range(100)]; print(lib.requests_so_far() - before)"
    )
    command = [sys.executable, "-c", script]
    environment = os.environ | {"LD_PRELOAD": str(counting), "PYTHONMALLOC": "malloc"}
    assert int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout) >= 100


def peak_of(call) -> int:
    """Most bytes that Python and NumPy held during a call over what they held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", _kernels.available_backends())
def test_a_fit_holds_no_more_python_memory_for_many_batches_than_for_few(rng, name):
    x = rng.normal(size=(600, 4)).astype(np.float32)
    y, model = np.ones((600, 1), np.float32), model_of(name=name)

    def fit(batch_size, epochs):
        return lambda: model.fit(x, y, batch_size, epochs=epochs, verbose=0)

    fit(20, 2)()
    few, many = peak_of(fit(20, 1)), peak_of(fit(20, 10))
    assert many < few + 32 * KIB  # 270 updates more; the history, and what the reference's views happen to hold


# -- checks make no array as large as their argument ------------------------------------------------

ROWS = 100_000


@pytest.fixture
def mapped(tmp_path, rng):
    """Rows in a file, as ``np.load`` maps them."""
    np.save(tmp_path / "rows.npy", rng.normal(size=(ROWS, 20)).astype(np.float32))
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


def check(x):
    return convert.inputs("x", x, (20,), np.dtype(np.float32))


def test_a_mapped_array_is_used_in_place(mapped):
    checked = []
    assert peak_of(lambda: checked.append(check(mapped))) < 3 * arrays.BLOCK < mapped.size
    assert np.shares_memory(checked[0], mapped)


def test_an_array_of_the_right_kind_comes_back_as_it_is(rng):
    x = rng.normal(size=(ROWS, 20)).astype(np.float32)
    assert check(x) is x
    assert check(x[:1]).base is x
    x.flags.writeable = False
    assert np.shares_memory(check(x), x)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "int32", ">f4"])
def test_a_conversion_makes_one_array_and_no_other(rng, layout, dtype):
    x = np.asarray(rng.normal(0, 9, (ROWS, 20)), dtype, order=layout)
    checked = []
    assert peak_of(lambda: checked.append(check(x))) < 1.25 * 4 * x.size
    assert checked[0].flags.c_contiguous
    np.testing.assert_array_equal(checked[0], x.astype(np.float32))


def test_building_a_model_for_data_converts_none_of_it(rng):
    x = rng.normal(size=(ROWS, 20))
    model = model_of(Dense(1), n_in=20)
    fresh = type(model)([Dense(1)], seed=1)
    with fresh.built_for(x):
        assert fresh.input_shape == (None, 20)
    fresh = type(model)([Dense(1)], seed=1)

    def build():
        with fresh.built_for(x):
            pass

    assert peak_of(build) < x.nbytes / 10


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rows", [1, 409, 410, ROWS])  # on both sides of convert.FEW, and several blocks
def test_numbers_that_are_not_finite_are_found_wherever_they_are(rng, rows, value, dtype):
    for place in {0, rows // 2, rows - 1}:
        x = rng.normal(size=(rows, 20)).astype(dtype)
        x[place, 7] = value
        expected = rf"x must be finite, got {value} at index \({place}, 7\) and 1 such value in all"
        with pytest.raises(ValueError, match=expected):
            check_finite("x", x)


def test_all_numbers_that_are_not_finite_are_counted(rng):
    x = rng.normal(size=(ROWS, 20))
    x[::1000, 3] = np.nan
    x[5, 5] = np.inf
    with pytest.raises(ValueError, match=r"got nan at index \(0, 3\) and 101 such values in all"):
        check_finite("x", x)


@pytest.mark.parametrize("rows", [1, 409, 410, ROWS])
def test_the_largest_finite_numbers_are_finite_without_a_warning(rows, dtype):
    for sign in (1, -1):
        check_finite("x", np.full((rows, 20), sign * np.finfo(dtype).max, dtype))


def test_bad_numbers_in_a_large_array_are_found_without_a_copy(rng):
    x = rng.normal(size=(ROWS, 20)).astype(np.float32)
    x[-1, -1] = np.nan

    def refuse():
        with pytest.raises(ValueError, match="finite"):
            check_finite("x", x)

    refuse()
    assert peak_of(refuse) < 3 * arrays.BLOCK < x.size


# -- training on a memory map -----------------------------------------------------------------------

MAPPED = """
import sys
import numpy as np
from fastnn import Sequential
from fastnn.layers import Dense


def anonymous():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("RssAnon:"))


x = np.load(sys.argv[1], mmap_mode="r")
y = np.zeros((len(x), 1), np.float32)
y[::2] = 1
layers = [Dense(64, "relu", input_shape=(20,)), Dense(32, "relu"), Dense(1)]
model = Sequential(layers, seed=1, backend=sys.argv[2])
model.compile("adam", "mean_squared_error")
model.fit(x[:1000], y[:1000], verbose=0)
before = anonymous()
model.fit(x, y, batch_size=32, verbose=0)
fitted = anonymous()
model.evaluate(x, y)
print(fitted - before, anonymous() - before, x.nbytes)
"""


def write_rows(path: Path, rows: int) -> None:
    """A file of that many rows of 20 float32 numbers, written in pieces."""
    piece = np.random.default_rng(3).standard_normal((rows // 100, 20), dtype=np.float32)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (rows, 20))
    for first in range(0, rows, len(piece)):
        file[first : first + len(piece)] = piece


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="resident memory is read from Linux' /proc")
@pytest.mark.parametrize("rows", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_training_on_a_map_keeps_its_rows_out_of_the_process(tmp_path, rows):
    """What grows is the order of rows, 4 bytes each; 80 bytes a row stay in the file's pages."""
    if _kernels.why_not("cython"):
        pytest.skip(_kernels.why_not("cython"))
    path = tmp_path / "rows.npy"
    write_rows(path, rows)
    try:
        done = subprocess.run(
            [sys.executable, "-c", MAPPED, str(path), "cython"], capture_output=True, text=True, check=False
        )
    finally:
        path.unlink()
    assert done.returncode == 0, done.stderr
    fitted, evaluated, size = map(int, done.stdout.split())
    assert size == rows * 80
    assert max(fitted, evaluated) < 8 * rows + 4 * MIB
