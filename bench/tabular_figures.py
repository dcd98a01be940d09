"""What the report of the tabular benchmark says of results: ranks, ratios of errors, shares of tables.

Two methods are compared on the tables and seeds that both have. Every table counts the same, whatever its seeds.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable

from tabular_scores import error

LEAST_ERROR = 1e-4  # of a ratio: an AUC of 0.99995 is no half of one of 0.9999
REFERENCE, NETWORK = "catboost", "realmlp-td"

Seeds = dict[int, dict]  # results of a method on a table
Figures = dict[str, dict[str, Seeds]]  # by label and table


def at_cap(results: Iterable[dict], cap: int | None) -> Figures:
    """Results of fits of at most so many rows; those of a table that is smaller belong to every cap."""
    found: Figures = defaultdict(lambda: defaultdict(dict))
    for result in results:
        most = result["rows"] - result["n_test"]
        if "error" not in result and result["n_train"] == (most if cap is None else min(cap, most)):
            found[result["label"]][result["table"]][result["seed"]] = result
    return {label: dict(tables) for label, tables in found.items()}


def of_tables(figures: Figures, wanted: Callable[[str], bool]) -> Figures:
    """The part of some tables; methods that have none of them are left out."""
    chosen = {
        label: {name: seeds for name, seeds in tables.items() if wanted(name)} for label, tables in figures.items()
    }
    return {label: tables for label, tables in chosen.items() if tables}


def pairs(figures: Figures, one: str, other: str) -> dict[str, list[tuple[float, float]]]:
    """By table, the errors of two methods on the seeds that both have."""
    found = {}
    for table, seeds in figures[one].items():
        others = figures[other].get(table, {})
        if both := sorted(seeds.keys() & others.keys()):
            found[table] = [(error(seeds[s]["scores"]), error(others[s]["scores"])) for s in both]
    return found


def mean_rank(figures: Figures, label: str) -> float:
    """1 for a method that nothing beats: 1 + over the others the share of splits on which the other is better.

    With a result of each method on each split that is the usual mean rank; where some have fewer, the rank is made of
    what there is. Equal errors count half. NaN with no other method.
    """
    beaten = []
    for other in figures.keys() - {label}:
        if found := pairs(figures, label, other):
            shares = [_mean((b < a) + (a == b) / 2 for a, b in errors) for errors in found.values()]
            beaten.append(_mean(shares))
    return 1 + sum(beaten) if beaten else math.nan


def ratio(figures: Figures, label: str, other: str) -> float:
    """Geometric mean over the tables of a method's error over another's; NaN without a common table."""
    found = pairs(figures, label, other) if other in figures else {}
    logs = [_mean(math.log(max(a, LEAST_ERROR) / max(b, LEAST_ERROR)) for a, b in errors) for errors in found.values()]
    return math.exp(_mean(logs)) if logs else math.nan


def not_worse(figures: Figures, label: str, other: str) -> tuple[int, int]:
    """On how many of the common tables the mean error is not greater."""
    found = pairs(figures, label, other) if other in figures else {}
    good = [_mean(a for a, _ in errors) <= _mean(b for _, b in errors) for errors in found.values()]
    return sum(good), len(good)


def cpu_ratio(figures: Figures, label: str, other: str) -> float:
    """Geometric mean over the common tables of the CPU seconds of a fit over another's; NaN without one."""
    logs = []
    for table, seeds in figures[label].items():
        others = figures.get(other, {}).get(table, {})
        if both := seeds.keys() & others.keys():
            logs.append(_mean(math.log(_fit_cpu(seeds[seed]) / _fit_cpu(others[seed])) for seed in both))
    return math.exp(_mean(logs)) if logs else math.nan


def _fit_cpu(result: dict) -> float:
    return max(result["fit_cpu"], 1e-3)


def seconds(figures: Figures, label: str, clock: str = "fit_cpu") -> float:
    """Geometric mean over the tables of the mean seconds."""
    return math.exp(_mean(math.log(max(values(seeds, clock)[0], 1e-3)) for seeds in figures[label].values()))


def values(seeds: Seeds, name: str) -> tuple[float, float, int]:
    """Mean and standard deviation over the seeds of a score or of seconds, and how many they are; NaN without one."""
    found = [result["scores"].get(name, result.get(name)) for result in seeds.values()]
    found = [value for value in found if value is not None]
    if not found:
        return math.nan, math.nan, 0
    return _mean(found), statistics.stdev(found) if len(found) > 1 else math.nan, len(found)


def calibrations(tables: dict[str, Seeds], test_rows: int = 0) -> dict[str, float]:
    """Mean expected calibration errors of the tables of classes that have so many test rows."""
    enough = {name: seeds for name, seeds in tables.items() if next(iter(seeds.values()))["n_test"] >= test_rows}
    found = {name: values(seeds, "ece")[0] for name, seeds in enough.items()}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def apart(one: Seeds, other: Seeds) -> tuple[float, float]:
    """Mean over the common seeds of the difference of the errors, and its standard error; NaN where there is none."""
    both = sorted(one.keys() & other.keys())
    if not both:
        return math.nan, math.nan
    errors = [(error(one[s]["scores"]), error(other[s]["scores"])) for s in both]
    differences = [a - b for a, b in errors]
    spread = statistics.stdev(differences) / math.sqrt(len(both)) if len(both) > 1 else math.nan
    return _mean(differences), spread


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)
