"""Data of strangers, damaged at random: readers read it or raise a ValueError that names the file, and nothing else."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile

import numpy as np
import pytest

from fastnn.datasets.idx import idx_array
from fastnn.datasets.npz import npz_arrays
from fastnn.tables import Reading, read_table, table_of
from fastnn.tables.unpack import unpack

BOUND = 2**22
CSV = b"a,b,c\n" + b"".join(b'%d,%d.5,"w %d"\n' % (i, i, i % 3) for i in range(40))
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + bytes(18)


def _zip(data: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("a.csv",):
            archive.writestr(name, data)
    return file.getvalue()


def _npz(save) -> bytes:
    file = io.BytesIO()
    save(file, x=np.arange(60.0).reshape(20, 3), y=np.array(["u", "v"] * 10))
    return file.getvalue()


def _zstd() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.compress(CSV, codec="zstd", asbytes=True)


def _parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": list(range(40)), "c": [f"w{i % 3}" for i in range(40)]}), file)
    return file.getvalue()


def _excel(*sheets: str) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "first"
    for sheet in [book.active, *(book.create_sheet(name) for name in sheets)]:
        for row in (["a", "b", "c"], [1, 2.5, "x"], [None, True, "007"], [3.0, 1e20, "7"]):
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _table(data: bytes):
    return table_of("f.csv", "f.csv", data, Reading(max_bytes=BOUND))


READERS = {
    "CSV": (lambda: CSV, _table, 100),
    "CSV in UTF-16": (lambda: CSV.decode().encode("utf-16"), _table, 50),
    "gzip": (lambda: gzip.compress(CSV), _table, 200),
    "bzip2": (lambda: bz2.compress(CSV), _table, 200),
    "xz": (lambda: lzma.compress(CSV), _table, 200),
    "zip": (lambda: _zip(CSV), _table, 200),
    "zstd": (_zstd, _table, 200),
    "Parquet": (_parquet, _table, 200),
    "Excel": (_excel, _table, 20),
    "NPZ": (lambda: _npz(np.savez), lambda data: npz_arrays("f.csv", data, "train", BOUND), 200),
    "NPZ, compressed": (lambda: _npz(np.savez_compressed), lambda data: npz_arrays("f.csv", data, "train", BOUND), 200),
    "IDX": (lambda: IDX, lambda data: idx_array("f.csv", data), 200),
    "IDX, compressed": (lambda: gzip.compress(IDX), lambda data: idx_array("f.csv", unpack("f.csv", data, BOUND)), 200),
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut off, with some of them others, more, or fewer."""
    place, size = chance.randrange(len(data)), chance.choice([1, 4, 40])
    kind = chance.choice(["cut", "other", "other", "other", "more", "fewer"])
    if kind == "cut":
        return data[:place]
    if kind == "more":
        return data[:place] + chance.randbytes(size) + data[place:]
    if kind == "fewer":
        return data[:place] + data[place + size :]
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 8])):
        changed[chance.randrange(len(data))] = chance.choice([0, 255, ord('"'), ord("\n"), chance.randrange(256)])
    return bytes(changed)


@pytest.mark.parametrize("kind", READERS)
def test_damaged_data_is_read_or_refused_by_name(kind):
    make, read, n = READERS[kind]
    data, chance = make(), random.Random(7)
    read(data)
    messages = [message for _ in range(n) if (message := said(read, damaged(data, chance)))]
    assert len(messages) > n / 10
    assert all("f.csv" in message and "\n" not in message for message in messages)


def said(read, data: bytes) -> str:
    """What a reader says of data that it refuses."""
    try:
        read(data)
    except ValueError as error:
        return str(error)
    return ""


BOMBS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zip,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_may_not_become_a_large_one_unless_the_user_says_so(kind, tmp_path):
    path = tmp_path / "bomb.csv"
    path.write_bytes(BOMBS[kind](b"a,b\n" + b"1,2\n" * 2**17))
    with pytest.raises(ValueError, match=r"bomb\.csv unpacks to more than 300,000 bytes; .* --max-bytes"):
        read_table(path, max_bytes=300_000)
    assert len(read_table(path, max_bytes=4_000_000)) == 2**17


def test_the_bound_holds_for_what_arrays_workbooks_and_parquet_say_they_become(tmp_path):
    for name, make in (("a.parquet", _parquet), ("a.xlsx", _excel)):
        (tmp_path / name).write_bytes(make())
        with pytest.raises(ValueError, match="unpacks to more than 100 bytes"):
            read_table(tmp_path / name, max_bytes=100)
    with pytest.raises(ValueError, match="unpacks to more than 100 bytes"):
        npz_arrays("a.npz", _npz(np.savez), "train", 100)


def test_an_array_that_claims_more_numbers_than_it_has_is_never_made():
    data = _npz(np.savez).replace(b"(20, 3)", b"(99, 9)")
    with pytest.raises(ValueError, match=r"f\.npz"):
        npz_arrays("f.npz", data, "train", BOUND)


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip", "zstd"])
def test_compression_is_known_by_the_first_bytes_whatever_the_name(kind, tmp_path):
    path = tmp_path / "people"
    path.write_bytes(READERS[kind][0]())
    assert list(read_table(path).columns) == ["a", "b", "c"]


def test_a_zip_of_several_files_lists_them(tmp_path):
    (tmp_path / "a.zip").write_bytes(_zip(CSV, "one.csv", "two.csv"))
    with pytest.raises(ValueError, match=r"archive of 2 files \(one\.csv, two\.csv\)"):
        read_table(tmp_path / "a.zip")


def test_a_workbook_is_read_as_csv_would_be():
    table = _table(_excel("second"))
    assert table.columns["a"].values[[0, 2]].tolist() == [1, 3]
    assert table.columns["a"].gaps.tolist() == [False, True, False]
    assert table.columns["c"].values == ("007", "7", "x")
    assert "'first' of 2" in table.notes[0]


@pytest.mark.parametrize(
    "start", [b"\x89HDF\r\n", b"%PDF-1.7", b"\xd0\xcf\x11\xe0", b"\x93NUMPY", b"SQLite format 3\0"]
)
def test_files_of_other_kinds_are_called_by_their_name(start):
    with pytest.raises(ValueError, match=r"f\.csv is a \w+.* file"):
        _table(start + bytes(100))


def test_the_memory_that_a_stream_of_xz_asks_for_has_a_bound():
    wide = lzma.compress(CSV, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**30}])
    with pytest.raises(ValueError, match=r"f\.csv is no xz file.*[Mm]emory"):
        _table(wide)
    strong = lzma.compress(CSV, preset=9 | lzma.PRESET_EXTREME)
    several = lzma.compress(CSV[:99]) + lzma.compress(CSV[99:]) + bytes(8)
    for packed in (strong, several):
        assert unpack("f.csv", packed, BOUND) == CSV
    for damaged_end in (strong[:-1], strong[:20], strong + b"x"):
        with pytest.raises(ValueError, match=r"f\.csv is no xz file"):
            unpack("f.csv", damaged_end, BOUND)


def test_names_in_an_archive_stay_on_one_line():
    archive = _zip(CSV, "a\nb.csv", "c" * 500 + ".csv")
    with pytest.raises(ValueError, match=r"'a\\nb\.csv', c{30,40} \.\.\. c+\.csv\)") as told:
        unpack("f.csv", archive, BOUND)
    assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=r"has the arrays 'x\\n\.np', and x or x_train"):
        npz_arrays("f.npz", _zip(b"", "x\n.np"), "train", BOUND)
