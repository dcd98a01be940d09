"""A report's figures on models whose answers are known: importance, dependence, drift, baselines, the worst rows."""

from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import fastnn
from fastnn.tables import Encoding, Numbers, Table, Text, fit_classes, fit_features, fit_quantity
from fastnn.tables.features import Pixels
from fastnn.tables.summary import KEY, Summary, summarize
from fastnn.tables.table import column_from_values
from fastnn.tables.target import Classes, Quantity
from fastnn.tabular.report import TableReport, balance, baselines, make_report, summary_of
from fastnn.tabular.report.drift import column_drift, drift, stability_index
from fastnn.tabular.report.report import PARTS
from fastnn.tabular.report.rows import Scored, places_of

pytestmark = pytest.mark.usefixtures("numpy_backend")
WIDE = {"a": 3.0, "b": -2.0, "unused": 0.0}
OF_CITY = {"Bern": 1.0, "Oslo": 5.0, "Rome": -2.0}


@pytest.fixture(autouse=True)
def one_thread():
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(1)
    yield
    fastnn.set_num_threads(before)


def additive(n: int = 400, seed: int = 0) -> tuple[Table, np.ndarray, Encoding]:
    """Rows of three numbers, one with gaps, and a category; their exact value; and an encoding."""
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=n) for name in WIDE}
    columns["unused"][::7] = np.nan
    codes = random.integers(0, 3, n).astype(np.int32)
    cities = tuple(sorted(OF_CITY))
    values = 10 + sum(WIDE[name] * columns[name] for name in ("a", "b"))
    values = values + np.array([OF_CITY[city] for city in cities])[codes]
    table = Table({**{name: Numbers(column) for name, column in columns.items()}, "city": Text(codes, cities)}, "d.csv")
    features, _ = fit_features(table)
    return table, values, Encoding(features, fit_quantity("value", Numbers(values)))


def exact(encoding: Encoding):
    """A network that gives the value of encoded rows."""
    places = places_of(encoding.features)
    weights, constant = np.zeros(encoding.features.width), 10 - encoding.target.mean
    for feature in encoding.features.features:
        [(_, place)] = places[feature.name]
        if feature.name == "city":
            weights[place] = [OF_CITY[city] for city in feature.values]
        else:
            weights[place.start] = WIDE[feature.name] / (feature.scale or 1)
            constant += WIDE[feature.name] * feature.mean
    return lambda x: ((x.astype(np.float64) @ weights + constant) / encoding.target.spread)[:, None]


def report_of(**known) -> TableReport:
    table, values, encoding = additive()
    return make_report(exact(encoding), encoding, table, encoding.target.encode(Numbers(values)), **known)


def test_an_exact_model_has_no_error_left():
    report = report_of()
    assert report.scores["rmse"] < 1e-5
    assert report.scores["r2"] == pytest.approx(1)
    assert np.abs(report.residuals["residual"]).max() < 1e-4
    assert report.baselines["constant"]["rmse"] > 1
    for name in ("confusion", "roc", "precision_recall", "calibration", "thresholds", "imbalance"):
        assert getattr(report, name) is None


def test_importance_is_what_shuffling_a_term_costs():
    """A shuffled term w * x adds w^2 * (x - x')^2, on average 2 w^2 var(x), to the squared error."""
    report = report_of()
    found = report.importance
    worth = dict(zip(found["names"], found["loss"].mean(axis=1), strict=True))
    assert worth["unused"] == 0.0
    assert found["score"][found["names"].index("unused")].tolist() == [0.0] * 5
    table, _, _ = additive()
    for name in ("a", "b"):
        expected = 2 * WIDE[name] ** 2 * table.columns[name].values.var()
        assert worth[name] == pytest.approx(expected, rel=0.1)
    city = table.columns["city"]
    effect = np.array([OF_CITY[value] for value in city.values])[city.codes]
    assert worth["city"] == pytest.approx(2 * effect.var(), rel=0.1)  # all of its places move together
    assert found["names"] == sorted(worth, key=lambda name: -worth[name])
    squares = found["base_score"] ** 2 + found["loss"]
    np.testing.assert_allclose((found["score"] + found["base_score"]) ** 2, squares, rtol=1e-6)


def test_what_a_shuffle_takes_from_the_auc_is_above_zero():
    table, y = classes_of(400, 0)
    encoding = Encoding(fit_features(table)[0], Classes("y", ["no", "yes"]))
    report = make_report(lambda x: 1 / (1 + np.exp(-2 * x[:, :1])), encoding, table, y)
    found = report.importance
    assert found["names"][0] == "a"
    assert found["score"][0].mean() == pytest.approx(report.scores["auc"] - 0.5, abs=0.05)
    assert (found["loss"][0] > 0).all()
    assert found["base_loss"] == pytest.approx(report.scores["log_loss"])


def test_dependence_of_an_additive_model_is_its_terms():
    report = report_of()
    assert set(report.dependence) == {"a", "b", "city"}  # what is not used has no curve
    for name in ("a", "b"):
        found = report.dependence[name]
        slopes = np.diff(found["individual"][..., 0], axis=1) / np.diff(found["grid"])
        np.testing.assert_allclose(slopes, WIDE[name], rtol=1e-3)
        np.testing.assert_allclose(np.diff(found["mean"][:, 0]) / np.diff(found["grid"]), WIDE[name], rtol=1e-3)
    found = report.dependence["city"]
    apart = found["mean"][:, 0] - found["mean"][0, 0]
    expected = [OF_CITY[city] - OF_CITY[found["grid"][0]] for city in found["grid"]]
    np.testing.assert_allclose(apart, expected, atol=1e-4)


def test_columns_of_codes_and_texts_have_places_of_their_own():
    from fastnn.tables.features import NumberFeature, TableFeatures
    from fastnn.tables.texts import TextFeature, TextFeatures

    columns = TableFeatures([NumberFeature("a", 0, 1, True), NumberFeature("b", 0, 1, False)])
    texts = TextFeatures([TextFeature("t", "words", 3, ["x"]), TextFeature("u", "words", 2, ["x"])], columns)
    places = places_of(texts)
    assert {name: (array, place.start, place.stop) for name, [(array, place)] in places.items()} == {
        "t": (0, 0, 3), "u": (1, 0, 2), "a": (2, 0, 2), "b": (2, 2, 3),
    }  # fmt: skip
    codes = [SimpleNamespace(name="c", width=1), SimpleNamespace(name="d", width=1)]
    for beside, array in ((columns.features, 1), ([], 0)):
        found = places_of(SimpleNamespace(features=[codes[0], *beside, codes[1]], codes=codes))
        assert [found[name] for name in "cd"] == [[(array, slice(0, 1))], [(array, slice(1, 2))]]
        assert beside == [] or found["b"] == [(0, slice(2, 3))]


def test_texts_are_shuffled_whole_and_have_no_dependence():
    from fastnn.tables import TextOptions, fit_texts

    words = ["good film", "bad film", "good play", "bad play"] * 10
    table = Table({"t": column_from_values(words, as_text=True), "a": Numbers(np.arange(40.0))})
    features, _ = fit_texts(table, ["t"], TextOptions("words"))
    target = Classes("y", ["no", "yes"])
    number = 2 + list(features.texts[0].tokens).index("good")
    report = make_report(
        lambda x: 0.1 + 0.8 * (x[0] == number).any(axis=1)[:, None],
        Encoding(features, target), table, np.array([1, 0] * 20), training=(table, np.array([1, 0] * 20)),
    )  # fmt: skip
    assert "baselines do not read column 't' of text" in report.notes
    assert report.scores["auc"] == 1.0
    assert report.importance["names"] == ["t", "a"]
    assert (report.importance["loss"][1] == 0).all()
    assert report.dependence == {}


def test_shuffles_are_the_same_in_one_call_and_in_many(monkeypatch):
    from fastnn.tabular.report import importance

    whole = report_of().importance
    monkeypatch.setattr(importance, "BLOCK", 1)
    monkeypatch.setattr("fastnn.tabular.report.dependence.BLOCK", 1)
    single = report_of()
    np.testing.assert_array_equal(single.importance["loss"], whole["loss"])
    np.testing.assert_array_equal(single.dependence["a"]["mean"], report_of().dependence["a"]["mean"])


def test_very_many_columns_are_shuffled_less():
    from fastnn.tabular.report.importance import _size

    assert _size(100, 10, 50, None) == (100, 5)
    assert _size(50_000, 10, 50, None) == (5000, 5)
    assert _size(50_000, 1000, 2000, None) == (300, 5)
    assert _size(50_000, 10_000, 10_000, None) == (100, 1)
    assert _size(50, 10, 50, 3) == (50, 3)


def test_the_worst_rows_are_named_as_in_the_file():
    table, values, encoding = additive(60)
    y = encoding.target.encode(Numbers(values))
    y[[5, 17]] += [100, -50]
    report = make_report(exact(encoding), encoding, table, y, numbers=np.arange(60) * 2 + 3)
    assert report.worst["number"][:2].tolist() == [13, 37]
    assert report.worst["row"][:2].tolist() == [5, 17]
    np.testing.assert_allclose(report.worst["loss"][:2], np.array([100, 50]) * encoding.target.spread, rtol=1e-4)


def test_the_worst_of_classes_were_surest_of_another():
    target = Classes("y", ["a", "b", "c"])
    table = Table({"x": Numbers(np.arange(4.0))})
    shares = np.array([[0.8, 0.1, 0.1], [0.01, 0.98, 0.01], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8]])
    encoding = Encoding(fit_features(table)[0], target)
    report = make_report(lambda x: np.resize(shares, (len(x), 3)), encoding, table, np.array([0, 2, 0, -1]))
    assert report.worst["number"].tolist() == [2, 3, 1]
    assert report.worst["actual"].tolist() == ["c", "a", "a"]
    assert report.worst["predicted"].tolist() == ["b", "c", "a"]
    np.testing.assert_allclose(report.worst["probability"], [0.01, 0.3, 0.8])
    assert report.confusion.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert any("does not know" in note for note in report.notes)


def test_a_table_has_not_drifted_from_itself():
    table, values, encoding = additive()
    output = exact(encoding)(encoding.features.encode(table))
    summary = summary_of(encoding.features, table, encoding.target, output)
    found = drift(summary, table, encoding.target, output)
    for one in [*found["columns"].values(), found["predictions"]]:
        assert one["psi"] == 0
        assert one["shift"] == "none"
        assert not one["ks"] > 0
        assert one["gaps"][0] == one["gaps"][1]
        assert one["outside"] == 0
    assert found["columns"]["a"]["mean"][0] == found["columns"]["a"]["mean"][1]
    assert len(values) == found["rows"] == found["training_rows"]


def test_rows_of_the_same_kind_have_not_drifted_and_others_have():
    _, _, encoding = additive()
    summary = summarize(additive(2000)[0], list(WIDE) + ["city"])
    same = drift(summary, additive(500, seed=1)[0], encoding.target, np.zeros((500, 1)))["columns"]
    assert {one["shift"] for one in same.values()} == {"none"}
    table = additive(500, seed=1)[0]
    moved = {"a": Numbers(table.columns["a"].values + 1), "city": column_from_values(["Bern"] * 400 + ["Nice"] * 100)}
    moved["b"] = Numbers(np.where(np.arange(500) % 2, np.nan, table.columns["b"].values))
    found = drift(summary, Table({**table.columns, **moved}), encoding.target, np.zeros((500, 1)))
    columns = found["columns"]
    assert {name: one["shift"] for name, one in columns.items()} == {
        "a": "large", "b": "large", "city": "large", "unused": "none",
    }  # fmt: skip
    assert columns["a"]["ks"] == pytest.approx(0.38, abs=0.05)  # 2 Phi(1/2) - 1 between normals 1 apart
    assert columns["b"]["gaps"] == (0.0, 0.5)
    assert columns["city"]["new"] == ["Nice"]
    assert columns["city"]["outside"] == 0.2
    assert list(columns)[-1] == "unused"


def test_the_stability_index_is_its_formula():
    old, new = np.array([500, 500]), np.array([250, 750])
    p, q = (old + 0.5) / 1001, (new + 0.5) / 1001
    assert stability_index(old, new)[0] == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert stability_index(np.array([5, 0]), np.array([7, 0])) == (0.0, 0.0)


def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(3)
    old, new = random.integers(0, 20, 300).astype(float), random.integers(3, 24, 200).astype(float)
    [summary] = summarize(Table({"x": Numbers(old)}), ["x"]).columns
    found = column_drift(summary, Numbers(new))
    assert found["ks"] == pytest.approx(stats.ks_2samp(old, new).statistic)
    assert found["outside"] == (new > old.max()).mean()


def test_dates_drift_as_times_and_are_drawn_in_their_order():
    months = [f"2024-{month:02d}-{day:02d}" for month in range(1, 7) for day in range(1, 29)]
    column = column_from_values([*months, ""] * 2)
    [summary] = summarize(Table({"d": column}), ["d"]).columns
    assert summary.dated
    assert column_drift(summary, column)["psi"] == 0
    later = column_drift(summary, column_from_values([text.replace("2024-0", "2025-0") for text in months]))
    assert later["shift"] == "large"
    assert later["outside"] == 1.0
    assert later["new"] == []
    assert later["ks"] == 1.0
    assert later["mean"][1] - later["mean"][0] == pytest.approx(365 + 1 / 3)
    assert column_drift(summary, column_from_values(["soon"] * 9))["gaps"][1] == 1.0
    encoding = Encoding(fit_features(Table({"d": column}))[0], Quantity("y", 0.0, 1.0))
    y = np.arange(len(column)) % 5 / 5
    report = make_report(lambda x: x @ np.arange(x.shape[1], 0, -1)[:, None], encoding, Table({"d": column}), y)
    grid = report.dependence["d"]["grid"]
    assert grid[-1] is None
    assert grid[:-1] == sorted(grid[:-1])
    assert (len(grid), grid[0], grid[-2]) == (13, "2024-01-01", "2024-06-28")


def test_columns_of_gaps_alone_are_no_trouble():
    empty, full = Numbers(np.full(5, np.nan)), Numbers(np.arange(5.0))
    for old, new in ((empty, full), (full, empty), (empty, empty)):
        [summary] = summarize(Table({"x": old}), ["x"]).columns
        assert column_drift(summary, new)["shift"] in ("none", "moderate", "large")
    [summary] = summarize(Table({"x": full}), ["x"]).columns
    assert column_drift(summary, Text(np.full(5, -1, np.int32), ()))["gaps"] == (0.0, 1.0)


def test_a_summary_comes_back_from_a_file_and_damage_is_refused():
    table, _, encoding = additive()
    output = exact(encoding)(encoding.features.encode(table))
    summary = summary_of(encoding.features, table, encoding.target, output)
    assert Summary.read(summary.metadata()[KEY]) == summary
    assert summary.predictions.name == "value"
    stored = summary.metadata()[KEY]
    for old, new, error in [
        ('"version": 1', '"version": 2', "newer"),
        ('"gaps": 0', '"gaps": -1', "damaged"),
        ('"gaps": 0', '"gaps": 9000', "damaged"),
        ('"kind": "NumberSummary"', '"kind": "Other"', "damaged"),
        ('"columns"', '"pillars"', "damaged"),
        ('"borders": [', '"borders": [1e9, ', "damaged"),
    ]:
        assert old in stored
        with pytest.raises(ValueError, match=error):
            Summary.read(stored.replace(old, new, 1))
    with pytest.raises(ValueError, match="damaged"):
        Summary.read("[]")


def classes_of(n: int, seed: int) -> tuple[Table, np.ndarray]:
    random = np.random.default_rng(seed)
    table = Table({"a": Numbers(random.normal(size=n)), "b": column_from_values(random.choice(["u", "v"], n).tolist())})
    logits = 2 * table.columns["a"].values + np.where(table.columns["b"].codes, 1.5, -1.5)
    return table, (random.random(n) < 1 / (1 + np.exp(-logits))).astype(np.int64)


def test_the_linear_baseline_is_logistic_regression():
    linear = pytest.importorskip("sklearn.linear_model")
    (table, y), (unseen, truth) = classes_of(300, 0), classes_of(200, 1)
    features = fit_features(table)[0]
    model = baselines.fitted_linear(Classes("y", ["no", "yes"]), features, table, y)
    theirs = linear.LogisticRegression(tol=1e-8).fit(features.encode(table), y)
    expected = theirs.predict_proba(features.encode(unseen))[:, 1]
    np.testing.assert_allclose(model.predict(features.encode(unseen))[:, 0], expected, atol=2e-3)
    target, splits = Classes("y", ["no", "yes"]), [((table, y), unseen, np.arange(200))]
    scores = baselines.trained_scores("linear model", target, ["a", "b"], splits, truth, 0)
    assert scores["auc"] == pytest.approx(
        pytest.importorskip("sklearn.metrics").roc_auc_score(truth, expected), abs=2e-3
    )


def test_the_linear_baseline_is_ridge_regression():
    linear = pytest.importorskip("sklearn.linear_model")
    table, values, encoding = additive(100)
    features = fit_features(table)[0]
    target, y = baselines.unlimited(encoding.target, encoding.target.encode(Numbers(values)))
    model = baselines.fitted_linear(target, features, table, y)
    expected = linear.Ridge().fit(features.encode(table), y).predict(features.encode(table))
    np.testing.assert_allclose(model.predict(features.encode(table))[:, 0], expected, atol=2e-3)


@pytest.mark.parametrize("weights", [None, np.array([0.5, 9.0])])
def test_a_report_of_classes_has_baselines_and_names_a_rare_class(weights):
    pytest.importorskip("sklearn")
    (table, y), (unseen, truth) = classes_of(400, 0), classes_of(300, 1)
    for some in (y, truth):
        some[(some == 1) & (np.arange(len(some)) % 6 > 0)] = 0
    encoding = Encoding(fit_features(table)[0], Classes("y", ["no", "yes"]))
    report = make_report(
        lambda x: np.full((len(x), 1), 0.5, np.float32), encoding, unseen, truth, training=(table, y),
        class_weights=weights, cross_validated=[{"auc": 0.5}, {"auc": 0.6}],
    )  # fmt: skip
    assert list(report.baselines) == ["constant", "linear model", "gradient boosting"]
    assert report.baselines["linear model"]["auc"] > 0.6
    assert report.baselines["gradient boosting"]["auc"] > 0.55
    assert report.imbalance["rare"] == ["yes"]
    assert ("--class-weight" if weights is None else "class weights") in report.imbalance["note"]
    assert report.cross_validated["auc"]["mean"] == pytest.approx(0.55)
    told = "\n".join(report.text())
    assert "'yes' has " in told
    assert "0.5500 ± 0.0707" in told
    assert any("linear model, does better" in note for note in report.notes)


def test_out_of_fold_rows_are_scored_by_what_was_said_of_them_and_baselines_fold_by_fold():
    pytest.importorskip("sklearn")
    table, y = classes_of(300, 0)
    folds = np.arange(300) % 3
    encoding = Encoding(fit_features(table)[0], Classes("y", ["no", "yes"]))
    output = np.where(y == 1, 0.9, 0.1)[:, None]
    output[:10] = 1 - output[:10]
    report = make_report(lambda x: np.full((len(x), 1), 0.5), encoding, table, y, output=output, folds=folds)
    assert report.scores["accuracy"] == pytest.approx(290 / 300)
    assert report.cross_validated["accuracy"]["folds"].tolist() == pytest.approx([0.96, 0.97, 0.97])
    assert (report.importance["loss"] == 0).all()
    for name in ("linear model", "gradient boosting"):  # a model of all rows would do better on them
        assert 0.7 < report.baselines[name]["auc"] < 0.95
    seen = [((table, y), table, np.arange(300))]
    best = baselines.trained_scores("gradient boosting", encoding.target, ["a", "b"], seen, y, 0)
    assert best["auc"] > report.baselines["gradient boosting"]["auc"] + 0.02
    part, rest = (table.take(rows) for rows in (np.arange(200), np.arange(200, 300)))
    again = make_report(
        lambda x: x[:, :1], encoding, part, y[:200], output=output[:200], folds=folds[:200], training=(rest, y[200:])
    )
    learned = [split[0] for split in again._splits]
    assert [len(z) for _, z in learned] == [233, 233, 234]
    assert sum(again.imbalance["counts"]) == 300
    assert again.drift is None
    columns = learned[0][0].columns
    np.testing.assert_array_equal(columns["a"].values[:100], rest.columns["a"].values)
    assert [columns["b"].values[code] for code in columns["b"].codes[:3]] == [
        "uv"[code] for code in rest.columns["b"].codes[:3]
    ]
    assert report.drift is None
    assert "networks that had not seen it" in report.html()
    with pytest.raises(ValueError, match="each of the 300 rows, got 2"):
        make_report(lambda x: x, encoding, table, y, folds=np.arange(2))


@pytest.mark.parametrize("kind", ["linear model", "gradient boosting"])
def test_baselines_take_columns_that_say_nothing(kind):
    pytest.importorskip("sklearn")
    n = 40
    table = Table({"same": column_from_values(["x"] * n), "name": column_from_values([f"row {i}" for i in range(n)])})
    table = Table({**table.columns, "none": Numbers(np.full(n, np.nan))})
    y = np.arange(n) % 2
    unseen = Table({**table.columns, "same": column_from_values(["y"] * n)})
    splits = [((table, y), unseen, np.arange(n))]
    assert baselines.trained_scores(kind, Classes("y", ["no", "yes"]), list(table.columns), splits, y, 0)["auc"] <= 1


def test_classes_that_have_what_is_theirs_are_not_rare():
    target = Classes("y", [str(k) for k in range(20)])
    assert balance.imbalance(target, np.arange(400) % 20, None)["note"] == ""
    found = balance.imbalance(target, np.append(np.arange(1, 400) % 19, 19), None)
    assert found["rare"] == ["19"]


def test_a_column_that_is_the_target_in_disguise_is_named():
    table, values, _ = additive(200)
    table = Table({**table.columns, "copy": Numbers(values)})
    encoding = Encoding(fit_features(table)[0], fit_quantity("value", Numbers(values)))
    [(_, place)] = places_of(encoding.features)["copy"]
    y = encoding.target.encode(Numbers(values))
    report = make_report(lambda x: x[:, place], encoding, table, y)
    assert any("'copy' alone" in note for note in report.notes)
    assert not any("alone brings" in note for note in report_of().notes)


def test_rows_that_training_has_are_told():
    table, values, encoding = additive(200)
    y = encoding.target.encode(Numbers(values))
    (learned, seen), (rows, _) = ((table.take(part), y[part]) for part in (np.arange(150), np.arange(100, 200)))
    again = table.take(np.arange(100, 200))
    report = make_report(exact(encoding), encoding, again, y[100:], training=(learned, seen), baselines=False)
    assert any("50 of 100 rows equal training rows" in note for note in report.notes)
    apart = make_report(exact(encoding), encoding, again.take(np.arange(50, 100)), y[150:], training=(learned, seen))
    assert not any("equal training" in note for note in apart.notes)
    assert len(rows) == 100


def test_a_stored_report_keeps_what_was_computed_and_no_rows():
    report = report_of()
    assert report.scores
    empty = pickle.loads(pickle.dumps(report))
    assert empty.scores == report.scores
    for name in ("importance", "baselines", "drift", "notes"):
        with pytest.raises(ValueError, match="compute"):
            getattr(empty, name)
    whole = pickle.loads(pickle.dumps(report.compute()))
    for name in PARTS:
        assert repr(getattr(whole, name)) == repr(getattr(report, name))
    assert not any(isinstance(value, Table | Scored) for value in vars(whole).values())


def test_what_cannot_have_a_report_says_so():
    table, values, encoding = additive(10)
    y = encoding.target.encode(Numbers(values))
    with pytest.raises(ValueError, match="10 rows, 9 targets"):
        make_report(exact(encoding), encoding, table, y[:9])
    with pytest.raises(ValueError, match="0 rows"):
        make_report(exact(encoding), encoding, table.take(np.arange(0)), y[:0])
    with pytest.raises(ValueError, match="this one reads images"):
        make_report(exact(encoding), replace(encoding, features=Pixels((8, 8))), table, y)


def test_targets_on_another_scale_are_told_in_their_unit():
    table, values, encoding = additive(50)
    assert isinstance(encoding.target, Quantity)
    moved = Encoding(encoding.features, replace(encoding.target, mean=1e6, spread=1e3))
    report = make_report(lambda x: np.zeros((len(x), 1)), moved, table, np.ones(50))
    assert report.scores["rmse"] == pytest.approx(1000)
    assert report.scores["bias"] == pytest.approx(-1000)
    assert report.residuals["within"][0.5] == pytest.approx(1000)
    assert report.worst["actual"][0] == pytest.approx(1.001e6)
    assert len(values) == report.rows


def test_one_class_alone_among_the_rows_leaves_a_report():
    table, _ = classes_of(30, 0)
    classes = fit_classes("y", column_from_values(["no", "yes"]))
    report = make_report(
        lambda x: np.full((len(x), 1), 0.2), Encoding(fit_features(table)[0], classes), table, np.zeros(30, int)
    )
    assert np.isnan(report.scores["auc"])
    assert "AUC" in report.html()
    assert report.text()
