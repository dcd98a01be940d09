"""``fit_many`` on Dask: equal bits whatever happens to workers, on one host and on two."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
import two_hosts
from clusters import cluster_of, in_threads, models_of, trained_here
from executors import assert_same
from models import regression

import fastnn
from fastnn._workers import dask as daskpool
from fastnn._workers import worker
from fastnn._workers.pickling import packed

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = [pytest.mark.dask, pytest.mark.filterwarnings("default")]
KILLS = int(os.environ.get("KILLS", "20"))


@pytest.fixture(scope="module")
def data():
    return regression(np.random.default_rng(1), n=2000, n_in=20)


@pytest.fixture(params=[True, False], ids=["by files", "by messages"])
def by_files(request, monkeypatch):
    """Whether workers are taken for ones of this machine."""
    if not request.param:
        monkeypatch.setattr(daskpool, "_is_here", lambda address: False)
    return request.param


@pytest.mark.usefixtures("by_files")
def test_models_large_and_small_are_as_after_a_fit_here(data, monkeypatch):
    here = trained_here(data, 2)
    with in_threads(2) as client:
        for large in (0, daskpool.LARGE):
            monkeypatch.setattr(daskpool, "LARGE", large)
            away = models_of()
            fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
            for model, other in zip(away, here, strict=True):
                assert_same(model, other)


def test_tasks_are_sent_together_and_fewer_of_them_towards_the_end():
    class Pool(daskpool.DaskPool):
        n_workers = 2

    pool = Pool(None, None)
    order = list(range(64))[::-1]
    groups = pool.groups(order, [[b"."]] * 64)
    assert [i for group in groups for i in group] == order
    sizes = [len(group) for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == daskpool.TOGETHER
    assert sizes[::2] == sizes[1::2], "as many for each worker"
    assert sizes[-4:] == [1] * 4
    assert len(groups) < 15
    assert pool.groups([0, 1], [[b"."]] * 2) == [[0], [1]]
    large = [[b"", b"." * (daskpool.LARGE // 2)]] * 64
    assert max(map(len, pool.groups(order, large))) == 2  # what is large goes to its worker by itself
    assert pool.groups([], []) == []


@contextlib.contextmanager
def together(monkeypatch, n=2):
    """Workers to whom all tasks go at once; the sizes of what was sent."""
    sent, submit = [], daskpool.DaskPool.submit
    monkeypatch.setattr(daskpool, "ROUNDS", 0.5)

    def noted(pool, order, *more):
        sent.append(len(order.get("tasks", [0])))
        return submit(pool, order, *more)

    monkeypatch.setattr(daskpool.DaskPool, "submit", noted)
    with in_threads(n) as client:
        yield client, sent


@pytest.mark.usefixtures("by_files")
def test_models_sent_together_are_as_after_a_fit_here(data, monkeypatch):
    here = trained_here(data, 2)
    with together(monkeypatch) as (client, sent):
        for seconds in (60.0, -1.0):
            monkeypatch.setattr(worker, "SLICE", seconds)  # the other ones come back, and are sent alone
            away = models_of()
            fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
            for model, other in zip(away, here, strict=True):
                assert_same(model, other)
    assert max(sent) > 2
    first, again = sent[: sent.index(max(sent), 1)], sent[sent.index(max(sent), 1) :]
    assert sum(first) == 8
    assert sum(again) > 8


def test_of_models_sent_together_one_that_fails_is_named(data, monkeypatch):
    here = trained_here(data, 2)
    with together(monkeypatch) as (client, sent):
        away = models_of()
        away[2].compile(fastnn.optimizers.SGD(1e30), "mse")
        with pytest.raises(fastnn.errors.DivergenceError) as caught:
            fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
    assert max(sent) > 2
    assert "model 2 of the 8 that were trained together" in "".join(caught.value.__notes__)
    for i, (model, other) in enumerate(zip(away, here, strict=True)):
        if i != 2:
            assert_same(model, other)


@pytest.mark.usefixtures("by_files")
@pytest.mark.parametrize("error", [CancelledError("gone"), RuntimeError("KilledWorker")])
def test_what_was_lost_together_is_trained_alone(data, monkeypatch, error):
    here, result = trained_here(data, 2), daskpool._Future.result
    broken = []

    def once(future):
        found = result(future)
        if found["kind"] == "several" and not broken:
            broken.append(len(found["answers"]))
            raise error
        return found

    monkeypatch.setattr(daskpool._Future, "result", once)
    with together(monkeypatch) as (client, sent):
        away = models_of()
        fastnn.fit_many(away, *data, epochs=2, executor=client.get_executor())
    assert broken[0] > 1
    assert sent.count(1) >= broken[0]
    for model, other in zip(away, here, strict=True):
        assert_same(model, other)


def test_of_tasks_together_none_begins_when_nobody_waits_any_more(tmp_path):
    flag = tmp_path / "flag"
    flag.touch()
    tasks = [packed(each, lent=True) for each in ((len, ("abc",)), (os.unlink, (str(flag),)), (len, ("abc",)))]
    order = {**worker.needs([None]), "tasks": tasks, "flag": str(flag), "parcels": []}
    assert [each["kind"] for each in worker.work(order)["answers"]] == ["done", "done", "off"]
    elsewhere = {**order, "tasks": [tasks[0]] * 3}  # where the caller's file cannot be seen
    assert [each["kind"] for each in worker.work(elsewhere)["answers"]] == ["done"] * 3


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
@pytest.mark.usefixtures("by_files")
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
@pytest.mark.usefixtures("by_files")
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
