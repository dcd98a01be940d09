"""Time of one epoch of training through the public interface."""

import pytest
from cases import NETWORKS, data
from timed import make


@pytest.mark.parametrize("name", ["xor", "tutorial", "policy", "odd", "mnist128", "lenet"])
def test_epoch(benchmark, backend, name):
    network = NETWORKS[name]
    model, (x, y) = make(network, backend=backend), data(network, "float32")
    benchmark.extra_info["steps"] = network.steps
    benchmark(lambda: model.fit(x, y, epochs=1, batch_size=network.batch, verbose=0))
