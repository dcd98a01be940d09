"""``fastnn train --window``: tables as series; what is held out stays unseen, and models go on where files end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import run, train, value, write

import fastnn
from fastnn.cli import parser
from fastnn.cli.data import read_source
from fastnn.cli.series import series_reading
from fastnn.cli.series_prepare import PreparedSeries, prepare_series
from fastnn.tables import Encoding, Reading

pytestmark = pytest.mark.usefixtures("numpy_backend")

DAYS = (np.datetime64("2023-12-01") + np.arange(120)).astype(str).tolist()
QUICK = ("--epochs", 2, "--seed", 1, "--network", "mlp")


@pytest.fixture
def daily(tmp_path):
    """120 days of a series with a week in it, and another column; and its rows."""
    random = np.random.default_rng(3)
    week = np.sin(2 * np.pi * np.arange(120) / 7)
    rows = [[day, f"{10 + 3 * w + 0.3 * random.normal():.3f}", f"{w:.2f}"] for day, w in zip(DAYS, week, strict=True)]
    return saved(tmp_path / "daily.csv", ["t", "y", "x"], rows), rows


def saved(path: Path, head: list[str], rows: list[list]) -> Path:
    write(path, [head, *rows])
    return path


def prepared(path: Path, *options: object) -> PreparedSeries:
    """The windows that a training would take."""
    arguments = parser().parse_args(["train", str(path), "--target", "y", *map(str, options)])
    reading = series_reading(arguments, Reading(verbatim=["y"]))
    return prepare_series(read_source(str(path), "train", "y", reading), arguments)


def refused(capsys, *arguments: object) -> str:
    """The one line of an error."""
    code, _, err = run(capsys, *arguments)
    assert code == 1, err
    return err


def predictions(capsys, *arguments: object) -> list[list[str]]:
    code, out, err = run(capsys, "predict", *arguments)
    assert code == 0, err
    return [line.split(",") for line in out.splitlines()]


def test_a_series_trains_beats_the_last_value_goes_on_and_is_scored_beside_naive_forecasts(daily, tmp_path, capsys):
    path, _ = daily
    model = tmp_path / "m.safetensors"
    options = ("--target", "y", "--time-column", "t", "--window", 14, "--horizon", 2, "--seed", 1)
    out = train(capsys, path, *options, "--epochs", 60, "--network", "mlp", "--out", model)
    assert "120 steps, a row a day ('t', 2023-12-01 to 2024-03-29)" in out
    assert "y, x; of the calendar day of week, day of month (sine and cosine): 6 numbers" in out
    assert "81 to train on, 23 held out, whose targets are from 2024-03-06 on" in out
    assert value(out, "rmse") < value(out, "last value:") / 2
    assert "value of a week before" in out
    head, *rows = predictions(capsys, model, path)
    assert head == ["t", "y"]
    assert [row[0] for row in rows] == ["2024-03-30", "2024-03-31"]
    _, told, _ = run(capsys, "evaluate", model, path)
    assert "105 windows" in told
    assert "steps ahead" in told
    assert value(told, "rmse") < 1
    _, told, _ = run(capsys, "info", model)
    for words in ("y, a number, the next 2 steps", "windows of 14 steps (a row a day, times in 't')", "day of week"):
        assert words in told


@pytest.mark.parametrize(("n_rows", "network"), [(120, "gru"), (1000, "mlp")])
def test_short_series_have_a_recurrent_network_unless_another_is_named(tmp_path, capsys, n_rows, network):
    path = saved(tmp_path / "a.csv", ["y"], [[f"{np.sin(i):.4f}"] for i in range(n_rows)])
    options = ("--target", "y", "--window", 20, "--epochs", 1, "--out", tmp_path / "m")
    assert f"network: {network} on windows of 20 x 1" in train(capsys, path, *options)
    assert "network: lstm on windows of 20 x 1" in train(capsys, path, *options, "--network", "lstm", "--hidden", 2)


def test_a_model_that_is_no_better_than_naive_forecasts_says_so(tmp_path, capsys):
    path = saved(tmp_path / "late.csv", ["y"], [[i % 7 + i / 1e4 if i < 90 else 3] for i in range(120)])
    out = train(capsys, path, "--target", "y", "--task", "regress", "--window", 5, *QUICK, "--out", tmp_path / "m")
    assert "the model is no better than the last value and the mean of these windows: use that instead" in out


def test_a_file_of_later_rows_goes_on_across_the_end_of_a_month(daily, tmp_path, capsys):
    path, rows = daily
    model = tmp_path / "m"
    train(capsys, path, "--target", "y", "--time-column", "t", "--window", 7, "--horizon", 3, *QUICK, "--out", model)
    short = saved(tmp_path / "short.csv", ["x", "t", "y"], [[x, t, y] for t, y, x in rows[84:91]])  # to 2024-02-29
    head, *lines = predictions(capsys, model, short)
    assert head == ["t", "y"]
    assert [line[0] for line in lines] == ["2024-03-01", "2024-03-02", "2024-03-03"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--time-column", "t"), "--time-column needs --window"),
        (("--group", "x"), "--group needs --window"),
        (("--horizon", 2), "--horizon needs --window"),
        (("--window", 8, "--network", "cnn"), "with --window it is mlp, gru, lstm"),
        (("--window", 8, "--network", "gru", "--activation", "tanh"), "gru has no dense layer inside; leave it out"),
        (("--window", 8, "--augment"), "--augment is for images"),
        (("--window", 8, "--image-size", "8x8"), "--image-size is for images"),
        (("--window", 8, "--skip-damaged"), "--skip-damaged is for images"),
        (("--window", 8, "--time-column", "when"), "no time column 'when'"),
        (("--window", 8, "--group", "who"), "no group column 'who'"),
        (("--window", 8, "--time-column", "y"), "must name different columns"),
        (("--window", 120), "needs 121 steps, and the series has 120; a shorter window fits"),
        (("--window", 110), "no window ends before the cut"),
        (("--window", 8, "--validation", 0.001), "holds no window out"),
        (("--window", 8, "--horizon", 2, "--task", "classify"), "--horizon 2 needs a target of numbers"),
        (("--window", 8, "--class-weight", "balanced"), "--class-weight needs a target of classes"),
    ],
)
def test_what_cannot_be_is_refused_with_what_mends_it(daily, tmp_path, capsys, options, words):
    assert words in refused(capsys, "train", daily[0], "--target", "y", *options, "--out", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_predict_refuses_what_does_not_apply(daily, tmp_path, capsys):
    path, rows = daily
    model = tmp_path / "m"
    train(capsys, path, "--target", "y", "--time-column", "t", "--window", 7, *QUICK, "--out", model)
    assert "--keep is for models of single rows" in refused(capsys, "predict", model, path, "--keep", "all")
    assert "needs a model of classes" in refused(capsys, "predict", model, path, "--probabilities")
    short = saved(tmp_path / "short.csv", ["t", "y", "x"], rows[:6])
    assert "sees 7 steps" in refused(capsys, "predict", model, short)
    assert "needs 8 steps, and the series has 6; give more steps" in refused(capsys, "evaluate", model, short)
    hours = [[f"2024-01-01 {i:02d}:00", *row[1:]] for i, row in enumerate(rows[:20])]
    other = saved(tmp_path / "hours.csv", ["t", "y", "x"], hours)
    assert "trained on a row a day, and this is a row an hour" in refused(capsys, "predict", model, other)
    assert "no column 'y'" in refused(
        capsys, "predict", model, saved(tmp_path / "n.csv", ["t", "x"], [r[::2] for r in rows])
    )
    unknown = saved(tmp_path / "u.csv", ["t", "y", "x"], [[t, "", x] for t, _, x in rows])
    assert "target is empty" in refused(capsys, "predict", model, unknown)
    assert "nothing to compare with" in refused(capsys, "evaluate", model, unknown)


@pytest.mark.parametrize(
    ("network", "trend"),
    [("mlp", 0), ("gru", 1), *(pytest.param(*case, marks=pytest.mark.long) for case in (("gru", 0), ("lstm", 1)))],
)
def test_what_is_held_out_changes_no_bit_of_what_is_trained(daily, tmp_path, capsys, network, trend):
    rows = [[t, float(y) + trend * i, x] for i, (t, y, x) in enumerate(daily[1])]
    path = saved(tmp_path / "a.csv", ["t", "y", "x"], rows)
    changed = [[t, y, x] if i < 96 else [t, f"{-50.0 - i}", f"{900 * i}"] for i, (t, y, x) in enumerate(rows)]
    other = saved(tmp_path / "other.csv", ["t", "y", "x"], changed)
    models = []
    for name, data in (("a", path), ("b", other)):
        options = (*QUICK, "--time-column", "t", "--window", 5, "--horizon", 2, "--network", network)
        out = train(capsys, data, "--target", "y", *options, "--out", tmp_path / name)
        assert ("y (its change, for it drifts)" in out) == bool(trend)
        models.append(fastnn.load(tmp_path / name))
    assert all(np.array_equal(a, b) for a, b in zip(*(m.get_weights() for m in models), strict=True))
    kept = [{k: v for k, v in json.loads(m.metadata["table"]).items() if k != "trained"} for m in models]
    assert kept[0] == kept[1]


def test_what_classes_and_texts_are_held_out_changes_no_bit_either(tmp_path, capsys, rng):
    models = []
    rows = [[DAYS[i // 2], "ab"[i % 2], "xyz"[rng.integers(3)], "uv"[rng.integers(2)]] for i in range(240)]
    for name in "ab":
        path = saved(tmp_path / f"{name}.csv", ["t", "g", "x", "y"], rows)
        options = ("--time-column", "t", "--group", "g", "--window", 5)
        train(capsys, path, "--target", "y", *options, *QUICK, "--out", tmp_path / name)
        models.append(fastnn.load(tmp_path / name))
        rows = [row if i < 192 else [*row[:2], "new", "vw"[i % 2]] for i, row in enumerate(rows)]
    assert all(np.array_equal(a, b) for a, b in zip(*(m.get_weights() for m in models), strict=True))
    assert Encoding.of(models[0]).features == Encoding.of(models[1]).features
    assert Encoding.of(models[0]).target == Encoding.of(models[1]).target


@pytest.mark.parametrize("options", [(), ("--group", "g"), ("--group", "g", "--time-column", "t")])
@pytest.mark.parametrize("horizon", [1, 3])
def test_targets_lie_on_their_side_of_the_cut_and_windows_before_them_in_one_group(tmp_path, options, horizon, rng):
    rows = [[DAYS[i // 2], "ab"[i % 2], i + i % 3 / 1e4] for i in range(200)]
    path = saved(tmp_path / "g.csv", ["t", "g", "y"], rows)
    made = prepared(path, "--window", 4, "--horizon", horizon, *options, "--task", "regress", "--network", "mlp")
    by_row = made.rows_of.targets(made.training, 4, horizon), made.rows_of.targets(made.later, 4, horizon)
    step = 2 if options else 1
    cut = 160
    assert by_row[0].max() < cut - 0.5 < by_row[1].min()
    assert by_row[0].max() > cut - 1.5
    assert by_row[1].min() < cut + 1
    past = next(feature for feature in made.features.columns.features if feature.name == "y")
    place = [f.name for f in made.features.columns.features].index("y")
    for starts, targets in zip((made.training, made.later), by_row, strict=True):
        seen = np.asarray(made.rows_of.x(starts, 4))[:, :, place] / past.scale + past.mean
        assert np.allclose(seen + step * np.arange(4, 0, -1), targets[:, :1], atol=1e-2)
        assert np.allclose(np.diff(targets, axis=1), step, atol=1e-2)
    assert abs(past.mean - (cut - 1) / 2) < 1e-2


def test_no_window_crosses_a_gap_and_a_note_says_where_the_first_is(daily, tmp_path, capsys):
    _, rows = daily
    gappy = saved(tmp_path / "gappy.csv", ["t", "y", "x"], rows[:30] + rows[33:60] + rows[61:])
    out = train(capsys, gappy, "--target", "y", "--time-column", "t", "--window", 7, *QUICK, "--out", tmp_path / "m")
    assert (
        "2 gaps in time (a row a day), the first between 2023-12-30 and 2024-01-03 (row 31); no window crosses" in out
    )
    made = prepared(gappy, "--time-column", "t", "--window", 7, "--validation", 0)
    begins = made.training
    assert len(begins) == (30 - 7) + (27 - 7) + (59 - 7)
    assert not any(begin < cut < begin + 8 for begin in begins for cut in (30, 57))
    assert prepared(gappy, "--window", 7, "--validation", 0).training.tolist() == list(range(116 - 7))


def test_rows_in_any_order_give_the_model_of_sorted_ones(daily, tmp_path, capsys, rng):
    path, rows = daily
    mixed = saved(tmp_path / "mixed.csv", ["t", "y", "x"], [rows[i] for i in rng.permutation(len(rows))])
    options = ("--target", "y", "--time-column", "t", "--window", 7, *QUICK)
    assert "sorted" not in train(capsys, path, *options, "--out", tmp_path / "a")
    assert "note: rows are not in the order of time and are sorted: row " in train(
        capsys, mixed, *options, "--out", tmp_path / "b"
    )
    a, b = (fastnn.load(tmp_path / name).get_weights() for name in "ab")
    assert all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))
    assert predictions(capsys, tmp_path / "a", path) == predictions(capsys, tmp_path / "a", mixed)
    swapped = saved(tmp_path / "s.csv", ["t", "y", "x"], [*rows[:4], rows[5], rows[4], *rows[6:]])
    assert "row 6 (2023-12-05) stands behind a later one" in train(capsys, swapped, *options, "--out", tmp_path / "c")


def test_later_rows_alone_are_scored_as_the_held_out_ones_were(daily, tmp_path, capsys):
    path, rows = daily
    options = ("--target", "y", "--time-column", "t", "--window", 7, "--horizon", 2, *QUICK, "--out", tmp_path / "m")
    told = train(capsys, path, *options)
    late = saved(tmp_path / "late.csv", ["t", "y", "x"], rows[96 - 7 :])
    _, out, _ = run(capsys, "evaluate", tmp_path / "m", late)
    for name in ("rmse", "r2", "last value:"):
        assert np.isclose(value(out, name), value(told, name), rtol=1e-4)


def test_two_rows_of_a_group_at_one_time_are_an_error_that_names_them(daily, tmp_path, capsys):
    _, rows = daily
    twice = [[t, y, "a"] for t, y, _ in rows] + [[t, y, "b"] for t, y, _ in [*rows, rows[5]]]
    path = saved(tmp_path / "twice.csv", ["t", "y", "g"], twice)
    options = ("train", path, "--target", "y", "--time-column", "t", "--window", 7)
    told = refused(capsys, *options, "--group", "g")
    assert "rows 126 and 241 have the same time 2023-12-06 in group 'b'" in told
    assert "--group" in refused(capsys, *options)


def test_groups_go_on_in_the_order_of_the_file_and_short_ones_are_told(daily, tmp_path, capsys):
    _, rows = daily
    rows = [[t, y, g] for t, y, _ in rows for g in ("oslo", "NA", "007") if g != "NA" or t > "2024-03-25"]
    path, model = saved(tmp_path / "g.csv", ["t", "y", "g"], rows), tmp_path / "m"
    options = ("--target", "y", "--time-column", "t", "--group", "g", "--window", 7, "--horizon", 2)
    out = train(capsys, path, *options, *QUICK, "--out", model)
    assert "244 steps of 3 groups" in out
    assert "1 group has fewer steps than a window of 7 with the 2 steps behind it needs, 9 (NA)" in out
    code, out, err = run(capsys, "predict", model, path)
    assert code == 0
    assert "1 group is not continued" in err
    head, *lines = [line.split(",") for line in out.splitlines()]
    assert head == ["g", "t", "y"]
    assert [line[:2] for line in lines] == [[g, t] for g in ("oslo", "007") for t in ("2024-03-30", "2024-03-31")]
    assert lines[0][2] == lines[2][2]
    gap = saved(tmp_path / "gap.csv", ["t", "y", "g"], [*rows, ["2024-04-01", 3, ""]])
    assert "'g' names no group in row 245" in refused(capsys, "train", gap, *options)


def test_naive_forecasts_are_those_of_the_file_on_the_same_targets(daily, tmp_path, capsys):
    path, rows = daily
    model = tmp_path / "m"
    train(capsys, path, "--target", "y", "--time-column", "t", "--window", 9, "--horizon", 8, *QUICK, "--out", model)
    y = np.array([float(row[1]) for row in rows])
    targets = np.stack([y[s + 9 : s + 17] for s in range(120 - 16)])
    last = np.stack([np.full(8, y[s + 8]) for s in range(120 - 16)])
    week = np.stack([[y[s + 9 + h - (7 if h < 7 else 14)] for h in range(8)] for s in range(120 - 16)])
    _, out, _ = run(capsys, "evaluate", model, path)
    assert np.isclose(value(out, "last value:"), np.sqrt(np.mean((last - targets) ** 2)), rtol=1e-4)
    assert np.isclose(value(out, "week before:"), np.sqrt(np.mean((week - targets) ** 2)), rtol=1e-4)
    by_step = next(line.split() for line in out.splitlines() if line.split()[:1] == ["8"])
    assert np.isclose(float(by_step[2]), np.sqrt(np.mean((last - targets)[:, 7] ** 2)), rtol=1e-4)
    assert np.isclose(float(by_step[3]), np.sqrt(np.mean((week - targets)[:, 7] ** 2)), rtol=1e-4)


def test_a_forecast_is_the_networks_change_from_the_last_value(daily, tmp_path, capsys):
    path, rows = daily
    model = tmp_path / "m"
    out = train(capsys, path, "--target", "y", "--window", 5, "--horizon", 2, *QUICK, "--out", model)
    assert "column 't' holds times" in out
    loaded = fastnn.load(model)
    encoding = Encoding.of(loaded)
    y, x = (np.array([float(row[i]) for row in rows[-5:]]) for i in (1, 2))
    columns = {f.name: f for f in encoding.features.columns.features}
    steps = np.stack([(v - columns[n].mean) * columns[n].scale for n, v in (("y", y), ("x", x))], axis=1)
    change = loaded.predict(steps[None].astype(np.float32))[0]
    target = encoding.target
    head, *lines = predictions(capsys, model, path)
    assert head == ["step", "y"]
    assert [line[0] for line in lines] == ["1", "2"]
    expected = change * target.spread + target.mean + y[-1]
    assert np.allclose([float(line[1]) for line in lines], expected, rtol=1e-5)


def test_a_trend_goes_on_beyond_the_values_of_training(tmp_path, capsys):
    random = np.random.default_rng(5)
    rows = [[f"{3 * i + 5 * np.sin(i / 3) + random.normal():.3f}"] for i in range(300)]
    path = saved(tmp_path / "trend.csv", ["y"], rows)
    out = train(capsys, path, "--target", "y", "--window", 20, *QUICK, "--epochs", 40, "--out", tmp_path / "m")
    assert value(out, "rmse") < value(out, "last value:") * 0.6


def test_a_recurrent_network_sees_changes_of_a_series_that_drifts(tmp_path, capsys):
    y = np.cumsum(1 + np.sin(np.arange(120)))
    y[50] = np.nan
    rows = [[i, "" if v != v else f"{v:.6f}"] for i, v in enumerate(y)]
    path = saved(tmp_path / "a.csv", ["n", "y"], [rows[i] for i in np.random.default_rng(0).permutation(120)])
    options = (
        "--target",
        "y",
        "--time-column",
        "n",
        "--window",
        4,
        *QUICK,
        "--network",
        "gru",
        "--out",
        tmp_path / "m",
    )
    assert "a step: y (its change, for it drifts): 2 numbers" in train(capsys, path, *options)
    model = fastnn.load(tmp_path / "m")
    encoding = Encoding.of(model)
    past, target = encoding.features.columns.features[0], encoding.target
    rows = prepared(path, "--time-column", "n", "--window", 4, "--network", "gru").rows_of
    known = np.delete(y, 50)
    seen = np.delete(rows.steps[:, 0] / past.scale + past.mean, 50)
    assert np.allclose(seen, np.diff(known, prepend=known[0]), atol=1e-4)
    assert rows.steps[:, 1].tolist() == [i == 50 for i in range(120)]
    output = model.predict(rows.steps[None, -4:])[0, 0]
    capsys.readouterr()
    line = predictions(capsys, tmp_path / "m", path)[1]
    assert np.isclose(float(line[1]), output * target.spread + target.mean + y[-1], rtol=1e-5)
    assert "y as its change" in run(capsys, "info", tmp_path / "m")[1]


def test_gaps_of_the_target_are_seen_as_such_and_never_predicted(daily, tmp_path, capsys):
    _, rows = daily
    gaps = [*range(20, 25), 118, 119]
    path = saved(tmp_path / "gaps.csv", ["t", "y"], [[t, "NA" if i in gaps else y] for i, (t, y, _) in enumerate(rows)])
    options = ("--target", "y", "--time-column", "t", "--window", 6, *QUICK, "--out", tmp_path / "m")
    assert "7 rows without 'y' ('NA' in 7): windows see gaps there" in train(capsys, path, *options)
    made = prepared(path, "--window", 6)
    assert np.isfinite(made.rows_of.targets(made.training, 6, 1)).all()
    assert not {b + 6 for b in made.training} & set(gaps)
    assert (made.training >= 18).any()
    capsys.readouterr()
    code, out, err = run(capsys, "predict", tmp_path / "m", path)
    assert code == 0
    assert "the last step has no 'y'" in err
    assert out.splitlines()[1].startswith("2024-03-30,")


def test_classes_are_told_one_step_ahead_with_their_probabilities(tmp_path, capsys):
    random = np.random.default_rng(2)
    states, at = [], 0
    for _ in range(300):
        at = (at + 1) % 3 if random.random() < 0.9 else at
        states.append(["low", "up", "high"][at])
    path = saved(tmp_path / "s.csv", ["n", "y"], [[i, s] for i, s in enumerate([*states, "new"])])
    options = ("--target", "y", "--time-column", "n", "--window", 3, *QUICK, "--epochs", 30)
    out = train(capsys, path, *options, "--out", tmp_path / "m")
    assert "3 classes: high, low, up" in out
    assert value(out, "accuracy") > 0.75
    assert "last class: 0." in out
    head, line = predictions(capsys, tmp_path / "m", path, "--probabilities")
    assert head == ["n", "y", "P(high)", "P(low)", "P(up)"]
    assert line[0] == "301"
    assert abs(sum(map(float, line[2:])) - 1) < 1e-5
    _, told, noted = run(capsys, "evaluate", tmp_path / "m", path)
    assert "'new'" in noted
    assert "that the model does not know: 1" in told


def test_parquet_and_excel_give_the_predictions_of_csv(daily, tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("openpyxl")
    path, _ = daily
    frame = pandas.read_csv(path, parse_dates=["t"])
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.set_index("t").to_parquet(tmp_path / "index.parquet")
    frame.assign(t=frame.t.dt.tz_localize("Europe/Berlin")).to_parquet(tmp_path / "zone.parquet")
    options = ("--target", "y", "--time-column", "t", "--window", 7, *QUICK, "--out", tmp_path / "m")
    train(capsys, tmp_path / "index.parquet", *options)
    expected = predictions(capsys, tmp_path / "m", path)[1]
    for name in ("a.parquet", "a.xlsx", "index.parquet"):
        came = predictions(capsys, tmp_path / "m", tmp_path / name)[1]
        assert came[0][:10] == expected[0] == "2024-03-30"
        assert came[1] == expected[1]
    assert predictions(capsys, tmp_path / "m", tmp_path / "zone.parquet")[1][0] == "2024-03-30 00:00:00+0100"


@pytest.mark.parametrize("options", [("--validation", 0), ("--optimizer", "lbfgs"), ("--patience", 2)])
def test_recipes_take_windows_as_they_take_rows(daily, tmp_path, capsys, options):
    train(capsys, daily[0], "--target", "y", "--window", 6, *QUICK, *options, "--out", tmp_path / "m")
    assert len(predictions(capsys, tmp_path / "m", daily[0])) == 2


HOSTILE = {
    "window": [0, -1, 8, True, "7", 1e9],
    "time": [None, 3, "y"],
    "group": ["t", 5, "y", []],
    "cycles": [["day of doom"], ["day of week", "day of week"], "day of week", [], [3]],
    "step": [{}, {"unit": "row"}, {"unit": "eon", "size": 1}, {"unit": "microsecond", "size": -1}, None, {"size": 1}],
    "columns": [{"kind": "pixels", "shape": [3]}, {"kind": "table", "columns": []}, None],
    "changes": ["yes", 1, None],
    "more": [1],
}


@pytest.mark.parametrize(("name", "came"), [(name, came) for name, values in HOSTILE.items() for came in values])
def test_an_encoding_that_no_training_wrote_is_damaged(series_model, name, came):
    stored = json.loads(series_model.metadata["table"])
    stored["features"][name] = came
    with pytest.raises(ValueError, match="this model's encoding is damaged"):
        Encoding.read(json.dumps(stored), 35, 2)


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "forecast", "name": "z", "mean": 0, "spread": 1, "horizon": 2},
        {"kind": "forecast", "name": "y", "mean": 0, "spread": 0, "horizon": 2},
        {"kind": "forecast", "name": "y", "mean": "0", "spread": 1, "horizon": 2},
        {"kind": "forecast", "name": "y", "mean": 0, "spread": 1, "horizon": 3},
        {"kind": "forecast", "name": "y", "mean": 0, "spread": 1},
        {"kind": "numbers", "name": "y", "mean": 0, "spread": 1},
    ],
)
def test_a_target_that_does_not_fit_the_series_is_damage(series_model, target):
    stored = json.loads(series_model.metadata["table"])
    stored["target"] = target
    with pytest.raises(ValueError, match="this model's encoding is damaged"):
        Encoding.read(json.dumps(stored), 35, 2)


@pytest.fixture(scope="module")
def series_model(tmp_path_factory):
    """A model of a series: 7 steps of 5 numbers."""
    folder = tmp_path_factory.mktemp("series")
    path = saved(folder / "a.csv", ["t", "y"], [[day, (i * 7) % 5 + i / 1000] for i, day in enumerate(DAYS)])
    from fastnn.cli import main

    options = ["--target", "y", "--time-column", "t", "--window", "7", "--horizon", "2", "--epochs", "1"]
    assert main(["train", str(path), *options, "--out", str(folder / "m")]) == 0
    model = fastnn.load(folder / "m")
    stored = model.metadata["table"]
    assert Encoding.of(model) == Encoding.read(stored, 35, 2)
    assert json.loads(Encoding.of(model).metadata()["table"]) == json.loads(stored)
    return model
