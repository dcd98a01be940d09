"""The estimators inside scikit-learn's tools: pipelines, searches, worker threads and processes, frames, callbacks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn 1.9 is not installed")

import sklearn
from sklearn.utils import estimator_html_repr

from fastnn import callbacks
from fastnn._base import threads
from fastnn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_in_pipelines_searches_and_wrappers(blobs):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=60, random_state=0, learning_rate_init=0.01))
    grid = {"mlpclassifier__hidden_layer_sizes": [(4,), (8, 4)], "mlpclassifier__alpha": [1e-4, 1e-2]}
    with_threads = GridSearchCV(pipeline, grid, cv=3, n_jobs=1).fit(x, y)
    with sklearn.utils.parallel.joblib.parallel_backend("threading", n_jobs=2):
        again = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], with_threads.cv_results_["mean_test_score"])
    assert with_threads.best_score_ > 0.95
    assert cross_val_score(pipeline, x, y, cv=3).min() > 0.9
    assert CalibratedClassifierCV(pipeline, cv=3).fit(x, y).score(x, y) > 0.95
    assert permutation_importance(with_threads.best_estimator_, x, y, n_repeats=2).importances_mean.min() > 0.1
    assert "MLPClassifier" in estimator_html_repr(pipeline)


def test_processes_of_joblib(blobs):
    from sklearn.model_selection import cross_val_score

    scores = cross_val_score(
        MLPClassifier(max_iter=60, random_state=0, learning_rate_init=0.01), *blobs, cv=3, n_jobs=2
    )
    assert scores.min() > 0.9


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_their_names(blobs, library):
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs
    frame = frames.DataFrame({"width": x[:, 0], "height": x[:, 1]})
    classifier = MLPClassifier(max_iter=5).fit(frame, y)
    assert classifier.feature_names_in_.tolist() == ["width", "height"]
    assert classifier.predict(frame).shape == (210,)
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[["height", "width"]])
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), ["width", "height"])).set_output(transform=library), classifier
    )
    assert len(pipeline.fit(frame, y).predict(frame)) == 210


def test_sample_weights_are_routed(wave):
    from sklearn.model_selection import cross_validate

    weight = np.linspace(0.1, 2, 200)
    with sklearn.config_context(enable_metadata_routing=True):
        regressor = MLPRegressor(max_iter=3).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(regressor, *wave, params={"sample_weight": weight}, cv=3)
    assert len(found["test_score"]) == 3


def test_their_callbacks_are_told_of_epochs(blobs):
    pytest.importorskip("rich", reason="rich, which scikit-learn's ProgressBar draws with, is not installed")
    from sklearn.callback import ProgressBar, ScoringMonitor

    for solver in ("adam", "lbfgs"):
        monitor = ScoringMonitor(scoring="accuracy")
        classifier = MLPClassifier(solver=solver, max_iter=6, random_state=0)
        classifier.set_callbacks(ProgressBar(), monitor).fit(*blobs)
        logged = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
        assert len(logged) == classifier.n_iter_
        assert logged[-1]["accuracy"] == classifier.score(*blobs)
        assert logged[0]["accuracy"] <= logged[-1]["accuracy"]


def test_their_callbacks_can_end_a_fit(blobs):
    class Third:
        def setup(self, estimator, context):
            self.scores = []

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
            if context.task_name == "epoch" and fitted_estimator is not None:
                self.scores.append(fitted_estimator.score(X, y))
                return len(self.scores) == 3
            return False

    for solver in ("adam", "lbfgs"):
        third = Third()
        assert MLPClassifier(solver=solver).set_callbacks(third).fit(*blobs).n_iter_ == 3
        assert len(third.scores) == 3


def test_a_worker_thread_of_joblib_uses_no_others(wave):
    import joblib

    def fit():
        seen = []
        look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(threads.get_num_threads()))
        MLPRegressor(callbacks=[look], max_iter=1).fit(*wave)
        return seen[0]

    assert joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(fit)() for _ in range(3)) == [1, 1, 1]


def test_worker_processes_of_joblib_share_the_processors():
    import joblib

    n = threads.machine_threads()
    seen = joblib.Parallel(n_jobs=max(2, n))(joblib.delayed(threads.get_num_threads)() for _ in range(4))
    assert set(seen) == {1}
