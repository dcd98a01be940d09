"""``python -m fastnn.distributed [-n N] SCRIPT ...``: start a script, or a command of fastnn, on several processes.

With ``-n`` it starts that many by ``mpiexec``; without, it is one of those that a launcher has started. An error that
the script does not catch ends all of them, told once.
"""

from __future__ import annotations

import argparse
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fastnn.distributed import MPIComm, launched


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fastnn.distributed",
        description="Start a script, or 'fastnn train ...', on several processes that train one model.",
    )
    parser.add_argument("-n", type=int, metavar="N", help="processes to start on this machine, by mpiexec")
    parser.add_argument("script", help="a file of Python, or the word fastnn")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the script")
    given = parser.parse_args(argv)
    if given.n is not None:
        return _start(given.n, [given.script, *given.arguments])
    if launched.by_mpi():
        MPIComm()  # from now on an error ends the job
    return _run(given.script, given.arguments)


def _run(script: str, arguments: Sequence[str]) -> int:
    sys.argv = [script, *arguments]
    if script == "fastnn":
        runpy.run_module("fastnn", run_name="__main__", alter_sys=True)  # which exits
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")
    return 0


def _start(n: int, command: Sequence[str]) -> int:
    """Start so many processes, and say in a line how the job ended where it did not end well."""
    found = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if found is None:
        print("fastnn.distributed: there is no mpiexec: pip install 'fastnn-native[mpi]'", file=sys.stderr)
        return 1
    if n < 1:
        print(f"fastnn.distributed: -n must be at least 1, got {n}", file=sys.stderr)
        return 2
    job = subprocess.Popen([found, "-n", str(n), sys.executable, "-m", "fastnn.distributed", *command])
    try:
        code = job.wait()
    except KeyboardInterrupt:
        job.send_signal(signal.SIGINT)
        return job.wait() or 130
    if code:
        print(f"fastnn.distributed: the job of {n} processes ended, {_how(code)}", file=sys.stderr)
    return code


def _how(code: int) -> str:
    """What the exit code of mpiexec says: the number of a signal where that killed a process."""
    signals = {number.value: number.name for number in signal.Signals}
    return f"for {signals[code]} killed one of them" if code > 2 and code in signals else f"with exit code {code}"


if __name__ == "__main__":
    sys.exit(main())
