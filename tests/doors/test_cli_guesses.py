"""A name on the command line that there is not is answered with what there is and what is most like it."""

from __future__ import annotations

import pytest
from test_cli import run

from fastnn.tables import table_of_frame
from fastnn.tables.features import with_columns


@pytest.fixture
def table(tmp_path):
    """A small table."""
    path = tmp_path / "t.csv"
    path.write_text("size,colour,price\n" + "".join(f"{i},{'red' if i % 3 else 'blue'},{i * 7}\n" for i in range(30)))
    return path


@pytest.mark.parametrize(
    ("words", "guess", "code"),
    [
        (("trian",), "'trian' (did you mean 'train'?)", 2),
        (("train", "t.csv", "--epocs", 3), "no option --epocs (did you mean '--epochs'?); fastnn train --help", 2),
        (("train", "t.csv", "--epocs=3"), "no option --epocs (did you mean '--epochs'?)", 2),
        (("train", "t.csv", "--task", "regresion"), "'regresion' (did you mean 'regress'?)", 2),
        (("train", "t.csv", "--target", "prize"), "'prize' (did you mean 'price'?); it has 'size', 'colour'", 1),
        (("train", "t.csv", "--target", "zzz"), "has no column 'zzz'; it has 'size', 'colour', 'price'", 1),
        (("train", "t.csv", "--target", "price", "--text", "colr"), "'colr' (did you mean 'colour'?); it has", 1),
        (("train", "t.csv", "--target", "price", "--window", 2, "--group", "colur"), "(did you mean 'colour'?)", 1),
        (("train", "t.csv", "--target", "colour", "--class-weight", "rad=2"), "'rad' (did you mean 'red'?)", 1),
        (("tune", "t.csv", "--target", "prise"), "'prise' (did you mean 'price'?); it has", 1),
    ],
)
def test_the_nearest_name_is_told(table, capsys, monkeypatch, words, guess, code):
    monkeypatch.chdir(table.parent)
    got, _, said = run(capsys, *words)
    assert guess in said
    assert got == code


def test_options_of_all_commands_are_taken_as_before(capsys):
    assert run(capsys, "train", "x.csv", "--", "--epocs")[0] == 2
    assert run(capsys, "info", "--version")[0] == 2


def test_a_table_without_a_column_of_the_model_has_a_guess():
    with pytest.raises(ValueError, match=r"no column 'size', which .* \(did you mean 'sise'\?\); it has 'sise'"):
        with_columns(table_of_frame({"sise": [1.0]}), ["size"])
