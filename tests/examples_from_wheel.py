"""Every example runs from the wheel alone: what a user has who installed it and copied an example.

``python tests/examples_from_wheel.py dist/WHEEL PYTHON...`` makes a virtual environment of each Python, installs the
wheel there with what it depends on and nothing else, and runs every script of ``examples`` away from the sources, with
few epochs where it takes a number of them (:data:`SHORT`); scripts of :data:`PICTURES` follow once the extra ``plot``
is there. It ends with an error when one fails, or when it would take fastnn from elsewhere. ``wheel_everywhere.py
--examples`` does the same in the environments that it has.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHORT = (("--epochs", "1"), ("--updates", "2"), ("--steps", "300"))  # the first that a script takes
PICTURES = ("pictures",)  # they draw, and do nothing else
WHERE = """
import sys
from pathlib import Path
import fastnn

where = Path(fastnn.__file__)
assert where.is_relative_to(Path(sys.prefix).resolve()), f"{where} is not the wheel's"
"""


def short_settings(script: Path) -> list[str]:
    """Arguments that make a script end soon."""
    text = script.read_text(encoding="utf-8")
    return next(([option, value] for option, value in SHORT if f'"{option}"' in text), [])


def run_examples(python: str, wheel: Path, folder: Path) -> None:
    """Run all of them by this Python, which has the wheel, in ``folder``."""
    told = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([python, *words], cwd=folder, env=told, capture_output=True, text=True, check=False)

    for script in EXAMPLES.glob("*.py"):
        shutil.copy(script, folder)
    names = sorted((script.stem for script in EXAMPLES.glob("*.py")), key=lambda name: (name in PICTURES, name))
    failed, began = [], time.perf_counter()
    for name in names:
        if name in PICTURES:  # they come last
            subprocess.run(
                [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"{wheel}[plot]"],
                env=told,
                check=True,
            )
        done = run(f"{name}.py", *short_settings(folder / f"{name}.py"))
        if done.returncode:
            failed.append(f"{name}.py:\n{done.stdout}{done.stderr}")
    where = run("-c", WHERE)
    if where.returncode:
        failed.append(where.stderr)
    print(f"{len(names)} examples, {len(failed)} failed, {time.perf_counter() - began:.0f} s")
    if failed:
        sys.exit("\n".join(failed))


def main(words: list[str]) -> None:
    import wheel_everywhere

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("pythons", nargs="+")
    asked = parser.parse_args(words)
    for python in asked.pythons:
        with wheel_everywhere.room(None, 0) as folder:
            own = wheel_everywhere.installed(asked.wheel.resolve(), python, folder)
            subprocess.run([own, "--version"], check=True)
            room = folder / "examples"
            room.mkdir()
            run_examples(own, asked.wheel.resolve(), room)


if __name__ == "__main__":
    main(sys.argv[1:])
