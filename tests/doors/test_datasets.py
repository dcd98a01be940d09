"""Readers of tables and arrays: both CSV readers give one table, and damaged files are told apart from good ones."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from fastnn.datasets import load_digits, read_idx, read_idx_folder, read_npz
from fastnn.datasets.digits import digits_table
from fastnn.tables import Numbers, Text, read_table
from fastnn.tables.delimited import read_delimited

CSV = {
    "types": "n,f,t\n1,1.5,x\n-2,2e3,y\n",
    "gaps": "a,b,c\n,NA,?\n1,NaN,null\n2,3.5,x\n",
    "all gaps": "a,b\n,1\n,2\n",
    "spaces": "a,b\n 1, x\n2 ,x \n NA , ?\n",
    "quotes": 'a,b\n"x, y",1\n"say ""hi""",2\n"two\nlines",3\n"",4\n',
    "quotes inside": 'a,b\nx"q"z,1\n"a"b,2\n "c",3\n',
    "byte order mark": "\ufeffa,b\n1,2\n",
    "line ends": "a,b\r\n1,x\r\n2,y\r\n",
    "blank lines": "\n\na,b\n\n1,2\n\n3,4",
    "dates and truth": "d,t\n2020-01-01,true\n2020-01-02,False\n",
    "hours": "t,b\n12:00,1\n13:30,0\n",
    "hexadecimal": "a,b\n0x10,1\n0x11,2\n",
    "signs": "a,b\n+1,-1\n2,-0\n",
    "points": "a,b\n1.,.5\n2,1E5\n",
    "odd numbers": "a,b,c,d\n1_000,-nan,inf,1e999\n2,3,4,5\n",
    "long numbers": "a,b\n99999999999999999999,9223372036854775807\n1,1\n",
    "codes": "a,b\n007,1\n08,2\n",
    "other digits": "a,b\n\uff19,1\n8,2\n",
    "accents": "größe,b\nä,1\nß,2\n",
    "mixed late": "a,b\n" + "1,2\n" * 50000 + "1.5,x\n",
    "one column": "a\n1\n\n2\n",
    "no quotes closed in time": 'a,b\n5" pipe,1\n6" pipe,2\n',
    "carriage returns": "a,b\r1,x\r2,y\r",
    "decimal commas": "a;b;c;t\n1,5;1.234;2,5;x\n2,25;5.678;3,5;y, z\n",
    "thousands": 'a,b,c\n"1,234",1 234,$5\n"2,345,678.5",5,-$6.50\n1,2,"€ 7"\n',
    "percent": "a,b\n5%,x\n 6.5 %,y\n",
    "a word among numbers": "a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(300)) + "unknown,1\n",
    "index": ",a\n0,x\n1,y\n",
    "an empty column at the end": "a,b,\n1,2,\n3,4,\n",
    "codes that repeat": "a,b\n" + "007,1\n042,2\n" * 5,
    "whole numbers beyond 2^53": "a,b\n" + "9007199254740993,1\n9007199254740992,2\n" * 5,
    "long fields": "a,b\n" + "x" * 3_000_000 + ",1\ny,2\n",
    "tabs": "a\tb\n1\tx\n2\ty\n",
    "bars": "a|b\n1|x\n2|y\n",
}
BAD = {
    "": "is empty",
    "a,b\n": "no rows",
    'a,b\n1,x\n2,"y\n3,z\n': "quote that line 3 opens is never closed",
    'a,b\n1,"x\n2,y\n3,"z\n4,y\n': "quote that line 2 opens is closed only in line 4",
    "a,b\n1,\0\n": "zero byte in line 2",
    "\n\n": "is empty",
    ",\n1,2\n": "must name the columns",
    "a,b\n1\n": "line 2 has 1 fields",
    "a,b\n1,2\n1,2,3\n": "line 3 has 3 fields",
    "a,a\n1,2\n": "two columns named 'a'",
    "a,\n1,2\n": "column 2 has no name",
}


def same(left, right) -> bool:
    """Whether two tables are equal in names, kinds and values."""
    return list(left.columns) == list(right.columns) and all(
        type(a) is type(b)
        and (
            np.array_equal(a.values, b.values, equal_nan=True) and a.odd == b.odd
            if isinstance(a, Numbers)
            else a.values == b.values and np.array_equal(a.codes, b.codes)
        )
        for a, b in zip(left.columns.values(), right.columns.values(), strict=True)
    )


@pytest.mark.parametrize("name", CSV)
@pytest.mark.parametrize("as_text", [(), ("a", "b")], ids=["", "as text"])
def test_both_csv_readers_give_the_same_table(name, as_text, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.csv"
    path.write_text(CSV[name], encoding="utf-8", newline="")
    assert same(read_delimited(path, as_text, fast=True), read_delimited(path, as_text, fast=False))


@pytest.mark.parametrize("file", ["adult_train.csv.gz", "adult_test.csv.gz", "houses.csv", "optdigits.csv.gz"])
def test_both_csv_readers_give_the_same_real_table(file, data_folder):
    pytest.importorskip("pyarrow")
    assert same(read_delimited(data_folder / file, fast=True), read_delimited(data_folder / file, fast=False))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("text", BAD)
def test_a_malformed_csv_is_an_error_that_says_why(text, fast, tmp_path):
    if fast:
        pytest.importorskip("pyarrow")
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=BAD[text]):
        read_delimited(path, fast=fast)


ENCODED = {
    "utf-8-sig": "a,b\nä,1\nö,2\n",
    "utf-16": "a,b\nä,1\nö,2\n",
    "utf-32": "a,b\nä,1\nö,2\n",
    "latin-1": "a,b\nä,1\nö,2\n",
    "cp1252": "a,b\nä,1\n€,2\n",
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_an_encoding_is_found_out_and_told_where_it_is_a_guess(encoding, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(ENCODED[encoding].encode(encoding))
    table = read_table(path)
    assert table.columns["a"].values == tuple(sorted(line[0] for line in ENCODED[encoding].split()[1:]))
    assert bool(table.notes) == (not encoding.startswith("utf"))


def test_an_encoding_that_is_given_is_used_or_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\nж,1\nя,2\n".encode("koi8-r"))
    assert read_table(path, encoding="koi8-r").columns["a"].values == ("ж", "я")
    with pytest.raises(ValueError, match=r"a\.csv is not in the encoding utf-8"):
        read_table(path, encoding="utf-8")
    with pytest.raises(ValueError, match="unknown encoding"):
        read_table(path, encoding="utf-88")
    path.write_bytes("a,b\nx,1\n".encode("utf-16-le"))
    with pytest.raises(ValueError, match="utf-16-le"):
        read_table(path)
    assert read_table(path, encoding="utf-16-le").columns["a"].values == ("x",)


def test_a_truncated_gzip_file_is_an_error(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-12])
    with pytest.raises(ValueError, match="cut short"):
        read_table(path)


def test_columns_are_numbers_or_text_by_their_values(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("n\tf\tt\tg\n1\t1.5\tx\t\n2\tNA\t?\t\n")
    columns = read_table(path).columns
    assert isinstance(columns["n"], Numbers)
    assert columns["n"].values.tolist() == [1, 2]
    assert columns["f"].gaps.tolist() == [False, True]
    assert isinstance(columns["t"], Text)
    assert columns["t"].values == ("x",)
    assert columns["t"].codes.tolist() == [0, -1]
    assert columns["g"].gaps.all()


def test_parquet_gives_the_table_that_csv_gives(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    table = pyarrow.table(
        {
            "whole": [1, 2, None],
            "real": [1.5, None, 2.0],
            "text": ["x", None, " y "],
            "truth": [True, False, None],
            "number text": ["1", "2.5", "NA"],
        }
    )
    table = table.append_column("coded", table["text"].combine_chunks().dictionary_encode())
    parquet.write_table(table, tmp_path / "a.parquet")
    csv.write_csv(table, tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().replace("true", "True").replace("false", "False")
    (tmp_path / "a.csv").write_text(text)
    assert same(read_table(tmp_path / "a.parquet"), read_table(tmp_path / "a.csv"))


def test_parquet_refuses_what_is_neither_numbers_nor_text(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [[1], [2]]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="'a' holds list"):
        read_table(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="no Parquet file"):
        read_table(tmp_path / "b.parquet")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"fastnn-native\[table\]"):
        read_table(tmp_path / "a.parquet")


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    """An array in IDX format."""
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_idx_files_come_back_as_they_were(pack, tmp_path):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "i").write_bytes(pack(idx_bytes(images)))
    assert np.array_equal(read_idx(tmp_path / "i"), images)
    values = np.array([1.5, -2.0])
    (tmp_path / "f").write_bytes(pack(idx_bytes(values.astype(">f4"), 0x0D)))
    assert read_idx(tmp_path / "f").tolist() == values.tolist()
    assert read_idx(tmp_path / "f").dtype.isnative


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b"\1" + b[1:], lambda b: b[:6]])
def test_a_damaged_idx_file_is_an_error(change, tmp_path):
    (tmp_path / "i").write_bytes(change(idx_bytes(np.zeros((2, 3), np.uint8))))
    with pytest.raises(ValueError, match=r"IDX|cut short|wants"):
        read_idx(tmp_path / "i")


def test_an_idx_folder_has_a_part_to_train_and_a_part_to_test(tmp_path):
    for prefix, n in (("train", 3), ("t10k", 2)):
        (tmp_path / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((n, 2, 2), np.uint8)))
        (tmp_path / f"{prefix}-labels.idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(n, np.uint8))))
    assert [len(read_idx_folder(tmp_path, part)[1]) for part in ("train", "test")] == [3, 2]
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(ValueError, match="t10k-images"):
        read_idx_folder(tmp_path, "test")


def test_mnist_has_its_known_sums(data_folder):
    images, labels = read_idx_folder(data_folder / "mnist", "test")
    assert images.shape == (10000, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_npz_takes_the_arrays_of_the_part(tmp_path):
    path = tmp_path / "a.npz"
    x, y = np.ones((3, 2)), np.arange(3)
    np.savez(path, X_train=x, y_train=y[:, None], x_test=x[:2], y_test=y[:2])
    assert [len(read_npz(path, part)[1]) for part in ("train", "test")] == [3, 2]
    np.savez(path, x=x)
    assert read_npz(path, "test")[1] is None
    for arrays in ({"z": x}, {"x": x, "y": y[:2]}, {"x": x[:, 0]}, {"x": np.array([[None]])}):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=r"a\.npz"):
            read_npz(path)
    path.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="no NPZ archive"):
        read_npz(path)


def test_the_bundled_digits_are_those_of_their_donors():
    """Sums of the original files, optdigits.tra and optdigits.tes: of pixels, also by their places, and of targets."""
    parts = [digits_table(part) for part in ("train", "test")]
    pixels = [np.stack([column.values for column in list(part.columns.values())[:-1]]) for part in parts]
    assert [int(part.sum()) for part in pixels] == [1204758, 561718]
    places = [int(np.arange(1, 65) @ part @ np.arange(1, part.shape[1] + 1)) for part in pixels]
    assert places == [74843371502, 16337198609]
    assert [int(part.columns["target"].values @ np.arange(len(part))) for part in parts] == [32817427, 7264791]


def test_the_bundled_digits_are_split_by_writer():
    (x, y), (x_test, y_test) = load_digits()
    assert x.shape == (3823, 8, 8)
    assert x_test.shape == (1797, 8, 8)
    assert x.dtype == np.float32
    assert x.min() == 0
    assert x.max() == 1
    assert np.bincount(y).tolist() == [376, 389, 380, 389, 387, 376, 377, 387, 380, 382]
    assert np.bincount(y_test).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
