"""What is suspicious about a table: the target in disguise, identifiers, rows on both sides of a split."""

from __future__ import annotations

import resource
import time
from datetime import datetime, timedelta

import numpy as np
import pytest

from fastnn.tables import FeatureOptions, Numbers, Table, Text, fit_features, table_of_frame
from fastnn.tables.checks import (
    column_notes,
    count_shared_rows,
    identifier_notes,
    shared_rows_note,
    text_notes,
    unread_dates_notes,
)
from fastnn.tables.disguise import disguised_notes
from fastnn.tables.target import as_text


def notes_of(target, **columns) -> list[str]:
    table = table_of_frame({"y": target, **columns})
    return disguised_notes(table.without("y").columns, "y", table.columns["y"])


def classes(rng, n=400, shares=(0.6, 0.3, 0.1)) -> np.ndarray:
    return rng.choice(["a", "b", "c"], n, p=shares)


def test_a_copy_of_the_classes_in_other_words_is_told(rng):
    y = classes(rng)
    words = {"a": "one", "b": "two", "c": "one more"}
    (note,) = notes_of(y, copy=[words[label] for label in y], noise=rng.normal(size=len(y)))
    assert "column 'copy' alone predicts the target 'y'" in note
    assert "right in 100 %" in note


def test_numbers_that_decide_the_class_are_told_even_where_a_border_is_between_them(rng):
    x = rng.normal(size=600)
    assert len(notes_of(np.where(x > 0.3, "yes", "no"), x=x)) == 1
    assert len(notes_of(np.where(np.abs(x) > 0.5, "yes", "no"), x=x)) == 1


def test_gaps_that_decide_the_class_are_told(rng):
    y = classes(rng, shares=(0.5, 0.5, 0))
    died = np.where(y == "a", np.nan, rng.normal(size=len(y)))
    assert len(notes_of(y, died=died)) == 1
    day = [None if label == "a" else f"2024-01-{1 + i % 28:02d}" for i, label in enumerate(y)]
    assert len(notes_of(y, day=day)) == 1


@pytest.mark.parametrize("function", [lambda y: 1.609 * y - 3, np.exp, lambda y: y**3, lambda y: -y])
def test_functions_of_the_quantity_are_told(rng, function):
    y = rng.normal(size=500)
    (note,) = notes_of(y, x=function(y), z=rng.normal(size=500))
    assert "column 'x' alone" in note
    assert "of the variance" in note


def test_a_category_for_each_value_of_the_quantity_is_told(rng):
    y = rng.integers(0, 30, 900) * 1.5
    assert len(notes_of(y, band=[f"band {value}" for value in y])) == 1


def test_strong_columns_are_no_alarm(rng):
    x = rng.normal(size=1000)
    assert not notes_of(x + 0.05 * rng.normal(size=1000), x=x)
    assert not notes_of(np.where(x + 0.05 * rng.normal(size=1000) > 0, "yes", "no"), x=x)


def test_a_row_far_out_is_no_alarm(rng):
    x, y = rng.normal(size=(2, 400))
    x[::50], y[::50] = 1e6, 1e6
    assert not notes_of(y, x=x)


def test_a_rare_class_is_no_alarm_where_it_is_not_told(rng):
    y = np.where(rng.random(3000) < 0.005, "fraud", "fine")
    assert not notes_of(y, x=rng.normal(size=3000), name=[f"n{i}" for i in range(3000)])


def test_small_tables_and_chance_are_no_alarm():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        many = {f"x{i}": rng.normal(size=41) for i in range(100)} | {f"c{i}": classes(rng, 41) for i in range(100)}
        assert not notes_of(rng.choice(["p", "q"], 41), **many)
        assert not notes_of(rng.normal(size=41), **many)
        assert not notes_of(rng.choice(["p", "q"], 12), x=np.arange(12.0))


def test_columns_of_one_value_gaps_and_targets_of_one_value(rng):
    columns = {"one": np.ones(100), "gaps": np.full(100, np.nan), "none": [None] * 100, "text": ["x"] * 100}
    assert not notes_of(classes(rng, 100), **columns)
    assert not notes_of(rng.normal(size=100), **columns)
    assert not notes_of(np.ones(100), x=rng.normal(size=100))
    assert not notes_of(["a"] * 100, x=rng.normal(size=100))
    assert not notes_of([None] * 100, x=rng.normal(size=100))


def test_whole_numbers_as_classes(rng):
    y = rng.integers(0, 2, 300)
    table = table_of_frame({"y": y, "x": 5 - y})
    told = column_notes(table, "y", as_text(table.columns["y"]))
    assert len(told) == 1
    assert "'x'" in told[0]


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("n", range(100), True),
        ("n", range(1000, 0, -10), True),
        ("customer_id", [7, 3, 900, *range(2000, 9000, 77)], True),
        ("customerId", [7, 3, 900, *range(2000, 9000, 77)], True),
        ("valid", [7, 3, 900, *range(2000, 9000, 77)], False),
        ("grid", [7, 3, 900, *range(2000, 9000, 77)], False),
        ("n", np.random.default_rng(0).permutation(100) + 5, True),
        ("n", np.random.default_rng(0).permutation(100) * 100.5, False),
        ("n", [*range(99), 0], False),
        ("id", range(19), False),
        ("id", [*range(99), None], False),
        ("n", [1.5 * i for i in range(101)], False),
    ],
    ids=range(12),
)
def test_identifiers(name, values, told):
    found = identifier_notes(table_of_frame({name: list(values)}).columns)
    assert bool(found) is told
    assert not found or repr(name) in found[0]


def test_sentences_are_told_and_names_are_not(rng):
    columns = {
        "review": [f"it was a film of {i} minutes" for i in range(60)],
        "name": [f"n{i}" for i in range(60)],
        "few": ["a long sentence of words"] * 60,
        "gaps": [None] * 60,
    }
    (note,) = text_notes(table_of_frame(columns).columns)
    assert note.startswith("column 'review': ")


def test_rows_on_both_sides_of_a_split():
    first = table_of_frame({"a": [1, 2, None, 0.0], "b": ["x", "y", None, "z"], "c": [1, "u", 2, 3]})
    other = table_of_frame({"b": ["x", None, "y", "z", "new"], "c": ["1", 2, "u", 3, 1], "a": [1, None, 3, -0.0, 1]})
    assert count_shared_rows(first, other) == 3
    assert "3 of 5 held-out rows are training rows" in shared_rows_note(first, other)[0]
    assert not shared_rows_note(first, table_of_frame({"a": [5], "b": ["x"], "c": [1]}))
    with pytest.raises(ValueError, match="no column 'b'"):
        count_shared_rows(first, other.without("b"))


def test_shared_rows_are_those_of_a_set(rng):
    draws = [rng.integers(0, 6, (300, 4)) for _ in range(2)]
    first, other = ({tuple(row) for row in draw.tolist()} for draw in draws)
    tables = [table_of_frame(draw) for draw in draws]
    assert count_shared_rows(*tables) == sum(tuple(row) in first for row in draws[1].tolist())
    assert other


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("n", [1000, pytest.param(10_000, marks=pytest.mark.long)])
def test_ten_thousand_columns_take_seconds(rng, n):
    values = rng.normal(size=(300, n))
    table = Table({f"x{i}": Numbers(values[:, i]) for i in range(n)})
    begun, before = time.process_time(), memory()
    features, _ = fit_features(table, FeatureOptions(pieces=8))
    assert features.encode(table).shape == (300, 9 * n)
    assert not column_notes(table, "y", Numbers(rng.normal(size=300)))
    assert time.process_time() - begun < 5e-3 * n
    assert memory() - before < 700


def test_a_hundred_thousand_categories_take_seconds(rng):
    n = 250_000
    column = Text(rng.integers(0, 100_000, n), tuple(f"value {i:06d}" for i in range(100_000)))
    table = Table({"a": column})
    begun, before = time.process_time(), memory()
    features, notes = fit_features(table, FeatureOptions(most_one_hot=20))
    codes = features.encode(table)
    assert codes.shape == (n, 1)
    assert "'a'" in notes[0]
    assert not column_notes(table, "y", Text(rng.integers(0, 3, n), ("p", "q", "r")))
    assert time.process_time() - begun < 8
    assert memory() - before < 200


def test_a_target_of_bell_shape_is_seen_through_a_line(rng):
    y = rng.normal(size=300)
    table = table_of_frame({"a": rng.normal(size=300), "b": 2 * y + 1})
    (note,) = column_notes(table, "y", Numbers(y))
    assert note.startswith("column 'b' alone predicts the target 'y'")


@pytest.mark.parametrize(
    "form", ["%d.%m.%y", "%d/%m/%Y", "%m/%d/%y", "%d-%b-%Y", "%B %d, %Y", "%d %b %Y 10:30", "%a, %d %b %Y"]
)
def test_dates_in_forms_that_are_not_read_are_told(rng, form):
    days = [datetime(2024, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 300, 80)]
    table = table_of_frame({"day": [day.strftime(form) for day in days], "y": rng.normal(size=80)})
    (note,) = column_notes(table.without("y"), "y", table.columns["y"])
    assert note.startswith("column 'day': dates that are not read (")
    assert any(repr(day.strftime(form)) in note for day in days)


@pytest.mark.parametrize(
    "values", [["2024-03-01", "2024/03/02", "2024-03-03 10:00"], ["1.2.3", "a", "b"], ["1-2", "3-4"]]
)
def test_dates_that_are_read_and_versions_and_ranges_are_not_told(values):
    assert unread_dates_notes(table_of_frame({"a": values * 20}).columns) == []
