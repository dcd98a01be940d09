"""The encoding of raw rows: fitted on training rows, kept in JSON, the same for columns in any order."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fastnn.tables import Encoding, Numbers, Table, choose_task, fit_classes, fit_features, fit_quantity
from fastnn.tables.features import features_from_config
from fastnn.tables.fit import MOST_CATEGORIES
from fastnn.tables.table import column_from_array, column_from_values
from fastnn.tables.target import FEW, Quantity, target_from_config


def table(**columns) -> Table:
    """A table from lists of texts or arrays."""
    return Table(
        {n: column_from_array(c) if isinstance(c, np.ndarray) else column_from_values(c) for n, c in columns.items()}
    )


def encoded(training: Table, rows: Table) -> np.ndarray:
    """Rows through an encoding that was fitted on other rows, and through a file."""
    features = fit_features(training)[0]
    stored = features_from_config(json.loads(json.dumps(features.config())))
    assert np.array_equal(stored.encode(rows), features.encode(rows))
    assert stored.encode(rows).shape == (len(rows), features.width)
    return features.encode(rows)


def test_numbers_are_standardised_by_the_training_rows(rng):
    values = rng.normal(50, 7, 200)
    x = encoded(table(a=values), table(a=values))
    assert abs(x.mean()) < 1e-6
    assert abs(x.std() - 1) < 1e-6
    shifted = encoded(table(a=values), table(a=values + 7))
    assert np.allclose(shifted - x, 7 / values.std(), atol=1e-5)


def test_gaps_become_the_mean_and_an_indicator():
    x = encoded(table(a=["1", "", "3"]), table(a=["NA", "3", "?"]))
    assert x.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_a_gap_where_training_had_none_is_the_mean():
    assert encoded(table(a=["1", "3"]), table(a=["", "3"])).tolist() == [[0], [1]]


def test_categories_become_one_column_each_and_the_unseen_are_zero():
    x = encoded(table(a=["x", "y", "y", "z"]), table(a=["z", "new", "x", ""]))
    assert x.tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_gaps_of_text_are_a_category_of_their_own():
    assert encoded(table(a=["x", "", "x"]), table(a=["", "x", "new"])).tolist() == [[0, 1], [1, 0], [0, 0]]


def test_very_many_categories_are_capped_with_a_bucket_for_the_rest():
    often = [f"c{i}" for i in range(1500) for _ in range(2 + (i < 10))]
    features, notes = fit_features(table(a=often))
    assert features.width == MOST_CATEGORIES + 1
    assert "1,500 different" in notes[0]
    x = features.encode(table(a=["c3", "c1499", "new", ""]))
    assert x.sum(axis=1).tolist() == [1, 1, 1, 1]
    assert x[:, -1].tolist()[0] == 0
    assert x[2, -1] == x[3, -1] == 1


def test_a_text_that_names_the_row_is_left_out_and_told():
    features, notes = fit_features(table(name=[f"n{i}" for i in range(300)], a=["1", "2", "3"] * 100))
    assert features.width == 1
    assert "'name'" in notes[0]
    assert "left out" in notes[0]


def test_a_constant_column_is_zero():
    training = table(a=["5", "5"], b=["x", "x"], c=["1", "2"], d=["", ""])
    features, notes = fit_features(training)
    assert "'a', 'b': one value" in notes[0]
    assert "'d': no value in any training row" in notes[1]
    x = features.encode(table(a=["9", "5"], b=["y", "x"], c=["1", "2"], d=["1", ""]))
    assert x.any(axis=0).sum() == 1


def test_a_nearly_constant_column_of_large_numbers_stays_finite():
    assert np.isfinite(encoded(table(a=np.full(100, 0.1) + 1e9), table(a=np.array([1e9, 2e9])))).all()


def test_truth_counts_as_one_and_zero_however_it_is_written():
    x = encoded(table(a=["true", "false"]), table(a=["False", "TRUE", "", "maybe"]))
    assert x.tolist() == [[-1], [1], [0], [0]]


def test_columns_may_come_in_any_order_with_others_between():
    training = table(a=["1", "2"], b=["x", "y"])
    one = encoded(training, table(a=["2"], b=["x"]))
    other = encoded(training, table(extra=["?"], b=["x"], a=["2"]))
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["1"]}, "no column 'b'"),
        ({"a": ["1", "abc"], "b": ["x", "x"]}, "'a' holds text .*'abc' in row 2"),
        ({"a": ["1", "inf"], "b": ["x", "x"]}, "'a' is infinite in row 2"),
        ({"a": ["1"], "b": ["2"]}, "'b' holds numbers"),
    ],
)
def test_rows_that_do_not_fit_are_errors_that_name_the_column(columns, message):
    with pytest.raises(ValueError, match=message):
        encoded(table(a=["1", "2"], b=["x", "y"]), table(**columns))


def test_images_are_scaled_to_one_and_checked_for_their_shape():
    features, _ = fit_features(np.array([[[0, 255], [51, 0]]], dtype=np.uint8))
    assert features.encode(np.array([[[0, 255], [51, 0]]], dtype=np.uint8)).tolist() == [
        [0, 1, np.float32(51) / np.float32(255), 0]
    ]
    with pytest.raises(ValueError, match="shape"):
        features.encode(np.zeros((1, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["x", "y"], "classify"),
        (["1", "2", "1"], "classify"),
        (["1.0", "2.0", "1.0"], "classify"),
        (["1.5", "2"], "regress"),
        ([str(i) for i in range(FEW)] * 5, "classify"),
        ([str(i) for i in range(FEW + 1)] * 5, "regress"),
        ([str(i) for i in range(FEW)] * 4, "regress"),
        ([str(i) for i in range(12)], "regress"),
        (["1", "2"], "regress"),
        (["0"] * 99 + ["1"], "classify"),
        (["0"] * 90 + [str(i) for i in range(10)], "regress"),
        ([str(i / 10) for i in range(99)] + ["unknown"], "regress"),
        (["01", "1", "1"], "classify"),
        (["true", "false", ""], "classify"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    assert choose_task(column_from_values(values))[0] == task


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["b", "a", "c", "a"], ["a", "b", "c"]),
        (["10", "9", "-1", "9"], ["-1", "9", "10"]),
        (["1.0", "2.5", "1.0"], ["1.0", "2.5"]),
        (["007", "7", "007"], ["007", "7"]),
        (["9007199254740993", "9007199254740992", "1"] * 2, ["1", "9007199254740992", "9007199254740993"]),
        (["True", "true", "yes", "yes"], ["True", "true", "yes"]),
    ],
)
def test_classes_keep_their_labels(values, labels):
    column = column_from_values(values, as_text=True)
    classes = target_from_config(json.loads(json.dumps(fit_classes("t", column).config())))
    assert list(classes.labels) == labels
    indices = classes.encode(column)
    output = np.eye(len(labels))[indices] if len(labels) > 2 else indices[:, None] * 0.8 + 0.1
    assert classes.decode(output) == values
    assert np.allclose(classes.probabilities(output).sum(axis=1), 1)


def test_labels_match_in_another_form_and_unknown_ones_are_told():
    classes = fit_classes("t", column_from_values(["<=50K", ">50K", "<=50K"]))
    assert classes.encode(column_from_values([">50k.", "<=50K."])).tolist() == [1, 0]
    assert not classes.notes(column_from_values([">50k."]))
    strange = column_from_values(["50K", "50K", "<=50K"])
    assert classes.encode(strange).tolist() == [-1, -1, 0]
    assert "2 of 3 rows have a 't' that the model does not know ('50K')" in classes.notes(strange)[0]
    exact = fit_classes("t", column_from_values(["a", "A", "b"], True))
    assert exact.encode(column_from_values(["a", "A", "a."])).tolist() == [1, 0, -1]


def test_a_label_is_another_number_only_in_zeros_after_the_point():
    classes = fit_classes("t", column_from_values(["0", "1", "0"], True))
    assert classes.encode(column_from_values(["1.0", "0.00", "01", "1.", "-1"], True)).tolist() == [1, 0, -1, 1, -1]
    assert classes.encode(Numbers(np.array([1.0, 0.0]))).tolist() == [1, 0]
    codes = fit_classes("t", column_from_values(["007", "7", "7"], True))
    assert codes.encode(column_from_values(["007", "7", "7.0", "0007"], True)).tolist() == [0, 1, 1, -1]


def test_a_model_file_with_labels_as_numbers_is_still_read():
    old = target_from_config({"kind": "classes", "name": "t", "labels": [0, 1.5]})
    assert old.labels == ["0", "1.5"]


def test_numbers_come_back_from_training_units():
    column = column_from_values(["100", "200", "600"])
    target = target_from_config(json.loads(json.dumps(fit_quantity("t", column).config())))
    scaled = target.encode(column)
    assert abs(scaled.mean()) < 1e-12
    assert abs(scaled.std() - 1) < 1e-12
    assert np.allclose(target.decode(scaled[:, None]), column.values)


@pytest.mark.parametrize("fit", [fit_classes, fit_quantity])
def test_a_target_of_one_value_is_an_error(fit):
    with pytest.raises(ValueError, match="nothing to learn"):
        fit("t", column_from_values(["3", "3"]))


def test_an_encoding_lives_in_a_models_metadata():
    class Model:
        metadata: dict[str, str]
        layout = SimpleNamespace(input_shapes=((3,),), output_shape=(1,), n_ids=(None,))

    model = Model()
    features, _ = fit_features(table(a=["1", "2"], b=["007", "x"]))
    model.metadata = Encoding(features, fit_classes("t", column_from_values(["u", "v"])), {"data": "d"}).metadata()
    back = Encoding.of(model)
    assert back.trained == {"data": "d"}
    reading = back.reading(separator=";")
    assert (list(reading.as_text), list(reading.as_numbers), reading.separator) == (["b", "t"], ["a"], ";")
    for damage in ("{}", "no json", model.metadata["table"].replace('"version": 1', '"version": 99')):
        model.metadata = {"table": damage}
        with pytest.raises(ValueError, match=r"damaged|newer"):
            Encoding.of(model)
    model.metadata = {}
    with pytest.raises(ValueError, match="fastnn train"):
        Encoding.of(model)


def test_a_column_keeps_what_is_known_of_it_when_rows_are_taken():
    numbers = Numbers(np.array([1.0, np.nan, 3.0]), (("x", 1),)).take(np.array([2, 0]))
    assert numbers.values.tolist() == [3, 1]
    assert numbers.odd == (("x", 1),)
    assert Quantity("a", 0.0, 1.0).values(numbers).tolist() == [3, 1]
