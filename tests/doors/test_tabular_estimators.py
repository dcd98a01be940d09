"""Estimators for raw tables, and ``fastnn train`` with a preset."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import fastnn
from fastnn.cli import main
from fastnn.tables import Encoding
from fastnn.tabular import Settings
from fastnn.tabular.choices import Choice

pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")
from sklearn.base import clone  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402

from fastnn.sklearn import TabularClassifier, TabularRegressor  # noqa: E402

FAST = Choice(Settings(hidden=(16,), epochs=6, batch_size=32, learning_rate=0.05), 2, 4, 8, 10)


def rows(rng, n: int = 160) -> tuple[Any, np.ndarray]:
    """Raw columns with gaps, text and dates, and numbers that follow from them."""
    size, kind = rng.normal(size=n), rng.choice(["red", "green", "blue"], n)
    days = np.datetime64("2024-01-01") + rng.integers(0, 300, n)
    raw = pandas.DataFrame(
        {
            "size": [None if i % 13 == 0 else float(value) for i, value in enumerate(size)],
            "kind": [str(value) for value in kind],
            "day": [str(day) for day in days],
            "place": [f"p{i % 40}" for i in range(n)],
        }
    )
    return raw, 2 * size + (kind == "red") + 0.1 * rng.normal(size=n)


class TestClassifier:
    """Classes."""

    @pytest.mark.parametrize("labels", [["no", "yes"], [3, 10, 9], [True, False]], ids=str)
    def test_labels_of_any_kind_come_back(self, rng, labels):
        raw, y = rows(rng)
        place = np.digitize(y, np.quantile(y, np.linspace(0, 1, len(labels) + 1)[1:-1]))
        given = np.array(labels)[place]
        model = TabularClassifier(choice=FAST, random_state=1).fit(raw, given)
        assert model.classes_.tolist() == sorted(labels)
        shares = model.predict_proba(raw)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
        assert (model.classes_[shares.argmax(axis=1)] == model.predict(raw)).all()
        assert model.score(raw, given) > 0.6
        assert model.predict(raw).dtype == given.dtype

    def test_one_row_as_a_dict_is_what_many_are(self, rng):
        raw, y = rows(rng)
        model = TabularClassifier(choice=FAST, random_state=1).fit(raw, y > 0)
        answer = model.predictor()
        said = [answer(row) for row in raw[:40].to_dict("records")]
        assert said == model.predict(raw[:40]).tolist()

    def test_out_of_fold_probabilities(self, rng):
        raw, y = rows(rng)
        model = TabularClassifier(choice=FAST, random_state=1).fit(raw, y > 0)
        held, shares = model.out_of_fold_rows_, model.out_of_fold_proba_
        assert shares.shape == (80, 2)
        assert 0.7 < roc_auc_score(y[held] > 0, shares[:, 1]) < 1

    def test_the_report_is_of_rows_out_of_fold(self, rng, tmp_path):
        raw, y = rows(rng)
        model = TabularClassifier(choice=FAST, random_state=1).fit(raw, y > 0)
        held = model.out_of_fold_rows_
        scores = model.report_.scores
        assert scores["auc"] == pytest.approx(roc_auc_score(y[held] > 0, model.out_of_fold_proba_[:, 1]))
        assert model.report_.importance["names"][0] == "size"
        model.report_.save(tmp_path / "r.html")
        assert "calibration" in (tmp_path / "r.html").read_text().lower()
        assert pickle.loads(pickle.dumps(model)).report_.scores == scores

    def test_class_weights_move_probabilities(self, rng):
        raw, y = rows(rng)
        plain, weighted = (
            TabularClassifier(choice=FAST, random_state=1, class_weight=weight).fit(raw, y > 1.5)
            for weight in (None, "balanced")
        )
        assert weighted.predict_proba(raw)[:, 1].mean() > plain.predict_proba(raw)[:, 1].mean() + 0.05

    def test_wrong_targets_are_refused(self, rng):
        raw, y = rows(rng)
        with pytest.raises(ValueError, match="one class"):
            TabularClassifier(choice=FAST).fit(raw, np.zeros(160))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            TabularClassifier(choice=FAST).fit(raw, y[:-1] > 0)
        with pytest.raises(ValueError, match="preset"):
            TabularClassifier("fast").fit(raw, y > 0)


class TestRegressor:
    """Numbers."""

    def test_it_learns_and_takes_what_it_has_not_seen(self, rng):
        raw, y = rows(rng)
        model = TabularRegressor(choice=FAST, random_state=1).fit(raw, y)
        assert model.score(raw, y) > 0.5
        strange = {"size": [None, 1e9], "kind": ["mauve", None], "day": ["2031-05-05", None], "place": ["nowhere", ""]}
        assert np.isfinite(model.predict(pandas.DataFrame(strange))).all()

    def test_arrays_without_names(self, rng):
        x = rng.normal(size=(100, 3))
        model = TabularRegressor(choice=FAST, random_state=1).fit(x, x[:, 0])
        assert model.n_features_in_ == 3
        assert model.score(x, x[:, 0]) > 0.5
        with pytest.raises(ValueError, match="3 features"):
            model.predict(x[:, :2])

    def test_clones_pickles_and_cross_validation(self, rng):
        x = rng.normal(size=(120, 3))
        model = TabularRegressor(choice=FAST, random_state=1)
        assert cross_val_score(model, x, x[:, 0], cv=3).max() > 0.4
        fitted = clone(model).fit(x, x[:, 0])
        again = pickle.loads(pickle.dumps(fitted))
        assert (again.predict(x) == fitted.predict(x)).all()
        assert (clone(model).fit(x, x[:, 0]).predict(x) == fitted.predict(x)).all()

    def test_gaps_in_the_target_are_refused(self, rng):
        x = rng.normal(size=(40, 2))
        with pytest.raises(ValueError, match="y has gaps"):
            TabularRegressor(choice=FAST).fit(x, np.where(np.arange(40) == 3, np.nan, 1.0))

    def test_frames_of_pandas(self, rng):
        pandas = pytest.importorskip("pandas")
        raw, y = rows(rng)
        frame = pandas.DataFrame(raw)
        one = TabularRegressor(choice=FAST, random_state=1).fit(raw, y)
        other = TabularRegressor(choice=FAST, random_state=1).fit(frame, pandas.Series(y, name="y"))
        assert list(other.feature_names_in_) == list(raw)
        np.testing.assert_array_equal(
            one.predict(raw), other.predict(frame[["place", "size", "day", "kind"]][list(raw)])
        )

    def test_a_saved_one_is_a_file_of_the_command_line(self, rng, tmp_path, capsys):
        raw, y = rows(rng)
        model = TabularRegressor(choice=FAST, random_state=1).fit(raw, y)
        model.save(tmp_path / "m.safetensors")
        loaded = fastnn.load(tmp_path / "m.safetensors")
        assert Encoding.of(loaded).row_target.limits == [y.min(), y.max()]
        lines = [
            "size,kind,day,place",
            *(",".join("" if v != v or v is None else str(v) for v in row) for row in raw.itertuples(index=False)),
        ]
        (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
        assert main(["predict", str(tmp_path / "m.safetensors"), str(tmp_path / "rows.csv")]) == 0
        said = np.array([float(line) for line in capsys.readouterr().out.splitlines()[1:]])
        np.testing.assert_allclose(said, model.predict(raw), rtol=1e-6)


class TestCommand:
    """``fastnn train`` where nothing is said of a single network."""

    def table(self, tmp_path, rng):
        raw, y = rows(rng)
        lines = [
            "size,kind,price",
            *(f"{'' if s != s else s},{k},{p}" for s, k, p in zip(raw["size"], raw["kind"], y, strict=True)),
        ]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def test_train_evaluate_predict_info_and_report(self, rng, tmp_path, capsys):
        path, out = str(self.table(tmp_path, rng)), str(tmp_path / "m.safetensors")
        page = str(tmp_path / "r.html")
        given = ["train", path, "--target", "price", "--preset", "quick", "--seed", "1", "--out", out, "--report", page]
        assert main(given) == 0
        told = capsys.readouterr().out
        assert "1 network: " in told
        assert "that a network did not see: loss" in told
        assert main(["evaluate", out, path]) == 0
        assert "r2" in capsys.readouterr().out
        assert main(["info", out]) == 0
        assert "preset quick, seed 1" in capsys.readouterr().out

    @pytest.mark.long
    def test_default_is_several_networks_and_a_seed_repeats_them(self, rng, tmp_path, capsys):
        path = str(self.table(tmp_path, rng))
        for name in "ab":
            assert main(["train", path, "--target", "price", "--seed", "1", "--out", str(tmp_path / name)]) == 0
        assert "4 networks: " in capsys.readouterr().out
        first, second = (fastnn.load(tmp_path / name).get_weights() for name in "ab")
        assert all((one == other).all() for one, other in zip(first, second, strict=True))

    @pytest.mark.parametrize(
        ("option", "words"),
        [(["--hidden", "8"], "--hidden is about"), (["--window", "3"], "--window is about")],
        ids=str,
    )
    def test_a_preset_beside_a_single_network_is_refused(self, rng, tmp_path, capsys, option, words):
        path = str(self.table(tmp_path, rng))
        out = str(tmp_path / "m")
        assert main(["train", path, "--target", "price", "--preset", "quick", "--out", out, *option]) == 1
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(("task", "what"), [("classify", "the shares of the classes"), ("regress", "the mean")])
def test_a_table_of_noise_is_told_and_one_that_says_something_is_not(rng, tmp_path, capsys, monkeypatch, task, what):
    monkeypatch.setattr("fastnn.tabular.fitting.choose", lambda *given: FAST)
    x, path = rng.normal(size=(120, 8)), tmp_path / "rows.csv"
    for y, told in ((rng.normal(size=120), True), (3 * x[:, 0], False)):
        frame = pandas.DataFrame(x, columns=list("abcdefgh"))
        pandas.concat([frame, pandas.Series(y if task == "regress" else y > 0, name="y")], axis=1).to_csv(
            path, index=False
        )
        options = ["--target", "y", "--task", task, "--preset", "default", "--seed", "1", "--out", str(tmp_path / "m")]
        assert main(["train", str(path), *options]) == 0
        note = f"note: of rows that a network did not see the model knows no more than {what}"
        assert (note in capsys.readouterr().out) == told
