"""Dask's workers on this machine: tasks and results in files, and messages where those cannot be."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from clusters import in_threads, models_of, trained_here
from executors import assert_same
from models import regression

import fastnn
from fastnn._workers import dask as daskpool
from fastnn._workers import parcel, worker
from fastnn._workers.folder import Folder

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = [pytest.mark.dask, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def data():
    return regression(np.random.default_rng(1), n=2000, n_in=20)


@pytest.fixture
def went(monkeypatch):
    """How each task went, True by a file; and, behind "left", the files beside the data when the call ended."""
    found, submit, opened, remove = [], daskpool.DaskPool.submit, daskpool.DaskPool.opened, Folder.remove

    def submitted(pool, *arguments):
        future = submit(pool, *arguments)
        found.append(future.parcel is not None)
        return future

    def answered(pool, answer):
        found.append(answer["kind"])
        return opened(pool, answer)

    def removed(folder):
        found.append(("left", sum(name.endswith(".parcel") for name in os.listdir(folder.path)) - 1))
        remove(folder)

    monkeypatch.setattr(daskpool, "ROUNDS", 0.5)  # all at once
    monkeypatch.setattr(daskpool.DaskPool, "submit", submitted)
    monkeypatch.setattr(daskpool.DaskPool, "opened", answered)
    monkeypatch.setattr(Folder, "remove", removed)
    return found


def check(data, n=2):
    """Models are trained to the same bits as here."""
    here, away = trained_here(data, 2), models_of()
    with in_threads(n) as client:
        fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
    for model, other in zip(away, here, strict=True):
        assert_same(model, other)


def test_tasks_and_results_stand_in_files_that_are_removed_as_they_are_read(data, went):
    check(data)
    assert went == [True, "filed", ("left", 0)]


def test_workers_elsewhere_get_messages(data, went, monkeypatch):
    seen = []
    monkeypatch.setattr(daskpool, "_is_here", lambda address: seen.append(address) or len(seen) == 1)
    check(data)
    assert len(seen) == 2
    assert went == [False, ("left", 0)]


def test_a_worker_that_sees_no_file_gets_messages(data, went, monkeypatch):
    monkeypatch.setattr(worker, "mapped", lambda path, key: None)
    check(data)
    assert went[:2] == [True, "missing"]
    assert went[2:] == [False] * 8 + [("left", 0)]


def test_an_answer_that_cannot_be_read_is_asked_for_as_a_message(data, went, monkeypatch):
    monkeypatch.setattr(daskpool, "mapped", lambda path, key: None)
    check(data)
    assert went == [True, "filed", *[False] * 8, ("left", 1)]


@pytest.mark.parametrize("where", [daskpool, worker], ids=["here", "in the worker"])
def test_where_the_disk_is_full_messages_go(where, data, went, monkeypatch):
    def full(folder, what):
        raise OSError("No space left on device")

    monkeypatch.setattr(where, "Parcel", full)
    check(data)
    assert went == [where is worker, ("left", 0)]


def test_files_of_tasks_take_no_more_room_than_they_may(data, went, monkeypatch):
    sizes = []
    monkeypatch.setattr(daskpool, "size_of", lambda pack: sizes.append(pack) or 100)
    monkeypatch.setattr(daskpool, "ROOM", 250)
    monkeypatch.setattr(daskpool, "TOGETHER", 2)
    check(data, n=1)
    assert went[:4] == [True, False, False, False], "of 200 bytes each, none of which has been done"
    assert went.count("filed") == 1


def test_a_worker_of_another_version_is_named(data, went, monkeypatch):
    monkeypatch.setattr(worker, "unfit", lambda order: "it has fastnn 0.0.1")
    with in_threads(1) as client, pytest.raises(fastnn.BackendError, match=r"process \d+ of .*fastnn 0\.0\.1"):
        fastnn.fit_many(models_of(), *data, executor=client.get_executor())
    assert went[:2] == [True, "unfit"]


@pytest.mark.parametrize(
    ("address", "is_here"),
    [("tcp://127.0.0.1:40553", True), ("tls://[::1]:80", None), ("tcp://198.51.100.77:8786", False), ("?", False)],
)
def test_addresses_tell_who_is_on_this_machine(address, is_here):
    found = daskpool._is_here(address)
    assert isinstance(found, bool)
    assert is_here in (None, found)  # not every machine has IPv6


def test_a_file_that_cannot_be_written_to_its_end_is_removed(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def write(self, data):
            if self.tell() > 100:
                raise OSError(28, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(parcel, "open", Full, raising=False)
    with pytest.raises(OSError, match=r"No space left on device.*TMPDIR chooses another folder"):
        parcel.Parcel(str(tmp_path), [np.zeros(1000)] * 3)
    assert not list(tmp_path.iterdir())
