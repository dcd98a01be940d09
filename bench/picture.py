"""Draw the ratios of run.py: how many times as long as fastnn each peer takes, for training and for predictions.

    python bench/picture.py build/bench.json build/bench.png

The scale is logarithmic and bars start from 1, fastnn itself: to the right peers that are slower, to the left, with red
figures, peers that are faster.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import report
from cases import NETWORKS
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

COLORS = {
    "torch": "#d1495b",
    "torch.nhwc": "#f08a4b",
    "torch.jit": "#edae49",
    "jax": "#6a4c93",
    "jax.step": "#b49fcc",
    "sklearn": "#76a83c",
    "onnxruntime": "#00798c",
    "numpy": "#8d99ae",
}
OTHER = "#444444"
BAR, GAP = 0.13, 0.11  # inches: height of a bar, space below a network

Ratios = dict[str, dict[str, float]]  # by network and peer


def draw(result: dict, path: Path) -> None:
    """Training, and a panel for each number of rows predicted together."""
    panels = {title: ratios for title, ratios in _panels(result).items() if ratios}
    if not panels:
        raise SystemExit("there are no ratios to draw: time fastnn and a peer")
    n_rows = (len(panels) + 1) // 2
    height = max(sum(len(peers) * BAR + GAP for peers in ratios.values()) for ratios in panels.values())
    figure = Figure(figsize=(11, n_rows * (height + 0.7) + 1.2), layout="constrained")
    grid = figure.subplots(n_rows, 2, squeeze=False).ravel()
    for axes, (title, ratios) in zip(grid, panels.items(), strict=False):
        _panel(axes, ratios)
        axes.set_title(title, loc="left", fontsize=11)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    keys = {label: key for axes in grid for key, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(keys.values(), keys.keys(), loc="outside lower center", ncols=len(keys), frameon=False)
    figure.suptitle(_title(result), fontsize=12)
    figure.savefig(path, dpi=110)


def _title(result: dict) -> str:
    machine, settings = result["machine"], result["settings"]
    threads = f"{settings['threads']} thread{'s' * (settings['threads'] != 1)}"
    where = f"{machine['cpu']}, {machine['isa']}, {settings['dtype']}, {threads}"
    return f"Time of a peer over the time of fastnn (1x: as fast as fastnn)\n{where}"


def _panels(result: dict) -> dict[str, Ratios]:
    found: dict[str, Ratios] = {"Training, a step with Adam": {}}
    for name, times in result.get("train", {}).items():
        _add(found["Training, a step with Adam"], name, times)
    for case, times in result.get("predict", {}).items():
        name, rows = case.split()
        title = f"Prediction, {rows} row{'s' * (rows != '1')}"
        _add(found.setdefault(title, {}), name, times)
    several = {title: panel for title, panel in found.items() if len(panel) > 1}
    return several or found  # one network alone would fill a panel as large as the others


def _add(panel: Ratios, name: str, times: dict[str, float]) -> None:
    if ratios := report.ratios(times):
        panel[f"{name}\n{NETWORKS[name]}"] = ratios


def _panel(axes: Axes, networks: Ratios) -> None:
    """Groups of bars from the top down, one bar a peer."""
    y, ticks, seen = 0.0, [], set()
    for ratios in networks.values():
        ticks.append(y + BAR * (len(ratios) - 1) / 2)
        for peer, ratio in ratios.items():
            label = None if peer in seen else peer
            axes.barh(y, ratio - 1, BAR * 0.9, left=1, color=COLORS.get(peer, OTHER), label=label)
            place = (ratio * 1.04, "left", "black") if ratio >= 1 else (ratio / 1.04, "right", "red")
            axes.text(place[0], y, report.ratio_text(ratio), ha=place[1], color=place[2], va="center", fontsize=7)
            seen.add(peer)
            y += BAR
        y += GAP
    every = [ratio for ratios in networks.values() for ratio in ratios.values()]
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, min(every) / 2), max(2, max(every) * 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(ticks, list(networks), fontsize=7.5)
    axes.set_ylim(y, -BAR - GAP)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.grid(axis="x", which="both", alpha=0.25)
    axes.set_axisbelow(True)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
