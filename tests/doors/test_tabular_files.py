"""Files of estimators for raw tables: what ``load`` reads is what ``save`` wrote, or is refused by its name."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn.cli import main

pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from test_tabular_estimators import FAST, rows  # noqa: E402

from fastnn.sklearn import TabularClassifier, TabularRegressor  # noqa: E402


def fitted(rng, given=None, kind=TabularClassifier, **more):
    """An estimator of a few rows, and these."""
    raw, y = rows(rng)
    target = y if kind is TabularRegressor else y > 0 if given is None else np.array(given)[(y > 0).astype(int)]
    return kind(choice=FAST, random_state=1, **more).fit(raw, target), raw


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [3, 10], [False, True], [0.0, 2.0], np.float32([1, 3]), np.uint8([7, 200])]
    + [np.array(["a", "b"], object), np.array(["2024-01-01", "2025-06-07"], "M8[D]")],
    ids=lambda labels: str(np.asarray(labels).dtype),
)
def test_a_loaded_classifier_predicts_the_same(rng, tmp_path, labels):
    model, raw = fitted(rng, labels)
    model.save(tmp_path / "m.safetensors")
    again = TabularClassifier.load(tmp_path / "m.safetensors")
    assert again.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(again.classes_, model.classes_)
    np.testing.assert_array_equal(again.predict_proba(raw), model.predict_proba(raw))
    np.testing.assert_array_equal(again.predict(raw), model.predict(raw))
    assert again.predictor()(raw.iloc[0].to_dict()) == model.predict(raw)[0]


def test_so_does_a_regressor_and_a_file_of_its_file(rng, tmp_path):
    model, raw = fitted(rng, kind=TabularRegressor, n_threads=2)
    for name in ("one", "two"):
        model.save(tmp_path / name)
        again = TabularRegressor.load(tmp_path / name)
        np.testing.assert_array_equal(again.predict(raw), model.predict(raw))
        assert list(again.feature_names_in_) == list(raw)
        assert (again.n_features_in_, again.n_members_) == (model.n_features_in_, model.n_members_)
        model = again
    assert (again.random_state, again.n_threads, again.choice) == (1, 2, None)
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(raw.drop(columns="size"))


def test_columns_without_names_need_none(rng, tmp_path):
    x = rng.normal(size=(100, 3))
    x[:, 1] = 5.0  # is not read
    model = TabularRegressor(choice=FAST, random_state=1).fit(x, x[:, 0])
    model.save(tmp_path / "m")
    again = TabularRegressor.load(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert not hasattr(again, "feature_names_in_")
    with pytest.raises(ValueError, match="3 features"):
        again.predict(x[:, :2])


def test_what_files_do_not_keep_is_told(rng, tmp_path):
    model, raw = fitted(rng, class_weight={False: 1.0, True: 2.0})
    model.save(tmp_path / "m")
    again = TabularClassifier.load(tmp_path / "m")
    assert again.notes_[: len(model.notes_)] == model.notes_
    assert [note.split(":")[0] for note in again.notes_[len(model.notes_) :]] == [
        "files do not keep choice",
        "files do not keep class_weight",
    ]
    for name in ("report_", "out_of_fold_rows_", "out_of_fold_proba_"):
        with pytest.raises(AttributeError, match=f"{name} is of the rows of fit.*pickle"):
            getattr(again, name)
    with pytest.raises(AttributeError, match="has no attribute 'report_'"):
        TabularClassifier().report_  # noqa: B018
    assert (pickle.loads(pickle.dumps(again)).predict(raw) == model.predict(raw)).all()
    assert clone(again).get_params() == again.get_params()
    again.set_params(choice=FAST).fit(raw, np.arange(len(raw)) % 2)
    assert again.classes_.tolist() == [0, 1]
    assert again.report_.scores


def test_a_file_of_the_command_line_has_texts_as_classes(rng, tmp_path):
    raw, y = rows(rng)
    path, out = tmp_path / "t.csv", tmp_path / "m"
    raw[["size", "kind"]].assign(late=(y > 0).astype(int)).to_csv(path, index=False)
    told = ["--target", "late", "--preset", "quick", "--seed", "1", "--out", str(out)]
    assert main(["train", str(path), *told]) == 0
    again = TabularClassifier.load(out)
    assert again.classes_.tolist() == ["0", "1"]
    assert (again.predict(raw[["size", "kind"]]) == (y > 0).astype(int).astype(str)).mean() > 0.8


def test_another_model_is_refused_with_what_reads_it(rng, tmp_path):
    fitted(rng)[0].save(tmp_path / "classes")
    fitted(rng, kind=TabularRegressor)[0].save(tmp_path / "numbers")
    fastnn.Sequential([fastnn.layers.Dense(1, input_shape=(2,))]).save(tmp_path / "plain")
    (tmp_path / "text").write_text("no model")
    refused = [
        (TabularRegressor, "classes", "classes cannot be loaded by TabularRegressor: it predicts classes; Tabular"),
        (TabularClassifier, "numbers", "predicts numbers; TabularRegressor.load reads it"),
        (TabularClassifier, "plain", "carries no encoding of raw rows; fastnn.load reads it"),
        (TabularClassifier, "text", "is no fastnn model"),
    ]
    for kind, name, told in refused:
        with pytest.raises(ValueError, match=told):
            kind.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no such file"):
        TabularClassifier.load(tmp_path / "none")
    with pytest.raises(NotFittedError):
        TabularClassifier().save(tmp_path / "m")


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"n_features": 3},
        {"names": ["size", "size", "kind", "day"]},
        {"names": []},
        {"names": 5},
        {"classes": "V900000"},
        {"classes": "f8"},
        {"classes": "M8[D]"},
        {"classes": "?"},
        {"parameters": {"preset": [1]}},
        {"more": 1},
        {"notes": [1]},
    ],
    ids=str,
)
def test_a_damaged_file_is_refused_by_its_name(rng, tmp_path, damage):
    model, _ = fitted(rng, ["no", "yes"])
    model.save(tmp_path / "m")
    loaded = fastnn.load(tmp_path / "m")
    loaded.save(tmp_path / "bad", {"estimator": json.dumps(json.loads(loaded.metadata["estimator"]) | damage)})
    with pytest.raises(ValueError, match="bad cannot be loaded by TabularClassifier: "):
        TabularClassifier.load(tmp_path / "bad")
