"""One wheel on every Python: in an empty environment of each, its trainings give the bits of ``golden.json``.

``python tests/wheel_everywhere.py dist/WHEEL PYTHON...`` makes a virtual environment of each Python, in a folder that
goes again (or under ``--folder``, which stays), installs the wheel there with what it depends on and nothing else, and
trains the golden cases away from the sources. It ends with an error when a Python refuses the wheel, when the native
backend is another one than the wheel's, or when a bit differs. With ``--examples`` every example runs there, too.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import examples_from_wheel

HERE = Path(__file__).resolve().parent
NEEDED = ("golden.py", "golden.json", "golden_cases.py")  # of the tests
CHECK = """
import sys
from pathlib import Path
import fastnn
from fastnn import _kernels
import golden

assert fastnn.get_backend() == "cython", _kernels.why_not("cython")
module = Path(_kernels.load("cython").__file__)
assert module.is_relative_to(Path(sys.prefix).resolve()), f"{module} is not the wheel's"
told = golden.check()
print(f"Python {sys.version.split()[0]}, NumPy {golden.np.__version__}, {module.name}: {len(golden.PAIRS)} trainings, "
      f"{len(told)} parts with other bits on {_kernels.load('cython').isa()}")
sys.exit("\\n".join(told) if told else 0)
"""


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def installed(wheel: Path, python: str, folder: Path) -> str:
    """The interpreter of a new environment of this Python in ``folder``, with the wheel."""
    environment = folder / "environment"
    subprocess.run([python, "-m", "venv", str(environment)], check=True)
    own = str(python_of(environment))
    subprocess.run([own, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel)], check=True)
    return own


def check(own: str, folder: Path) -> None:
    """Train in ``folder`` by an interpreter that has the wheel."""
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    for name in NEEDED:
        shutil.copy(HERE / name, tests)
    subprocess.run([own, "-c", CHECK], cwd=tests, check=True)  # "-c" puts this folder first among those searched


@contextlib.contextmanager
def room(asked: Path | None, number: int) -> Iterator[Path]:
    """A folder of its own for each Python."""
    if asked is None:
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)
    else:
        folder = asked.resolve() / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("pythons", nargs="+")
    parser.add_argument("--folder", type=Path, help="keep the environments here")
    parser.add_argument("--examples", action="store_true", help="run every example, too")
    asked = parser.parse_args(words)
    for number, python in enumerate(asked.pythons):
        with room(asked.folder, number) as folder:
            own = installed(asked.wheel.resolve(), python, folder)
            check(own, folder)
            if asked.examples:
                (folder / "examples").mkdir(exist_ok=True)
                examples_from_wheel.run_examples(own, asked.wheel.resolve(), folder / "examples")


if __name__ == "__main__":
    main(sys.argv[1:])
