"""Time of a prediction: one row and many, through the predictor and through ``predict``."""

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
    x, out = data(network, "float32")[0][:rows], np.empty((rows, network.widths[-1]), np.float32)
    benchmark(predictor, x, out=out)


@pytest.mark.parametrize("name", PREDICTED)
def test_predict_one_row(benchmark, backend, name):
    network = NETWORKS[name]
    model, x = make(network, backend=backend), data(network, "float32")[0][:1]
    benchmark(model.predict, x)
