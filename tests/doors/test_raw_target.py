"""Targets and rows that the estimators of raw tables do not take: what came, where, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")
from fastnn.sklearn import TabularClassifier, TabularRegressor  # noqa: E402
from fastnn.tabular import Settings  # noqa: E402
from fastnn.tabular.choices import Choice  # noqa: E402

FAST = Choice(Settings(hidden=(8,), epochs=2, batch_size=32), 1, 4, 8, 10)
FRAME = pandas.DataFrame({"a": np.arange(60) % 7 + 0.5, "b": ["x", "y", "z"] * 20})
WORDS = ["no", "yes"] * 30


@pytest.mark.parametrize("gap", [None, float("nan"), pandas.NA])
def test_classes_with_gaps_are_counted(gap):
    y = pandas.Series([*WORDS[:57], gap, gap, "yes"], dtype=object)
    with pytest.raises(
        ValueError, match=r"y has gaps .* in 2 rows of 60 \(row 58 is the first\); drop them from X and y"
    ):
        TabularClassifier(choice=FAST).fit(FRAME, y)


@pytest.mark.parametrize("y", [[1.0, 2.0, np.nan] * 20, [1.0, 2.0, None] * 20])
def test_numbers_with_gaps_are_counted(y):
    with pytest.raises(ValueError, match=r"y has gaps .* in 20 rows of 60 \(row 3 is the first\)"):
        TabularRegressor(choice=FAST).fit(FRAME, np.array(y, object))


def test_infinite_numbers_and_text_are_named():
    with pytest.raises(ValueError, match=r"y is infinite in 1 row \(row 5 is the first\)"):
        TabularRegressor(choice=FAST).fit(FRAME, [1.0] * 4 + [np.inf] + [2.0] * 55)
    with pytest.raises(ValueError, match=r"y holds text \('no'\), .* TabularClassifier predicts classes"):
        TabularRegressor(choice=FAST).fit(FRAME, WORDS)


def test_one_class_is_named_plainly_and_no_rows_are_told():
    with pytest.raises(ValueError, match=r"y has one class, 'no': there is nothing to learn"):
        TabularClassifier(choice=FAST).fit(FRAME, np.array(["no"] * 60))
    with pytest.raises(ValueError, match=r"y: Found array with 0 sample"):
        TabularClassifier(choice=FAST).fit(FRAME.head(0), [])


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="[Nn]egative"):
        TabularClassifier(choice=FAST).fit(FRAME, WORDS, sample_weight=-np.ones(60))


def test_notes_tell_what_a_terminal_does():
    frame = FRAME.assign(number=range(60), copy=WORDS, when=[f"{1 + i % 28}.3.2024" for i in range(60)])
    told = " ".join(TabularClassifier(choice=FAST).fit(frame, WORDS).notes_)
    for part in ("'number': another number in every row", "'copy' alone predicts", "'when': dates that are not read"):
        assert part in told


def test_a_row_that_is_no_dict_is_refused():
    answer = TabularClassifier(choice=FAST, random_state=0).fit(FRAME, WORDS).predictor()
    assert answer(FRAME.iloc[0]) == answer({"a": 0.5, "b": "x"})
    for row in ([0.5, "x"], 3.0):
        with pytest.raises(TypeError, match="a row must be a dict of its values by column, got"):
            answer(row)
