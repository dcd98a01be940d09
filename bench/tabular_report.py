"""The report of the tabular benchmark: Markdown from results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tabular_data import SMALL, TABLES
from tabular_figures import (
    NETWORK,
    REFERENCE,
    Figures,
    Seeds,
    apart,
    at_cap,
    calibrations,
    cpu_ratio,
    mean_rank,
    not_worse,
    of_tables,
    ratio,
    seconds,
    values,
)
from tabular_methods import METHODS

CAPS = {3000: "3,000 training rows at most", 10000: "10,000 training rows at most", None: "All training rows"}
CALIBRATED_ROWS = 2000  # test rows from which a calibration error says something
SIMPLE = ("linear", "histgb")  # what small tables are held against
MARGIN = 2  # standard errors that are noise
NONE = "-"

HEAD = """# Tables

`python bench/tabular.py report --cache FILE` wrote this from the results of `python bench/tabular.py run`. A split is
its seed's: `default_rng(1000 + seed).permutation(rows)`; the first quarter, at most 5,000 rows, is scored, the next
rows train. Every method has its defaults, {threads}; its encoding is part of its time. Figures are means ± standard
deviations over the seeds; CPU seconds are user + system, in summaries geometric means over the tables. The error is
1 - AUC (of several classes the mean of one against rest) or RMSE, and its ratio is a geometric mean over the tables, of
errors of {least} at least. Two methods are compared on the tables and seeds that both have; the mean rank is one plus
the sum over the other methods of the share of splits on which the other is better. ECE: expected calibration error, 15
bins of the confidence; the greatest is that of the tables with {rows:,} test rows and more."""


def report(results: list[dict], labels: Sequence[str] | None = None) -> str:
    """The whole text; ``labels`` are the columns of the tables, by default the methods without settings."""
    from tabular_figures import LEAST_ERROR

    known = {result["label"] for result in results}
    columns = [label for label in labels or METHODS if label in known]
    if not columns:
        raise SystemExit(f"the cache has no result of {', '.join(labels or METHODS)}")
    threads = results[0]["threads"]
    counted = "one thread" if threads == 1 else f"{threads} threads"
    parts = [
        HEAD.format(threads=counted, least=LEAST_ERROR, rows=CALIBRATED_ROWS),
        _versions([result for result in results if result["label"] in columns]),
    ]
    for cap, title in CAPS.items():
        figures = at_cap(results, cap)
        large = of_tables(figures, lambda table: table not in SMALL)
        shown = {label: large[label] for label in columns if label in large}
        if _is_new(shown, cap, results):
            parts += [f"## {title}", *_of_cap(shown)]
        if cap == 3000:
            parts += _small({label: figures[label] for label in columns if label in figures})
            parts += _ablations(large, columns, results)
    return "\n\n".join(filter(None, parts + _failures(results))) + "\n"


def _is_new(shown: Figures, cap: int | None, results: list[dict]) -> bool:
    """Whether any result was trained on more rows than the cap before allows."""
    before = {3000: 0, 10000: 3000, None: 10000}[cap]
    return any(r["n_train"] > before for tables in shown.values() for seeds in tables.values() for r in seeds.values())


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def number(value: float, digits: int = 3) -> str:
    """Decimals, or a sign that there is none."""
    return NONE if math.isnan(value) else f"{value:,.{digits}f}"


def _versions(results: list[dict]) -> str:
    of: dict[str, set[str]] = {}
    for result in results:
        of.setdefault(result["method"], set()).add(result["version"])
    told = ", ".join(f"{name} {' and '.join(sorted(versions))}" for name, versions in sorted(of.items()))
    machines = ", ".join(sorted({result["cpu"] for result in results}))
    loads = sorted(result["load"] for result in results)
    dates = sorted(result["date"][:10] for result in results)
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    load = f"a load of {loads[len(loads) // 2]} in the middle, {loads[-1]} at most"
    return f"Processor: {machines}; {load}; {when}. Versions: {told}."


def _of_cap(figures: Figures) -> list[str]:
    return [
        _summary(figures),
        *_scored(figures, "AUC and RMSE", "auc", "rmse"),
        *_by_table("CPU seconds of a fit", figures, lambda seeds: number(values(seeds, "fit_cpu")[0], 2)),
        *_scored(figures, "Log loss", "log_loss"),
        *_scored(figures, "Accuracy", "accuracy"),
        *_scored(figures, "Expected calibration error", "ece"),
    ]


def _summary(figures: Figures) -> str:
    head = ["method", "tables x seeds", "mean rank", f"error / {REFERENCE}", "tables not worse", f"error / {NETWORK}"]
    head += ["tables not worse", f"CPU / {NETWORK}", "fit CPU s", "predict CPU s", "mean ECE", "greatest ECE"]
    head += [f"ECE not above {REFERENCE}'s"]
    rows = []
    for label, tables in figures.items():
        few, many = (choose(len(seeds) for seeds in tables.values()) for choose in (min, max))
        of_all, of_many = (calibrations(tables, rows) for rows in (0, CALIBRATED_ROWS))
        against = calibrations(figures.get(REFERENCE, {}))
        common = [name for name in of_all if name in against and label != REFERENCE]
        good = sum(of_all[name] <= against[name] for name in common)
        rows.append(
            [
                label,
                f"{len(tables)} x {few if few == many else f'{few}..{many}'}",
                number(mean_rank(figures, label), 2),
                number(ratio(figures, label, REFERENCE)),
                _share(figures, label, REFERENCE),
                number(ratio(figures, label, NETWORK)),
                _share(figures, label, NETWORK),
                number(cpu_ratio(figures, label, NETWORK)),
                number(seconds(figures, label), 2),
                number(seconds(figures, label, "predict_cpu")),
                number(sum(of_all.values()) / len(of_all) if of_all else math.nan, 4),
                number(max(of_many.values(), default=math.nan), 4),
                f"{good} of {len(common)}" if common else NONE,
            ]
        )
    return markdown(head, rows)


def _share(figures: Figures, label: str, other: str) -> str:
    good, of = not_worse(figures, label, other)
    return f"{good} of {of}" if of and label != other else NONE


def _scored(figures: Figures, title: str, *names: str) -> list[str]:
    """The first of the scores that a table has."""
    return _by_table(title, figures, lambda seeds: _mean_and_spread(seeds, names))


def _by_table(title: str, figures: Figures, cell: Callable[[Seeds], str]) -> list[str]:
    """A row for each table in which any method has something to show; nothing without one."""
    rows = []
    for table in TABLES:
        cells = [cell(tables[table]) if table in tables else NONE for tables in figures.values()]
        if set(cells) != {NONE}:
            rows.append([table, *cells])
    return [f"{title}:", markdown(["table", *figures], rows)] if rows else []


def _mean_and_spread(seeds: Seeds, names: Sequence[str]) -> str:
    """Of the first of the scores that the table has: five digits and the spread."""
    for name in names:
        mean, spread, count = values(seeds, name)
        if count:
            digits = max(0, 4 - math.floor(math.log10(mean))) if mean >= 1 else 4
            return f"{mean:.{digits}f}" + ("" if math.isnan(spread) else f" ± {spread:.{digits}f}")
    return NONE


def _small(figures: Figures) -> list[str]:
    """Small tables, held against the better of the simple methods."""
    small = of_tables(figures, lambda table: table in SMALL)
    if not small:
        return []
    parts = ["## Small tables", *_scored(small, "AUC and RMSE", "auc", "rmse")]
    parts += _scored(small, "Accuracy and r2", "accuracy", "r2")
    parts += _scored(small, "Log loss", "log_loss")
    if simple := [label for label in SIMPLE if label in small]:
        title = (
            f"Error, less that of the better of {' and '.join(simple)}, ± its standard error; an exclamation mark where"
        )
        rows = [[table, *(_beside(small, label, table, simple) for label in small)] for table in SMALL]
        rows = [row for row in rows if set(row[1:]) != {NONE}]
        parts += [f"{title} it is worse by more than {MARGIN} of those:", markdown(["table", *small], rows)]
    return parts


def _beside(small: Figures, label: str, table: str, simple: Sequence[str]) -> str:
    others = [small[name][table] for name in simple if table in small[name]]
    if table not in small[label] or not others:
        return NONE
    best = min(
        others, key=lambda seeds: values(seeds, "rmse")[0] if "rmse" in _scores(seeds) else -values(seeds, "auc")[0]
    )
    difference, spread = apart(small[label][table], best)
    if math.isnan(difference):
        return NONE
    worse = " !" if difference > MARGIN * spread else ""
    return f"{difference:+.4g}" + ("" if math.isnan(spread) else f" ± {spread:.2g}") + worse


def _scores(seeds: Seeds) -> dict[str, float]:
    return next(iter(seeds.values()))["scores"]


def _ablations(figures: Figures, columns: Sequence[str], results: list[dict]) -> list[str]:
    """Results with settings, or under labels of their own, beside the method without."""
    method_of = {result["label"]: result["method"] for result in results}
    head = ["variant", "tables", "error / the method's own", "tables not worse", "CPU / the method's own"]
    rows = []
    for label in figures:
        own = method_of[label]
        if label not in columns and label != own and own in figures:
            values = (
                number(ratio(figures, label, own), 4),
                _share(figures, label, own),
                number(cpu_ratio(figures, label, own)),
            )
            rows.append([label, str(len(figures[label])), *values])
    return ["## Ablations", "At 3,000 training rows at most.", markdown(head, rows)] if rows else []


def _failures(results: list[dict]) -> list[str]:
    failed = [r for r in results if "error" in r]
    told = [f"- {r['label']}, {r['table']}, {r['n_train']} rows, seed {r['seed']}: {r['error']}" for r in failed]
    return ["## Failures", "\n".join(told)] if told else []
