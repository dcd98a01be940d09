"""Encodings of tables that a stranger wrote: refused, or finite numbers come of any row, and codes that there are."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from fastnn import tables
from fuzz import mutations, samples

ROWS = {
    "n": [1, None, 3e38, -3e38, 7],
    "day": ["2021-01-05", "", None, "2024-02-29 10:00", "0001-01-01"],
    "k": ["a", "zz", None, "b", "h"],
    "c": ["p", "q", "p", None, "r"],
}


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.long)])
def test_damaged_encodings_are_refused_or_harmless(count):
    model = samples.of_columns()
    good, n_read = json.loads(model.metadata["table"]), 0
    for seed in range(count):
        text = json.dumps(mutations.of_value(good, random.Random(seed)))
        try:
            features = tables.Encoding.fitting(text, model.layout).features
        except ValueError:
            continue
        n_read += 1
        try:
            made = features.encode(tables.table_of_frame(ROWS, how=features.reading()))
            tables.RowEncoder(features)
        except ValueError as error:
            if "has no column" not in str(error):
                raise
            continue
        assert all(np.isfinite(array).all() for array in made)
        assert made[1].min() >= 0
        assert made[1].max() < model.layout.n_ids[1]
    assert 0 < n_read < count
