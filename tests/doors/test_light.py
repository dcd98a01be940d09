"""How little comes with fastnn: the modules that it loads, and the space that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn import _kernels

MOST_BYTES = 7_000_000
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
SCRIPT = """
import json, sys
import numpy as np
before = set(sys.modules)
import fastnn
imported = set(sys.modules) - before
for name in json.loads(sys.argv[1]):
    x = np.zeros((64, 4), np.float32)
    model = fastnn.Sequential([fastnn.layers.Dense(2, "tanh", input_shape=(4,))], backend=name)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, x[:, :2], epochs=3, validation_split=0.25)
    model.evaluate(x, x[:, :2])
    model.predict(x)
    model.predictor()(x)
print(json.dumps([sorted(imported), sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def loaded() -> tuple[list[str], list[str]]:
    """Modules that a program has over NumPy's: after ``import fastnn``, and after training without Numba."""
    names = [name for name in ("cython", "numpy") if _kernels.why_not(name) is None]
    command = [sys.executable, "-W", "error", "-c", SCRIPT, json.dumps(names)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


def among(modules: list[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in modules if any(module == name or module.startswith(f"{name}.") for name in names)]


def test_import_loads_no_other_package_and_nothing_slow(loaded):
    imported, _ = loaded
    assert [name for name in imported if name.startswith("fastnn")] == AT_ONCE
    assert not among(imported, (*OTHERS, *SLOW))


def test_training_and_prediction_load_no_other_package(loaded):
    _, after_training = loaded
    if _kernels.why_not("cython") is None:
        assert "fastnn._kernels.native.native" in after_training
    assert not among(after_training, (*OTHERS, *SLOW, "fastnn._kernels.numba.backend"))


def test_the_installed_package_is_small():
    """Its own files and the native module in use; neither what that is built of nor what is left beside them."""
    folder = Path(fastnn.__file__).parent
    files = [path for path in folder.rglob("*") if path.suffix not in NOT_INSTALLED and path.is_file()]
    if _kernels.why_not("cython") is None:
        files.append(Path(_kernels.load("cython").__file__))
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
