"""Say what got slower and what got faster between two files of figures, run.py's or pytest-benchmark's.

    python bench/compare.py OLD.json NEW.json [--threshold PERCENT]

Only fastnn's own times are compared; how the peers changed tells how far the machine itself was another. Ends with 1
when something got slower by more than the threshold, 2 when a file cannot be compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

THRESHOLD = 5.0  # percent


def read(path: Path) -> dict:
    """``{"setting": {name: value}, "own": {name: time}, "peers": {name: time}}``; units are the same within a file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _of_pytest(content) if "benchmarks" in content else _of_run(content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} holds no figures of run.py or of pytest-benchmark: {error!r}") from error


def _of_pytest(content: dict) -> dict:
    info = content["machine_info"]
    setting = {"cpu": info.get("cpu", {}).get("brand_raw"), "python": info.get("python_version")}
    setting |= {key: info[key] for key in ("isa", "threads", "compiler", "numpy") if key in info}
    own = {case["fullname"]: case["stats"]["min"] for case in content["benchmarks"]}
    return {"setting": setting, "own": own, "peers": {}}


def _of_run(content: dict) -> dict:
    machine, settings = content["machine"], content["settings"]
    setting = {key: machine[key] for key in ("cpu", "cores", "isa", "compiler", "python", "numpy")}
    own, peers = {}, {}
    for part in ("train", "predict", "convolve", "step"):
        for case, times in content.get(part, {}).items():
            for label, us in times.items():
                (own if label.startswith("fastnn") else peers)[f"{part} {case}: {label}"] = us
    for isa, updates in content.get("updates", {}).items():
        own |= {f"update {isa}: {name}": update["us"] for name, update in updates.items()}
    for isa, products in content.get("products", {}).items():
        for p in products:
            name = f"product {isa}: {p['form']} {p['m']} x {p['n']} x {p['k']}"
            own[name], peers[name] = p["us"], p["blas_us"]
    return {"setting": setting | {key: settings[key] for key in ("threads", "dtype")}, "own": own, "peers": peers}


def changes(old: dict[str, float], new: dict[str, float]) -> dict[str, float]:
    """Percent by which each common time grew, the greatest first."""
    found = {name: (new[name] / old[name] - 1) * 100 for name in old.keys() & new.keys()}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def lines(old: dict, new: dict, threshold: float) -> tuple[list[str], bool]:
    """What to print, and whether something got slower."""
    keys = old["setting"] | new["setting"]
    pairs = {key: (old["setting"].get(key), new["setting"].get(key)) for key in keys}
    text = [f"not the same {key}: {a} before, {b} now" for key, (a, b) in pairs.items() if a != b]
    found = changes(old["own"], new["own"])
    slower = {name: percent for name, percent in found.items() if percent > threshold}
    faster = {name: percent for name, percent in reversed(found.items()) if percent < -threshold}
    for word, names in (("slower", slower), ("faster", faster)):
        text += [f"{word} {percent:+7.1f} %  {name}" for name, percent in names.items()]
    text.append(
        f"{len(found)} times compared: {len(slower)} slower and {len(faster)} faster by more than {threshold:g} %; "
        f"{len(old['own']) - len(found)} only before, {len(new['own']) - len(found)} only now"
    )
    peers = changes(old["peers"], new["peers"])
    if peers:
        text.append(f"peers: {statistics.median(peers.values()):+.1f} % in the median of {len(peers)} times")
    return text, bool(slower)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--threshold", type=float, default=THRESHOLD, metavar="PERCENT")
    options = parser.parse_args(arguments)
    try:
        old, new = read(options.old), read(options.new)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not old["own"].keys() & new["own"].keys():
        print("the two files have no time in common", file=sys.stderr)
        return 2
    text, slower = lines(old, new, options.threshold)
    print("\n".join(text))
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
