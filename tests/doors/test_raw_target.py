"""Targets and rows that the estimators of raw tables do not take: what came, where, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")
from fastnn.sklearn import MLPRegressor, TabularClassifier, TabularRegressor  # noqa: E402
from fastnn.tabular import Settings  # noqa: E402
from fastnn.tabular.choices import Choice  # noqa: E402
from fastnn.tabular.folds import folds  # noqa: E402

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
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        TabularClassifier(choice=FAST).fit(FRAME, WORDS, sample_weight=-np.ones(60))


def test_notes_tell_what_a_terminal_does():
    frame = FRAME.assign(number=range(60), copy=WORDS, when=[f"{1 + i % 28}/3/2024" for i in range(60)])
    told = " ".join(TabularClassifier(choice=FAST).fit(frame, WORDS).notes_)
    for part in ("'number': another number in every row", "'copy' alone predicts", "'when': dates that are not read"):
        assert part in told


def test_a_row_that_is_no_dict_is_refused():
    answer = TabularClassifier(choice=FAST, random_state=0).fit(FRAME, WORDS).predictor()
    assert answer(FRAME.iloc[0]) == answer({"a": 0.5, "b": "x"})
    for row in ([0.5, "x"], 3.0):
        with pytest.raises(TypeError, match="a row must be a dict of its values by column, got"):
            answer(row)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_rare_class_is_named_with_what_was_done(class_weight):
    y = ["no"] * 57 + ["yes"] * 3
    fitted = TabularClassifier(choice=FAST, class_weight=class_weight, random_state=0).fit(FRAME, y)
    (note,) = [note for note in fitted.notes_ if note.startswith("'yes' has 3 of 60 rows (5.0 %)")]
    assert ("by class weights" in note) == (class_weight is not None)
    assert ("by class weights" in fitted.report_.imbalance["note"]) == (class_weight is not None)


def test_a_table_that_says_nothing_is_told():
    nothing = pandas.DataFrame({"a": [1.0] * 60, "b": [None] * 60})
    fitted = TabularClassifier(choice=FAST, random_state=0).fit(nothing, WORDS)
    assert "no column is left to learn from: the model gives every row the same answer" in fitted.notes_
    assert len(set(fitted.predict(nothing))) == 1


def test_the_first_fold_has_rows_of_a_class_that_few_have(rng):
    for y in ([0] * 57 + [1] * 3, [0] * 3 + [1] * 57, [2, 1, 1, 1] + [0] * 60):
        place = folds(5, 0, rng.permutation(y), True)
        assert place.min() == 0
        assert np.bincount(place).max() - np.bincount(place).min() <= 1
    y = rng.permutation([0] * 3 + [1] * 57)
    assert sorted(folds(5, 1, y, True)[y == 0]) == [0, 1, 2]
    y = rng.permutation([1] * 3 + [0] * 57)
    assert sorted(folds(5, 1, y, True)[y == 1]) == [0, 1, 2]


TRUE = np.arange(60) % 3 == 0


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (pandas.Series(TRUE).astype("boolean"), TRUE),
        (pandas.Series(TRUE).astype("category"), TRUE),
        (pandas.DataFrame({"y": TRUE}).astype("boolean"), TRUE),
        (pandas.Series(TRUE * 5).astype("Int64"), TRUE * 5),
        (pandas.Series(TRUE * 5).astype("UInt8"), (TRUE * 5).astype(np.uint8)),
        (pandas.Series(2**60 + TRUE).astype("Int64"), 2**60 + TRUE),
        (TRUE.astype(object), TRUE),
        ((TRUE * 5).astype(object), TRUE * 5),
        (np.array([1, 2.0] * 30, object), np.array([1, 2.0] * 30)),
        (pandas.Series(["no", "yes"] * 30).astype("category"), np.array(WORDS, object)),
    ],
    ids=lambda value: str(getattr(value, "dtype", "frame")),
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_come_back_as_what_they_were(y, expected):
    fitted = TabularClassifier(choice=FAST, random_state=0).fit(FRAME, y)
    assert fitted.classes_.dtype == expected.dtype
    assert fitted.classes_.tolist() == np.unique(expected).tolist()
    assert fitted.predict(FRAME).dtype == expected.dtype


def test_labels_of_several_types_are_named():
    with pytest.raises(ValueError, match=r"labels of several types, such as 'a' \(str\) and 1 \(int\); make them one"):
        TabularClassifier(choice=FAST).fit(FRAME, np.array(["a", 1] * 30, object))
    with pytest.raises(ValueError, match=r"such as True \(bool\) and 2 \(int\)"):
        TabularClassifier(choice=FAST).fit(FRAME, np.array([True, 2] * 30, object))


@pytest.mark.parametrize("gap", [None, float("nan"), pandas.NA])
def test_groups_with_gaps_are_counted(gap):
    groups = np.array([*range(58), gap, gap], object)
    for came in (groups, pandas.Series(groups)):
        with pytest.raises(ValueError, match=r"groups has gaps .* in 2 rows of 60 \(row 59 is the first\)"):
            TabularClassifier(choice=FAST).fit(FRAME, WORDS, groups=came)


def test_groups_of_several_types_keep_their_rows_together():
    groups = np.array([1, "1", 2.5, "b", True] * 12, object)
    place = folds(5, 0, np.zeros(60), False, groups)
    assert [len(set(place[i::5].tolist())) for i in range(5)] == [1] * 5
    assert sorted(place[:5].tolist()) == list(range(5))


def test_weights_of_another_length_are_told_with_class_weights_too():
    for class_weight in (None, "balanced"):
        with pytest.raises(ValueError, match=r"sample_weight.shape == \(59,\)"):
            TabularClassifier(choice=FAST, class_weight=class_weight).fit(FRAME, WORDS, sample_weight=np.ones(59))


DAYS = pandas.date_range("2024-01-01", periods=60)


@pytest.mark.parametrize(
    "times",
    [DAYS, DAYS.tz_localize("UTC"), DAYS - DAYS[0], DAYS.to_period("D")],
    ids=["moments", "with a zone", "durations", "periods"],
)
def test_times_are_no_numbers_whatever_they_come_in(times):
    x = np.arange(60.0)[:, None]
    came = [times, pandas.Series(times), pandas.DataFrame({"y": times})]
    for library, make in (("polars", "Series"), ("pyarrow", "array")):
        if not isinstance(times, pandas.PeriodIndex):
            came.append(getattr(pytest.importorskip(library), make)(pandas.Series(times).tolist()))
    for estimator in (TabularRegressor(choice=FAST), MLPRegressor(max_iter=2)):
        for y in came:
            with pytest.raises(TypeError, match=r"y.* must hold real numbers, got dtype .*turn times into numbers"):
                estimator.fit(x, y)
    with pytest.raises(TypeError, match=r"X, column 'when', must hold real numbers, got dtype"):
        MLPRegressor(max_iter=2).fit(pandas.DataFrame({"a": x[:, 0], "when": times}), x[:, 0])
    assert TabularRegressor(choice=FAST).fit(pandas.DataFrame({"a": x[:, 0], "when": times}), x[:, 0]).n_members_ == 1


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2"])
def test_threads_are_a_number_from_one_on(n_threads):
    with pytest.raises((TypeError, ValueError), match="n_threads must be"):
        TabularClassifier(choice=FAST, n_threads=n_threads).fit(FRAME, WORDS)
