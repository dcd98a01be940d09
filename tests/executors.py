"""Executors for tests: one that hands pickles to and fro in this process, and those of other packages."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor

import numpy as np
import pytest

from fastnn.models import compact


class Inline(Executor):
    """Does each task when it is handed in, on copies as another process has them.

    ``orders`` are those that came; ``change`` may change one before it is done, or raise.
    """

    def __init__(self, change=None):
        self.orders, self.change = [], change

    def submit(self, function, *arguments):
        future = Future()
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        self.orders.append(arguments)
        try:
            if self.change:
                self.change(arguments[0])
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except Exception as error:
            future.set_exception(error)
        return future


def spawned(n=2):
    """Processes that are begun anew."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


def forked_by_server(n=2):
    """Processes that a server forks."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("forkserver"))


def forked(n=2):
    """Processes with all that this one has."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("fork"))


def loky(n=2):
    """Joblib's processes."""
    return pytest.importorskip("joblib.externals.loky").get_reusable_executor(n)


def assert_same(model, other):
    """Two models are equal in all that a fit changes."""
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its, strict=True)
    state, wanted = dict(vars(model.state)), dict(vars(other.state))
    for name in ("holder", "states"):
        state.pop(name), wanted.pop(name)
    slots, other_slots = (
        None if slots is None else compact.gathered(of.layout, slots)
        for of, slots in ((model, state.pop("slots")), (other, wanted.pop("slots")))
    )
    assert (slots is None) == (other_slots is None)
    if slots is not None:
        np.testing.assert_array_equal(slots, other_slots, strict=True)
    assert repr(state) == repr(wanted)
    for mine, its in zip(model.layout.layers, other.layout.layers, strict=True):
        assert mine.trainable == its.trainable
        for a, b in zip(mine.carried if mine.carries else (), its.carried if its.carries else (), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
    assert model.backend_ == other.backend_
    assert repr({k: v for k, v in vars(model.history).items() if k != "model"}) == repr(
        {k: v for k, v in vars(other.history).items() if k != "model"}
    )
    assert model.history.model is model
