"""Every C file for every system, by the one cross compiler that PyPI has: zig, whose C compiler is Clang.

``python tests/cross.py [TARGET ...]`` compiles all of them for all of :data:`TARGETS`, or for those that are named,
with warnings as errors, not optimised, and says what a file was refused for; nothing is linked or run (``machines.py``
and ``windows_module.py`` do). zig is taken from the Python that the variable ``FASTNN_ZIG_PYTHON`` names, from
``build/zig``, or from the Python that runs this.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "fastnn/_kernels/native/c"
DRIVER = Path(__file__).with_name("kernel_driver.c")
INSTALL = "install it: python3 -m venv build/zig && build/zig/bin/python -m pip install ziglang"


@dataclass(frozen=True)
class Target:
    """A kind of machine: zig's name, the family of its instruction sets in setup.py, and its file in c/platform."""

    triple: str
    family: str
    system: str = "platform/posix"


TARGETS = (
    Target("x86_64-windows-gnu", "x86", "platform/win32"),
    Target("aarch64-windows-gnu", "arm", "platform/win32"),
    Target("aarch64-macos", "arm"),
    Target("x86_64-macos", "x86"),
    Target("aarch64-linux-musl", "arm"),
    Target("x86_64-linux-musl", "x86"),
    Target("wasm32-wasi", "other", "platform/alone"),
)


@cache
def zig() -> tuple[str, ...] | None:
    """The command of zig's C compiler, or None."""
    for python in (os.environ.get("FASTNN_ZIG_PYTHON"), str(ROOT / "build/zig/bin/python"), sys.executable):
        if python and Path(python).exists():
            command = (python, "-m", "ziglang")
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
                return (*command, "cc")
    return None


@cache
def settings() -> dict:
    """The constants of setup.py, without running what else it does."""
    path, found = ROOT / "setup.py", {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(Exception):  # those that call something
                found[node.targets[0].id] = eval(compile(ast.Expression(node.value), path, "eval"), {}, found)
    return found


def files(family: str, system: str) -> list[tuple[Path, list[str]]]:
    """Every C file of a build with its own flags, the driver of the tests among them; the long ones first."""
    told, kernels = settings(), []
    for isa, flags in told["ISAS"][family].items():
        flags = [flag.replace("x86-64-v2", "x86_64_v2") for flag in flags]  # which is zig's way to write it
        kernels += [(SOURCES / f"isa_{isa}_{kind}.c", flags) for kind in ("f64", "f32")]
    return kernels + [(SOURCES / f"{name}.c", []) for name in (*told["BASELINE"], system)] + [(DRIVER, [])]


def run(command: list[str]) -> None:
    """Run a compiler; what it says is the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def check(target: Target, folder: Path) -> int:
    """Compile every file for a target; how many."""
    compiler = [*(zig() or ()), "-target", target.triple]
    flags = [*settings()["COMMON"], "-O0", "-fno-sanitize=undefined", "-Werror", f"-I{SOURCES}"]

    def compiled(job: tuple[Path, list[str]]) -> None:
        source, own = job
        own = [flag for flag in own if not flag.startswith("-O")]
        run([*compiler, *flags, *own, "-c", str(source), "-o", str(folder / f"{source.stem}.o")])

    with ThreadPoolExecutor(2) as pool:
        return len(list(pool.map(compiled, files(target.family, target.system))))


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    named = {target.triple: target for target in TARGETS}
    parser.add_argument("targets", nargs="*", help=", ".join(named))
    asked = parser.parse_args(words).targets or list(named)
    if unknown := sorted(set(asked) - set(named)):
        parser.error(f"there is no target {', '.join(unknown)}, but {', '.join(named)}")
    if zig() is None:
        sys.exit(f"zig is not there; {INSTALL}")
    for target in map(named.__getitem__, asked):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{target.triple:20} {check(target, Path(folder))} files, no warnings", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
