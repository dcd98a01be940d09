"""Streams of files with columns: rows, encodings, parts, shards, and files that are not what they should be."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastnn.data import stream

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.stream
N = 1000
RNG = np.random.default_rng(1)
A, B = RNG.standard_normal(N), RNG.integers(0, 50, N)
Y = (A + B > 25).astype(np.int64)


def table(rows=slice(None), **others):
    columns = {"row": np.arange(N)[rows], "a": A[rows], "b": B[rows].astype(np.int32), "y": Y[rows]}
    return pa.table({name: values for name, values in (columns | others).items() if values is not None})


def write(path, made, group_rows=130):
    from pyarrow import csv, feather, parquet

    if path.suffix == ".parquet":
        parquet.write_table(made, path, row_group_size=group_rows)
    elif path.suffix == ".feather":
        feather.write_feather(made, path, chunksize=group_rows)
    else:
        csv.write_csv(made, path)
    return path


@pytest.fixture(params=["parquet", "feather", "csv"])
def files(request, tmp_path):
    for number, (first, last) in enumerate(((0, 420), (420, 500), (500, N))):
        write(tmp_path / f"part-{number}.{request.param}", table(slice(first, last)))
    return tmp_path / f"part-*.{request.param}"


def rows_of(batches):
    return np.concatenate([np.asarray(x)[:, 0] for x, *_ in batches]).astype(int)


def test_all_rows_come_once_in_an_order_of_each_pass(files):
    given = stream(files, target="y", batch_size=64, window=2, seed=5)
    orders = [rows_of(given.batches(number)) for number in (0, 0, 1)]
    assert given.n_rows == N
    assert len(given) == 16
    assert (np.sort(orders[0]) == np.arange(N)).all()
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()
    for x, y in given:
        rows = x[:, 0].astype(int)
        np.testing.assert_array_equal(x[:, 1:], np.stack([A, B], 1)[rows].astype(np.float32))
        assert (y == Y[rows]).all()
    assert (rows_of(given.in_order()) == np.arange(N)).all()


def test_a_folder_a_list_and_a_dataset_are_its_files(files):
    import pyarrow.dataset

    folder, kind = files.parent, files.suffix[1:]
    names = sorted(str(path) for path in folder.iterdir())
    dataset = pyarrow.dataset.dataset(names, format=kind)
    for source in (str(folder), names, dataset):
        assert (rows_of(stream(source, target="y", shuffle=False)) == np.arange(N)).all()


def test_columns_filters_and_weights(files):
    given = stream(files, target=["y", "b"], columns=["row"], weight="b", filters=[("b", ">=", 25)], shuffle=False)
    kept = np.flatnonzero(B >= 25)
    batches = list(given)
    assert given.n_rows == len(kept)
    assert (rows_of(batches) == kept).all()
    assert batches[0][0].shape[1] == 1
    np.testing.assert_array_equal(np.concatenate([w for *_, w in batches]), B[kept].astype(np.float32))
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in batches]), np.stack([Y, B], 1)[kept])


def test_a_batch_in_the_middle_is_had_without_those_before(files):
    given = stream(files, target="y", batch_size=64, window=2, seed=5)
    every = list(given.batches(3))
    for first in (0, 1, 7, 15):
        for one, other in zip(every[first:], given.batches(3, first), strict=True):
            np.testing.assert_array_equal(one[0], other[0])


def test_parts_hold_each_row_once_whatever_the_windows(files):
    given = stream(files, target="y", batch_size=64, window=2)
    training, held_out = given.split(0.2, seed=3)
    rows, others = rows_of(training), rows_of(held_out)
    assert training.n_rows == len(rows)
    assert held_out.n_rows == len(others)
    assert 150 < len(others) < 250
    assert (np.sort([*rows, *others]) == np.arange(N)).all()
    again = stream(files, target="y", batch_size=9, window=1, seed=8).split(0.2, seed=3)[1]
    assert set(rows_of(again)) == set(others)


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_shards_give_pieces_of_every_batch(files, shards):
    kind = files.suffix
    if kind == ".csv":  # each file is a block
        shards = min(shards, 3)
    given = stream(files, target="y", batch_size=50, window=4, seed=5)
    lengths = given.piece_lengths(shards)
    pieces = [list(given.shard(which, shards).batches(2)) for which in range(shards)]
    assert [[len(y) for _, y in each] for each in pieces] == lengths.T.tolist()
    assert {len(each) for each in pieces} == {len(given.shard(0, shards))}
    assert lengths[0].sum() == 50
    found = np.concatenate([rows_of(each) for each in pieces])
    assert (np.sort(found) == np.arange(N)).all()
    for which in range(shards):
        own, read = given.shard(which, shards), set()
        own.source.read = lambda group, mask=None, read_one=own.source.read, read=read: (
            read.add(group) or read_one(group, mask)
        )
        list(own)
        del own.source.read
        assert all(group % shards == which for group in read - {0})


def raised(kind, match, *given, use=list, **named):
    with pytest.raises(kind, match=match):
        use(stream(*given, **named))


def test_files_that_are_not_there_or_not_alike_are_named(tmp_path):
    raised(FileNotFoundError, r"no file for the source '.*\*.parquet'", str(tmp_path / "*.parquet"))
    raised(FileNotFoundError, "no such file: .*gone.parquet", tmp_path / "gone.parquet")
    raised(FileNotFoundError, "the folder .* has no file that ends in", tmp_path)
    write(tmp_path / "part-0.parquet", table(slice(0, 500)))
    second = tmp_path / "part-1.parquet"
    write(second, table(slice(500, N), a=None))
    raised(ValueError, "part-1.parquet has no column 'a'; it has 'row', 'b', 'y'", tmp_path, target="y")
    raised(ValueError, "part-0.parquet has no column 'z'", tmp_path, target="z")
    write(second, table(slice(500, N), a=["x"] * 500))
    raised(
        ValueError, "column 'a' differs in type: .*part-1.parquet has string, .*part-0.*double", tmp_path, target="y"
    )
    write(second, table(slice(0, 0)))
    raised(ValueError, "part-1.parquet has no rows", tmp_path, target="y")
    second.write_bytes(b"PAR1 and no more")
    raised(ValueError, "part-1.parquet cannot be read as Parquet", tmp_path, target="y")
    second.unlink()
    write(tmp_path / "part-1.feather", table(slice(500, N)))
    raised(ValueError, "files of two kinds", tmp_path, target="y")
    raised(ValueError, "a stream reads files that end in", [tmp_path / "part-0.parquet", __file__])
    raised(ValueError, "twice", [tmp_path / "part-0.parquet"] * 2)


def test_a_dataset_with_columns_in_names_of_folders_is_refused(tmp_path):
    from pyarrow import dataset as datasets

    datasets.write_dataset(table(), tmp_path, format="parquet", partitioning=["y"], partitioning_flavor="hive")
    dataset = datasets.dataset(tmp_path, partitioning="hive")
    raised(ValueError, "the dataset has 'y', which .* has not", dataset)


def test_values_that_are_no_numbers_are_named(tmp_path):
    path = write(tmp_path / "a.parquet", table(c=["x"] * N))
    raised(
        ValueError,
        "a.parquet, row group 1: column 'c' holds string, which is no number",
        path,
        target="y",
        shuffle=False,
    )
    path = write(tmp_path / "b.parquet", table(c=[1.0] * 150 + [None] * 850))
    raised(ValueError, "b.parquet, row group 2: column 'c' has 110 gaps", path, target="y", shuffle=False, window=1)
    path = write(tmp_path / "c.parquet", table(c=[1.0] * 150 + [np.inf] * 850))
    raised(ValueError, "c.parquet, row group 2: .* not finite, the first in row 20", path, shuffle=False, window=1)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_file_that_changes_between_passes_is_named(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", table())
    given = stream(path, target="y")
    list(given)
    write(path, table(slice(0, 900)))
    with pytest.raises(ValueError, match=rf"a.{kind} has changed since the stream was made \(.* bytes, now"):
        list(given)
    write(path, table())
    given = stream(path, target="y")
    os.utime(path, (1, 1))
    with pytest.raises(ValueError, match="has changed since the stream was made"):
        list(given)
    path.unlink()
    with pytest.raises(ValueError, match="is gone since the stream was made"):
        list(given)


def test_shards_that_cannot_be_are_refused(tmp_path):
    given = stream(write(tmp_path / "a.parquet", table(), 300), target="y", batch_size=8)
    with pytest.raises(ValueError, match="4 row groups, which leaves shard 4 of 5 without a row"):
        given.shard(0, 5)
    with pytest.raises(ValueError, match="batches of 8 rows have no row for each of 9 shards"):
        given.piece_lengths(9)
    with pytest.raises(ValueError, match="is a shard itself"):
        given.shard(0, 2).shard(0, 2)


def test_quotes_blank_lines_and_blocks_of_csv(tmp_path, monkeypatch):
    from fastnn.data import csv_blocks
    from fastnn.tables import fit_features, read_table
    from fastnn.tables.encoding import Encoding
    from fastnn.tables.target import fit_quantity

    lines = ["city;size;y"]
    lines += [f'"Bern\n{i % 3}""x";{i},5;{i * i}\r' if i % 7 else f"Oslo;;{i}\n" for i in range(300)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 1000)
    whole = read_table(tmp_path / "a.csv")
    encoding = Encoding(fit_features(whole.without("y"))[0], fit_quantity("y", whole.columns["y"]))
    options = {"separator": ";", "decimal": ",", "shuffle": False, "batch_size": 400}
    given = stream(tmp_path / "a.csv", encoding=encoding, **options)
    [(x, y)] = list(given)
    assert len(given.source.rows) > 5
    np.testing.assert_array_equal(x, encoding.features.encode(whole))
    np.testing.assert_array_equal(y, encoding.target.encode(whole.columns["y"]).astype(np.float32))


@pytest.mark.parametrize("filters", [[("nowhere", ">", 1)], [("a", ">", "x")]], ids=["no column", "another type"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_filter_that_does_not_fit_is_told_in_a_line(tmp_path, filters, ending):
    from pyarrow import csv, parquet

    table = pa.table({"a": np.arange(9.0), "y": np.arange(9)})
    path = tmp_path / f"t.{ending}"
    (parquet.write_table if ending == "parquet" else csv.write_csv)(table, path)
    with pytest.raises(ValueError, match=rf"t\.{ending} cannot be filtered by [^\n]*; it has 'a', 'y'$"):
        stream(path, target="y", filters=filters)
