"""``make sanitize``: the native backend under ASan and UBSan, TSan, and valgrind; each part says what it runs.

``python tests/sanitize.py [PART...]``; without one, all. Each builds the package anew in ``build/sanitize/`` where its
sources have changed (minutes), and runs a selection of the tests, named below, with the sanitizer's library loaded
before Python, which itself is not instrumented: what is looked into is the C code and the Cython module. A finding of
a sanitizer ends the process, and so the part fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "sanitize"
KERNELS = (  # every kernel on every instruction set of the machine, at ragged sizes
    *(f"tests/kernels/test_{name}.py" for name in ("backends", "gradients", "exactness", "native", "reduction")),
    *(f"tests/kernels/test_{name}_kernels.py" for name in ("attention", "convolution", "copy", "elementwise", "join")),
    *(f"tests/kernels/test_{name}_kernels.py" for name in ("loss", "pool", "recurrent", "sequence", "warp")),
    *(
        f"tests/kernels/test_{name}.py"
        for name in ("batch_norm", "joined", "loss_threads", "masked_cells", "updates", "train_epochs")
    ),
    "tests/kernels/test_sparse_backends.py",
    *(f"tests/engine/test_{name}.py" for name in ("predictor", "stepping", "unusual_input", "exclusive")),
)
THREADS = (
    "tests/kernels/test_loss_threads.py",
    "tests/kernels/test_few_rows.py",
    "tests/definitions/test_threads.py",
    "tests/engine/test_many.py",
    "tests/engine/test_many_threads.py",
    "tests/engine/test_at_once.py",
    "tests/engine/test_shared_models.py",
    "tests/engine/test_exclusive.py",
)
# What only a program without sanitizers shows, what compiles with Numba, and predictions and gradients that were begun
# before a training or an update: they read numbers while these are written.
NOT_HERE = (
    "not numba and not fresh_build and not failed_build and not fork and not memory and not built_for_all"
    " and not one_symbol and not compiler and not guard and not signal and not another_thread_trains"
    " and not gradients_and_updates"
)


@dataclass(frozen=True)
class Part:
    """What a part builds with and runs."""

    sanitize: str
    library: str
    options: dict[str, str]
    tests: tuple[str, ...]
    long: str = ""


PARTS = {
    "address": Part(
        "address,undefined",
        "libasan.so",
        {
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        },
        KERNELS,
    ),
    "thread": Part(
        "thread",
        "libtsan.so",
        {"TSAN_OPTIONS": f"halt_on_error=1:suppressions={ROOT / 'tests' / 'sanitize_thread.txt'}"},
        THREADS,
    ),
}


def built(name: str, part: Part) -> Path:
    """The folder in which the package is built with a sanitizer."""
    folder = BUILD / f"{name}-{sysconfig.get_config_var('SOABI')}"
    stamp = folder / "built"
    sources = [ROOT / "setup.py", *(ROOT / "fastnn").rglob("*.py"), *_native_sources()]
    if stamp.exists() and stamp.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return folder
    made = {path.name: path for path in (folder / "fastnn").rglob("*.so")}
    kept = made if stamp.exists() and stamp.stat().st_mtime > _newest(_native_sources()) else {}
    library = {name: path.read_bytes() for name, path in kept.items()}
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "native.c", "__pycache__")
    shutil.copytree(ROOT / "fastnn", folder / "fastnn", ignore=ignored)
    for place in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / place, folder)
    for name_of_library, content in library.items():
        (folder / "fastnn" / "_kernels" / "native" / name_of_library).write_bytes(content)
    if not library:
        told = os.environ | {"FASTNN_SANITIZE": part.sanitize, "FASTNN_REQUIRE_NATIVE": "1"}
        command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--build-temp", "objects"]
        subprocess.run(command, cwd=folder, env=told, check=True)
    stamp.touch()
    return folder


def _native_sources() -> list[Path]:
    native = ROOT / "fastnn" / "_kernels" / "native"
    endings = (".h", ".def", ".pyx", ".pxi", ".pxd")
    return [*(path for path in native.rglob("*") if path.suffix in endings), *(native / "c").rglob("*.c")]


def _newest(paths: list[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)


def run(name: str, more: list[str]) -> int:
    """Build and run a part; the exit code of its tests."""
    part = PARTS[name]
    folder = built(name, part)
    library = subprocess.run(["gcc", f"-print-file-name={part.library}"], capture_output=True, text=True, check=True)
    told = os.environ | part.options
    told |= {"LD_PRELOAD": library.stdout.strip(), "PYTHONPATH": str(folder)}
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):  # which has an allocator of its own alone
        told["PYTHONMALLOC"] = "malloc"
    told |= {"FASTNN_NUM_THREADS": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    native = "import fastnn._kernels.native.native as native; print(native.__file__)"
    used = subprocess.run([sys.executable, "-P", "-c", native], capture_output=True, text=True, env=told, check=True)
    if not used.stdout.startswith(str(folder)):
        raise RuntimeError(f"the tests would run with {used.stdout.strip()} in place of what was built in {folder}")
    present = [test for test in part.tests if (ROOT / test).exists()]
    command = [
        sys.executable,
        "-P",  # else this folder's package comes before the one that was built
        "-m",
        "pytest",
        "-q",
        "-x",
        "-s",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-k",
        NOT_HERE,
    ]
    return subprocess.run([*command, *more, *present], cwd=ROOT, env=told, check=False).returncode


def valgrind(more: list[str]) -> int:
    """One fit and one prediction under memcheck, with what CPython and NumPy do by themselves left out."""
    script = (
        "import numpy as np, fastnn\n"
        "from fastnn.layers import Dense, Dropout, Conv2D, Flatten, MaxPooling2D, LSTM\n"
        "x = np.random.default_rng(0).random((21, 6, 6, 1), np.float32)\n"
        "model = fastnn.Sequential([Conv2D(3, 3, input_shape=(6, 6, 1)), MaxPooling2D(2), Flatten(), Dropout(0.2),\n"
        "    Dense(5, 'tanh'), Dense(2, 'softmax')], backend='cython', seed=1)\n"
        "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
        "model.fit(x, np.arange(21) % 2, epochs=2, batch_size=8, verbose=0)\n"
        "assert np.isfinite(model.predict(x)).all()\n"
        "print('one fit under valgrind: done')\n"
    )
    command = ["valgrind", "-q", "--error-exitcode=9", f"--suppressions={ROOT / 'tests' / 'valgrind.supp'}"]
    told = os.environ | {"PYTHONMALLOC": "malloc", "PYTHONPATH": str(ROOT), "FASTNN_ISA": "avx2"}
    told |= {"FASTNN_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}
    return subprocess.run([*command, *more, sys.executable, "-c", script], env=told, check=False).returncode


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="sanitize", description=__doc__)
    names = [*PARTS, "valgrind"]
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(names)}")
    told, more = parser.parse_known_args(arguments)
    if unknown := set(told.parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = []
    for name in told.parts or names:
        began = time.monotonic()
        code = valgrind(more) if name == "valgrind" else run(name, more)
        print(
            f"== {name}: {'passed' if code == 0 else f'failed with {code}'}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        failed += [name] if code else []
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
