"""How windows of a stream are written: each row once, to the place of its use, in C and in NumPy alike."""

from __future__ import annotations

import pickle
import weakref

import numpy as np
import pytest

from fastnn._base import placing
from fastnn._base.threads import get_num_threads
from fastnn._engine import beside
from fastnn.data import rooms, stream
from fastnn.data.orders import ROWS, keyed_order, keyed_places

pytestmark = pytest.mark.stream


@pytest.fixture(params=["c", "numpy"])
def way(request, monkeypatch):
    if request.param == "c":
        native = pytest.importorskip("fastnn._kernels.native.native")
        found = placing.Compiled(native.place_columns, native.place_rows, native.keyed_places)
        monkeypatch.setattr(placing, "compiled", found)
    else:
        monkeypatch.setattr(placing, "compiled", None)
    return request.param


def columns_of(rng, n, forms):
    """Columns of such dtypes, with the extremes of each."""
    found = []
    for form in forms:
        dtype = np.dtype(form)
        column = np.resize(rng.normal(size=n) * 100, n).astype("f8" if dtype.kind == "f" else "i8").astype(dtype)
        if n > 1 and dtype.kind in "iu":
            column[:2] = np.iinfo(dtype).min, np.iinfo(dtype).max
        found.append(column)
    return found


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 2049])
@pytest.mark.parametrize("width", [1, 10, 31, 32, 33, 70])
def test_columns_are_written_to_their_places_as_numpy_converts_them(way, rng, n, width):
    forms = [placing.STORED[i % len(placing.STORED)] for i in range(width)]
    columns = columns_of(rng, n, forms)
    if n:
        columns[0] = np.stack([columns[0], columns[0] * 0], 1)[:, 0]  # not one number behind the other
    for dtype in ("f4", "f8"):
        wanted = np.zeros((n, width), dtype)
        for i, column in enumerate(columns):
            wanted[:, i] = column
        rows = np.full((n + 3, width), 7, dtype)
        places = rng.permutation(n + 3)[:n].astype(np.int32)
        assert placing.place_columns(columns, rows, places)
        assert np.array_equal(rows[places], wanted)
        assert (np.delete(rows, places, 0) == 7).all()
        assert placing.place_columns(columns, rows, None)
        assert np.array_equal(rows[:n], wanted)


def test_whole_numbers_stay_whole(way, rng):
    columns = columns_of(rng, 100, [form for form in placing.STORED if form[0] in "iu"])
    rows = np.zeros((100, len(columns)), np.int64)
    assert placing.place_columns(columns, rows)
    assert np.array_equal(rows, np.stack([column.astype(np.int64) for column in columns], 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("place", [0, 64, 129])
def test_a_number_that_is_not_finite_is_seen(way, bad, place):
    columns = [np.zeros(130), np.zeros(130)]
    columns[1][place] = bad
    places = np.arange(130, dtype=np.int32)[::-1].copy()
    assert not placing.place_columns(columns, np.empty((130, 2), np.float32), places)
    assert placing.place_columns(columns, np.empty((130, 2), np.float64), places) == bool(np.isfinite(bad))


@pytest.mark.parametrize("form", ["f4", "f8", "i8", "i4", "u1"])
@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4)])
def test_rows_are_copied_to_their_places_and_those_below_zero_left_out(way, rng, form, shape):
    given = rng.integers(0, 100, (50, *shape)).astype(form)
    rows = np.full((40, *shape), 7, form)
    places = (rng.permutation(50) - 10).astype(np.int32)
    placing.place_rows(given, rows, places)
    assert np.array_equal(rows[places[places >= 0]], given[places >= 0])


def test_columns_below_zero_are_left_out(way, rng):
    columns = columns_of(rng, 50, ["f8", "i4"])
    rows, places = np.zeros((40, 2), np.float32), (rng.permutation(50) - 10).astype(np.int32)
    placing.place_columns(columns, rows, places)
    assert np.array_equal(rows[places[places >= 0]], np.stack(columns, 1).astype(np.float32)[places >= 0])


@pytest.mark.parametrize(("seed", "epoch", "first"), [(0, 0, 0), (2**40 + 5, 2**33 + 1, 3), (7, 1, 10**9 + 2)])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 1000, 70_000])
def test_keyed_places_turn_keyed_orders_round(way, seed, epoch, first, n):
    order, places = keyed_order(seed, ROWS, epoch, first, n), np.empty(n, np.int32)
    keyed_places(seed, ROWS, epoch, first, places)
    assert places.dtype == np.int32
    assert np.array_equal(places[order], np.arange(n))


def test_portions_lie_in_the_order_in_which_they_train(way, tmp_path, rng):
    pa = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = pa.table({"a": np.arange(1000.0), "b": rng.normal(size=1000), "y": np.arange(1000)})
    pa.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=90)
    given = stream(tmp_path / "rows.parquet", target="y", batch_size=64, window=3, seed=5)
    for first in (0, 7):
        portions = list(given.portions(2, first))
        assert all(np.array_equal(portion.order, np.arange(len(portion.x))) for portion in portions)
        x = np.concatenate([portion.x for portion in portions])
        y = np.concatenate([portion.y for portion in portions])
        assert np.array_equal(x[:, 0], y)
        groups, rows, passed = keyed_order(5, 0x41000000, 2, 0, 12), [], 0
        for window in range(0, 12, 3):
            there = np.concatenate([np.arange(90 * g, min(90 * g + 90, 1000)) for g in groups[window : window + 3]])
            rows.append(there[keyed_order(5, ROWS, 2, passed, len(there))])
            passed += len(there)
        assert np.array_equal(y, np.concatenate(rows)[64 * first :])


def test_large_arrays_are_writable_and_as_large_as_wanted():
    pages = rooms.Pages()
    for size in (10, rooms.OWN_PAGES, rooms.HUGE_PAGES + 4):
        array = pages.array((size // 4, 2), np.dtype(np.float32))
        array[...] = 3
        assert array.shape == (size // 4, 2)
        assert array[-1].tolist() == [3, 3]


def test_memory_is_used_again_when_no_view_of_it_is_left():
    pages, n = rooms.Pages(), rooms.OWN_PAGES
    first, other = (pages.array((n,), np.dtype(np.float32)) for _ in range(2))
    view, at = first[5:], first.ctypes.data
    assert other.ctypes.data != at
    del first
    third = pages.array((n,), np.dtype(np.float32))
    assert third.ctypes.data != at  # a view holds the first
    del view
    assert pages.array((n - 3, 1), np.dtype(np.int32)).ctypes.data == at
    assert pages.array((3 * n,), np.dtype(np.float32)).shape == (3 * n,)
    assert [len(each) > 12 * n for each in pages.free] == [True]  # what is too small is not kept for ever


def test_passes_share_memory_while_somebody_has_some_of_it():
    memory, n = rooms.Memory(), rooms.OWN_PAGES
    pages = memory.pages()
    held, gone = pages.array((n,), np.dtype(np.float32)), weakref.ref(pages)
    del pages
    assert memory.pages() is gone()
    assert isinstance(pickle.loads(pickle.dumps(memory)), rooms.Memory)
    del held
    assert gone() is None


def test_one_file_of_a_pass_is_open_at_a_time_and_none_behind_it(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for part in range(3):
        table = pa.table({"a": np.arange(100.0), "y": np.arange(100)})
        parquet.write_table(table, tmp_path / f"{part}.parquet", row_group_size=10)
    opened = []

    class File(parquet.ParquetFile):
        def __init__(self, *args, **kwargs):
            opened.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(parquet, "ParquetFile", File)
    given = stream(tmp_path, target="y", batch_size=10, window=2, shuffle=False)
    for portion in given.portions():
        assert sum(not each.closed for each in opened) == 1
        last = portion
    assert last.is_last
    assert len(opened) == 3
    assert all(each.closed for each in opened)
    left = given.portions()
    next(left)
    left.close()
    assert all(each.closed for each in opened)


class Reader:
    def __init__(self):
        self.is_running = True
        self.left = 1.0


def test_updates_leave_a_processor_to_what_reads(monkeypatch):
    monkeypatch.setattr(beside.threads, "machine_threads", lambda: 4)
    monkeypatch.setattr(beside.threads, "_chosen", 4)
    reader = Reader()
    calls = beside.Beside(reader)
    assert calls.most(1000) == 1
    with calls.call(1):
        assert get_num_threads() == 3
    assert 1 < calls.most(1000) <= 8
    calls.seconds, calls.grown = beside.BRIEFEST / 10, 10**6
    assert abs(calls.most(1000) - 10 * beside.BRIEF / beside.BRIEFEST) <= 1
    reader.left = 2 * beside.BRIEFEST  # a call ends with the reading, or soon behind it
    assert 18 <= calls.most(1000) <= 20
    reader.left = 0.0
    assert 9 <= calls.most(1000) <= 10
    reader.is_running = False
    assert calls.most(1000) == 1000
    with calls.call(1000):
        assert get_num_threads() == 4
    reader.is_running = True
    monkeypatch.setattr(beside.threads, "_chosen", 2)  # two of four processors are asked for: there is one to read
    assert calls.most(1000) == 1000
    with calls.call(1000):
        assert get_num_threads() == 2
