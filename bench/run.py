"""Measure fastnn beside its peers and beside what the machine can do; print the table and write the figures.

    python bench/run.py [PART ...] [--threads N] [--dtype float32|float64] [--libs LIB,LIB] [--only NAME,NAME]
                        [--groups wide,few,depthwise] [--rounds R] [--shapes N] [--peers-python PATH] [--json FILE]

Parts, all of them when none is named: train, predict, convolve, step, updates, products. The bounds are measured in
every run, for shares mean little beside another day's. Libraries that are not there are left out with a line saying so;
peers may live in an interpreter of their own, which needs nothing of fastnn. ``--only`` names recurrent layers, too,
whose single steps are timed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import bounds
import machine
import products
import report
import single_convolutions
import turns
from cases import NETWORKS, PREDICTED, STEPPED

from fastnn._base.writing import write_atomically

PARTS = ("train", "predict", "convolve", "step", "updates", "products")
FORMAT = 1  # of the JSON file


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    libraries = sorted({name for names in turns.LIBRARIES.values() for name in names})
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=bounds.DTYPES, default="float32")
    parser.add_argument("--libs", type=_listed(libraries), default=libraries, help=",".join(libraries))
    networks = list(NETWORKS)
    parser.add_argument("--only", type=_listed(networks), default=networks, help=f"of networks: {','.join(networks)}")
    groups = list(single_convolutions.GROUPS)
    parser.add_argument("--groups", type=_listed(groups), default=groups, help=f"of convolutions: {','.join(groups)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", type=int, default=products.N_SHAPES, help="of products")
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {min(unknown)!r}; there are {', '.join(PARTS)}")
    if not 1 <= options.threads <= machine.cores() or options.rounds < 1:
        parser.error(f"--threads goes from 1 to {machine.cores()} here, --rounds from 1")
    if shutil.which(options.peers_python) is None:
        parser.error(f"--peers-python {options.peers_python} is no program")
    return options


def _listed(known):
    def names(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown {name!r}; there are {', '.join(known)}")
        return found

    return names


def train(options: argparse.Namespace, versions: dict[str, str]) -> dict:
    """Times of a step; where the run has one thread, fastnn on all of them takes part too."""
    more = []
    if options.threads == 1 < machine.cores() and "fastnn" in options.libs:
        more.append((f"fastnn on {machine.cores()}", "fastnn", machine.cores()))
    return _compare(options, versions, "train", {name: {"network": name} for name in options.only}, more)


def predict(options: argparse.Namespace, versions: dict[str, str]) -> dict:
    """Times of a call."""
    requests = {f"{name} {rows}": {"network": name, "rows": rows} for name, rows in _predicted(options)}
    return _compare(options, versions, "predict", requests)


def convolve(options: argparse.Namespace, versions: dict[str, str]) -> dict:
    """Times of each pass of single convolutions."""
    shapes = [str(case) for group in options.groups for case in single_convolutions.GROUPS[group]]
    cases = [(shape, part) for shape in shapes for part in single_convolutions.PASSES]
    requests = {f"{shape} {part}": {"shape": shape, "part": part} for shape, part in cases}
    return _compare(options, versions, "convolve", requests)


def step(options: argparse.Namespace, versions: dict[str, str]) -> dict:
    """Times of one step of one sequence."""
    return _compare(options, versions, "step", {name: {"layer": name} for name in STEPPED if name in options.only})


def least(options: argparse.Namespace, parts: Iterable[str]) -> dict:
    """Microseconds that fastnn's steps and predictions take at least, by case; none without the native backend."""
    cases = {name: (name, None) for name in options.only if "train" in parts}
    predicted = [(name, n) for name, n in _predicted(options) if "predict" in parts]
    cases |= {f"{name} {n}": (name, n) for name, n in predicted}
    if "fastnn" not in options.libs or machine.native() is None:
        return {}
    return {case: bounds.of_network(name, options.dtype, options.threads, n) for case, (name, n) in cases.items()}


def _predicted(options: argparse.Namespace) -> list[tuple[str, int]]:
    return [(name, n) for name, counts in PREDICTED.items() if name in options.only for n in counts]


def _compare(options, versions: dict[str, str], task: str, requests: dict[str, dict], more: Iterable = ()) -> dict:
    """Times by case and label, of the task's libraries and ``more``; a dot a case shows that the run goes on."""
    wanted = [(name, name, options.threads) for name in turns.LIBRARIES[task] if name in options.libs]
    workers = turns.start([*wanted, *more], options.dtype, options.peers_python)
    versions.update({name: worker.version for name, worker in workers.items() if name == worker.library})
    try:
        found = {}
        for case, request in requests.items():
            found[case] = turns.least(workers, options.rounds, task=task, **request)
            print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return found
    finally:
        for worker in workers.values():
            worker.close()


def run(options: argparse.Namespace) -> dict:
    """All figures of the parts asked for, with what they depend on beside them."""
    parts, versions = options.parts or PARTS, {}
    result = {
        "format": FORMAT,
        "machine": machine.describe(),
        "settings": {"threads": options.threads, "dtype": options.dtype, "rounds": options.rounds},
        "versions": versions,
        "bounds": bounds.measure(options.threads),
    }
    result["least"] = least(options, parts)
    for part, measure in {"train": train, "predict": predict, "convolve": convolve, "step": step}.items():
        if part in parts:
            result[part] = measure(options, versions)
    if "updates" in parts:
        result["updates"] = bounds.updates(options.dtype)
    if "products" in parts:
        result["products"] = products.measure(machine.isas(), options.dtype, options.shapes)
    return result


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    result = run(options)
    print("\n".join(report.lines(result)))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.json, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
