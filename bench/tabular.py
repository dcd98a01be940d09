"""fastnn on tables beside boosted trees, linear models and other networks: scores, calibration, CPU seconds.

    python bench/tabular.py run METHODS --cache FILE [--tables all] [--caps 3000,10000,none] [--seeds 0,1,2,3,4]
    python bench/tabular.py report --cache FILE > bench/tabular.md

METHODS are names with commas between; ``all`` are all that can be imported, so that one interpreter may have fastnn and
another the other libraries; tables that are not here are skipped with the reason. Each run is a line of JSON in the
cache, written when it is done: a benchmark that was interrupted goes on, methods can be added, and two processes may
share a file. A run is done again for another version (of fastnn: another commit) or with ``--redo``; the report takes
the newest line. ``--set name=value`` gives arguments to the constructors (options to the command), for ablations;
``--label`` names the result, by itself the method with what was set. Otherwise each method has its defaults, has one
thread (``--threads``), and is warmed up on a few rows first.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import resource
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "FASTNN")  # _NUM_THREADS of each, read when libraries are imported
CAPS = (3000, 10000, None)
SEEDS = (0, 1, 2, 3, 4)
WARM_UP_ROWS = 100


def main() -> int:
    """The command line; its exit code."""
    options = _parser().parse_args()
    if options.command == "report":
        from tabular_report import report

        print(report(newest(lines(options.cache), options.threads), options.methods), end="")
        return 0
    os.environ.update({f"{name}_NUM_THREADS": str(options.threads) for name in THREADS})
    from tabular_data import SMALL, TABLES

    groups = {"all": TABLES, "small": SMALL, "large": [table for table in TABLES if table not in SMALL]}
    tables = [table for name in options.tables.split(",") for table in groups.get(name, [name])]
    if unknown := [table for table in tables if table not in TABLES]:
        raise SystemExit(f"no table is called {', '.join(unknown)}; there are {', '.join((*TABLES, *groups))}")
    methods = available(options.methods)
    return run(methods, tables, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run, report = commands.add_parser("run"), commands.add_parser("report")
    run.add_argument("methods")
    run.add_argument("--tables", default="all", help="names with commas between; all, large or small")
    run.add_argument("--caps", type=_caps, default=CAPS, help="training rows at most: numbers, or none")
    run.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=SEEDS)
    run.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE", dest="settings")
    run.add_argument("--label")
    run.add_argument("--data", type=Path, help="folder of the tables")
    run.add_argument("--redo", action="store_true", help="also what the cache has")
    report.add_argument("--methods", type=lambda text: text.split(","), help="labels of the tables' columns, in order")
    for command in (run, report):
        command.add_argument("--cache", type=Path, required=True)
        command.add_argument("--threads", type=int, default=1)
    return parser


def _caps(text: str) -> list[int | None]:
    return [None if part == "none" else int(part) for part in text.split(",")]


def _setting(text: str) -> tuple[str, Any]:
    """A value is a Python literal, or a text."""
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def available(names: str) -> dict[str, str]:
    """Versions of the methods that are named. One that cannot be imported is refused; of ``all`` it is left out."""
    from tabular_methods import METHODS

    wanted = list(METHODS) if names == "all" else names.split(",")
    if unknown := [name for name in wanted if name not in METHODS]:
        raise SystemExit(f"no method is called {', '.join(unknown)}; there are {', '.join(METHODS)}, or all")
    found, missing = {}, []
    for name in wanted:
        try:
            found[name] = METHODS[name].version()
        except ImportError as error:
            missing.append(f"{name} cannot run under {sys.executable}: {error}")
    if missing and names != "all":
        raise SystemExit("\n".join(missing))
    for why in missing:
        print(f"left out: {why}", file=sys.stderr)
    return found


def lines(cache: Path) -> list[dict]:
    """Results in a cache, the oldest first; a file that is not there has none."""
    if not cache.exists():
        return []
    return [json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines() if line.strip()]


def key(result: dict, *, version: bool = False) -> tuple:
    """What a newer result replaces. Caps that all rows fit under are one."""
    same = "label", "table", "n_train", "seed", "threads", *(("version",) if version else ())
    return tuple(result[name] for name in same)


def newest(results: list[dict], threads: int) -> list[dict]:
    """One result for each key, failures among them."""
    return list({key(result): result for result in results if result["threads"] == threads}.values())


def append(cache: Path, result: dict) -> None:
    """One line by one call, so that several processes may write to the file."""
    place = os.open(cache, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(place, (json.dumps(result) + "\n").encode())
    finally:
        os.close(place)


def run(methods: dict[str, str], tables: list[str], options: argparse.Namespace) -> int:
    """All that the cache does not hold; 1 if anything failed."""
    from tabular_data import DATA, Missing, split

    done = set() if options.redo else {key(r, version=True) for r in lines(options.cache) if "error" not in r}
    warm: set[tuple] = set()
    failures = kept = 0
    for cap in options.caps:
        for seed in options.seeds:
            for table in tables:
                try:
                    rows = split(table, cap, seed, options.data or DATA)
                except Missing as why:
                    print(f"skipped: {why}", file=sys.stderr)
                    continue
                for name, version in methods.items():
                    result = _begun(name, version, rows, cap, seed, options)
                    if key(result, version=True) in done:
                        kept += 1
                        continue
                    result |= _measured(name, rows, result, warm)
                    done.add(key(result, version=True))
                    failures += "error" in result
                    append(options.cache, result)
                    print(_told(result), flush=True)
    if kept:
        print(f"{kept} results were in {options.cache}; --redo measures them again", file=sys.stderr)
    return int(failures > 0)


def _begun(name: str, version: str, rows: Any, cap: int | None, seed: int, options: argparse.Namespace) -> dict:
    """All of a result that is known before."""
    settings = dict(options.settings)
    said = ",".join(f"{key}={value}" for key, value in settings.items())
    return {
        "method": name,
        "label": options.label or (f"{name}[{said}]" if said else name),
        "settings": settings,
        "version": version,
        "table": rows.table,
        "rows": rows.rows,
        "n_train": len(rows.y),
        "n_test": len(rows.y_test),
        "cap": cap,
        "seed": seed,
        "threads": options.threads,
    }


def _measured(name: str, rows: Any, result: dict, warm: set[tuple]) -> dict:
    """Scores and seconds, or the error."""
    from machine import describe
    from tabular_methods import METHODS, Request
    from tabular_scores import scores

    method = METHODS[name]
    request = Request(result["seed"], result["threads"], result["settings"])
    about = {"cpu": describe()["cpu"], "load": round(os.getloadavg()[0], 2)}
    about["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not method.child and (name, rows.labels is None) not in warm:
                _warm_up(method, rows, request)
                warm.add((name, rows.labels is None))
            predict, fit_seconds = _timed(lambda: method.fit(rows, request), method.child)
            predicted, seconds = _timed(lambda: predict(rows.x_test), method.child)
            found = scores(rows.y_test, predicted, rows.labels is not None)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500], **about}
    return {
        "scores": {each: round(value, 6) for each, value in found.items()},
        **{f"fit_{clock}": value for clock, value in fit_seconds.items()},
        **{f"predict_{clock}": value for clock, value in seconds.items()},
        **about,
    }


def _warm_up(method: Any, rows: Any, request: Any) -> None:
    """What a library does once in a process, such as starting threads, is no part of a fit."""
    import numpy as np
    import pandas as pd
    from tabular_data import Split
    from tabular_methods import Request

    drawn = np.random.default_rng(0)
    x = pd.DataFrame(drawn.normal(size=(WARM_UP_ROWS, 2)), columns=["a", "b"])
    labels = None if rows.labels is None else np.arange(2)
    y = x["a"].to_numpy() if labels is None else (x["a"] > 0).to_numpy().astype(int)
    few = Split("warm-up", "y", WARM_UP_ROWS, labels, x, y, x, y)
    method.fit(few, Request(request.seed, request.threads, request.settings))(few.x_test)


def _timed(call: Any, child: bool) -> tuple[Any, dict[str, float]]:
    """What a call gives, and its seconds: of the processor (user + system) and of the clock."""
    began, of_cpu = time.perf_counter(), _cpu_seconds(child)
    given = call()
    return given, {"cpu": round(_cpu_seconds(child) - of_cpu, 4), "wall": round(time.perf_counter() - began, 4)}


def _cpu_seconds(child: bool) -> float:
    who = [resource.RUSAGE_CHILDREN] if child else [resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN]
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def _told(result: dict) -> str:
    what = f"{result['label']} {result['table']} of {result['n_train']} rows, seed {result['seed']}"
    if "error" in result:
        return f"{what}: FAILED, {result['error']}"
    found = ", ".join(f"{name} {value:.5g}" for name, value in result["scores"].items())
    return f"{what}: {found}; {result['fit_cpu']:.2f} + {result['predict_cpu']:.2f} CPU s"


if __name__ == "__main__":
    sys.exit(main())
