"""Compilers for exported C, and the functions that they make, for tests."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
ARM = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips a test where a program is missing, or the C library of a microcontroller."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing and "arm-none-eabi-gcc" in programs:
        asked = ["arm-none-eabi-gcc", "-print-file-name=rdimon.specs"]
        found = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        missing += [] if "/" in found else ["libnewlib-arm-none-eabi"]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)} on this machine")


def run(*command: object, cwd: Path | None = None) -> str:
    """What a command prints; a failure shows all of it."""
    made = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, f"{' '.join(map(str, command))}\n{made.stdout}{made.stderr}"
    return made.stdout


def checked(compiler: str, folder: Path, name: str, *options: str) -> str:
    """Compiles an export with its test program, and runs that."""
    run(compiler, *STRICT, *options, f"{name}.c", f"{name}_main.c", "-o", f"{name}.out", "-lm", cwd=folder)
    return run(folder / f"{name}.out")


def library(folder: Path, names: Sequence[str], *options: str) -> ctypes.CDLL:
    """The exports as one library."""
    files = [f"{name}.c" for name in names]
    run("gcc", *STRICT, "-O1", "-fPIC", "-shared", *options, *files, "-o", f"{names[0]}.so", "-lm", cwd=folder)
    return ctypes.CDLL(str(folder / f"{names[0]}.so"))


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def called(function, inputs: Sequence[np.ndarray], sizes: Sequence[int], work: int, state=None) -> list[np.ndarray]:
    """What a function gives for one sample, with NaN all over its room: it reads nothing that it has not written."""
    outputs = [np.full(size, np.nan, np.float32) for size in sizes]
    room = np.full(work // 4, np.nan, np.float32)
    own = [np.ascontiguousarray(x, np.float32) for x in inputs]
    before = [] if state is None else [state]
    function(*map(pointer, [*before, *own, *outputs, room]))
    return outputs


def emulated(folder: Path, name: str) -> str:
    """Compiles an export with its test program for a Cortex-M4, and runs it under QEMU."""
    board = (*ARM, "--specs=rdimon.specs", "-T", HERE / "cortex_m4.ld", HERE / "cortex_m4.c")
    files = f"{name}.c", f"{name}_main.c", "-o", f"{name}.elf", "-lm"
    run("arm-none-eabi-gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-Os", *board, *files, cwd=folder)
    semihosting = "-nographic", "-semihosting-config", "enable=on,target=native"
    return run("qemu-system-arm", "-M", "mps2-an386", *semihosting, "-kernel", folder / f"{name}.elf")
