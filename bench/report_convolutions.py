"""The part of the table with single convolutions: each pass of each shape, and the geometric means of each group.

A pass has fastnn's microseconds, its share of the measured peak, and how many times as long PyTorch takes in the layout
that is quicker for it.
"""

from __future__ import annotations

from statistics import geometric_mean

from single_convolutions import CASES, GROUPS, PASSES

HEAD = ("us", "% FMA", "torch")

Figures = dict[str, tuple[float, float | None, float | None]]  # by pass: microseconds, share of the peak, ratio


def figures(times: dict[str, dict[str, float]], shape: str, peak: float | None) -> Figures:
    """What was timed of a shape; nothing of a pass that fastnn was not timed in."""
    found: Figures = {}
    for part in PASSES:
        timed = times.get(f"{shape} {part}", {})
        if us := timed.get("fastnn"):
            torch = [other for label, other in timed.items() if label.startswith("torch")]
            share = CASES[shape].flops / us * 1e6 / peak if peak else None
            found[part] = us, share, min(torch) / us if torch else None
    return found


def rows(times: dict[str, dict[str, float]], peak: float | None) -> list[list[str]]:
    """Texts of all shapes, group by group, each group's geometric means below it."""
    found = [["", *(f"{part} {text}" for part in PASSES for text in HEAD)]]
    for group, cases in GROUPS.items():
        timed = {str(case): figures(times, str(case), peak) for case in cases}
        timed = {shape: passes for shape, passes in timed.items() if passes}
        found += [[shape, *_cells(passes)] for shape, passes in timed.items()]
        if timed:
            found.append([f"{group}: geometric mean of {len(timed)}", *_cells(_means(list(timed.values())))])
    return found


def _means(shapes: list[Figures]) -> Figures:
    means: Figures = {}
    for part in PASSES:
        columns = zip(*(passes[part] for passes in shapes if part in passes), strict=True)
        means[part] = tuple(geometric_mean(column) if None not in column else None for column in columns)
    return {part: mean for part, mean in means.items() if mean}


def _cells(passes: Figures) -> list[str]:
    cells = []
    for part in PASSES:
        us, share, ratio = passes.get(part, (None, None, None))
        cells += [_text(us, ",.1f"), _text(share, ".0%"), _text(ratio, ".2f", "x")]
    return cells


def _text(number: float | None, form: str, unit: str = "") -> str:
    return "-" if number is None else f"{number:{form}}{unit}"
