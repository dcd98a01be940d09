"""CSV as it comes: a stream finds in it what reading the whole file into memory finds."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fastnn.cli import main
from fastnn.data import csv_blocks, csv_lines, fit_encoding, stream
from fastnn.data.arrow import Tables
from fastnn.data.encoding import learn
from fastnn.data.files import find_files
from fastnn.tables import FeatureOptions, Reading, fit_features, read_table
from fastnn.tables.delimited import delimited_table

pa = pytest.importorskip("pyarrow")

ROWS = [(f"{(i * 37) % 101 / 8}", "xyz"[i % 3], ("yes", "no")[i * i % 7 < 3]) for i in range(60)]


def lines(header, made, sign="\n"):
    """A file of a header and what is made of each row's number and values."""
    return sign.join([header, *(made(i, row) for i, row in enumerate(ROWS)), ""])


FILES = {
    "quote inside a field": ("a\tc\tt", lambda i, row: f'{row[0]}\t{i % 5}" pipe {row[1]}\tyes "{row[2]}"'),
    "quoted ends of lines": ("a,c,t", lambda i, row: f'{row[0]},"{row[1]} ""s""\nand, left","{row[2]}"'),
    "quotes of both kinds": ("a;c;t", lambda i, row: f'{row[0]};"{row[1]}\n5"" long";{row[2]}" wide'),
    "name with an end of a line": ('"a\nb",c,t', lambda i, row: ",".join(row)),
    "name with a separator": ('\ufeff"a,b",c,t', lambda i, row: ",".join(row)),
    "line for Excel": ("sep=;\na;c;t", lambda i, row: ";".join(row)),
    "blank lines in front": ("\n\r\na,c,t", lambda i, row: ",".join(row)),
    "codes with leading zeros": ("a,c,t", lambda i, row: f"0{i % 7},{row[1]},{row[2]}"),
    "hexadecimal": ("a,c,t", lambda i, row: f"{i % 9:#x},{row[1]},{row[2]}"),
    "numbers beyond float64": ("a,c,t", lambda i, row: f"{2**60 + i % 6},{row[1]},{row[2]}"),
    "index without a name": (",a,c,t", lambda i, row: f"{i},{','.join(row)}"),
    "index that pandas wrote": ("Unnamed: 0,a,c,t", lambda i, row: f"{i},{','.join(row)}"),
    "separator at the end": ("a,c,t,", lambda i, row: f"{','.join(row)},"),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("sign", ["\n", "\r\n", "\r"], ids=["feed", "both", "return"])
def test_a_stream_reads_csv_as_the_whole_file_is_read(what, sign, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(lines(*FILES[what]).replace("\r\n", "\n").replace("\n", sign).encode())
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 200)
    whole = read_table(path)
    encoding = fit_encoding(path, "t")
    assert [feature.name for feature in encoding.features.features] == [name for name in whole.columns if name != "t"]
    given = stream(path, encoding=encoding, shuffle=False, batch_size=100)
    [(x, y)] = list(given)
    assert len(given.source.rows) > 1
    table = read_table(path, encoding.reading().as_text)
    np.testing.assert_array_equal(x, encoding.features.encode(table))
    np.testing.assert_array_equal(y.ravel(), encoding.target.encode(table.columns["t"]).ravel())
    kinds = {name: type(column) for name, column in whole.columns.items() if name != "t"}
    assert {name: type(table.columns[name]) for name in kinds} == kinds


def test_columns_of_numbers_alone_keep_leading_zeros_as_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("a,y\n" + "".join(f"0{i},{i}\n" for i in range(9)))
    [(x, _)] = list(stream(tmp_path / "a.csv", target="y", shuffle=False))
    np.testing.assert_array_equal(x.ravel(), np.arange(9))


@pytest.mark.parametrize(("name", "data"), [("a,,t", "1,2,3\n"), ("a,t", "1,\0\n")], ids=["no name", "zero byte"])
def test_what_is_refused_in_memory_is_refused_of_a_stream(name, data, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{name}\n{data * 3}")
    with pytest.raises(ValueError, match=r"column 2 has no name|zero byte"):
        read_table(path)
    with pytest.raises(ValueError, match=r"column 2 has no name|a zero byte behind 6 others"):
        fit_encoding(path, "t")


def test_names_of_thousands_of_columns_are_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_blocks, "LOOK", 64)
    names = [f"column {i}" for i in range(1500)]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n" + (",".join("1" for _ in names) + "\n") * 3)
    assert stream(tmp_path / "a.csv", target="column 0").source.schema.names == names


def test_index_of_pandas_is_no_input_of_a_stream(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(20.0), "t": np.arange(20.0) ** 2}, index=range(100, 140, 2))
    frame.iloc[::-1].to_parquet(tmp_path / "a.parquet")
    frame.set_index(frame.index * 7).to_parquet(tmp_path / "b.parquet")
    for name in ("a", "b"):
        assert [f.name for f in fit_encoding(tmp_path / f"{name}.parquet", "t").features.features] == ["a"]


PIECES = ["1", "x", '"', '""', '"a', 'b"', " ", "\r", "\n", ",", ",", ",\n", "\n", '"q"', '",', ',"']


def test_rows_of_blocks_are_those_of_the_csv_module(tmp_path):
    """Random bytes of quotes, separators and ends of lines: each block has as many rows as it is read as."""
    import csv
    import io

    chance, compared = random.Random(3), 0
    for _ in range(1500):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 60))).replace("\r", "") + "\n"
        try:
            rows = [fields for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if fields]
            delimited_table("f", "f", text.encode(), Reading(), fast=False)
        except ValueError as error:
            if "fields" not in str(error):
                continue
        except csv.Error:
            continue
        (tmp_path / "a.csv").write_text(text)
        found = list(csv_lines.find_blocks(str(tmp_path / "a.csv"), 0, chance.choice([3, 8, 1000]), b",", b"\n"))
        assert sum(rows for *_, rows in found) == len(rows), text
        assert (
            b"".join(text.encode()[first : first + size] for first, size, _ in found).split() == text.encode().split()
        )
        compared += 1
    assert compared > 50


def test_notes_and_gaps_are_those_of_the_whole_file(tmp_path):
    rows = (f"{'oops' if i % 40 == 3 else i},${i},0.5,,NA,{2**60 + i},{i * i}\n" for i in range(200))
    (tmp_path / "a.csv").write_text("words,money,one,none,gaps,near,y\n" + "".join(rows))
    options = FeatureOptions(pieces=4)
    whole, told = fit_features(read_table(tmp_path / "a.csv").without("y"), options)
    source = Tables(find_files(tmp_path / "a.csv"), csv_blocks.CsvOptions(codes=True))
    found = learn(source, [name for name in source.schema.names if name != "y"], "y", None, options)
    assert found.notes == told
    assert any("differ by less than rounding" in note for note in told)
    assert [(f.name, f.width) for f in found.encoding.features.features] == [(f.name, f.width) for f in whole.features]


COMMAS = {
    "fractions": ("a;c;t", lambda i, row: f"{row[0].replace('.', ',')};{row[1]};{row[2]}"),
    "one of the columns": ("n;a;c;t", lambda i, row: f"{i};{row[0].replace('.', ',')};{row[1]};{row[2]}"),
    "quoted": ("a,c,t", lambda i, row: f'"{row[0].replace(".", ",")}",{row[1]},{row[2]}'),
    "points": ("a;c;t", lambda i, row: ";".join(row)),
    "points between thousands": ("a;c;t", lambda i, row: f"{1 + i % 7}.{100 + i},5;{row[1]};{row[2]}"),
    "whole thousands among them": ("a;c;t", lambda i, row: f"{1 + i % 7}.{100 + i}{',5' * (i % 2)};{row[1]};{row[2]}"),
    "percent": ("a;c;t", lambda i, row: f"{row[0].replace('.', ',')} %;{row[1]};{row[2]}"),
    "words among fractions": (
        "a;c;t",
        lambda i, row: f"{row[0].replace('.', ',') if i % 40 else 'nobody knows'};{row[1]};{row[2]}",
    ),
    "separators of thousands": ("a,c,t", lambda i, row: f'"{i + 1},250.5",{row[1]},{row[2]}'),
    "whole numbers": ("a;c;t", lambda i, row: f"{i};{row[1]};{row[2]}"),
}


@pytest.mark.parametrize("what", COMMAS)
def test_commas_before_fractions_are_found_as_in_the_whole_file(what, tmp_path):
    (tmp_path / "a.csv").write_text(lines(*COMMAS[what]))
    source = Tables(find_files(tmp_path / "a.csv"), csv_blocks.CsvOptions(decimal=None, codes=True))
    whole = read_table(tmp_path / "a.csv")
    columns = [name for name in whole.columns if name != "t"]
    features = learn(source, columns, "t", None, FeatureOptions()).encoding.features
    expected = fit_features(whole.without("t"))[0]
    assert [type(feature) for feature in features.features] == [type(feature) for feature in expected.features]
    for found, wanted in zip(features.features, expected.features, strict=True):
        assert getattr(found, "mean", 0) == pytest.approx(getattr(wanted, "mean", 0))


def test_a_stream_on_the_command_line_finds_commas_and_says_so(tmp_path, capsys):
    path, model = str(tmp_path / "a.csv"), str(tmp_path / "m.safetensors")
    (tmp_path / "a.csv").write_text(lines(*COMMAS["fractions"]))
    train = ["train", path, "--target", "t", "--epochs", "1", "--seed", "1", "--stream", "--out", model]
    assert main(train) == 0
    assert "the comma stands before fractions" in capsys.readouterr().out
    assert main(["predict", model, path, "--stream"]) == 0
    streamed = capsys.readouterr()
    assert "the comma stands before fractions" in streamed.err
    assert main(["predict", model, path]) == 0
    assert capsys.readouterr().out == streamed.out
    assert main(["evaluate", model, path, "--stream", "--decimal", ","]) == 0
    assert "comma" not in capsys.readouterr().err


PRICES = [f"{1 + i % 3}.{100 + i},50" if i % 2 else "ask us" if i % 150 == 50 else f"{i % 90},25" for i in range(400)]


def test_numbers_that_only_people_write_are_predicted_from_as_in_memory(tmp_path, capsys):
    """Thousands, percent and words in a file with decimal commas; in new rows half of the values are words."""
    path, new, model = (str(tmp_path / name) for name in ("a.csv", "new.csv", "m.safetensors"))
    rows = [f"{price};{i % 40},{i % 10} %;{1 + i % 4}.{i % 40 + 100},5" for i, price in enumerate(PRICES)]
    (tmp_path / "a.csv").write_text("\n".join(["price;share;cost", *rows, ""]))
    (tmp_path / "new.csv").write_text("price;share\n1.200,5;3,5 %\nask us;2,25 %\n")
    train = ["train", path, "--target", "cost", "--epochs", "2", "--seed", "1", "--stream", "--out", model]
    assert main(train) == 0
    told = capsys.readouterr().out
    assert "task: regress" in told
    assert "words in 3 of its rows count as gaps ('ask us' in 3 rows)" in told
    results = []
    for how in ([], ["--stream"]):
        assert main(["predict", model, new, *how]) == 0
        results.append(capsys.readouterr().out)
        assert main(["evaluate", model, path, *how]) == 0
        results[-1] += capsys.readouterr().out
    assert results[0] == results[1]


def write_late(path, words, n=400):
    rows = [f"{words.get(i, i % 50)},{i % 7},{i * i % 11}\n" for i in range(n)]
    path.write_text("late,b,t\n" + "".join(rows))


@pytest.mark.parametrize(
    "words",
    [{390: "oops"}, {390: "oops", 200: "err"}, dict.fromkeys(range(150, 400), "word")],
    ids=["one", "two", "many"],
)
def test_words_in_a_block_that_was_not_looked_at_are_what_they_are_in_memory(words, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write_late(path, words)
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 250)
    monkeypatch.setattr(csv_blocks, "LOOKED_AT", 1)
    whole = read_table(path)
    encoding = fit_encoding(path, "t", task="regress")
    expected = fit_features(whole.without("t"))[0]
    assert [(type(f), f.width) for f in encoding.features.features] == [(type(f), f.width) for f in expected.features]
    [(x, _)] = list(stream(path, encoding=encoding, shuffle=False, batch_size=400))
    how = encoding.reading()
    np.testing.assert_array_equal(x, encoding.features.encode(read_table(path, how.as_text, as_numbers=how.as_numbers)))


def test_words_that_are_found_late_are_named_where_nobody_knows_them(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    write_late(path, {390: "oops"})
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 250)
    monkeypatch.setattr(csv_blocks, "LOOKED_AT", 1)
    words = r"column 'late' has 'oops', and numbers in the blocks .* text=\['late'\]"
    with pytest.raises(ValueError, match=words):
        list(stream(path, target="t", shuffle=False))
    with pytest.raises(ValueError, match=words):
        fit_encoding(path, "late")


def test_a_stream_on_the_command_line_goes_on_with_words_found_late(tmp_path, capsys, monkeypatch):
    path, model = str(tmp_path / "a.csv"), str(tmp_path / "m.safetensors")
    write_late(tmp_path / "a.csv", {390: "oops"})
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 250)
    monkeypatch.setattr(csv_blocks, "LOOKED_AT", 1)
    assert main(["train", path, "--target", "t", "--epochs", "1", "--seed", "1", "--stream", "--out", model]) == 0
    assert (
        "note: column 'late' holds numbers; a word in one of its rows counts as a gap ('oops')"
        in capsys.readouterr().out
    )
    assert main(["predict", model, path, "--stream"]) == 0
    streamed = capsys.readouterr().out
    assert main(["predict", model, path]) == 0
    assert capsys.readouterr().out == streamed
