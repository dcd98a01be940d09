"""Time of a prediction: one row and many, through the predictor and through ``predict``."""

import numpy as np
import pytest
from timed import NETWORKS, make


@pytest.mark.parametrize("rows", [1, 1024])
@pytest.mark.parametrize("network", NETWORKS)
def test_predictor(benchmark, backend, network, rows):
    model, x, _, _ = make(network, backend)
    predictor = model.predictor()
    out = np.empty((rows, *model.output_shape), np.float32)
    benchmark(predictor, x[:rows], out=out)


@pytest.mark.parametrize("network", NETWORKS)
def test_predict_one_row(benchmark, backend, network):
    model, x, _, _ = make(network, backend)
    benchmark(model.predict, x[:1])
