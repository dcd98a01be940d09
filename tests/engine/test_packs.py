"""Packs, as which tasks and results go to workers and back."""

from __future__ import annotations

import pickle

import executors
import numpy as np
import pytest
from models import regression

import fastnn
from fastnn import Sequential, layers
from fastnn._workers.pickling import APART, packed, sendable, size_of, unpacked

LARGE, SMALL = APART // 4, APART // 4 - 1  # numbers of float32


def test_large_arrays_stand_beside_the_pickle_and_small_ones_in_it():
    large, small = np.arange(LARGE, dtype=np.float32), np.arange(SMALL, dtype=np.float32)
    pack = packed({"large": large, "small": small}, lent=False)
    assert [len(part) for part in pack[1:]] == [large.nbytes]
    assert small.nbytes < len(pack[0]) < small.nbytes + 1000
    assert size_of(pack) == len(pack[0]) + large.nbytes
    for came in (pack, pickle.loads(pickle.dumps(pack, 4))):
        made = unpacked(came)
        np.testing.assert_array_equal(made["large"], large)
        np.testing.assert_array_equal(made["small"], small)


@pytest.mark.parametrize("travels", [False, True])
def test_what_was_lent_stays_as_it_was_whoever_writes_to_what_came(travels):
    mine = np.ones((LARGE, 2), np.float32).T  # of which some executors hand on the very memory
    pack = sendable("it", [mine], ())
    for _ in range(2):  # a task may be done anew
        came = unpacked(pickle.loads(pickle.dumps(pack)) if travels else pack)[0]
        assert (came == 1).all()
        came += 1
    assert (mine == 1).all()


def test_what_is_no_longer_needed_is_not_copied():
    mine = np.ones(LARGE, np.float32)
    assert np.shares_memory(unpacked(packed(mine, lent=False)), mine)
    pack = packed(mine, lent=False)
    pack[1].flags.writeable = False  # as some messages have them
    came = unpacked(pack)
    came += 1
    assert (mine == 1).all()


def test_a_task_has_no_state_that_begins_in_the_worker(rng):
    def made():
        model = Sequential([layers.Dense(LARGE // 2, input_shape=(4,)), layers.Dense(1)], seed=1)
        model.compile("adam", "mse")
        return model

    x, y = regression(rng, n_in=4)
    seen, away, here = executors.Inline(), made(), made()
    fastnn.fit_many([away], x, y, executor=seen)
    here.fit(x, y, verbose=0)
    executors.assert_same(away, here)
    weights = away.params.nbytes
    assert weights < size_of(seen.orders[0][0]["task"]) < 1.2 * weights
    fastnn.fit_many([away], x, y, executor=seen)  # it goes on
    here.fit(x, y, verbose=0)
    executors.assert_same(away, here)
    assert size_of(seen.orders[1][0]["task"]) > 3 * weights
