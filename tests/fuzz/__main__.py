"""``python -m fuzz [READER...] [--count N] [--seed S] [--share X]``: malformed files by the million, see ``--help``.

Each reader runs in a process of its own; one that dies, or that stays at a file, is a finding and is started again
behind it. Findings and the files that show them go to ``--out``; the exit code is 1 where there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.judge import case
from fuzz.readers import READERS, missing
from fuzz.worker import NUMBER

TESTS = Path(__file__).resolve().parents[1]
STUCK = 30.0  # seconds at one file, by the clock, until it is given up; 1 s of the processor is a finding by itself
MOST_FINDINGS = 50  # then a reader is given up


def run(name: str, seed: int, count: int, out: Path) -> dict:
    """One reader on ``count`` files; what came of it."""
    first, n_read, found, began = 0, 0, [], time.monotonic()
    while first < count and len(found) < MOST_FINDINGS:
        at, lines, code = _stretch(name, seed, first, count)
        told = [line for line in lines if "faults" in line]
        n_read += sum(line.get("read", 0) for line in lines)
        found += told
        if at >= count and code == 0:
            first = count
            break
        if not told or told[-1]["index"] != at:
            how = "it stayed at the file" if code is None else f"the process ended with {_code(code)}"
            found.append({"index": at, "faults": [how]})
        first = at + 1
    _keep(name, seed, found, out)
    seconds = time.monotonic() - began
    return {"reader": name, "seed": seed, "inputs": first, "read": n_read, "seconds": seconds, "found": found}


def _stretch(name: str, seed: int, first: int, count: int) -> tuple[int, list[dict], int | None]:
    """Files from ``first`` on until the process ends: the last one, what was found, its code (None if stuck)."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        place, log = Path(folder, "at"), Path(folder, "log")
        place.write_bytes(first.to_bytes(NUMBER, "little"))
        command = [sys.executable, "-m", "fuzz.worker", name, *map(str, (seed, first, count)), folder]
        with log.open("wb") as output:
            worker = subprocess.Popen(command, stdout=output, env=_environment())
            code = _watched(worker, place)
        told = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return _at(place), told, code


def _watched(worker: subprocess.Popen, place: Path) -> int | None:
    last, since = -1, time.monotonic()
    try:
        while True:
            try:
                return worker.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                now = _at(place)
                if now != last:
                    last, since = now, time.monotonic()
                elif time.monotonic() - since > STUCK:
                    return None
    finally:
        worker.kill()
        worker.wait()


def _at(place: Path) -> int:
    return int.from_bytes(place.read_bytes()[:NUMBER], "little")


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _environment() -> dict[str, str]:
    paths = [str(TESTS), str(TESTS / "models"), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _code(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"


def _keep(name: str, seed: int, found: list[dict], out: Path) -> None:
    """Write the files that show what was found."""
    if not found:
        return
    out.mkdir(parents=True, exist_ok=True)
    reader = READERS[name]
    samples = reader.samples()
    for finding in found:
        finding["file"] = str(out / f"{name}-{seed}-{finding['index']}{reader.ending}")
        Path(finding["file"]).write_bytes(case(samples, reader, seed, finding["index"]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all without one")
    parser.add_argument("--count", type=int, help="files for each reader, in place of its own number")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of each reader's own number of files")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    told = parser.parse_args(arguments)
    unknown = set(told.readers) - READERS.keys()
    if unknown:
        parser.error(f"no reader {', '.join(sorted(unknown))}; there are {', '.join(READERS)}")
    bad = 0
    for name in told.readers or READERS:
        if lacking := missing(READERS[name]):
            print(f"{name:8s} left out: {lacking} is not here", flush=True)
            continue
        result = run(name, told.seed, told.count or int(READERS[name].wanted * told.share), told.out)
        bad += len(result["found"])
        print(
            f"{name:8s} seed {told.seed}: {result['inputs']:,} files in {result['seconds']:,.0f} s, "
            f"{result['read']:,} were read, {len(result['found'])} findings",
            flush=True,
        )
        for finding in result["found"][:20]:
            print(f"    {finding['file']}: {'; '.join(finding['faults'])}", flush=True)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
