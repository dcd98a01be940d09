"""Frames and arrays as tables: each kind of column, and the same encoding as from a file of the same values."""

from __future__ import annotations

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from fastnn.tables import (
    Encoding,
    FeatureOptions,
    Numbers,
    Text,
    fit_features,
    fit_quantity,
    read_table,
    table_of_frame,
)

UTC = datetime.UTC
OPTIONS = FeatureOptions(pieces=8, most_one_hot=4, dates=True)


def told(column) -> list:
    """What a column holds, row by row."""
    if isinstance(column, Numbers):
        return [None if np.isnan(value) else value for value in column.values.tolist()]
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]


def kinds(pandas):
    return pandas.DataFrame(
        {
            "whole": [3, 1, 2, 1],
            "gaps": [0.5, None, -1.5, 2.25],
            "nullable": pandas.array([7, None, 9, 8], "Int64"),
            "single": np.array([1.5, 2.5, 3.5, 0.5], np.float32),
            "city": ["Bern", None, "Oslo", "Bern"],
            "kind": pandas.Categorical(["b", "a", None, "b"]),
            "sure": [True, False, True, True],
            "maybe": pandas.array([True, None, False, True], "boolean"),
            "day": pandas.to_datetime(["2024-01-31", None, "2024-02-29", "2023-05-05"]),
            "moment": pandas.to_datetime(
                ["2024-01-31 12:30", "2024-01-31 00:00", "2024-02-29 01:02", "2023-05-05 00:00"]
            ),
            "cents": np.array([Decimal("1.25"), None, Decimal("2.5"), Decimal("NaN")], object),
            "code": ["007", "001", "007", "001"],
            "mixed": np.array([1, "x", None, 2.5], object),
            "none": np.array([None] * 4, object),
        }
    )


@pytest.mark.parametrize("library", ["numpy", "arrow", "polars", "pyarrow", "dict", "objects"])
def test_frames_of_every_library_encode_as_the_csv_file(library, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = kinds(pandas)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    table = read_table(tmp_path / "rows.csv")
    if library == "arrow":
        pytest.importorskip("pyarrow")
        frame = frame.drop(columns="mixed").convert_dtypes(dtype_backend="pyarrow")
    elif library in ("polars", "pyarrow"):
        module = pytest.importorskip(library)
        plain = frame.drop(columns="mixed")
        plain = plain.astype({"none": "float64"})
        frame = module.from_pandas(plain) if library == "polars" else module.Table.from_pandas(plain)
    elif library == "dict":
        frame = {name: frame[name].tolist() for name in frame}
    elif library == "objects":
        frame = table_of_frame(frame.astype(object).to_numpy(), list(frame.columns))
    ours = table_of_frame(frame)
    for name, column in ours.columns.items():
        if name != "mixed":
            assert type(column) is type(table.columns[name]), name
            assert told(column) == told(table.columns[name]) or name in ("day", "moment")
    features, _ = fit_features(table.without("mixed").without("none"), OPTIONS)
    assert np.array_equal(np.hstack(features.encode(ours)), np.hstack(features.encode(table)))


def test_times_with_zones_are_the_same_moments():
    pandas = pytest.importorskip("pandas")
    written = ["2024-01-31T12:30:00+02:00", "2024-02-01T00:00:00+02:00", "2024-03-05T10:00:00+02:00"]
    zoned = pandas.to_datetime(written).tz_convert("Asia/Tokyo")
    moments = [datetime.datetime.fromisoformat(text) for text in written]
    features, _ = fit_features(table_of_frame({"t": written}), OPTIONS)
    expected = features.encode(table_of_frame({"t": written}))
    frames = [pandas.DataFrame({"t": zoned}), {"t": moments}, {"t": [*moments[:2], moments[2].astimezone(UTC)]}]
    polars = pytest.importorskip("polars")
    frames.append(polars.DataFrame({"t": moments}))
    for frame in frames:
        assert np.array_equal(features.encode(table_of_frame(frame)), expected)
    with pytest.raises(
        ValueError, match=r"'t' holds times of which some have a zone \(row 1\) and some have none \(row 2\)"
    ):
        table_of_frame({"t": [moments[0], datetime.datetime(2024, 1, 1)]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, Fraction(1, 4)], [1.0, None, 0.25]),
        ([10**400, 1, 2], [np.inf, 1.0, 2.0]),
        ([2**60, 2**60 + 1] * 2, [str(2**60), str(2**60 + 1)] * 2),
        (np.array([2**60, 2**60 + 1] * 2), [str(2**60), str(2**60 + 1)] * 2),
        (["1.5", "NA", " 2 "], [1.5, None, 2.0]),
        (["x", "", "nan"], ["x", None, None]),
        ([True, None, False], ["True", None, "False"]),
        ([np.float32(0.5), np.int8(2), np.nan], [0.5, 2.0, None]),
        ([datetime.date(2024, 1, 2), None, datetime.date(2024, 1, 3)], ["2024-01-02", None, "2024-01-03"]),
        ([datetime.timedelta(days=1), None, datetime.timedelta(seconds=1.5)], [86400.0, None, 1.5]),
        ([datetime.time(1, 2), None, datetime.time(3)], ["01:02:00", None, "03:00:00"]),
        (np.array(["2024-01-02T03", "NaT"], "M8[h]"), ["2024-01-02 03:00:00", None]),
        (np.array([1, 2], "m8[m]"), [60.0, 120.0]),
        (np.array([2**63, 1], np.uint64), [2.0**63, 1.0]),
        (np.array(["a", "b"], "U1"), ["a", "b"]),
        (np.array([True, False]), ["True", "False"]),
    ],
    ids=range(16),
)
def test_values_of_every_kind(values, expected):
    column = table_of_frame({"a": values}).columns["a"]
    assert told(column) == expected


@pytest.mark.parametrize("values", [[0.0, 2.5, 0.0, 1.0], [0, 3, 0, 1], [True, False, False, True]])
def test_sparse_columns_of_pandas_are_their_values(values):
    pandas = pytest.importorskip("pandas")
    sparse = pandas.arrays.SparseArray(values)
    for came in (pandas.DataFrame({"a": sparse}), {"a": sparse}, {"a": pandas.Series(sparse)}):
        assert told(table_of_frame(came).columns["a"]) == told(table_of_frame({"a": np.array(values)}).columns["a"])
    gaps = pandas.DataFrame({"a": pandas.arrays.SparseArray([np.nan, 1.0, np.nan])})
    assert told(table_of_frame(gaps).columns["a"]) == [None, 1.0, None]


def test_what_a_model_knows_of_its_columns_holds_for_frames():
    pandas = pytest.importorskip("pandas")
    table = table_of_frame({"a": ["1", "2", "x", "2"] * 3, "n": [1.5, 2, 4, 8] * 3, "y": [1.0, 2, 3, 5] * 3})
    features, _ = fit_features(table.without("y"))
    encoding = Encoding(features, fit_quantity("y", table.columns["y"]))
    frame = pandas.DataFrame({"a": [1, 2], "n": pandas.Categorical(["2", "8"])})
    expected = features.encode(table_of_frame({"a": ["1", "2"], "n": [2, 8]}, how=encoding.reading()))
    assert expected[:, 0].tolist() == [1, 0]
    assert np.array_equal(features.encode(table_of_frame(frame, how=encoding.reading())), expected)
    floats = pandas.DataFrame({"a": [1.0, 2.0], "n": [2, 8]})
    assert np.array_equal(features.encode(table_of_frame(floats, how=encoding.reading())), expected)


def test_arrays_have_names_or_get_them():
    assert list(table_of_frame(np.zeros((2, 3))).columns) == ["x0", "x1", "x2"]
    assert list(table_of_frame([[1, "a"], [2, "b"]], ["n", "t"]).columns) == ["n", "t"]
    assert isinstance(table_of_frame([[1, "a"], [2, "b"]]).columns["x1"], Text)
    structured = np.array([(1, "a")], [("n", "f8"), ("t", "U1")])
    assert list(table_of_frame(structured).columns) == ["n", "t"]
    assert list(table_of_frame({3: [1, 2]}).columns) == ["3"]


@pytest.mark.parametrize(
    ("came", "names", "error", "words"),
    [
        ({"a": [1, [2]]}, None, TypeError, r"'a' .* \[2\] of type list in row 2"),
        ({"a": [b"x"]}, None, TypeError, "'a' .* type bytes in row 1"),
        ({"a": [object()]}, None, TypeError, "'a' .* type object"),
        ({"a": np.array([1j])}, None, TypeError, "'a' .* complex128"),
        ({"a": [1, 2], "b": [1]}, None, ValueError, "'a' has 2 rows, and column 'b' has 1"),
        ({"a": np.zeros((2, 2))}, None, ValueError, "'a' must have one axis"),
        ({}, None, ValueError, "no columns"),
        (np.zeros((2, 2)), ["a"], ValueError, "2 columns, and there are names for 1"),
        (np.zeros((2, 2)), ["a", "a"], ValueError, "'a' twice"),
        (np.zeros(3), None, ValueError, "two axes"),
        ([[1], [2, 3]], None, ValueError, "rows of as many values"),
        ("abc", None, TypeError, "must be a frame"),
        (3, None, TypeError, "must be a frame"),
    ],
    ids=range(13),
)
def test_what_is_no_table_is_refused(came, names, error, words):
    with pytest.raises(error, match=words):
        table_of_frame(came, names)


def test_two_columns_of_one_name_a_lazy_frame_and_a_sparse_matrix_are_refused():
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match="'a' twice"):
        table_of_frame(pandas.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TypeError, match="toarray"):
        table_of_frame(sparse.eye(3).tocsr())
    polars = pytest.importorskip("polars")
    with pytest.raises(TypeError, match="collect"):
        table_of_frame(polars.DataFrame({"a": [1]}).lazy())
