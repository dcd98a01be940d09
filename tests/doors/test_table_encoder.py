"""The encoding of raw columns as a transformer: scikit-learn's own checks, pipelines, frames, sparse results."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")

from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from fastnn.sklearn import MLPClassifier, TableEncoder
from fastnn.tables import FeatureOptions, Table, fit_features, table_of_frame
from fastnn.tables.naming import input_names
from fastnn.tables.sparse import encode_sparse

CHECKS = {
    f"{place}-{check.func.__name__}": check
    for place, (_, check) in enumerate(estimator_checks_generator(TableEncoder()))
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", CHECKS)
def test_estimator_check(name):
    CHECKS[name](clone(TableEncoder()))


def test_there_are_as_many_checks_as_of_a_transformer():
    assert len(CHECKS) > 40


@pytest.fixture
def frame(rng):
    pandas = pytest.importorskip("pandas")
    n = 200
    made = pandas.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(["Bern", "Oslo", "Rome"], n),
            "job": rng.choice([f"job {i}" for i in range(40)], n),
            "day": pandas.Timestamp("2024-01-01") + pandas.to_timedelta(rng.integers(0, 90, n), "D"),
        }
    )
    made.loc[::7, ["age", "city"]] = None
    return made


def test_it_gives_what_the_encoding_of_tables_gives(frame):
    encoder = TableEncoder(pieces=8, most_one_hot=10).fit(frame)
    features, notes = fit_features(table_of_frame(frame), FeatureOptions(8, 10, True))
    assert encoder.notes_ == notes
    x = encoder.transform(frame)
    assert x.dtype == np.float32
    assert np.array_equal(x, np.hstack(features.encode(table_of_frame(frame))))
    names = encoder.get_feature_names_out()
    assert len(names) == x.shape[1] == len(set(names))
    assert names[-1] == "job_code"
    assert {"age", "age_piece8", "age_gap", "city_Rome", "city_gap", "day_sine of day of week"} <= set(names)


@pytest.mark.parametrize("options", [{}, {"most_one_hot": 5}, {"pieces": 0, "dates": False}])
def test_sparse_rows_are_the_dense_ones(frame, options):
    dense = TableEncoder(**options).fit_transform(frame)
    encoder = TableEncoder(**options, sparse_output=True).fit(frame)
    rows = encoder.transform(frame)
    assert isinstance(rows, sparse.csr_matrix)
    assert rows.has_canonical_format
    assert np.array_equal(rows.toarray(), dense)
    again = encode_sparse(encoder.features_, table_of_frame(frame))
    assert again.data.nbytes == rows.data.nbytes
    assert (rows.data != 0).all()


def test_many_categories_in_sparse_rows_take_little_memory(rng):
    texts = [f"c{i}" for i in rng.integers(0, 900, 20_000)]
    rows = TableEncoder(sparse_output=True).fit_transform([[text] for text in texts])
    assert rows.shape == (20_000, 900)
    assert rows.nnz == 20_000


def test_pipelines_column_transformers_pickles_and_clones(frame, rng):
    y = np.where(frame["age"].fillna(40) + 5 * (frame["city"] == "Rome") > 40, "old", "young")
    for last in (LogisticRegression(max_iter=500), MLPClassifier((16,), max_iter=400, tol=1e-3, random_state=0)):
        pipeline = make_pipeline(TableEncoder(pieces=8, dates=False), last)
        assert pipeline.fit(frame, y).score(frame, y) > 0.9
        again = pickle.loads(pickle.dumps(pipeline))
        assert np.array_equal(again.predict(frame), pipeline.predict(frame))
    on_sparse = make_pipeline(
        TableEncoder(sparse_output=True), MLPClassifier((16,), max_iter=400, tol=1e-3, random_state=0)
    )
    assert on_sparse.fit(frame, y).score(frame, y) > 0.9
    columns = ColumnTransformer([("raw", TableEncoder(pieces=4), ["age", "city"])], remainder="drop")
    x = columns.set_output(transform="pandas").fit_transform(frame)
    assert list(x.columns)[:2] == ["raw__age", "raw__age_piece1"]
    assert clone(TableEncoder(pieces=5)).pieces == 5


def test_frames_of_polars_come_back_as_such(frame):
    polars = pytest.importorskip("polars")
    encoder = TableEncoder(pieces=4).set_output(transform="polars").fit(polars.from_pandas(frame))
    out = encoder.transform(polars.from_pandas(frame))
    assert isinstance(out, polars.DataFrame)
    assert np.array_equal(out.to_numpy(), encoder.set_output(transform="default").transform(frame))


def test_new_rows_may_have_numbers_for_categories_and_errors_name_the_column(frame):
    encoder = TableEncoder().fit([["1", 2.0], ["2", 3.0], ["x", 5.0]])
    assert encoder.transform([[1, 2.0]])[0, :3].tolist() == [1, 0, 0]
    with pytest.raises(ValueError, match="'x1' holds text"):
        encoder.transform([["1", "two"]])
    with pytest.raises(ValueError, match="'x1' is infinite in row 2"):
        TableEncoder().fit([["1", 2.0], ["2", np.inf], ["x", 5.0]])
    with pytest.raises(TypeError, match="dictionary"):
        encoder.fit({"a": [1, 2]})
    with pytest.raises(ValueError, match="names should match"):
        TableEncoder().fit(frame).transform(frame[["city", "age", "job", "day"]])


def test_names_of_inputs_are_all_different():
    table: Table = table_of_frame({"a": ["gap", "b", None, "gap"], "a_b": [1, 2, 3, 4]})
    names = input_names(fit_features(table)[0])
    assert names == ["a_b", "a_gap", "a_gap_2", "a_b_2"]
