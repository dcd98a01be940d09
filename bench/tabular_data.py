"""Tables of the tabular benchmark, and their splits: the same rows for every method, on every machine.

A split of a table is its seed's: ``default_rng(1000 + seed).permutation(rows)``; the first quarter, at most 5,000 rows,
is scored, the next rows, at most the cap, are trained on. The target is the last column, gaps are empty fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MOST_TEST = 5_000
CLASSES, NUMBERS = "classes", "numbers"

FILES = {  # path below the data's folder, and what the last column is
    "churn": ("tables/churn.csv.gz", CLASSES),
    "credit": ("tables/credit.csv.gz", CLASSES),
    "hpc_jobs": ("tables/hpc_jobs.csv.gz", CLASSES),
    "spambase": ("tables/spambase.csv.gz", CLASSES),
    "adult": ("adult_train.csv.gz", CLASSES),
    "optdigits": ("optdigits.csv.gz", CLASSES),
    "ames": ("tables/ames.csv.gz", NUMBERS),
    "concrete": ("tables/concrete.csv.gz", NUMBERS),
    "deliveries": ("tables/deliveries.csv.gz", NUMBERS),
    "diamonds": ("tables/diamonds.csv.gz", NUMBERS),
    "houses": ("houses.csv", NUMBERS),
    "wine_quality": ("tables/wine_quality.csv.gz", NUMBERS),
}
BUNDLED = {"iris": CLASSES, "wine": CLASSES, "breast_cancer": CLASSES, "diabetes": NUMBERS}  # scikit-learn's
PENGUINS = "penguins"
SMALL = (*BUNDLED, PENGUINS)
TABLES = (*FILES, *SMALL)


class Missing(Exception):
    """A table that is not here; the text says why."""


@dataclass(frozen=True)
class Split:
    """Raw rows: text and gaps as in the file. ``y`` holds places in ``labels``, or float64 where that is None."""

    table: str
    target: str
    rows: int  # of the whole table
    labels: np.ndarray | None
    x: pd.DataFrame
    y: np.ndarray
    x_test: pd.DataFrame
    y_test: np.ndarray

    @property
    def text_columns(self) -> list[str]:
        """Names of the columns that are no numbers."""
        return [name for name in self.x if not _of_numbers(self.x[name])]

    @property
    def number_columns(self) -> list[str]:
        """Names of the others."""
        return [name for name in self.x if _of_numbers(self.x[name])]


def _of_numbers(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and column.dtype != bool


def read(table: str, folder: Path = DATA) -> tuple[pd.DataFrame, str]:
    """The frame, its target in the last column, and what that is."""
    if table in FILES:
        name, kind = FILES[table]
        if not (folder / name).exists():
            raise Missing(f"{table}: there is no {name} in the data folder; name another by --data")
        return pd.read_csv(folder / name), kind
    return (_penguins(), CLASSES) if table == PENGUINS else (_bundled(table), BUNDLED[table])


def _bundled(table: str) -> pd.DataFrame:
    from sklearn import datasets

    data = getattr(datasets, f"load_{table}")(as_frame=True)
    if BUNDLED[table] == NUMBERS:
        return data.frame
    return data.frame.assign(target=np.asarray(data.target_names, dtype=object)[data.target])


def _penguins() -> pd.DataFrame:
    try:
        from palmerpenguins import load_penguins
    except ImportError:
        raise Missing("penguins: its table comes with the package palmerpenguins, which is not installed") from None
    frame = load_penguins().drop(columns="year")
    return frame[[name for name in frame if name != "species"] + ["species"]]


def split(table: str, cap: int | None, seed: int, folder: Path = DATA) -> Split:
    """The rows of a seed; a cap of None trains on all that are not scored."""
    frame, kind = read(table, folder)
    target = frame.columns[-1]
    order = np.random.default_rng(1000 + seed).permutation(len(frame))
    n_test = min(len(frame) // 4, MOST_TEST)
    places = order[:n_test], order[n_test : None if cap is None else n_test + cap]
    test, train = (frame.iloc[rows].reset_index(drop=True) for rows in places)
    labels = None if kind == NUMBERS else np.unique(frame[target].to_numpy())
    y: Callable = (lambda column: column.to_numpy(float)) if labels is None else _places(labels)
    x, x_test = (part.drop(columns=target) for part in (train, test))
    return Split(table, target, len(frame), labels, x, y(train[target]), x_test, y(test[target]))


def _places(labels: np.ndarray) -> Callable[[pd.Series], np.ndarray]:
    return lambda column: np.searchsorted(labels, column.to_numpy())
