"""Columns of text: words and characters, which of them have numbers, and the encoding in a model's file."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fastnn.tables import (
    Encoding,
    FeatureOptions,
    Numbers,
    Table,
    TextOptions,
    fit_classes,
    fit_quantity,
    fit_texts,
    table_of_frame,
)
from fastnn.tables.counting import Texts, Wanted, frequent_tokens
from fastnn.tables.table import Text, column_from_values, text_column
from fastnn.tables.text_fit import MOST_LENGTH, MOST_TOKENS
from fastnn.tables.texts import TextFeature, TextFeatures, texts_from_config
from fastnn.tables.tokens import Numbers as TokenNumbers
from fastnn.tables.tokens import numbered, tokenizer

SENTENCES = ["not good", "very good film", "not bad at all", "very very bad", "a film", "good, not bad"]


def column(texts: list[str]) -> Text:
    """A column of these texts, of which only what is empty is a gap."""
    return text_column(np.arange(len(texts)), texts, gaps=("",))


def fitted(texts: list[str], *options, **others) -> TextFeature:
    features, _ = fit_texts(Table({"t": column(texts), **others}, "file"), ["t"], TextOptions(*options))
    return features.texts[0]


def words(text: str) -> list[str]:
    return list(tokenizer([text], "words")(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP, it\u2019s 3.50$ or 1,000!", ["don't", "stop", "it's", "3.50", "or", "1,000"]),
        ("'quoted' end. of snake_case v2", ["quoted", "end", "of", "snake_case", "v2"]),
        ("Cafe\u0301 CAF\u00c9 stra\u00dfe STRASSE", ["caf\u00e9", "caf\u00e9", "strasse", "strasse"]),
        ("\u0926\u0940 \u092e\u0947\u0902", ["\u0926\u0940", "\u092e\u0947\u0902"]),
        ("\u6211\u559c\u6b22 films", ["\u6211", "\u559c", "\u6b22", "films"]),
        ("good\U0001f44d\U0001f3fd\u2764\ufe0f", ["good", "\U0001f44d\U0001f3fd", "\u2764\ufe0f"]),
        ("a\0b\x07c\ud800d co\u00adop", ["a", "b", "c", "d", "coop"]),
        (" \t\0 ?!", []),
        ("", []),
    ],
)  # fmt: skip
def test_words_are_runs_of_letters_digits_and_their_marks_and_signs_and_symbols_by_themselves(text, expected):
    assert words(text) == expected


def test_characters_have_a_space_at_both_ends_and_no_control_characters():
    split = tokenizer(["x"], "characters")
    assert "".join(split("A\0\t b\u0301 \U0001f44d")) == " a b\u0301 \U0001f44d "
    assert not split("\0 \n")


def test_words_of_ascii_are_the_same_by_the_fast_way_and_by_the_pattern(rng):
    for _ in range(300):
        text = "".join(rng.choice(list("ab1 .,'_-!\n\0Z"), 10))
        assert words(text) == list(tokenizer(["\u00e4"], "words")(text + " \u00e4"))[:-1]


def test_the_words_of_a_text_do_not_depend_on_the_other_texts(rng):
    texts = ["a\u0301\u0301b", "x\u2764y", "\u00e9", "e\u0301", "`x`", "\uff40x", "\u0e01\u0e34", "1\u00bd"]
    together = tokenizer(texts, "words")
    assert [together(text) for text in texts] == [words(text) for text in texts]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_the_vocabulary_does_not_depend_on_the_order_of_rows(rng, unit):
    texts = [" ".join(rng.choice(list("abcdefgh"), 6)) for _ in range(60)]
    first = fitted(texts, unit)
    for _ in range(3):
        rng.shuffle(texts)
        assert fitted(texts, unit) == first


def test_tokens_are_those_of_most_rows_then_the_shorter_then_by_the_alphabet():
    feature = fitted(["b a", "b a", "b c", "c b", "a"], "words")
    assert feature.tokens == ["b", "a", "c", "b a"]
    assert fitted(["a a a", "a b"], "words").tokens == ["a"]  # in three places of one row


@pytest.mark.parametrize(("unit", "parts", "size"), [("words", 2, 9), ("words", 2, 40), ("characters", 3, 25)])
def test_tokens_are_those_that_counting_all_of_them_gives_and_have_their_parts(rng, unit, parts, size):
    texts = [" ".join(rng.choice(list("abcde"), rng.integers(0, 7))) for _ in range(50)]
    weights = rng.integers(1, 4, 50)
    numbers = TokenNumbers()
    found = numbered(texts, unit, numbers)
    got = frequent_tokens(Texts(found, weights, 5), list(numbers), unit, Wanted(parts, 2, size))
    split, between = tokenizer(texts, unit), " " if unit == "words" else ""
    rows: dict[tuple[str, ...], int] = {}
    for text, weight in zip(texts, weights, strict=True):
        part = tuple(split(text)[:5])
        for token in {part[i : i + n] for n in range(1, parts + 1) for i in range(len(part) - n + 1)}:
            rows[token] = rows.get(token, 0) + int(weight)
    often = sorted((-count, len(t), between.join(t)) for t, count in rows.items() if count >= 2)
    assert got == [text for *_, text in often][:size]
    TextFeature("t", unit, 5, got).check()


def test_numbers_are_of_words_then_of_pairs_1_for_the_unseen_and_0_for_none():
    feature = TextFeature("t", "words", 3, ["not", "good", "not good"])
    x = feature.encode(column(["not good", "good not good not", "new", ""]))
    assert x.tolist() == [[2, 3, 0, 4, 0], [3, 2, 3, 0, 4], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert x.dtype == np.float32
    threes = TextFeature("t", "characters", 3, [" ", "a", " a", " a "])
    assert threes.encode(column(["A", "b"])).tolist() == [[2, 3, 2, 4, 0, 5], [2, 1, 2, 0, 0, 0]]


def test_a_row_is_encoded_alike_whatever_stands_in_the_others(rng):
    feature = fitted(SENTENCES, "words")
    texts = [*SENTENCES, "", "x" * 10_000, "\u00e9\u0301 not", "not\0good"]
    together = feature.encode(column(texts))
    rows = rng.permutation(len(texts))
    assert np.array_equal(feature.encode(column(texts).take(rows)), together[rows])
    assert all(
        np.array_equal(feature.encode(column([text]))[0], row) for text, row in zip(texts, together, strict=True)
    )


def test_an_order_that_is_read_needs_no_pairs():
    assert all(" " not in token for token in fitted(SENTENCES, "words", None, True).tokens)
    assert "not bad" in fitted(SENTENCES, "words").tokens


def test_held_out_rows_change_nothing_of_the_encoding():
    every = column([*SENTENCES, "held out " * 50, "held out"])
    training = every.take(np.arange(len(SENTENCES)))
    features, notes = fit_texts(Table({"t": training}), ["t"])
    assert features.texts[0] == fitted(SENTENCES)
    assert not notes


def test_words_are_read_unless_they_are_few_or_seldom_come_twice_or_their_script_has_no_spaces(rng):
    names = [" ".join("".join(rng.choice(list("abcdefgh"), 7)) for _ in range(5)) for _ in range(80)]
    signs = ["".join(rng.choice(list("\u6211\u559c\u6b22\u8fd9\u90e8"), 6)) for _ in range(80)]
    sentences = [f"the {a} was {b}" for a in ("view", "room") for b in ("good", "bad")]
    assert fitted(sentences).unit == "words"
    assert [fitted(texts).unit for texts in (names, signs, ["one two three"] * 9)] == ["characters"] * 3
    assert fitted(names + ["a b"] * 3, "words").unit == "words"


def test_the_length_is_that_of_nearly_all_texts_within_a_bound():
    assert fitted(["a b"] * 99 + ["a " * 500], "words").length == 2
    assert fitted(["a " * 900] * 5, "words").length == MOST_LENGTH
    feature = fitted(["a b c", "a b"], "words", 1)
    assert (feature.length, feature.width, feature.tokens) == (1, 1, ["a"])


def test_the_vocabulary_has_a_bound(monkeypatch):
    monkeypatch.setattr("fastnn.tables.text_fit.MOST_TOKENS", 10)
    feature = fitted([" ".join(f"w{j}" for j in range(i, i + 8)) for i in range(40)] * 2, "words")
    feature.check()
    assert len(feature.tokens) == 10 < MOST_TOKENS
    assert fitted(["z y x w v u t s r q p o n m l k j i h g f e d c b a"] * 2, "words").tokens == [*"abcdefghij"]


def test_long_empty_and_strange_texts_are_told():
    feature = TextFeature("t", "words", 2, ["a"])
    told = feature.notes(column(["a a a", "", "new", "a new", "?"]))
    assert told == [
        "column 't': 1 of 5 rows is longer than 2 words, the rest is not read",
        "column 't': 2 of 5 rows are without words, and read as zeros",
        "column 't': 1 of 5 rows has no word that training rows had",
    ]


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"x": column(["a", "a"])}, "no column 't'; it has 'x'"),
        ({"t": Numbers(np.array([1.0, 2.0]))}, "'t' holds numbers"),
        ({"t": Text(np.array([-1, -1]), ())}, "'t' is empty in every training row"),
        ({"t": column(["a", "b"])}, "no characters that stand in two training rows|no words that stand in two"),
        ({"t": column(["?", "!"])}, "that stand in two training rows"),
    ],
)
def test_columns_without_text_are_errors(columns, match):
    with pytest.raises(ValueError, match=match):
        fit_texts(Table(columns, "file"), ["t"], TextOptions("words"))


def test_a_column_of_gaps_is_read_as_zeros_and_numbers_are_refused():
    feature = fitted(SENTENCES, "words")
    assert not feature.encode(Numbers(np.full(3, np.nan))).any()
    with pytest.raises(ValueError, match="holds numbers; the model was trained on text"):
        feature.encode(Numbers(np.array([1.0])))


def test_other_columns_are_an_array_of_their_own_and_texts_one_each():
    table = Table({"t": column(SENTENCES), "n": Numbers(np.arange(6.0)), "u": column(["x y"] * 6)}, "file")
    features, _ = fit_texts(table, ["u", "t"])
    x = features.encode(table)
    assert [part.shape[1] for part in x] == list(features.widths)
    assert [feature.name for feature in features.features] == ["u", "t", "n"]
    assert features.text_columns() == features.verbatim_columns() == ["u", "t"]
    assert list(features.number_columns()) == ["n"]
    with pytest.raises(ValueError, match="has no column 't', 'n'"):
        features.encode(table.without("t").without("n"))
    with pytest.raises(ValueError, match="array of images"):
        features.encode(np.zeros((2, 3)))


def test_other_columns_that_say_nothing_are_left_out():
    columns = {"t": column(SENTENCES), "id": column([f"i{i}" for i in range(200)]).take(np.arange(6))}
    features, notes = fit_texts(Table(columns), ["t"])
    assert features.columns is not None  # few texts are categories
    columns = {"t": column(SENTENCES * 40), "id": column([f"i{i}" for i in range(240)])}
    features, notes = fit_texts(Table(columns), ["t"])
    assert features.columns is None
    assert features.encode(Table(columns)).shape == (240, features.width)
    assert any("'id'" in note for note in notes)


def encoding() -> tuple[Encoding, SimpleNamespace]:
    """An encoding with a text and a number, and the layout of a network for it."""
    table = Table({"t": column(SENTENCES), "n": Numbers(np.arange(6.0))}, "file")
    features, _ = fit_texts(table, ["t"], TextOptions("words"))
    shapes = tuple((width,) for width in features.widths)
    layout = SimpleNamespace(input_shapes=shapes, output_shape=(1,), n_ids=features.n_ids)
    return Encoding(features, fit_classes("c", column_from_values(["u", "v"]))), layout


def test_an_encoding_comes_back_from_a_models_metadata():
    made, layout = encoding()
    back = Encoding.fitting(made.metadata()["table"], layout)
    assert back.metadata() == made.metadata()
    assert back.features.texts == made.features.texts
    assert texts_from_config(made.features.config()).config() == made.features.config()
    reading = back.reading()
    assert (list(reading.as_text), list(reading.verbatim), list(reading.as_numbers)) == (["t", "c"], ["c", "t"], ["n"])


HOSTILE = {
    "no texts": lambda f: f.update(texts=[]),
    "a text twice": lambda f: f["texts"].append(f["texts"][0]),
    "a column that is a text": lambda f: f["columns"]["columns"][0].update(name="t"),
    "images beside texts": lambda f: f.update(columns={"kind": "pixels", "shape": [1]}),
    "texts beside texts": lambda f: f.update(columns={"kind": "text", "texts": [], "columns": None}),
    "no tokens": lambda f: f["texts"][0].update(tokens=[]),
    "tokens that are a word": lambda f: f["texts"][0].update(tokens="abc"),
    "tokens of numbers": lambda f: f["texts"][0].update(tokens=[1, 2]),
    "a token twice": lambda f: f["texts"][0]["tokens"].__setitem__(1, f["texts"][0]["tokens"][0]),
    "an empty token": lambda f: f["texts"][0]["tokens"].__setitem__(0, ""),
    "a token of spaces": lambda f: f["texts"][0]["tokens"].__setitem__(0, "  "),
    "a pair without its parts": lambda f: f["texts"][0]["tokens"].__setitem__(0, "never met"),
    "a token more": lambda f: f["texts"][0]["tokens"].append("more"),
    "a token less": lambda f: f["texts"][0]["tokens"].pop(),
    "a token of four words": lambda f: f["texts"][0]["tokens"].append("good good good good"),
    "another unit": lambda f: f["texts"][0].update(unit="letters"),
    "no length": lambda f: f["texts"][0].update(length=0),
    "a huge length": lambda f: f["texts"][0].update(length=10**15),
    "a length of text": lambda f: f["texts"][0].update(length="9"),
    "a name of numbers": lambda f: f["texts"][0].update(name=3),
    "something that nothing reads": lambda f: f["texts"][0].update(extra=1),
    "a list of kinds": lambda f: f.update(kind=["text"]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_encoding_that_is_damaged_is_refused(case):
    made, layout = encoding()
    stored = json.loads(made.metadata()["table"])
    HOSTILE[case](stored["features"])
    with pytest.raises(ValueError, match="this model's encoding is damaged"):
        Encoding.fitting(json.dumps(stored), layout)


def test_an_encoding_of_texts_fits_no_other_network():
    made, layout = encoding()
    for changed in ({"input_shapes": layout.input_shapes[:1]}, {"n_ids": (None, None)}, {"output_shape": (3,)}):
        with pytest.raises(ValueError, match="damaged"):
            Encoding.fitting(made.metadata()["table"], SimpleNamespace(**(vars(layout) | changed)))
    with pytest.raises(ValueError, match="texts must be there"):
        TextFeatures([]).check()


def test_other_columns_beside_texts_may_have_pieces_and_codes():
    rows = table_of_frame({"t": ["a b", "b c", "c a", "a c"] * 4, "n": range(16), "k": list("pqrs") * 4})
    features, _ = fit_texts(rows, ["t"], TextOptions("words"), FeatureOptions(4, 2))
    features.check()
    assert features.widths == (features.texts[0].width, 5, 1)
    assert features.n_ids == (features.texts[0].n_ids, None, 5)
    assert [made.shape[1] for made in features.encode(rows)] == list(features.widths)
    stored = json.loads(Encoding(features, fit_quantity("n", rows.columns["n"])).metadata()["table"])
    assert stored["version"] == 3
    assert texts_from_config(stored["features"]).n_ids == features.n_ids
