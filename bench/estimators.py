"""The estimators of fastnn.sklearn beside scikit-learn's own, on real data: fit time and score over seeds.

    python bench/estimators.py --folder DATA [--data adult houses] [--solvers adam sgd lbfgs] [--seeds 10] [--threads 2]
                               [--time median]

DATA holds adult_train.csv.gz, adult_test.csv.gz, houses.csv, optdigits.csv.gz and mnist/ (see ``read``). Each library
has a process of its own and they take turns, seed by seed; times are medians over the seeds, or with ``--time least``
the least of each, for a machine whose two processors are one core with two threads now and then. Both get the same
arrays, parameters (defaults but for ``max_iter``) and threads. The table goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from turns import Worker

SOLVERS = ("adam", "sgd", "lbfgs")
LIBRARIES = ("fastnn", "float32", "sklearn")  # float32 is fastnn with dtype="float32"
TIMES = {"median": statistics.median, "least": min}
SETTLE = 0.5  # seconds between turns: waiting threads of the last library spin for a while
HEADS = (
    *("data", "rows x columns", "solver", "iterations", "fastnn s", "float32 s", "sklearn s", "ratio", "ratio float32"),
    *("fastnn score", "float32 score", "sklearn score"),
)
MAX_ITER = {"adult": 20, "houses": 50, "optdigits": 50, "mnist": 10}
LBFGS_ITER = {"adult": 50, "houses": 200, "optdigits": 200, "mnist": 20}


def read(name: str, folder: Path) -> tuple:
    """``x, y, x_test, y_test``: float64, numbers standardised and categories one-hot; MNIST's pixels float32, 0..1."""
    return {"adult": _adult, "houses": _houses, "optdigits": _optdigits, "mnist": _mnist}[name](folder)


def _adult(folder: Path) -> tuple:
    import pandas
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, test = (pandas.read_csv(folder / f"adult_{part}.csv.gz") for part in ("train", "test"))
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
        sparse_threshold=0,
    )
    x = encode.fit_transform(train.drop(columns="income"))
    return x, train["income"].to_numpy(), encode.transform(test.drop(columns="income")), test["income"].to_numpy()


def _houses(folder: Path) -> tuple:
    table = np.loadtxt(folder / "houses.csv", delimiter=",", skiprows=1)
    names = (folder / "houses.csv").read_text().splitlines()[0].split(",")
    return _split(np.delete(table, names.index("target"), axis=1), table[:, names.index("target")] / 1e5, scale=True)


def _optdigits(folder: Path) -> tuple:
    table = np.loadtxt(folder / "optdigits.csv.gz", delimiter=",", skiprows=1)
    return _split(table[:, :-1] / 16, table[:, -1].astype(int), scale=False)


def _mnist(folder: Path) -> tuple:
    from fastnn.datasets.idx import read_idx

    arrays = []
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            arrays.append(read_idx(next((folder / "mnist").glob(f"{part}-{kind}-ubyte*"))))
    x, y, x_test, y_test = arrays
    return _pixels(x), y.astype(int), _pixels(x_test), y_test.astype(int)


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _split(x: np.ndarray, y: np.ndarray, scale: bool) -> tuple:
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, x_test, y, y_test = train_test_split(x, y, random_state=0)
    scaler = StandardScaler(with_mean=scale, with_std=scale).fit(x)
    return scaler.transform(x), y, scaler.transform(x_test), y_test


def fit_and_score(library: str, arrays: tuple, name: str, solver: str, seed: int) -> dict[str, float]:
    """Seconds of one fit and the score on the test rows."""
    x, y, x_test, y_test = arrays
    if library == "sklearn":
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    else:
        from fastnn.sklearn import MLPClassifier, MLPRegressor
    kind = MLPRegressor if name == "houses" else MLPClassifier
    limit = (LBFGS_ITER if solver == "lbfgs" else MAX_ITER)[name]
    more = {"dtype": "float32"} if library == "float32" else {}
    estimator = kind(solver=solver, max_iter=limit, random_state=seed, **more)
    began = time.perf_counter()
    estimator.fit(x, y)
    spent = time.perf_counter() - began
    return {"seconds": spent, "score": estimator.score(x_test, y_test), "n_iter": estimator.n_iter_}


def serve(library: str) -> None:
    """A library's process: requests in, results out, a line of JSON each (see ``turns.Worker``)."""
    warnings.simplefilter("ignore")
    print(json.dumps({"version": "ready"}), flush=True)
    kept: dict[str, tuple] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["name"]
        if name not in kept:
            kept = {name: read(name, Path(request["folder"]))}
        print(json.dumps(fit_and_score(library, kept[name], name, request["solver"], request["seed"])), flush=True)


def compare(workers: dict[str, Worker], folder: str, name: str, solver: str, seeds: int) -> dict[str, dict]:
    """Results of each library over the seeds, after one fit that does not count."""
    results: dict[str, list[dict]] = {library: [] for library in workers}
    for seed in (0, *range(seeds)):
        for library, worker in workers.items():
            time.sleep(SETTLE)
            results[library].append(worker.ask(folder=folder, name=name, solver=solver, seed=seed))
    return {
        library: {key: [result[key] for result in found[1:]] for key in ("seconds", "score", "n_iter")}
        for library, found in results.items()
    }


def row(name: str, solver: str, shape: str, found: dict[str, dict], time_of: str) -> tuple[str, list[float]]:
    """A line of the table, and how many times as long scikit-learn's fit takes as each of ours."""
    results = [found[library] for library in LIBRARIES]
    times = [TIMES[time_of](result["seconds"]) for result in results]
    ratios = [times[-1] / own for own in times[:-1]]
    iterations = " / ".join(f"{statistics.median(result['n_iter']):g}" for result in results)
    cells = [name, shape, solver, iterations, *(f"{spent:.3f}" for spent in times), *(f"{r:.1f}" for r in ratios)]
    cells += [f"{np.mean(result['score']):.4f} ± {np.std(result['score']):.4f}" for result in results]
    return f"| {' | '.join(cells)} |", ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--data", nargs="+", choices=MAX_ITER, default=list(MAX_ITER))
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=list(SOLVERS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--time", choices=TIMES, default="median")
    arguments = parser.parse_args()
    workers = {name: Worker(name, arguments.threads, "-", sys.executable, "estimators.py") for name in LIBRARIES}
    kind = arguments.time
    print(f"{arguments.threads} threads, {arguments.seeds} seeds, {kind} seconds of a fit, mean score ± deviation\n")
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}", flush=True)
    ratios: dict[str, list[list[float]]] = {}
    for name in arguments.data:
        x = read(name, Path(arguments.folder))[0]
        shape = f"{x.shape[0]:,} x {x.shape[1]} {x.dtype}"
        for solver in arguments.solvers:
            found = compare(workers, arguments.folder, name, solver, arguments.seeds)
            line, own = row(name, solver, shape, found, kind)
            ratios.setdefault("lbfgs" if solver == "lbfgs" else "adam and sgd", []).append(own)
            print(line, flush=True)
    for group, values in ratios.items():
        means = [f"{statistics.geometric_mean(column):.2f}" for column in zip(*values, strict=True)]
        print(f"\n{group}: geometric means of the ratios {means[0]}, with dtype float32 {means[1]}")
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in LIBRARIES:
        serve(sys.argv[1])
    else:
        main()
