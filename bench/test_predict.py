"""Time of a prediction: one row and many, through the predictor and through ``predict``."""

import importlib
import warnings

import numpy as np
import pytest
from cases import NETWORKS, data
from timed import make

PREDICTED = ["tutorial", "odd", "mnist128"]


@pytest.mark.parametrize("rows", [1, 1024])
@pytest.mark.parametrize("name", PREDICTED)
def test_predictor(benchmark, backend, name, rows):
    network = NETWORKS[name]
    predictor = make(network, backend=backend).predictor()
    x, out = data(network, "float32")[0][:rows], np.empty((rows, network.n_out), np.float32)
    benchmark(predictor, x, out=out)


@pytest.mark.parametrize("name", PREDICTED)
def test_predict_one_row(benchmark, backend, name):
    network = NETWORKS[name]
    model, x = make(network, backend=backend), data(network, "float32")[0][:1]
    benchmark(model.predict, x)


@pytest.mark.parametrize("package", ["fastnn.sklearn", "sklearn.neural_network"])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_estimator_one_row(benchmark, package, method):
    """One row of the digits' 64 numbers, with the user's word that it is finite."""
    sklearn = pytest.importorskip("sklearn", minversion="1.9")
    rng = np.random.default_rng(0)
    x, y = rng.random((500, 64)), rng.integers(0, 10, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = importlib.import_module(package).MLPClassifier(max_iter=2, random_state=0).fit(x, y)
    with sklearn.config_context(assume_finite=True):
        benchmark(getattr(classifier, method), x[:1])
