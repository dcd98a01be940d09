"""Environment variables, and what ``import fastnn`` loads: seen from other processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastnn
from fastnn import _kernels
from fastnn._base import threads

ABSENT = ("numba", "scipy", "sklearn", "matplotlib", "pyarrow", "tqdm", "pandas", "torch")


def run(script: str, **variables) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTNN_")} | variables
    environment["PYTHONIOENCODING"] = "utf-8"
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, env=environment)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FASTNN_BACKEND", "gpu", ("unknown backend 'gpu'", "auto, cython, numba, numpy")),
        ("FASTNN_ISA", "sse9", ("unknown instruction set 'sse9'", "avx2, avx512, neon, portable")),
    ],
)
def test_a_wrong_variable_is_an_error_that_names_it_and_the_right_values(variable, value, words):
    done = run("import fastnn; fastnn.get_backend()", **{variable: value})
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError")
    for word in (variable, *words):
        assert word in last


@pytest.mark.parametrize("value", ["many", "0", "-2", "1.5", "²"])
def test_a_wrong_number_of_threads_is_an_error_that_names_the_variable_and_what_it_holds(monkeypatch, value):
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setenv("FASTNN_NUM_THREADS", value)
    with pytest.raises(ValueError, match=f"FASTNN_NUM_THREADS.*whole number of at least 1.*{value!r}"):
        fastnn.get_num_threads()


def test_empty_variables_are_none():
    assert (
        run("import fastnn; fastnn.show_config()", FASTNN_BACKEND="", FASTNN_ISA="", FASTNN_NUM_THREADS="").returncode
        == 0
    )


def test_the_variable_chooses():
    script = """
import numpy as np, fastnn
model = fastnn.Sequential([fastnn.layers.Dense(2, input_shape=(3,))])
model.predict(np.zeros((1, 3)))
print(fastnn.get_backend(), model.backend_)
"""
    done = run(script, FASTNN_BACKEND="numpy")
    assert (done.stdout, done.stderr) == ("numpy numpy\n", "")


def test_import_loads_no_optional_package_and_no_backend():
    script = f"""
import sys, fastnn
backends = ("fastnn._kernels.numba.backend", "fastnn._kernels.native.native")
found = [name for name in {ABSENT!r} + backends if name in sys.modules]
assert not found, found
import numpy as np
model = fastnn.Sequential([fastnn.layers.Dense(2, input_shape=(3,))], backend="numpy")
model.compile("adam", "mse")
model.fit(np.zeros((4, 3)), np.zeros((4, 2)), epochs=2)
found = [name for name in {ABSENT!r} if name in sys.modules]
assert not found, found
"""
    done = run(script)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_a_build_without_a_compiler_succeeds_and_leaves_word_of_why(tmp_path):
    """A copy of the sources, built with a compiler that is not there, and asked what it is."""
    root = Path(fastnn.__file__).resolve().parents[1]
    if not (root / "setup.py").exists():
        pytest.skip("these are not the sources")
    pytest.importorskip("Cython")
    left_out = shutil.ignore_patterns("*.so", "__pycache__", "native.c")
    shutil.copytree(root / "fastnn", tmp_path / "fastnn", ignore=left_out)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, tmp_path / name)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FASTNN_", "PYTHONPATH"))}
    for command in (["build"], ["build_ext", "--inplace"]):
        subprocess.run(
            [sys.executable, "setup.py", "-q", *command],
            cwd=tmp_path,
            env=environment | {"CC": "/nonexistent/cc"},
            check=True,
            capture_output=True,
        )
    (built,) = (tmp_path / "build").glob("lib*/fastnn/_kernels/native")
    for place in (built, tmp_path / "fastnn" / "_kernels" / "native"):
        assert "/nonexistent/cc" in (place / _kernels.NOTE).read_text()
    for place in (built.parents[2], tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "fastnn", "info"],
            cwd=place,
            env=environment | {"PYTHONPATH": str(place)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "it could not be built: " in done.stdout
        assert "/nonexistent/cc" in done.stdout


def test_number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert fastnn.get_num_threads() == threads.machine_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert fastnn.get_num_threads() == 3
    monkeypatch.setenv("FASTNN_NUM_THREADS", "5")
    assert fastnn.get_num_threads() == 5
    fastnn.set_num_threads(7)
    assert fastnn.get_num_threads() == 7
    monkeypatch.setattr(threads, "_chosen", None)
    monkeypatch.setenv("FASTNN_NUM_THREADS", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "all")  # another library's variable may hold what it likes
    assert fastnn.get_num_threads() == threads.machine_threads()
