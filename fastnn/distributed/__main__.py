"""``python -m fastnn.distributed [-n N] SCRIPT ...``: start a script, or a command of fastnn, on several processes.

With ``-n`` it starts that many by ``mpiexec``; without, it is one of those that a launcher has started. An error that
the script does not catch ends all of them, told once.

Where a host is gone, mpiexec waits for it without end, though all processes that it can hear have ended. So one that
ends the job leaves a mark, and mpiexec is ended, too, if it is there :data:`PATIENCE` seconds later.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from fastnn.distributed import MPIComm, launched

LOOK, PATIENCE = 0.5, 10.0  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m fastnn.distributed",
        description="Start a script, or 'fastnn train ...', on several processes that train one model.",
    )
    parser.add_argument("-n", type=int, metavar="N", help="processes to start, by mpiexec")
    told = "with -n: options of mpiexec's own, such as --mpiexec='-hosts one,two -ppn 1'; default: all on this machine"
    parser.add_argument("--mpiexec", metavar="OPTIONS", help=told)
    parser.add_argument("script", help="a file of Python, or the word fastnn")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the script")
    given = parser.parse_args(argv)
    if given.n is not None:
        return _start(given.n, shlex.split(given.mpiexec or ""), [given.script, *given.arguments])
    if given.mpiexec is not None:
        parser.error("--mpiexec is of the job that -n starts")
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


def _start(n: int, options: Sequence[str], command: Sequence[str]) -> int:
    """Start so many processes, and say in a line how the job ended where it did not end well."""
    found = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if found is None:
        print("fastnn.distributed: there is no mpiexec: pip install 'fastnn-native[mpi]'", file=sys.stderr)
        return 1
    if n < 1:
        print(f"fastnn.distributed: -n must be at least 1, got {n}", file=sys.stderr)
        return 2
    words = [found, *options, "-n", str(n), sys.executable, "-m", "fastnn.distributed", *command]
    with tempfile.TemporaryDirectory() as folder:
        mark = os.path.join(folder, "ended")
        job = subprocess.Popen(words, env={**os.environ, launched.ENDED: mark})
        try:
            code = _ended(job, mark)
        except KeyboardInterrupt:
            job.send_signal(signal.SIGINT)
            return job.wait() or 130
    if code:
        print(f"fastnn.distributed: the job of {n} processes ended, {_how(code)}", file=sys.stderr)
    return code


def _ended(job: subprocess.Popen[bytes], mark: str) -> int:
    """The exit code of mpiexec, which is ended where it waits for what does not come any more."""
    deadline = None
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return job.wait(LOOK)
        if deadline is None and os.path.exists(mark):
            deadline = time.monotonic() + PATIENCE
        if deadline is not None and time.monotonic() > deadline:
            print("fastnn.distributed: mpiexec waits for a host that is gone, and is ended", file=sys.stderr)
            job.kill()
            return job.wait() and 1


def _how(code: int) -> str:
    """What the exit code of mpiexec says: the number of a signal where that killed a process."""
    signals = {number.value: number.name for number in signal.Signals}
    return f"for {signals[code]} killed one of them" if code > 2 and code in signals else f"with exit code {code}"


if __name__ == "__main__":
    sys.exit(main())
