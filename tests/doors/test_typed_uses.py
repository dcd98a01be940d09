"""What types say of users' programs is so when the programs run."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import typed_uses

import fastnn

SHORT = ("training", "prediction", "own_loop", "graphs", "own_definitions", "names", "arguments", "own_classes")


@pytest.mark.parametrize("name", [*SHORT, "backends"])
def test_programs_give_what_types_say(name):
    getattr(typed_uses, name)()


def test_files_give_what_types_say(tmp_path):
    typed_uses.files(tmp_path)


def test_estimators_give_what_types_say():
    pytest.importorskip("sklearn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few epochs
        typed_uses.estimators()


def test_the_package_says_that_it_has_types():
    assert (Path(fastnn.__file__).parent / "py.typed").exists()
