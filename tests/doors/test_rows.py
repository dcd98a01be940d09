"""One raw row at a time has the bits of the table's encoding."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal

import numpy as np
import pytest

from fastnn.tables import FeatureOptions, RowEncoder, TextOptions, fit_features, fit_texts, table_of_frame
from fastnn.tables.features import TableFeatures
from fastnn.tables.pieces import PieceFeature

VALUES = {
    "x": [1.5, -2, np.float32(0.1), np.int64(7), None, math.nan, "3.5", "NA", Decimal("1.5"), 1e30, -0.0, 5e-324],
    "y": [0.25, 1, 10, "1,234", " 2 ", None],
    "z": [1, 0, 3.5, None],
    "sure": [True, False, "true", "no", 1, 0, None],
    "few": ["a", "b", " a ", "new", None, "", "NA", 3],
    "many": ["c1", "c77", "c9999", None, "?", math.nan],
    "day": ["2024-01-05", datetime.date(2023, 2, 3), None, datetime.datetime(2024, 5, 6, 7), "2024-01-05 10:30"],
}


def training(rng, rows=400) -> dict:
    return {
        "x": rng.normal(size=rows),
        "y": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(size=rows)),
        "z": rng.integers(0, 2, rows),
        "sure": [*(rng.random(rows - 1) < 0.5).tolist(), None],
        "few": [*rng.choice(["a", "b", "c"], rows - 1).tolist(), None],
        "many": [f"c{i}" for i in rng.integers(0, 100, rows)],
        "day": [str(np.datetime64("2023-01-01") + int(i)) for i in rng.integers(0, 700, rows)],
    }


@pytest.mark.parametrize(
    "options",
    [FeatureOptions(), FeatureOptions(pieces=32, dates=True), FeatureOptions(32, 3, True), FeatureOptions(4, 0)],
    ids=str,
)
def test_single_rows_have_the_bits_of_the_table(rng, options):
    columns = training(rng)
    if not options.dates:
        del columns["day"]
    features, _ = fit_features(table_of_frame(columns), options)
    encoder = RowEncoder(features)
    for _ in range(60):
        row = {name: VALUES[name][rng.integers(len(VALUES[name]))] for name in columns}
        table = table_of_frame({name: [value] for name, value in row.items()}, how=features.reading())
        got, wanted = encoder({**row, "else": 1}), features.encode(table)
        assert isinstance(got, list) == isinstance(wanted, list)
        pairs = zip(got, wanted, strict=True) if isinstance(got, list) else [(got, wanted)]
        for ours, theirs in pairs:
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            assert np.array_equal(ours.view(np.uint32) << 1, theirs.view(np.uint32) << 1), row  # zeros have no sign


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": "abc"}, "'x' holds text .*'abc'"),
        ({"x": True}, "'x' holds text"),
        ({"x": math.inf}, "'x' is infinite"),
        ({"x": 10**400}, "'x' is infinite"),
        ({"y": np.float64(1e39)}, "'y' has 1e[+]39"),
        ({"y": [1]}, "'y' .* list"),
        ({"day": "soon"}, "'day' holds 'soon'"),
        ({"few": b"a"}, "'few' .* bytes"),
    ],
    ids=str,
)
def test_errors_name_the_column(rng, change, words):
    columns = training(rng)
    features, _ = fit_features(table_of_frame(columns), FeatureOptions(8, 3, True))
    row = {name: values[0] for name, values in columns.items()}
    with pytest.raises((ValueError, TypeError), match=words):
        RowEncoder(features)({**row, **change})


def test_absent_columns_and_other_features(rng):
    features, _ = fit_features(table_of_frame({"a": [1, 2, 3], "b": ["x", "y", "x"]}))
    with pytest.raises(ValueError, match=r"no 'a', which .* it has 'b'"):
        RowEncoder(features)({"b": "x"})
    texts, _ = fit_texts(table_of_frame({"t": ["a b", "a c"]}), ["t"], TextOptions("words"))
    with pytest.raises(TypeError, match="columns of a table"):
        RowEncoder(texts)


def test_pieces_of_next_to_no_width_overflow_without_a_word():
    features = TableFeatures([PieceFeature("a", 0.0, 1.0, [0.0, 1e-300, 1.0], False)])
    table = table_of_frame({"a": [3e38]})
    assert RowEncoder(features)({"a": 3e38}).tolist() == features.encode(table).tolist() == [[3.0, 0.5, 0.5]]


def test_a_number_too_far_from_training_is_an_error():
    features, _ = fit_features(table_of_frame({"a": [1e-30, 2e-30, 3e-30]}))
    with pytest.raises(ValueError, match=r"'a' has 1e[+]30"):
        RowEncoder(features)({"a": 1e30})
