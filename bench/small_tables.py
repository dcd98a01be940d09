"""The default training of ``fastnn train`` on small public tables, beside what an analyst would compare it with.

Run: ``python bench/small_tables.py [--splits 10]``; it needs scikit-learn, and palmerpenguins for the penguins. Each
split trains on three quarters of the rows and scores the rest: accuracy of classes, r2 of numbers. The columns: the
command's default, the same with ``--epochs 200``, logistic or linear regression, and gradient boosting with
scikit-learn's defaults. All see the same encoded rows. Printed are the mean over the splits, its standard error, and
how far the default is from the best of the others: the mean over the splits of the difference, with its standard error.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

import fastnn
from fastnn.cli import main
from fastnn.tables import Encoding, read_table
from fastnn.tables.target import Classes

SHARE = 0.25  # of the rows that are scored
NAMES = ("fastnn train", "--epochs 200", "linear", "boosting")


def write(path: Path, header: list[str], rows: list[list]) -> None:
    """Write a table as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def tables() -> dict[str, tuple[list[str], list[list], bool]]:
    """Header with the target last, rows, and whether it is classes, of each table."""
    found = {}
    loaders = datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes
    for load in loaders:
        data = load()
        names = getattr(data, "target_names", None)
        target = data.target.tolist() if names is None else [str(names[i]) for i in data.target]
        rows = [[*x, y] for x, y in zip(data.data.tolist(), target, strict=True)]
        found[load.__name__.removeprefix("load_")] = [*data.feature_names, "target"], rows, names is not None
    try:
        from palmerpenguins import load_penguins
    except ImportError:
        print("palmerpenguins is not installed; its table is left out")
        return found
    frame = load_penguins()
    frame = frame[[name for name in frame if name != "species"] + ["species"]]
    rows = frame.astype(object).where(frame.notna(), "").to_numpy().tolist()
    return found | {"penguins": (list(frame), rows, True)}


def train(folder: Path, target: str, seed: int, *options: str) -> fastnn.Sequential:
    """The model that the command writes."""
    model = str(folder / "model.safetensors")
    command = ["train", str(folder / "train.csv"), "--target", target, "--seed", str(seed), "--out", model, *options]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = main(command)
    if code:
        raise RuntimeError(said.getvalue())
    return fastnn.load(model)


def score(predicted: np.ndarray, y: np.ndarray, classes: bool) -> float:
    """Accuracy or r2."""
    return float(np.mean(predicted == y)) if classes else float(1 - np.mean((predicted - y) ** 2) / np.var(y))


def one_split(folder: Path, header: list[str], seed: int, classes: bool, seconds: np.ndarray) -> list[float]:
    """The scores of all columns on one split."""
    target = header[-1]
    learned, held = (read_table(folder / name) for name in ("train.csv", "test.csv"))
    scores = []
    for place, options in enumerate(((), ("--epochs", "200"))):
        began = time.perf_counter()
        model = train(folder, target, seed, *options)
        seconds[place] += time.perf_counter() - began
        encoding = Encoding.of(model)
        aim, x = encoding.target, encoding.features.encode(held.without(target))
        y = aim.encode(held.columns[target]) if isinstance(aim, Classes) else aim.values(held.columns[target])
        output = model.predict(x)
        said = aim.probabilities(output).argmax(axis=1) if isinstance(aim, Classes) else aim.decode(output)
        scores.append(score(said, y, classes))
    x_train = encoding.features.encode(learned.without(target))
    column = learned.columns[target]
    y_train = aim.encode(column) if isinstance(aim, Classes) else aim.values(column)
    linear = LogisticRegression(max_iter=5000) if classes else LinearRegression()
    trees = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(random_state=seed)
    for place, other in enumerate((linear, trees), 2):
        began = time.perf_counter()
        scores.append(score(other.fit(x_train, y_train).predict(x), y, classes))
        seconds[place] += time.perf_counter() - began
    return scores


def run(name: str, header: list[str], rows: list[list], classes: bool, n_splits: int) -> str:
    """A line of the table."""
    kind = StratifiedShuffleSplit if classes else ShuffleSplit
    splits = kind(n_splits, test_size=SHARE, random_state=0).split(rows, [row[-1] for row in rows])
    seconds, scores = np.zeros(len(NAMES)), []
    with tempfile.TemporaryDirectory() as folder:
        for seed, (learned, held) in enumerate(splits):
            write(Path(folder) / "train.csv", header, [rows[i] for i in learned])
            write(Path(folder) / "test.csv", header, [rows[i] for i in held])
            scores.append(one_split(Path(folder), header, seed, classes, seconds))
    table = np.array(scores)
    best = 1 + int(table[:, 1:].mean(axis=0).argmax())
    apart = table[:, 0] - table[:, best]
    cells = [f"{v.mean():.4f} ± {error(v):.4f} ({s / n_splits:.2f} s)" for v, s in zip(table.T, seconds, strict=True)]
    difference = f"{apart.mean():+.4f} ± {error(apart):.4f} to {NAMES[best]}"
    return f"| {name}, {'accuracy' if classes else 'r2'} | {len(rows)} | {' | '.join(cells)} | {difference} |"


def error(values: np.ndarray) -> float:
    """Standard error of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--only", help="names of tables, with commas between")
    options = parser.parse_args()
    chosen = {k: v for k, v in tables().items() if not options.only or k in options.only.split(",")}
    print(f"| table | rows | {' | '.join(NAMES)} | default - best of the others |\n|{'---|' * (len(NAMES) + 3)}")
    for name, (header, rows, classes) in chosen.items():
        print(run(name, header, rows, classes, options.splits), flush=True)
