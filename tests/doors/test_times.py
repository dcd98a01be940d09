"""Times of series: what is read and what is refused, the usual step, gaps, the next times, places in the calendar."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn.tables.iso import DAY, NoTime, read_iso
from fastnn.tables.phases import cycles_of, fill_phases
from fastnn.tables.steps import HOUR, Step, find_step
from fastnn.tables.table import Numbers, column_from_values
from fastnn.tables.times import read_times

MOMENT = 1_706_702_400  # 2024-01-31 12:00 UTC


def times(*texts: str):
    return read_times("t", column_from_values(texts))


def found(*texts: str) -> Step:
    return find_step(times(*texts), np.ones(len(texts) - 1, bool))


def days(first: str, last: str, unit: str = "D") -> list[str]:
    return np.arange(first, last, dtype=f"M8[{unit}]").astype(str).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31 12:00",
        "2024-01-31T12",
        "2024-01-31T12:00:00",
        "2024/01/31 12:00:00,000",
        "2024-01-31 12:00:00.000000000Z",
        "2024-01-31 12:00:00 UTC",
        "2024-01-31T14:00+02:00",
        "2024-01-31T14:00+0200",
        "2024-01-31T06:30:00-05:30",
        "20240131T1200",
        "31.1.2024 12:00",
        "31.01.2024T14:00:00+02:00",
        f"{MOMENT}",
        f"{MOMENT}.0",
        f"{MOMENT}000",
        f"{MOMENT}000000",
        f"{MOMENT}000000000",
    ],
)
def test_every_form_of_a_moment_is_the_same_moment(text):
    assert times(text).values.tolist() == [MOMENT * 10**6]


@pytest.mark.parametrize("text", ["2024-01-31", "2024/01/31", "20240131", "31.1.2024", "31.01.2024"])
def test_every_form_of_a_day_is_the_same_day(text):
    assert times(text).values.tolist() == [(MOMENT - 43200) * 10**6]


@pytest.mark.parametrize("text", ["2024-01", "202401", "2024/01"])
def test_a_month_is_its_first_day(text):
    assert times(text).values.tolist() == [19723 * DAY]


def test_other_numbers_are_places_without_a_calendar():
    read = times("0.5", "-3", "1e3")
    assert not read.dated
    assert read.values.tolist() == [0.5, -3, 1000]
    assert not times("20240131", "20240199").dated  # no such day: a counter


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["2024-01-31", "2024-02-30"], r"'t' holds '2024-02-30' in row 2, .*ISO dates"),
        (["2024-01-31", "31/01/2024"], r"'31/01/2024' in row 2, .*ISO dates"),
        (["31.1.2024", "1.31.2024"], r"'1.31.2024' in row 2, .*ISO dates"),
        (["31.1.24"], r"'31.1.24' in row 1, .*ISO dates"),
        (["31.1.2024 noon"], r"'31.1.2024 noon' in row 1, .*ISO dates"),
        (["03/04/2024"], r"'03/04/2024' in row 1, .*ISO dates"),
        (["2024-01-31T12:00+99:00"], "in row 1"),
        (["2024-01-31", "noon"], "'noon' in row 2"),
        (["5", "noon"], "'noon' in row 2"),
        (["2024-01-31 12:00Z", "2024-01-31 13:00"], "row 2, and of the times some have a zone and some have none"),
        (["2024-01-31", ""], "no time in row 2"),
        (["1", "1e999"], "holds inf in row 2"),
    ],
)
def test_what_is_no_time_is_named_with_column_row_and_value(texts, words):
    with pytest.raises(ValueError, match=words):
        times(*texts)


def test_a_model_of_dates_takes_no_plain_numbers_and_the_other_way_round():
    with pytest.raises(ValueError, match="holds plain numbers; the model was trained on dates"):
        read_times("t", Numbers(np.arange(3.0)), dated=True)
    with pytest.raises(ValueError, match="holds dates or times; the model was trained on plain numbers"):
        read_times("t", column_from_values(["2024-01-31"]), dated=False)
    assert not read_times("t", Numbers(np.array([2e9])), dated=False).dated


@pytest.mark.parametrize("form", ["{}", "{}Z", "{}+05:30", "{}.25-03:00"])
def test_texts_of_one_form_read_at_once_are_those_read_one_by_one(rng, form):
    moments = (rng.integers(-(2**32), 2**33, 200)).astype("M8[s]").astype(str).tolist()
    texts = [form.format(text) for text in moments]
    at_once = read_iso(texts)[0]
    assert at_once.tolist() == [int(read_iso([text])[0][0]) for text in texts]
    assert at_once.tolist() == read_iso([*texts, texts[0].replace("T", " ")])[0][:-1].tolist()
    assert read_iso(texts)[1].write(at_once) == [t.replace(".25", ".250") for t in texts]


def test_the_first_text_that_is_none_is_found_among_many():
    with pytest.raises(NoTime) as error:
        read_iso([*days("2024-01-01", "2024-02-01"), "2024-02-30", "x"])
    assert error.value.index == 31


@pytest.mark.parametrize(
    ("texts", "words", "next_ones"),
    [
        (["2024-01-31", "2024-02-29", "2024-03-31"], "a row a month", ["2024-04-30", "2024-05-31"]),
        (["2023-12-30", "2024-01-30", "2024-02-29"], "a row a month", ["2024-03-30", "2024-04-30"]),
        (["2023-11", "2023-12"], "a row a month", ["2024-01", "2024-02"]),
        (["2023-03-31", "2023-06-30", "2023-09-30"], "a row every 3 months", ["2023-12-31", "2024-03-31"]),
        (["2024-03-29", "2024-04-30", "2024-05-31", "2024-06-28"], "a row a month", ["2024-07-31", "2024-08-31"]),
        (["2024-05-01", "2024-06-03", "2024-07-01"], "a row a month", ["2024-08-01", "2024-09-01"]),
        (["2022-02-28", "2023-02-28"], "a row a year", ["2024-02-29", "2025-02-28"]),
        (["2024-02-26", "2024-02-27"], "a row a day", ["2024-02-28", "2024-02-29"]),
        (["2024-02-15", "2024-02-22"], "a row a week", ["2024-02-29", "2024-03-07"]),
        (["2024-02-22", "2024-02-23", "2024-02-26"], "a row a business day", ["2024-02-27", "2024-02-28"]),
        (["2024-02-26", "2024-03-01", "2024-03-04"], "a row every 3 days", ["2024-03-07", "2024-03-10"]),
        (["2024-02-29 22:00", "2024-02-29 23:00"], "a row an hour", ["2024-03-01 00:00", "2024-03-01 01:00"]),
        (["2024-03-31T00Z", "2024-03-31T00:30Z"], "a row every 30 minutes", ["2024-03-31T01:00Z", "2024-03-31T01:30Z"]),
        (["2024-10-27T02+02:00", "2024-10-27T02+01:00"], "a row an hour", ["2024-10-27T02:00Z", "2024-10-27T03:00Z"]),
        (["20240227", "20240228"], "a row a day", ["20240229", "20240301"]),
        (["27.2.2024", "28.2.2024"], "a row a day", ["29.02.2024", "01.03.2024"]),
        (["29.02.2024 22:00", "29.02.2024 23:00"], "a row an hour", ["01.03.2024 00:00", "01.03.2024 01:00"]),
        (["2024-02-27", "28.2.2024"], "a row a day", ["2024-02-29", "2024-03-01"]),
        (["202411", "202412"], "a row a month", ["202501", "202502"]),
        (["1700000000.5", "1700000001"], "a row every 500 milliseconds", [1700000001.5, 1700000002]),
        (["3", "5", "7"], "a step of 2", [9, 11]),
    ],
)  # fmt: skip
def test_the_usual_step_and_the_times_behind_the_last_one(texts, words, next_ones):
    step, read = found(*texts), times(*texts)
    assert step.in_words() == words
    step.check()
    assert read.form.write(step.ahead(read.values[-1], 2)) == next_ones


@pytest.mark.parametrize(
    ("texts", "n_gaps"),
    [
        (days("2023-01", "2024-12", "M"), 0),
        ([d for d in days("2024-01-01", "2024-06-01") if np.is_busday(d)], 0),
        ([d for d in days("2024-01-01", "2024-06-01") if np.is_busday(d) and d not in ("2024-03-29", "2024-04-01")], 0),
        ([d for d in days("2024-01-01", "2024-06-01") if np.is_busday(d) and d[5:7] != "03"], 1),
        ([d for d in days("2024-01-01", "2024-06-01") if d not in ("2024-02-29", "2024-04-01")], 2),
        ([d for d in days("2023-01", "2024-12", "M") if d != "2023-07"], 1),
        (["0", "0.97", "2.03", "2.98", "5.0", "6.1"], 1),
    ],
)
def test_gaps_are_rows_that_are_missing_and_no_months_weekends_or_holidays(texts, n_gaps):
    assert found(*texts).gaps(times(*texts).values).sum() == n_gaps


@pytest.mark.parametrize(
    ("texts", "season"),
    [
        (["2024-01-31 00:00", "2024-01-31 01:00"], (24, "a day")),
        (["2024-01-31 00:00", "2024-01-31 00:15"], (96, "a day")),
        (["2024-01-30", "2024-01-31"], (7, "a week")),
        (["2024-01-26", "2024-01-29", "2024-01-30"], (5, "a week")),
        (["2024-01-22", "2024-01-29"], (52, "a year")),
        (["2024-01", "2024-02"], (12, "a year")),
        (["2024-01", "2024-04"], (4, "a year")),
        (["2023-01", "2024-01"], None),
        (["1", "2"], None),
    ],
)
def test_the_season_is_the_calendars(texts, season):
    assert found(*texts).season() == season


def test_cycles_are_those_that_vary_at_the_step_and_that_the_span_can_tell():
    hour, day, month = Step("microsecond", HOUR), Step("microsecond", DAY), Step("month")
    assert cycles_of(hour, 36 * HOUR) == []
    assert cycles_of(hour, 15 * DAY) == ["hour of day", "day of week"]
    assert cycles_of(Step("microsecond", HOUR / 4), 2 * DAY) == ["minute of hour", "hour of day"]
    assert cycles_of(day, 1000 * DAY) == ["day of week", "day of month", "day of year"]
    assert cycles_of(month, 1000 * DAY) == ["month of year"]
    assert cycles_of(Step("month", 12), 9000 * DAY) == cycles_of(Step("number"), 10**6) == []


def test_phases_lie_on_a_circle_on_which_every_cycle_ends_where_it_begins():
    ends = times("2023-12-31 23:59:59", "2024-01-01 00:00:00", "2024-01-01 12:00:00").values
    out = np.empty((3, 6), np.float32)
    fill_phases(["hour of day", "day of month", "day of year"], ends, out)
    assert np.allclose(out[0], out[1], atol=1e-3)
    assert np.allclose(out[2, :2], [0, -1], atol=1e-6)
    assert np.allclose(out[:, ::2] ** 2 + out[:, 1::2] ** 2, 1, atol=1e-6)
    week = np.empty((8, 2), np.float32)
    fill_phases(["day of week"], times(*days("2024-01-01", "2024-01-09")).values, week)
    assert week[0].tolist() == [0, 1]  # a Monday
    assert np.allclose(week[0], week[7])


@pytest.mark.parametrize(
    "step",
    [
        Step("hour"),
        Step("microsecond", 0),
        Step("microsecond", 0.5),
        Step("microsecond", 1e300),
        Step("month", 1e6),
        Step("month", 1, 32),
        Step("number", float("nan")),
        Step("row", 2),
        Step("business day", 3),
    ],
)
def test_a_step_that_no_training_gives_is_refused(step):
    with pytest.raises((ValueError, TypeError)):
        step.check()


def test_times_beyond_all_calendars_are_an_error():
    with pytest.raises(ValueError, match="year 9999"):
        times("9999-12-31").form.write(Step("microsecond", DAY).ahead(times("9999-12-31").values[0], 1))
