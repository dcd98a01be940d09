"""Small made-up tables under the names that pages use, for hidden blocks to write before commands read them.

Each table has something to learn, text, gaps and whole numbers, and differs by its seed alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np


def adults(path: str, rows: int = 300, seed: int = 0) -> None:
    """Columns of the census data "adult": numbers, categories and gaps; ``income`` is one of two classes."""
    rng = np.random.default_rng(seed)
    age, hours = rng.integers(18, 80, rows), rng.integers(10, 70, rows)
    work = rng.choice(["Private", "State-gov", "Self-emp", "?"], rows)
    rich = age + hours + 10 * (work == "Self-emp") + rng.normal(scale=8, size=rows) > 95
    income = np.where(rich, ">50K", "<=50K")
    columns = ("id", "name", "age", "workclass", "hours_per_week", "income")
    names = [f"person {number}" for number in range(rows)]
    _write(path, columns, zip(range(rows), names, age, work, hours, income, strict=True))


def houses(path: str, rows: int = 300, seed: int = 0) -> None:
    """Rooms, area, year and district; ``price`` is a number."""
    rng = np.random.default_rng(seed)
    rooms, area, year = rng.integers(1, 8, rows), rng.integers(30, 250, rows), rng.integers(1900, 2020, rows)
    district = rng.choice(["north", "south", "centre"], rows)
    price = 1000 * (area * (2 + (district == "centre")) + 5 * rooms + (year - 1900) // 2 + rng.integers(0, 20, rows))
    _write(path, ("rooms", "area", "year", "district", "price"), zip(rooms, area, year, district, price, strict=True))


def sales(path: str, days: int = 120, seed: int = 0) -> None:
    """What two shops sell day by day, more at weekends; ``sold`` is a number."""
    rng = np.random.default_rng(seed)
    rows = []
    for shop, level in (("east", 40), ("west", 90)):
        for number in range(days):
            day = date(2024, 1, 1) + timedelta(number)
            rows.append((day, shop, level + 20 * (day.weekday() >= 5) + number // 4 + rng.integers(-3, 4)))
    _write(path, ("day", "shop", "sold"), rows)


def reviews(path: str, rows: int = 300, seed: int = 0) -> None:
    """Sentences of a few words; ``stars`` is ``good`` or ``bad``."""
    rng = np.random.default_rng(seed)
    words = {"good": ["fine", "great", "lovely", "quick"], "bad": ["broken", "slow", "dull", "late"]}
    stars = rng.choice(["good", "bad"], rows)
    things = rng.choice(["the lamp", "this book", "my kettle", "that chair"], rows)
    said = [
        f"{thing} was {' and '.join(rng.choice(words[star], 2))}" for thing, star in zip(things, stars, strict=True)
    ]
    _write(path, ("review", "stars"), zip(said, stars, strict=True))


def _write(path: str, columns: Sequence[str], rows: Iterable[Iterable]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
