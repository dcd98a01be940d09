"""Programs for Keras run with the import changed and leave behind what they leave behind in Keras (``listings/``)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import keras_listings
import numpy as np
import pytest
from keras_listings import LISTINGS
from tolerance import assert_close

import fastnn

RECORDS = json.loads(keras_listings.FILE.read_text())["listings"]
ROUNDINGS = 1000
# What the listings need that is not there yet: a listing that runs leaves this table.
WAITING = {}


def case(path):
    """A listing, marked where it waits."""
    reason = next((reason for reason, numbers in WAITING.items() if path.stem[:2] in numbers.split()), None)
    raised = (AttributeError, TypeError, AssertionError)
    marks = [pytest.mark.xfail(reason=f"{reason}: not there yet", raises=raised, strict=True)] if reason else []
    return pytest.param(path, id=path.stem, marks=marks)


def compare(actual, expected, where: str, drawn: bool) -> None:
    """Every difference is an error that says where; what dropout has ``drawn`` is compared but for its values."""
    if isinstance(expected, dict):
        assert isinstance(actual, dict), f"{where}: {actual!r} in place of {expected!r}"
        assert sorted(actual) == sorted(expected), f"names of {where}"
        if "largest" in expected:
            compare_arrays(actual, expected, where, drawn)
        else:
            for name, one in expected.items():
                compare(actual[name], one, f"{where}.{name}", drawn)
    elif isinstance(expected, float) or (isinstance(expected, list) and expected and type(expected[0]) is float):
        assert np.shape(actual) == np.shape(expected), f"{where}: {actual!r} in place of {expected!r}"
        if not drawn:
            close(actual, expected, where)
    elif isinstance(expected, list):
        assert isinstance(actual, list), f"{where}: {actual!r} in place of {expected!r}"
        assert len(actual) == len(expected), f"{where}: {actual!r} in place of {expected!r}"
        for i, (one, other) in enumerate(zip(actual, expected, strict=True)):
            compare(one, other, f"{where}[{i}]", drawn)
    else:
        assert actual == expected, where


def compare_arrays(actual: dict, expected: dict, where: str, drawn: bool) -> None:
    """Shapes and kinds exactly, numbers by the size of the array's largest."""
    exact = ("shape", "kind") if drawn or expected["kind"] == "f" else expected
    assert [actual[name] for name in exact] == [expected[name] for name in exact], where
    if not drawn:
        for name in ("head", "mean"):
            close(actual[name], expected[name], f"{where}.{name}", expected["largest"])


def close(actual, expected, where: str, magnitude: float | None = None) -> None:
    """Within the rounding of a short training in single precision."""
    try:
        assert_close(actual, expected, np.float32, ROUNDINGS, magnitude)
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from None


def compare_runs(actual: dict, expected: dict, path) -> None:
    compare(actual, expected, path.stem, drawn="Dropout(" in path.read_text())


def test_every_listing_has_a_record_and_there_are_forty():
    assert [path.stem for path in LISTINGS] == list(RECORDS)
    assert len(LISTINGS) >= 40


@pytest.mark.parametrize("path", [case(path) for path in LISTINGS])
def test_a_program_leaves_behind_what_it_leaves_behind_in_keras(path):
    compare_runs(keras_listings.run(path, fastnn), RECORDS[path.stem], path)


@pytest.mark.long
@pytest.mark.skipif(not importlib.util.find_spec("keras"), reason="Keras is not installed (extra test-keras)")
def test_the_records_are_what_keras_gives(tmp_path):
    """In a process of its own: Keras takes its backend from the environment when it is imported, and warns."""
    file, environment = tmp_path / "listings.json", os.environ | {"KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, keras_listings.__file__, file], env=environment, check=True)
    fresh = json.loads(file.read_text())["listings"]
    for path in LISTINGS:
        compare_runs(fresh[path.stem], RECORDS[path.stem], path)


def test_a_difference_is_found_wherever_it_is():
    record = RECORDS["02_one_hot_classes"]
    for change in (
        lambda r: r["history"]["history"]["loss"].__setitem__(1, r["history"]["history"]["loss"][1] * 1.001),
        lambda r: r["history"]["history"].pop("val_acc"),
        lambda r: r["predictions"].update(shape=[30, 4]),
        lambda r: r["classes"]["head"].__setitem__(0, 7.0),
        lambda r: r["model"].update(params=r["model"]["params"] + 1),
        lambda r: r["model"]["weights"][0].update(mean=r["model"]["weights"][0]["mean"] + 1e-3),
        lambda r: r.update(sums_to_one=False),
        lambda r: r.pop("test_acc"),
    ):
        other = json.loads(json.dumps(record))
        change(other)
        with pytest.raises(AssertionError):
            compare_runs(other, record, LISTINGS[1])
