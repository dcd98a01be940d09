"""Clusters of Dask for tests, of processes and of threads, and what is trained on them."""

from __future__ import annotations

import contextlib
import os

from models import model_of


def models_of(n=8):
    return [model_of(name=None, n_in=20, seed=seed) for seed in range(n)]


def trained_here(data, epochs):
    made = models_of()
    for model in made:
        model.fit(*data, epochs=epochs, verbose=0)
    return made


@contextlib.contextmanager
def unchanged_environment():
    """Dask sets numbers of threads for its workers, and leaves them in this process."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def cluster_of(n=2, **how):
    """A client of a cluster of ``n`` workers of one thread each."""
    import distributed

    told = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with (
        unchanged_environment(),
        distributed.LocalCluster(**told | how) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(n, timeout=120)
        yield client


@contextlib.contextmanager
def in_threads(n):
    """The same with workers that are threads of this process, which begin at once."""
    with cluster_of(n, processes=False) as client:
        yield client
