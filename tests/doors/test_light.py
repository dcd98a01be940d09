"""How little comes with fastnn: the modules that it loads, and the space that it takes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn import _kernels

MOST_BYTES = 6_445_000
NOT_INSTALLED = (".pyc", ".so", ".pyd", ".c", ".h", ".def", ".pyx", ".pxi", ".pxd", ".nbi", ".nbc")
OTHERS = (  # packages that fastnn can work with, and what they are made of
    *("numba", "llvmlite", "scipy", "sklearn", "joblib", "matplotlib", "pyarrow", "pandas", "tqdm"),
    *("torch", "onnx", "onnxruntime", "safetensors", "cython", "setuptools"),
)
SLOW = (  # of the standard library: each costs milliseconds of every program's start
    *("asyncio", "email", "http", "socket", "ssl", "urllib", "xml", "unittest", "multiprocessing", "concurrent"),
    *("logging", "tempfile", "importlib.metadata", "hashlib", "csv", "difflib", "pathlib", "ctypes"),
)
AT_ONCE = ["fastnn", "fastnn._base", "fastnn._base.lazy", "fastnn._version"]  # all else when it is asked for
UNUSED = (  # rooms and modules that a dense network on arrays does without
    *(f"fastnn.{room}" for room in ("cli", "data", "datasets", "distributed", "interop", "plot", "sklearn", "tables")),
    *(f"fastnn.{room}" for room in ("tabular", "watch", "constraints", "_workers", "_kernels.numba", "utils")),
    *(f"fastnn._engine.{name}" for name in ("lbfgs", "own_shards", "part_rows", "pieces", "portions", "saving")),
    *(f"fastnn._engine.{name}" for name in ("sharded", "shards", "shares", "slices", "stop")),
    *(f"fastnn.models.{name}" for name in ("checkpoints", "cloning", "config_reading", "configs")),
    *(f"fastnn.models.{name}" for name in ("description", "distributing", "elsewhere", "files", "fit_many", "folding")),
    *(f"fastnn.models.{name}" for name in ("instruction", "rebuilding", "resuming", "weight_files")),
    *(f"fastnn._base.{name}" for name in ("ahead", "growing", "tensor_file", "temporary", "writing")),
)
OF_TRAINING = tuple(f"fastnn._engine.{name}" for name in ("finite", "fit", "prepare", "standing", "trainer"))
USED = {  # of rooms with many definitions, the modules that have those of the script; all others stay on disk
    "fastnn.layers": {"dense", "input"},
    "fastnn.metrics": {"errors"},
    "fastnn.optimizers": {"adam", "rate"},
    "fastnn.schedules": set[str](),
    "fastnn.callbacks": {"history", "simple"},
    "fastnn.initializers": {"quantile", "scaling"},
    "fastnn._ops": {"dense", "own"},
}
SCRIPT = """
import json, sys
import numpy as np
before = set(sys.modules)
import fastnn
imported = set(sys.modules) - before
from fastnn import Sequential
from fastnn.layers import Dense
named = set(sys.modules) - before
for name in json.loads(sys.argv[1]):
    x = np.zeros((64, 4), np.float32)
    model = fastnn.Sequential([fastnn.layers.Dense(2, "tanh", input_shape=(4,))], backend=name)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, x[:, :2], epochs=3, validation_split=0.25)
    model.evaluate(x, x[:, :2])
    model.predict(x)
    model.predictor()(x)
print(json.dumps([sorted(modules) for modules in (imported, named, set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def loaded() -> tuple[list[str], list[str], list[str]]:
    """Modules that a program has over NumPy's: after ``import fastnn``, with names for a model, and after training
    without Numba."""
    names = [name for name in ("cython", "numpy") if _kernels.why_not(name) is None]
    command = [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


def among(modules: list[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)]


def test_import_loads_no_other_package_and_nothing_slow(loaded):
    imported, *_ = loaded
    assert [name for name in imported if name.startswith("fastnn")] == AT_ONCE
    assert not among(imported, (*OTHERS, *SLOW))


def test_names_for_a_model_load_nothing_that_training_alone_needs(loaded):
    _, named, after_training = loaded
    assert not among(named, OF_TRAINING)
    assert {*OF_TRAINING} <= {*after_training}, "no module of this name is left"


def test_training_and_prediction_load_no_other_package(loaded):
    *_, after_training = loaded
    if _kernels.why_not("cython") is None:
        assert "fastnn._kernels.native.native" in after_training
    assert not among(after_training, (*OTHERS, *SLOW, "fastnn._kernels.numba.backend"))


def test_a_dense_network_loads_what_it_is_made_of(loaded):
    """A module that turns up here was imported at the top of another one: let the function import it that needs it."""
    *_, after_training = loaded
    assert not among(after_training, UNUSED)
    for room, used in USED.items():
        defined = {name.removeprefix(f"{room}.") for name in after_training if name.startswith(f"{room}.")}
        assert defined & defining(room) == used, room


def defining(room: str) -> set[str]:
    """Modules of a room that have names of its own, without those that all of its kind share."""
    package = importlib.import_module(room)
    modules = package.KINDS if room == "fastnn._ops" else vars(package).get("_LAYERS") or vars(package)["_MODULES"]
    return {*modules} - {"base", "known", "readings", "statistics", "activation"}


def test_the_installed_package_is_small():
    """Its own files and the native module in use; neither what that is built of nor what is left beside them."""
    folder = Path(fastnn.__file__).parent
    files = [path for path in folder.rglob("*") if path.suffix not in NOT_INSTALLED and path.is_file()]
    if _kernels.why_not("cython") is None:
        files.append(Path(_kernels.load("cython").__file__))
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
