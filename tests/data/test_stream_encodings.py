"""Encodings from one pass over files, models trained from the command line on streams, and predictions as they go."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.data import PredictionWriter, fit_encoding, stream, write_predictions
from fastnn.tables import Encoding, FeatureOptions, Numbers, fit_classes, fit_features, fit_quantity, read_table
from fastnn.tables.target import choose_task

pa = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.stream
N = 1200


def raw():
    """Raw columns of every kind."""
    random = np.random.default_rng(2)
    a, city = random.standard_normal(N), random.choice(["Bern", "Oslo", "Rome", "None of these"], N)
    days = np.datetime64("2020-01-01") + random.integers(0, 900, N).astype("timedelta64[D]")
    return {
        "a": pa.array(a + 5, mask=random.random(N) < 0.1),
        "whole": pa.array(random.integers(0, 9, N).astype(np.int32)),
        "city": pa.array(city, mask=random.random(N) < 0.1),
        "when": pa.array(days),
        "flag": pa.array(random.random(N) < 0.5),
        "same": pa.array(np.ones(N)),
        "written": pa.array([str(value) for value in random.integers(0, 50, N)]),
        "y": pa.array(np.where(a + (city == "Oslo") > 0.5, "yes", "no")),
        "size": pa.array(a * 3 + 1),
    }


@pytest.fixture(params=["parquet", "csv"])
def files(request, tmp_path):
    """The table in three files."""
    from pyarrow import csv, parquet

    table = pa.table(raw())
    for number, (first, count) in enumerate(((0, 500), (500, 300), (800, 400))):
        part, path = table.slice(first, count), tmp_path / f"part-{number}.{request.param}"
        if request.param == "csv":
            csv.write_csv(part, path)
        else:
            parquet.write_table(part, path, row_group_size=170)
    return tmp_path / f"*.{request.param}"


def in_memory(tmp_path):
    from pyarrow import parquet

    path = tmp_path / "whole" / "table.parquet"
    path.parent.mkdir()
    parquet.write_table(pa.table(raw()), path)
    return read_table(path)


def close(found, wanted):
    """Features that are the same, up to the last bits of means and spreads."""
    assert [type(each) for each in found] == [type(each) for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        for name, value in vars(one).items():
            expected = vars(other)[name]
            assert value == (pytest.approx(expected, rel=1e-9) if isinstance(value, float) else expected), (one, name)


@pytest.mark.parametrize("options", [FeatureOptions(), FeatureOptions(pieces=8, most_one_hot=3, dates=True)])
@pytest.mark.parametrize("target", ["y", "size"])
def test_a_pass_finds_the_encoding_that_all_rows_have(files, tmp_path, options, target):
    table = in_memory(tmp_path)
    encoding = fit_encoding(files, target, options=options)
    features = table.without(target)
    close(encoding.features.features, fit_features(features, options)[0].features)
    column = table.columns[target]
    wanted = fit_classes(target, column) if choose_task(column)[0] == "classify" else fit_quantity(target, column)
    close([encoding.target], [wanted])
    [(x, y)] = list(stream(files, encoding=encoding, batch_size=N, shuffle=False))
    encoded = encoding.features.encode(features)
    for one, other in zip(*(each if isinstance(each, list) else [each] for each in (x, encoded)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert y == pytest.approx(encoding.target.encode(column).astype(np.float32))


def test_means_that_come_in_parts_and_texts_beyond_what_is_counted(monkeypatch):
    from fastnn.data import survey
    from fastnn.tables.table import Text

    values = np.random.default_rng(0).standard_normal(1000) * 1e-3 + 1e6
    moments = survey.Moments()
    for first in range(0, 1000, 170):
        moments.add(np.append(values[first : first + 170], np.nan))
    assert moments.mean == pytest.approx(values.mean(), rel=1e-15)
    assert moments.spread == pytest.approx(values.std(), rel=1e-6)
    assert (moments.count, moments.gaps) == (1000, 6)
    monkeypatch.setattr(survey, "MOST_COUNTED", 10)
    counts = survey.Counts()
    for part in range(5):
        names = ("common", *(f"{part}-{place}" for place in range(6)))
        counts.add(Text(np.array([0, 0, 0, *range(7)]), names))
    assert counts.rows["common"] == 20
    assert len(counts.rows) <= 10
    assert sum(counts.rows.values()) + counts.dropped == 50


def test_a_target_with_gaps_wants_a_filter(tmp_path):
    from pyarrow import parquet

    parquet.write_table(pa.table({"a": [1.0, 2.0, 3.0], "y": pa.array([1.0, None, 5.0])}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="the target 'y' has 1 gaps; leave those rows out by filters"):
        fit_encoding(tmp_path / "a.parquet", "y")
    encoding = fit_encoding(tmp_path / "a.parquet", "y", filters=[("y", ">", 0)])
    assert encoding.target.mean == 3.0
    with pytest.raises(ValueError, match=r"a\.parquet, row group 1: the target 'y' has 1 gaps"):
        list(stream(tmp_path / "a.parquet", encoding=encoding))


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_train_predict_and_evaluate_on_a_pattern(files, tmp_path, capsys):
    (tmp_path / "made").mkdir()
    model, asked = tmp_path / "made" / "m.safetensors", ("--target", "y", "--seed", 3, "--epochs", 3)
    code, out, err = run(capsys, "train", files, *asked, "--out", model)
    assert code == 0, err
    assert f"3 {'CSV' if files.suffix == '.csv' else 'Parquet'} files: 1,200 rows, 8 columns to predict 'y'" in out
    assert "task: classify (it is text), 2 classes: no, yes" in out
    run(capsys, "train", files.parent, *asked, "--out", tmp_path / "made" / "again.safetensors")
    same = [fastnn.load(path).get_weights() for path in (model, tmp_path / "made" / "again.safetensors")]
    assert all(np.array_equal(one, other) for one, other in zip(*same, strict=True))
    loaded = fastnn.load(model)
    encoding = Encoding.of(loaded)
    table = in_memory(tmp_path)
    outputs = loaded.predict(encoding.features.encode(table))
    for name in ("out.parquet", "out.csv"):
        asked = ("--out", tmp_path / "made" / name, "--keep", "a,city", "--probabilities")
        code, out, err = run(capsys, "predict", model, files, *asked)
        assert code == 0, err
        assert "wrote 1,200 predictions" in err
        found = read_table(tmp_path / "made" / name)
        assert list(found.columns) == ["a", "city", "y", "P(no)", "P(yes)"]
        np.testing.assert_allclose(found.columns["P(yes)"].values, outputs[:, 0], rtol=1e-6)
        np.testing.assert_allclose(found.columns["a"].values, table.columns["a"].values)
    code, _, err = run(capsys, "predict", model, files, "--out", files.parent / f"part-0{files.suffix}")
    assert "would be overwritten" in err
    code, out, err = run(capsys, "predict", model, files)
    assert out.splitlines() == ["y", *encoding.target.decode(outputs)]
    code, out, err = run(capsys, "evaluate", model, files)
    whole = tmp_path / "whole" / "table.parquet"
    _, in_one, _ = run(capsys, "evaluate", model, whole)
    assert out.splitlines()[1:] == in_one.splitlines()[1:]
    _, by_option, _ = run(capsys, "evaluate", model, whole, "--stream")
    assert by_option == in_one


def test_train_leaves_out_rows_without_a_target_and_weighs_classes(tmp_path, capsys):
    from pyarrow import parquet

    columns = raw()
    columns["y"] = pa.array(
        [
            None if number % 7 == 0 else "NA" if number % 11 == 0 else y
            for number, y in enumerate(columns["y"].to_pylist())
        ]
    )
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=100)
    asked = ("--target", "y", "--epochs", 2, "--class-weight", "balanced", "--seed", 1, "--validation", 0.1)
    code, out, err = run(
        capsys, "train", tmp_path / "a.parquet", "--stream", *asked, "--out", tmp_path / "m.safetensors"
    )
    assert code == 0, err
    assert f"note: {sum(not n % 7 or not n % 11 for n in range(N))} rows without 'y' left out" in out
    assert "class weights: no " in out


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (("--window", "3"), "--window cannot be had on DATA that is read as a stream, for a window reaches over rows"),
        (("--network", "gru"), "rows of tables train an mlp, and with --text gru and lstm. Leave it out, or give one"),
        (("--optimizer", "lbfgs"), "takes all rows at once"),
    ],
)
def test_options_that_need_all_rows_are_refused(tmp_path, capsys, said, match):
    from pyarrow import parquet

    parquet.write_table(pa.table(raw()), tmp_path / "a.parquet")
    data = tmp_path / "*.parquet"
    code, _, err = run(capsys, "train", data, "--target", "y", *said, "--out", tmp_path / "m.safetensors")
    assert code != 0
    assert match in err
    assert not (tmp_path / "m.safetensors").exists()


def test_csv_of_another_encoding_trains(tmp_path, capsys):
    rows = "".join(f"{i % 13};{'ja' if i % 2 else 'nö'}\n" for i in range(300))
    (tmp_path / "a.csv").write_text("größe;antwort\n" + rows, encoding="latin-1")
    asked = ("--target", "antwort", "--epochs", 1, "--seed", 1, "--out", tmp_path / "m.safetensors", "--stream")
    code, out, err = run(capsys, "train", tmp_path / "a.csv", *asked, "--encoding", "latin-1")
    assert code == 0, err
    assert "2 classes: ja, nö" in out
    code, _, err = run(capsys, "train", tmp_path / "a.csv", *asked)
    assert code != 0
    assert "--encoding" in err
    told = ("--encoding", "latin-1", "--out", tmp_path / "out.csv")
    code, _, err = run(capsys, "predict", tmp_path / "m.safetensors", tmp_path / "a.csv", "--stream", *told)
    assert code == 0, err
    code, out, err = run(
        capsys, "evaluate", tmp_path / "m.safetensors", tmp_path / "a.csv", "--stream", "--encoding", "latin-1"
    )
    assert code == 0, err
    assert "300 rows" in out


def test_a_stream_can_be_watched(tmp_path, capsys):
    from pyarrow import parquet

    columns = raw()
    parquet.write_table(
        pa.table({"a": columns["a"], "b": columns["a"][::-1], "y": columns["y"]}), tmp_path / "a.parquet"
    )
    asked = ("--target", "y", "--epochs", 2, "--seed", 1, "--stream", "--out", tmp_path / "m.safetensors")
    for share in (0.2, 0):
        watch = ("--watch", 0, "--watch-seconds", 0, "--validation", share)
        code, out, err = run(capsys, "train", tmp_path / "a.parquet", *asked, *watch)
        assert code == 0, err
        assert "watch the training at" in out


def test_a_folder_with_nothing_to_read_says_what_could_be_there(tmp_path, capsys):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    asked = ("--target", "y", "--out", tmp_path / "m.safetensors")
    code, _, err = run(capsys, "train", tmp_path / "deep", *asked)
    assert code != 0
    assert "has no table (.parquet" in err
    (tmp_path / "deep" / "er" / "a.csv").write_text("a,y\n1,2\n")
    code, _, err = run(capsys, "train", tmp_path / "deep", *asked)
    assert "a pattern in quotes or --stream reads it" in err


def test_files_that_are_not_there_are_said(tmp_path, capsys):
    code, _, err = run(capsys, "train", tmp_path / "*.parquet", "--target", "y", "--out", tmp_path / "m.safetensors")
    assert code != 0
    assert "no file for the DATA" in err


def test_predictions_of_a_plain_model_and_a_writer_that_fails(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(5, dtype=np.float32))
    model = fastnn.Sequential([fastnn.layers.Dense(2, input_shape=(5,))], seed=1)
    given = stream(tmp_path / "a.npz", batch_size=2)
    assert write_predictions(model, given, tmp_path / "out.csv") == 5
    found = read_table(tmp_path / "out.csv")
    expected = model.predict(np.eye(5, dtype=np.float32))
    assert list(found.columns) == ["prediction_0", "prediction_1"]
    np.testing.assert_allclose(found.columns["prediction_0"].values, expected[:, 0], rtol=1e-6)
    before = (tmp_path / "out.csv").read_text()

    def fails():
        with PredictionWriter(tmp_path / "out.csv") as writer:
            writer.write({"a": [1]})
            writer.write({"b": [1]})

    with pytest.raises(ValueError, match="and a part has 'b'"):
        fails()
    assert (tmp_path / "out.csv").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "out.csv"]
    with pytest.raises(ValueError, match=r"name a file that ends in \.parquet, \.csv, \.tsv"):
        PredictionWriter(tmp_path / "out.xlsx")
    assert isinstance(found.columns["prediction_0"], Numbers)
