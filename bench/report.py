"""The figures of run.py as a table.

    python bench/report.py build/bench.json

A ratio says how many times as long as fastnn a peer takes; below 1 fastnn is behind. ``% FMA`` is the share of the
measured peak of multiply-adds on as many threads, for a step's products alone, as if the rest took no time.
``% memory`` is the share of measured bandwidth with the least traffic that Adam can have: parameters and both moments
read and written once; it is shown where these do not fit into the last cache. ``torch.nhwc`` has images with their
channels last, ``jax.step`` calls a jitted step from Python, ``jax`` scans over the batches within one jitted function.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

import report_convolutions
from cases import NETWORKS, STEP_FEATURES, STEPPED

OWN = "fastnn"
BOUND = ["bound", "% bound"]
ADAM_ARRAYS = 3
WORST_SHOWN = 20


def lines(result: dict) -> list[str]:
    """All parts that the result has."""
    parts = {
        "bounds": bounds_lines,
        "train": train_lines,
        "predict": predict_lines,
        "convolve": convolve_lines,
        "step": step_lines,
        "updates": updates_lines,
        "products": products_lines,
    }
    text = head_lines(result)
    for part, to_lines in parts.items():
        if result.get(part):
            text += ["", *to_lines(result)]
    return text


def head_lines(result: dict) -> list[str]:
    """What the figures depend on."""
    m, settings = result["machine"], result["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [
        f"{m['cpu']}, {m['cores']} cores, {m['system']}, load {m['load']}; isa {m['isa']}, {m['compiler']}",
        f"Python {m['python']}, NumPy {m['numpy']}, {versions or 'no peers'}; {m['date']}",
        f"{settings['dtype']}, {_threads(settings)}, least of {settings['rounds']} rounds",
    ]


def bounds_lines(result: dict) -> list[str]:
    bounds = result["bounds"]
    text = ["measured bounds"]
    for isa, dtypes in bounds["flops"].items():
        for dtype, counts in dtypes.items():
            rates = ", ".join(f"{rate / 1e9:.1f} GFLOP/s on {n}" for n, rate in counts.items())
            text.append(f"  {isa:9} {dtype}  {rates}")
    return [
        *text,
        "  memory             " + ", ".join(f"{b / 1e9:.1f} GB/s on {n}" for n, b in bounds["bytes"].items()),
    ]


def train_lines(result: dict) -> list[str]:
    title = f"training with Adam, microseconds a step ({_threads(result['settings'])})"
    rows = []
    for name, times in result["train"].items():
        network = NETWORKS[name]
        shares = [_fma(result, name), _memory(result, name), *_bound(result, name, times)]
        rows.append([f"{name} {network}, batch {network.batch}", times, shares])
    return _table(title, rows, ["% FMA", "% memory", *BOUND])


def predict_lines(result: dict) -> list[str]:
    title = f"prediction, microseconds a call ({_threads(result['settings'])})"
    rows = []
    for case, times in result["predict"].items():
        name, n_rows = case.split()
        text = f"{name} {NETWORKS[name]}, {n_rows} row{'s' * (n_rows != '1')}"
        rows.append([text, times, _bound(result, case, times)])
    return _table(title, rows, BOUND)


def convolve_lines(result: dict) -> list[str]:
    first, *rows = report_convolutions.rows(result["convolve"], _peak(result))
    return _aligned([[f"single convolutions ({_threads(result['settings'])})", *first[1:]], *rows])


def step_lines(result: dict) -> list[str]:
    title = f"one step of one sequence, microseconds a call ({_threads(result['settings'])})"
    rows = [[f"{name} {STEP_FEATURES}-{STEPPED[name].n}", times, []] for name, times in result["step"].items()]
    return _table(title, rows, [])


def updates_lines(result: dict) -> list[str]:
    text, most = ["updates of parameters in memory, one thread"], result["bounds"]["bytes"]["1"]
    for isa, kinds in result["updates"].items():
        for name, update in kinds.items():
            rate = update["bytes"] / update["us"] * 1e6
            text.append(f"  {isa:9} {name:8} {rate / 1e9:6.1f} GB/s  {rate / most:4.0%} of bandwidth")
    return text


def products_lines(result: dict) -> list[str]:
    """A summary for each instruction set, then the shapes where BLAS is ahead."""
    text = ["products beside NumPy's BLAS with the same instructions, one thread"]
    for isa, products in result["products"].items():
        peak = result["bounds"]["flops"][isa][result["settings"]["dtype"]]["1"]
        ratio = statistics.median(p["blas_us"] / p["us"] for p in products)
        slower = sorted((p for p in products if p["us"] > p["blas_us"]), key=lambda p: p["blas_us"] / p["us"])
        text.append(f"  {isa}: BLAS takes {ratio:.2f}x as long in the median; {_shares(products, peak)}")
        text.append(f"    BLAS is ahead in {len(slower)} of {len(products)} shapes{':' * bool(slower)}")
        text += [f"    {product_text(p, peak)}" for p in slower[:WORST_SHOWN]]
        if len(slower) > WORST_SHOWN:
            text.append(f"    and {len(slower) - WORST_SHOWN} more")
    return text


def _shares(products: list[dict], peak: float) -> str:
    """Range of the share of the peak, for large products and for those of layers 64 wide."""
    groups = {
        "512 and more": [p for p in products if min(p["m"], p["n"], p["k"]) >= 512],
        "n = k = 64": [p for p in products if p["n"] == p["k"] == 64],
    }
    texts = []
    for what, group in groups.items():
        shares = [product_share(p, peak) for p in group] or [0.0]
        texts.append(f"{what}: {min(shares):.0%} to {max(shares):.0%} of the peak" if group else f"{what}: none")
    return ", ".join(texts)


def product_share(product: dict, peak: float) -> float:
    """Share of the peak, 0 to 1."""
    return 2e6 * product["m"] * product["n"] * product["k"] / product["us"] / peak


def product_text(product: dict, peak: float) -> str:
    size = f"{product['m']} x {product['n']} x {product['k']}"
    ours, theirs = (_microseconds(product[key]) for key in ("us", "blas_us"))
    ratio = product["blas_us"] / product["us"]
    return f"{product['form']:8} {size:18} {ours} us, BLAS {theirs} us {ratio:.2f}x, {product_share(product, peak):.0%}"


def is_own(label: str) -> bool:
    """Whether a time is fastnn's."""
    return label.startswith(OWN)


def ratios(times: dict[str, float]) -> dict[str, float]:
    """Each peer's time over fastnn's; nothing when fastnn was not timed."""
    if OWN not in times:
        return {}
    return {label: us / times[OWN] for label, us in times.items() if not is_own(label)}


def _table(title: str, rows: list, last: list[str]) -> list[str]:
    """``rows`` are ``[text, {label: us}, texts of the last columns]``."""
    labels = list(dict.fromkeys(label for _, times, _ in rows for label in times))
    cells = [[title, *labels, *last]]
    for text, times, ends in rows:
        over = ratios(times)
        cells.append([text, *(_cell(times.get(label), over.get(label)) for label in labels), *ends])
    return _aligned(cells)


def _aligned(cells: list[list[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as their texts."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))])
        for first, *others in cells
    ]


def _cell(us: float | None, ratio: float | None) -> str:
    if us is None:
        return "-"
    return _microseconds(us) + ("" if ratio is None else f" {ratio_text(ratio):>6}")


def ratio_text(ratio: float) -> str:
    """Three digits and an x."""
    return f"{ratio:.0f}x" if ratio >= 99.5 else f"{ratio:.1f}x" if ratio >= 9.95 else f"{ratio:.2f}x"


def _microseconds(us: float) -> str:
    return f"{us:,.0f}" if us >= 1000 else f"{us:.1f}" if us >= 100 else f"{us:.2f}"


def _threads(settings: dict) -> str:
    return f"{settings['threads']} thread{'s' * (settings['threads'] != 1)}"


def _peak(result: dict) -> float | None:
    """Operations a second of the instruction set in use on the run's threads, where that was measured."""
    settings, peaks = result["settings"], result["bounds"]["flops"].get(result["machine"]["isa"])
    return peaks[settings["dtype"]][str(settings["threads"])] if peaks else None


def _fma(result: dict, name: str) -> str:
    us, peak = result["train"][name].get(OWN), _peak(result)
    return f"{NETWORKS[name].flops / us * 1e6 / peak:.0%}" if us and peak else "-"


def _bound(result: dict, case: str, times: dict[str, float]) -> list[str]:
    """The least time of a case, and which share of fastnn's it is."""
    us, took = result.get("least", {}).get(case), times.get(OWN)
    return [_microseconds(us), f"{us / took:.0%}"] if us and took else ["-", "-"]


def _memory(result: dict, name: str) -> str:
    item = 8 if result["settings"]["dtype"] == "float64" else 4
    state, us = ADAM_ARRAYS * NETWORKS[name].n_params * item, result["train"][name].get(OWN)
    if not us or state < result["machine"]["last_cache"]:
        return "-"
    return f"{2 * state / us * 1e6 / result['bounds']['bytes'][str(result['settings']['threads'])]:.0%}"


if __name__ == "__main__":
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
