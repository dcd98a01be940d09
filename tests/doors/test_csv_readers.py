"""Random tables of odd values: both CSV readers give one table with the same notes, or say the same."""

from __future__ import annotations

import random

import pytest
from test_datasets import same

from fastnn.tables import Reading
from fastnn.tables.delimited import delimited_table

VALUES = (
    ["1", "2", "-3", "1.5", "007", "0", "00", "1,5", "1.234", "1,234", "1.234,5", "1 234", "$5", "5%", "x", "y z"]
    + ["", " ", "NA", "None", "-", "?", "true", "False", "2020-01-01", "12:00", "0x1f", "1e5", "1E400", "inf", "-nan"]
    + ["+1", ".5", "5.", "9007199254740993", "99999999999999999999", '"q"', '"a,b"', '"a;b"', '"two\nlines"', '5"']
    + [
        '"say ""hi"""',
        'x"q"z',
        '"a"b',
        ' "c"',
        "ä",
        "\u00a01",
        "1_000",
        "\u0663",
        "1e-400",
        "-0",
        "(5)",
        "1;2",
        "\tx",
        "(1,2)",
        "1,00,000",
    ]
)


def table(chance: random.Random) -> bytes:
    """A file of a few columns, each of a few values; now and then with a line of another length."""
    separator, end = chance.choice(",,;\t|"), chance.choice(["\n", "\n", "\r\n", "\r"])
    columns = [chance.sample(VALUES, chance.randint(1, 4)) for _ in range(chance.randint(1, 4))]
    names = [f"{chance.choice(['a', 'b c', ''])}{i if chance.random() < 0.9 else ''}" for i in range(len(columns))]
    n = chance.choice([1, 2, 5, 30])
    rows = [separator.join(names), *(separator.join(map(chance.choice, columns)) for _ in range(n))]
    if chance.random() < 0.1:
        rows.insert(chance.randrange(n + 2), chance.choice(["", " ", separator, '"']))
    if chance.random() < 0.1:
        rows.insert(0, f"sep={separator}")
    return end.join([*rows, ""]).encode()


def read(data: bytes, fast: bool, how: Reading):
    try:
        return delimited_table("f.csv", "f.csv", data, how, fast)
    except ValueError as error:
        return str(error)


def test_both_csv_readers_agree_on_random_tables():
    pytest.importorskip("pyarrow")
    chance, n_read = random.Random(5), 0
    for _ in range(300):
        text = chance.choice([(), ("a0",)])
        how = Reading(text, verbatim=chance.choice([(), text]), decimal=chance.choice([None, ",", "."]))
        data = table(chance)
        fast, slow = (read(data, reader, how) for reader in (True, False))
        if isinstance(fast, str):
            assert fast == slow, data
            continue
        n_read += 1
        assert same(fast, slow), data
        assert fast.notes == slow.notes, data
    assert n_read > 100
