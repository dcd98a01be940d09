"""``fit_many`` on Dask: equal bits whatever happens to workers, on one host and on two."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import two_hosts
from executors import assert_same
from models import model_of, regression

import fastnn
from fastnn._workers import dask as daskpool

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = [pytest.mark.dask, pytest.mark.filterwarnings("default")]
KILLS = int(os.environ.get("KILLS", "20"))


def models_of(n=8):
    return [model_of(name=None, n_in=20, seed=seed) for seed in range(n)]


@pytest.fixture(scope="module")
def data():
    return regression(np.random.default_rng(1), n=2000, n_in=20)


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


def trained_here(data, epochs):
    made = models_of()
    for model in made:
        model.fit(*data, epochs=epochs, verbose=0)
    return made


def test_models_large_and_small_are_as_after_a_fit_here(data, monkeypatch):
    here = trained_here(data, 2)
    with in_threads(2) as client:
        for large in (0, daskpool.LARGE):
            monkeypatch.setattr(daskpool, "LARGE", large)
            away = models_of()
            fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
            for model, other in zip(away, here, strict=True):
                assert_same(model, other)


def test_an_executor_that_is_shut_down_is_refused(data):
    with in_threads(1) as client:
        executor = client.get_executor()
        executor.shutdown()
        with pytest.raises(ValueError, match="ClientExecutor, takes no tasks"):
            fastnn.fit_many(models_of(), *data, executor=executor)
        with pytest.raises(TypeError, match=r"client\.get_executor\(\)"):
            fastnn.fit_many(models_of(), *data, executor=client)
        executor = client.get_executor()
    with pytest.raises(ValueError, match="its client is closed"):
        fastnn.fit_many(models_of(), *data, executor=executor)


@pytest.mark.long
def test_two_processes_train_to_the_same_bits(data):
    here = trained_here(data, 5)
    with cluster_of() as client:
        away = models_of()
        fastnn.fit_many(away, *data, epochs=5, executor=client.get_executor())
        for model, other in zip(away, here, strict=True):
            assert_same(model, other)
        again = models_of()
        fastnn.fit_many(again, *data, epochs=5, executor=client.get_executor)
        assert client.status == "running"
        time.sleep(1.0)  # what nobody wants any more is dropped soon, and not at once
        for model, other in zip(again, here, strict=True):
            assert_same(model, other)
        assert not client.who_has(), "no data are left"


@pytest.mark.long
def test_workers_killed_at_any_moment_lose_nothing(data):
    here, left, chance = trained_here(data, 30), KILLS, random.Random(7)
    while left:
        with cluster_of() as client, contextlib.suppress(TimeoutError):  # Dask's nannies lose one now and then
            while left:
                away = models_of()
                killer = threading.Timer(chance.uniform(0, 0.6), _kill_one, [client, chance])
                killer.start()
                fastnn.fit_many(away, *data, epochs=30, executor=client.get_executor())
                killer.join()
                left -= 1
                print(left, flush=True)
                for model, other in zip(away, here, strict=True):
                    assert_same(model, other)
                client.wait_for_workers(2, timeout=30)


def _kill_one(client, chance):
    with contextlib.suppress(OSError, ProcessLookupError):  # it is gone already
        os.kill(chance.choice(sorted(client.run(os.getpid).values())), 9)


SCRIPT = """
import sys
import numpy as np
from distributed import Client
import fastnn
from models import model_of, regression

with Client(sys.argv[1]) as client:
    client.wait_for_workers(2, timeout=120)
    print("ready", flush=True)
    models = [model_of(name=None, n_in=20, seed=seed) for seed in range(8)]
    data = regression(np.random.default_rng(1), n=2000, n_in=20)
    fastnn.fit_many(models, *data, epochs=int(sys.argv[2]), executor=client.get_executor())
    np.savez(sys.argv[3], *[np.concatenate([w.ravel() for w in model.get_weights()]) for model in models])
    hosts = {key.split("//")[1].split(":")[0] for key in client.scheduler_info()["workers"]}
    print("hosts", *sorted(hosts), flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut off"])
def test_two_hosts_train_to_the_same_bits(cut, data, tmp_path):
    env = {
        **os.environ,
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
    }
    env["PYTHONPATH"] = os.pathsep.join([os.path.dirname(os.path.dirname(__file__)), *sys.path])
    epochs = 400 if cut else 5
    if two_hosts.missing():
        pytest.skip(two_hosts.missing())
    (tmp_path / "client.py").write_text(SCRIPT)
    started = []
    with two_hosts.two_hosts(tmp_path) as hosts:

        def start(host, *words, **more):
            command = hosts.command(host, sys.executable, *words)
            started.append(subprocess.Popen(command, env=env, cwd=tmp_path, **more))
            return started[-1]

        addresses = two_hosts.ADDRESSES
        address = f"tcp://{addresses[0]}:8786"
        start(0, "-m", "distributed.cli.dask_scheduler", "--host", addresses[0], "--no-dashboard")
        for host in (0, 1):
            more = ["--nthreads", 1, "--no-dashboard", "--host", addresses[host]]
            start(host, "-m", "distributed.cli.dask_worker", address, *more)
        client = start(0, "client.py", address, epochs, "found.npz", stdout=subprocess.PIPE, text=True)
        assert client.stdout.readline() == "ready\n"
        before = hosts.sent(0)
        if cut:
            time.sleep(2.0)
            hosts.cut()
        told, _ = client.communicate(timeout=300)
        assert client.returncode == 0
        if not cut:
            assert told.split() == ["hosts", *addresses]
            assert hosts.sent(0) - before > sum(part.nbytes for part in data)
    for process in started:
        process.wait(30)
    found = np.load(tmp_path / "found.npz")
    for model, name in zip(trained_here(data, epochs), found.files, strict=True):
        np.testing.assert_array_equal(found[name], np.concatenate([w.ravel() for w in model.get_weights()]))
