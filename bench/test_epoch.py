"""Time of one epoch of training through the public interface."""

import pytest
from timed import NETWORKS, make


@pytest.mark.parametrize("network", NETWORKS)
def test_epoch(benchmark, backend, network):
    model, x, y, batch_size = make(network, backend)
    benchmark.extra_info["steps"] = -(-len(x) // batch_size)
    benchmark(lambda: model.fit(x, y, epochs=1, batch_size=batch_size, verbose=0))
