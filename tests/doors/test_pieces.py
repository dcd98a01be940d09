"""Numbers as pieces between quantiles, dates as elapsed time and cycles, categories as numbers for an Embedding."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fastnn.cli.info import encoded
from fastnn.tables import Encoding, FeatureOptions, Numbers, Table, fit_features, fit_quantity
from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.dates import DateFeature
from fastnn.tables.features import TableFeatures, features_from_config
from fastnn.tables.fit import MOST_CODES
from fastnn.tables.pieces import MOST_PIECES, PieceFeature, apart, piece_borders, quantiles
from fastnn.tables.table import column_from_values

PIECES = FeatureOptions(pieces=16)
ALL = FeatureOptions(pieces=16, most_one_hot=3, dates=True)


def texts(**columns) -> Table:
    return Table({name: column_from_values(values) for name, values in columns.items()})


def of_numbers(*values) -> Table:
    return Table({"a": Numbers(np.array(values, np.float64))})


def fitted(table: Table, options: FeatureOptions = PIECES) -> TableFeatures:
    """The encoding, which is the same after a way through JSON."""
    features, _ = fit_features(table, options)
    features.check()
    stored = features_from_config(json.loads(json.dumps(features.config())))
    for ours, theirs in zip(*(_arrays(each.encode(table)) for each in (features, stored)), strict=True):
        assert np.array_equal(ours, theirs)
    return features


def _arrays(encoded) -> list[np.ndarray]:
    return encoded if isinstance(encoded, list) else [encoded]


def literally(values: np.ndarray, training: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """The formulas of the research, number by number, in float64."""
    low, center, high = np.quantile(training, [0.25, 0.5, 0.75])
    out = np.zeros((len(values), len(borders)))
    for row, value in enumerate(values):
        x = (value - center) / (high - low)
        out[row, 0] = x / np.sqrt(1 + (x / 3) ** 2)
        for t in range(len(borders) - 1):
            part = (value - borders[t]) / (borders[t + 1] - borders[t])
            out[row, 1 + t] = min(max(part, 0.0), 1.0) - 0.5
    return out


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy"])
def test_pieces_are_those_of_the_formula(rng, draw):
    training = getattr(rng, draw)(size=501)
    features = fitted(of_numbers(*training))
    borders = np.unique(np.quantile(training, np.linspace(0, 1, 17)))
    assert np.allclose(features.features[0].borders, borders, rtol=1e-14)
    values = np.concatenate([rng.normal(size=50), borders, [borders[0] - 5, borders[-1] + 1e9]])
    x = features.encode(of_numbers(*values))
    assert x.dtype == np.float32
    assert np.allclose(x, literally(values, training, borders), rtol=0, atol=2e-7)


def test_blocks_of_rows_give_the_bits_of_single_rows(rng):
    values = rng.normal(size=5000)
    features = fitted(of_numbers(*values))
    x = features.encode(of_numbers(*values))
    for row in (0, 2047, 2048, 4999):
        assert np.array_equal(features.encode(of_numbers(values[row]))[0], x[row])


def test_each_piece_grows_with_the_number_and_all_grow_in_turn(rng):
    features = fitted(of_numbers(*rng.lognormal(size=1000)))
    x = features.encode(of_numbers(*np.sort(rng.lognormal(size=1000))))
    assert (np.diff(x, axis=0) >= 0).all()
    assert (np.diff(x[:, 1:], axis=1) <= 0).all()
    assert x[:, 1:].min() == -0.5
    assert x[:, 1:].max() == 0.5


def test_ties_leave_fewer_pieces():
    values = np.concatenate([np.zeros(900), np.arange(1, 101)])
    feature = fitted(of_numbers(*values)).features[0]
    assert feature.borders[0] == 0
    assert 2 <= len(feature.borders) <= 10
    assert feature.scale == 1 / 50  # no quartiles apart: half of the range


def test_few_values_have_a_border_each_and_two_are_standardised():
    features = fitted(texts(a=["1", "2", "7"] * 9, b=["0", "3", "3"] * 9))
    assert features.features[0].borders == [1, 2, 7]
    assert isinstance(features.features[1], NumberFeature)
    truth = fitted(texts(a=["true", "false", ""] * 9)).features[0]
    assert isinstance(truth, NumberFeature)
    assert truth.truth
    assert truth.gaps


def test_a_gap_is_the_middle_of_every_piece_and_marked_where_training_had_some():
    known = fitted(of_numbers(1, 2, 3, 4, 5))
    assert known.encode(of_numbers(np.nan)).tolist() == [[0] * 5]
    marked = fitted(of_numbers(1, 2, np.nan, 4, 5))
    assert marked.encode(of_numbers(np.nan, 4)).tolist()[0] == [0] * 4 + [1]
    assert marked.encode(of_numbers(np.nan, 4)).tolist()[1][-1] == 0
    assert fitted(texts(a=["1", "2", "x", *map(str, range(300))])).features[0].words == ("x",)


def test_huge_tiny_and_nearly_equal_numbers():
    huge = [-3e38, -1e38, 0, 1, 1e38, 3e38, 2e38, 5, 6]
    x = fitted(of_numbers(*huge)).encode(of_numbers(*huge))
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 3
    small = fitted(of_numbers(*(np.arange(1, 21) * 1e-140)))
    assert np.isfinite(small.encode(of_numbers(3e38, -3e38, 0, 5e-324, 1e-140))).all()
    assert np.abs(small.encode(of_numbers(3e38))).max() == 3
    tiny = fitted(of_numbers(*(np.arange(9) * 5e-324), 0.25, 0.5, 1.0)).features[0]
    assert tiny.borders == [0, 0.25, 0.5, 1]
    assert apart(np.array([0.1 + 0.2, 0.3, 1e9, 1e9 + 1e-5])[[1, 0, 2, 3]]).tolist() == [0.3, 1e9]
    constant, notes = fit_features(Table({"a": Numbers(np.full(9, 0.3)), "b": Numbers(np.arange(9.0))}), PIECES)
    assert isinstance(constant.features[0], NumberFeature)
    assert "'a'" in notes[0]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_numbers_are_errors_that_name_the_column_and_the_row(value):
    features = fitted(of_numbers(*range(20)))
    with pytest.raises(ValueError, match=r"'a' .* in row 2"):
        features.encode(of_numbers(1, value))
    with pytest.raises(ValueError, match=r"'a' .* in row 2"):
        fit_features(of_numbers(1, value, 3), PIECES)


def test_quantiles_are_numpys(rng):
    ordered = np.sort(rng.normal(size=37))
    shares = np.linspace(0, 1, 12)
    assert np.allclose(quantiles(ordered, shares), np.quantile(ordered, shares), rtol=1e-14)
    assert piece_borders(np.array([3.0]), 4) == []


BORDERS = {
    "not growing": ([1.0, 1.0], "grow"),
    "falling": ([2.0, 1.0], "grow"),
    "not a number": ([1.0, float("nan")], "lie in"),
    "infinite": ([1.0, float("inf")], "lie in"),
    "beyond float32": ([1.0, 1e300], "lie in"),
    "one alone": ([1.0], "2 to"),
    "too many": (list(range(MOST_PIECES + 2)), "2 to"),
}


@pytest.mark.parametrize("name", BORDERS)
def test_damaged_borders_are_refused(name):
    borders, words = BORDERS[name]
    for feature in (
        PieceFeature("a", 0.0, 1.0, borders, False),
        DateFeature("a", 0.0, 1.0, borders, [], False),
    ):
        with pytest.raises(ValueError, match=f"'a'.*{words}"):
            feature.check()


@pytest.mark.parametrize(
    "feature",
    [
        PieceFeature("a", float("nan"), 1.0, [], False),
        PieceFeature("a", 0.0, 0.0, [], False),
        PieceFeature("a", 0.0, float("inf"), [], False),
        DateFeature("a", 0.0, 1.0, [], ["hour of week"], False),
        DateFeature("a", 0.0, 1.0, [], ["hour of day"] * 2, False),
        CodeFeature("a", (), True),
        CodeFeature("a", ("x", "x"), True),
    ],
    ids=repr,
)
def test_other_damage_is_refused(feature):
    with pytest.raises(ValueError, match="'a'"):
        TableFeatures([feature]).check()


# -- dates -----------------------------------------------------------------------------------------------------


def test_dates_are_elapsed_time_and_the_cycles_that_vary():
    days = [str(np.datetime64("2022-01-01") + i) for i in range(0, 800, 3)]
    feature = fitted(texts(d=[*days, ""]), ALL).features[0]
    assert isinstance(feature, DateFeature)
    assert feature.gaps
    assert feature.cycles == ["day of week", "day of month", "day of year"]
    x = fitted(texts(d=[*days, ""]), ALL).encode(texts(d=["2022-01-01", "2023-01-01", "", "2022-01-02"]))
    width = feature.width
    assert x[2].tolist() == [0.0] * (width - 1) + [1.0]
    assert np.allclose(x[0, -3:-1], [0, 1])  # the first day of a year: sine and cosine
    assert np.allclose(x[1, -3:-1], [0, 1])
    sunday = (6 / 7) * 2 * np.pi  # 2022-01-02
    assert np.allclose(x[3, -7:-5], [np.sin(sunday), np.cos(sunday)], atol=1e-6)
    assert x[0, 0] < x[3, 0] < x[1, 0]


@pytest.mark.parametrize(
    ("written", "cycles"),
    [
        ([f"{2000 + i // 12}-{1 + i % 12:02d}" for i in range(40)], ["month of year"]),
        ([f"2024-03-01 {h:02d}:{m:02d}" for h in range(24) for m in (0, 30)], []),
        ([f"2024-03-0{d} {h:02d}:00" for d in (1, 2, 3) for h in range(0, 24, 5)], ["hour of day"]),
        ([f"{y}-07-01" for y in range(1990, 2020)], []),
    ],
)
def test_only_cycles_that_the_rows_go_through(written, cycles):
    assert fitted(texts(d=written), ALL).features[0].cycles == cycles


def test_dates_stay_text_unless_they_are_asked_for_and_need_to_be_dates_all():
    days = ["2022-01-01", "2022-01-02", "2022-01-03"] * 3
    assert isinstance(fitted(texts(d=days)).features[0], CategoryFeature)
    assert isinstance(fitted(texts(d=[*days, "soon"]), ALL).features[0], CodeFeature)
    features = fitted(texts(d=days, a=["1", "2", "5"] * 3), ALL)
    with pytest.raises(ValueError, match="'d' holds 'soon' in row 2"):
        features.encode(texts(d=["2022-01-01", "soon"], a=["1", "2"]))
    with pytest.raises(ValueError, match="'d' holds numbers"):
        features.encode(texts(d=["1", "2"], a=["1", "2"]))
    _, notes = fit_features(texts(d=["2022-01-01"] * 9, a=["1", "2", "5"] * 3), ALL)
    assert "'d'" in notes[0]


# -- codes -----------------------------------------------------------------------------------------------------


def test_many_categories_are_numbers_for_one_embedding():
    letters = list("abcdefgh")
    table = texts(n=["1", "2", "3", "4"] * 2, a=letters, few=["x", "y"] * 4, b=[*letters[:6], "a", ""] * 1)
    features = fitted(table.without("a").without("b"), ALL)
    both = fit_features(Table({**table.columns, "a": column_from_values(["p", "q", "r", "s"] * 2)}), ALL)[0]
    assert (features.widths, features.n_ids) == ((6,), (None,))
    assert both.widths == (6, 2)
    assert both.n_ids == (None, 5 + 7)
    assert both.offsets == [0, 5]
    rows = texts(n=["1", "2", "3"], a=["p", "", "new"], few=["x", "x", "z"], b=["", "new", "f"])
    numbers, codes = both.encode(rows)
    assert numbers.shape == (3, 6)
    assert codes.dtype == np.float32
    assert codes.tolist() == [[1, 5], [0, 5], [0, 11]]
    assert [feature.others for feature in both.codes] == [False, True]
    assert len([note for note in both.notes(rows) if "'a'" in note]) == 1
    assert not [note for note in both.notes(rows) if "'b'" in note]


def test_codes_alone_are_one_array():
    features = fitted(texts(a=["p", "q", "r", "s"] * 2), ALL)
    assert (features.widths, features.n_ids) == ((1,), (5,))
    assert features.encode(texts(a=["s", "?"])).tolist() == [[4], [0]]


def test_rare_categories_have_the_number_of_the_unseen():
    often = [f"c{i}" for i in range(200) for _ in range(2)] + [f"once{i}" for i in range(50)]
    features, notes = fit_features(texts(a=often), ALL)
    assert features.n_ids == (201,)
    assert features.codes[0].others
    assert "250 different" in notes[0]
    assert MOST_CODES < 2**24


def test_an_encoding_with_codes_fits_a_network_with_an_embedding():
    table = texts(n=["1", "2", "3", "4"] * 2, a=["p", "q", "r", "s"] * 2, y=["1", "3", "2", "5"] * 2)
    features, _ = fit_features(table.without("y"), ALL)
    text = Encoding(features, fit_quantity("y", table.columns["y"]), {}).metadata()["table"]
    layout = SimpleNamespace(input_shapes=((4,), (1,)), output_shape=(1,), n_ids=(None, 5))
    stored = Encoding.fitting(text, layout)
    assert json.dumps(stored.features.config()) == json.dumps(features.config())
    assert json.loads(text)["version"] == 3
    assert set(stored.reading().as_text) == {"a"}
    for damage in ({"n_ids": (None, 6)}, {"input_shapes": ((5,), (1,))}, {"input_shapes": ((5,),), "n_ids": (None,)}):
        with pytest.raises(ValueError, match="the network has"):
            Encoding.fitting(text, SimpleNamespace(**{**vars(layout), **damage}))


def test_the_encoding_of_ever_is_stored_as_ever():
    table = texts(n=["1", "2", "3", "4"], a=["p", "q", "r", ""], y=["1", "3", "2", "5"])
    features, _ = fit_features(table.without("y"))
    text = Encoding(features, fit_quantity("y", table.columns["y"]), {}).metadata()["table"]
    assert json.loads(text)["version"] == 1
    assert [column["kind"] for column in features.config()["columns"]] == ["NumberFeature", "CategoryFeature"]


@pytest.mark.parametrize("options", [{"pieces": -1}, {"pieces": MOST_PIECES + 1}, {"most_one_hot": -1}])
def test_options_out_of_range_are_errors(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        FeatureOptions(**options)


def test_scikit_learns_steps_have_no_such_columns(rng):
    pytest.importorskip("sklearn")
    from fastnn import Sequential
    from fastnn.interop import to_sklearn
    from fastnn.layers import Dense, Input

    table = of_numbers(*rng.normal(size=30))
    features, _ = fit_features(table, PIECES)
    model = Sequential([Input((features.width,)), Dense(3, "relu"), Dense(1)])
    model.metadata.update(Encoding(features, fit_quantity("y", table.columns["a"])).metadata())
    with pytest.raises(ValueError, match=r"'a' is encoded by PieceFeature.*scikit-learn"):
        to_sklearn(model)


def test_info_tells_what_becomes_of_columns():
    table = texts(n=["1", "2", "5", ""] * 3, k=list("pqrs") * 3, d=["2022-01-01", "2023-02-02", "2023-03-05", ""] * 3)
    words = {feature.name: encoded(feature) for feature in fitted(table, ALL).features}
    assert words["n"] == "number, median 2, 2 pieces, gaps marked"
    assert words["k"] == "4 categories by number: p, q, r, s"
    assert words["d"] == "time, 2 pieces, day of week, day of month, day of year, gaps marked"
