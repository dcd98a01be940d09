"""What ``dir`` lists of objects of public classes: nothing without a word, and nothing that no program asks for."""

from __future__ import annotations

import enum
import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")
sys.path.append(str(Path(__file__).resolve().parents[2] / "docs" / "_site"))
import groups

import fastnn
from fastnn import callbacks, layers, optimizers
from fastnn._base.listing import inner_names

RECORDS = ("CustomLoss", "LossRecord", "Bag", "Rows")  # what backends and searches read
PUBLIC = {
    full: thing
    for named in groups.entries().values()
    for full, thing in ((full, groups.thing_of(full)) for full, _ in named)
    if isinstance(thing, type) and not issubclass(thing, (enum.Enum, tuple, BaseException))
}


def own_bases(kind: type) -> list[type]:
    """Classes of fastnn's that a class is made of."""
    return [base for base in kind.__mro__ if base.__module__.partition(".")[0] == "fastnn"]


def untold(kind: type, names: list[str]) -> list[str]:
    """Names of fastnn's own that no docstring, signature or entry of a docstring tells of."""
    words = set(re.findall(r"\w+", " ".join(inspect.getdoc(base) or "" for base in own_bases(kind))))
    words |= set(inspect.signature(kind).parameters) | {"args", "kwargs"}
    found = []
    for name in names:
        owner = next((base for base in kind.__mro__ if name in vars(base)), kind)
        if name[0] == "_" or name in words or owner not in own_bases(kind):
            continue
        value = inspect.getattr_static(kind, name, None)
        is_told = callable(getattr(kind, name, None)) or isinstance(value, property)
        if not (is_told and inspect.getdoc(getattr(kind, name))):
            found.append(name)
    return found


@pytest.mark.parametrize("full", [full for full, kind in PUBLIC.items() if kind.__name__ not in RECORDS])
def test_every_attribute_of_a_public_class_is_told(full):
    kind = PUBLIC[full]
    left_out = inner_names(kind) | {name for name in dir(kind) if not hasattr(kind, name)}
    assert not untold(kind, [name for name in dir(kind) if name not in left_out])


def fitted() -> fastnn.Sequential:
    """With all that a fit leaves."""
    model = fastnn.Sequential([layers.LSTM(3, input_shape=(6, 4)), layers.Dense(5, "relu"), layers.Dense(2)], seed=1)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((4, 6, 4)), np.zeros((4, 2)), verbose=0, callbacks=[callbacks.EarlyStopping("loss")])
    return model


def test_so_is_what_objects_list():
    model, start = fitted(), layers.Input((3,))
    things = [model, fastnn.Model(start, layers.Dense(2)(start)), *model.layers, optimizers.Adam(), optimizers.LBFGS()]
    things += [callbacks.EarlyStopping("loss"), callbacks.ModelCheckpoint("m"), callbacks.CSVLogger("log.csv")]
    things += [fastnn.metrics.Precision(), fastnn.losses.Huber(), fastnn.initializers.get("glorot_uniform")]
    for thing in things:
        kind, listed = type(thing), dir(thing)
        assert not untold(kind, listed), kind
        assert not inner_names(kind) & set(listed), kind
        assert {name for name in inspect.signature(kind).parameters if hasattr(thing, name)} <= {*listed, "unknown"}


def test_a_model_lists_what_programs_ask_for():
    listed = set(dir(fitted()))
    wanted = "add compile count_params evaluate fit get_weights layers predict save set_weights stop_training summary"
    assert set(wanted.split()) <= listed
    assert not listed & {"draw_anew", "state_dict", "is_chain", "of_sizes", "rows_of", "slots", "training_plan"}


def test_what_a_users_class_has_is_listed():
    class Mine(layers.Layer):
        rank = 3

        def call(self, x):
            return x

        def backward(self, dy):
            return dy

    assert "rank" in dir(Mine())
    assert "stored_as" not in dir(Mine())
