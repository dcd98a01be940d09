"""What goes wrong with executors: named at the start, or at the end with what is trained; models stay whole."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import executors
import numpy as np
import pytest
from executors import Inline, assert_same
from models import model_of, regression

import fastnn
from fastnn import BackendError, Input, Sequential, _kernels, callbacks, layers


class Kill(callbacks.Callback):
    """Ends the process that trains, once: where a file is not there yet that says so."""

    def __init__(self, path, seed=None):
        self.path, self.seed = str(path), seed

    def on_epoch_end(self, epoch, logs=None):
        if self.seed in (None, self.model.seed) and not os.path.exists(self.path):
            with open(self.path, "w"):
                pass
            os.kill(os.getpid(), signal.SIGKILL)


class Always(callbacks.Callback):
    """Ends the process that trains."""

    def on_epoch_end(self, epoch, logs=None):
        os.kill(os.getpid(), signal.SIGKILL)


class Holding(callbacks.Callback):
    def __init__(self):
        self.file = open(os.devnull)  # noqa: SIM115


class Endless(callbacks.Callback):
    """Says in a file that a model has begun; that of seed 0 ends at once."""

    def __init__(self, folder):
        self.folder = str(folder)

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.model.seed == 0
        if not epoch:
            with open(os.path.join(self.folder, f"began-{self.model.seed}"), "w"):
                pass


def models_of(n=4):
    return [model_of(name=None, seed=seed) for seed in range(n)]


def unchanged(models):
    """Whether models are as they were made."""
    for model, other in zip(models, models_of(len(models)), strict=True):
        np.testing.assert_array_equal(model.params, other.params)
        assert (model.epoch, model.step, model.history) == (0, 0, None)
    return True


def shut(make):
    executor = make()
    executor.shutdown()
    return executor


class Client:
    def get_executor(self):
        raise AssertionError("nobody should call this")


BAD = {
    "no executor": (lambda: 3, TypeError, "an executor of concurrent.futures, or a function that makes one, got 3"),
    "a client of Dask": (Client, TypeError, "client.get_executor()"),
    "a function of something else": (lambda: dict, TypeError, "made {}"),
    "threads that are shut down": (lambda: shut(lambda: ThreadPoolExecutor(1)), ValueError, "takes no tasks"),
    "processes that are shut down": (lambda: shut(executors.spawned), ValueError, "takes no tasks"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_executor_is_named_and_nothing_changes(kind, rng):
    make, error, words = BAD[kind]
    models = models_of()
    with pytest.raises(error, match="executor") as caught:
        fastnn.fit_many(models, *regression(rng), executor=make())
    assert words in str(caught.value)
    assert unchanged(models)


def parallel():
    return pytest.importorskip("joblib").Parallel(2)


def file_held(model):
    model.layers[0].__dict__["_held"] = open(os.devnull)  # noqa: SIM115
    return model


REFUSED = {
    "n_threads": ({"n_threads": 2}, ValueError, ["n_threads", "executor", "leave one out"]),
    "joblib": ({"executor": parallel}, TypeError, ["get_reusable_executor"]),
    "lambda": (
        {"callbacks": [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]},
        TypeError,
        ["the callback LambdaCallback", "cannot be sent", "without executor"],
    ),
    "file": ({"callbacks": [Holding()]}, TypeError, ["the callback Holding", "TextIOWrapper"]),
    "generator": ({"x": (pair for pair in ())}, TypeError, ["fit_many takes arrays"]),
    "rows that differ": ({"y": np.zeros((3, 1))}, ValueError, ["50", "3"]),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_input_is_refused_before_anything_is_sent(kind, rng):
    given, error, words = REFUSED[kind]
    x, y = regression(rng)
    models, inline = models_of(), Inline()
    told = {"x": x, "y": y, "executor": inline} | given
    if callable(told["executor"]):
        told["executor"] = told["executor"]()
    with pytest.raises(error) as caught:
        fastnn.fit_many(models, **told)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert unchanged(models)
    assert not inline.orders


def test_models_that_share_layers_are_refused(rng):
    model = model_of()
    other = Sequential([Input((4,)), *model.layers[:1], layers.Dense(1)], backend="numpy")
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="shares layers"):
        fastnn.fit_many([model, other], *regression(rng), executor=Inline())


def test_the_part_of_a_model_that_cannot_be_sent_is_named(rng):
    lock = threading.Lock()

    def off(target, prediction):
        with lock:
            return ((target - prediction) ** 2).mean(axis=-1)

    models = [*models_of(1), model_of(name=None, loss=off)]
    with pytest.raises(TypeError, match=r"the loss .* of model 1 cannot be sent to a worker"):
        fastnn.fit_many(models, *regression(rng), executor=Inline())
    assert unchanged(models[:1])


UNFIT = {
    "version": ({"version": "0.0.1"}, ["fastnn 0.0.1", fastnn.__version__]),
    "backend": ({"backends": {"elsewhere": "elsewhere"}}, ["'elsewhere'", "cannot"]),
    "rounding": ({"backends": {"cython": "portable"}}, ["fused multiply-add", "portable", "FASTNN_ISA"]),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_a_worker_that_would_train_otherwise_is_refused_by_name(kind, rng):
    if kind == "rounding" and _kernels.rounding("cython") != "fused":
        pytest.skip("this machine has no fused multiply-add")
    change, words = UNFIT[kind]
    models = models_of()
    with pytest.raises(BackendError, match=f"process {os.getpid()} of") as caught:
        fastnn.fit_many(models, *regression(rng), executor=Inline(lambda order: order.update(change)))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert unchanged(models)


def test_what_a_worker_cannot_load_is_named(rng):
    class Forgetful(Inline):
        def submit(self, function, order, *sent):
            pickled, *arrays = order["task"]
            task = [pickled.replace(b"fastnn.models", b"fastnn.modelz"), *arrays]
            return super().submit(function, {**order, "task": task}, *sent)

    models = models_of(2)
    with pytest.raises(ImportError, match=r"modelz.*modules that workers can import") as caught:
        fastnn.fit_many(models, *regression(rng), executor=Forgetful())
    assert "model 0 of the 2" in caught.value.__notes__[0]
    assert unchanged(models)


def test_what_a_killed_caller_left_is_removed_by_the_next(rng, monkeypatch, tmp_path):
    pytest.importorskip("fcntl")
    from fastnn._workers.folder import Folder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, busy = Folder(), Folder()
    os.close(left.handle)
    fastnn.fit_many(models_of(1), *regression(rng), executor=Inline())
    assert [str(path) for path in tmp_path.iterdir()] == [busy.path]
    busy.remove()
    assert not list(tmp_path.iterdir())


class Breaking(Inline):
    """Does so many tasks, then its workers are dead."""

    def __init__(self, n):
        super().__init__()
        self.n = n

    def submit(self, function, *arguments):
        if len(self.orders) < self.n:
            return super().submit(function, *arguments)
        future = Future()
        future.set_exception(BrokenExecutor("a worker was killed"))
        self.orders.append(arguments)
        return future


def test_a_broken_executor_says_what_is_trained(rng):
    x, y = regression(rng)
    models = models_of(6)
    with pytest.raises(BrokenExecutor) as caught:
        fastnn.fit_many(models, x, y, executor=Breaking(2))
    assert "Trained are the models 0-1; as they were are 2-5" in str(caught.value)
    assert "a function that makes one" in str(caught.value)
    for model, other in zip(models[:2], models_of(6), strict=False):
        other.fit(x, y, verbose=0)
        assert_same(model, other)
    for model, other in zip(models[2:], models_of(6)[2:], strict=True):
        np.testing.assert_array_equal(model.params, other.params)
        assert (model.epoch, model.history) == (0, None)


def test_a_function_makes_other_executors_where_workers_died(rng):
    x, y = regression(rng)
    away, here, made = models_of(6), models_of(6), []

    def make():
        made.append(Breaking(2))
        return made[-1]

    fastnn.fit_many(away, x, y, executor=make)
    assert len(made) == 3
    for model, other in zip(away, here, strict=True):
        other.fit(x, y, verbose=0)
        assert_same(model, other)


def test_executors_that_break_again_and_again_are_given_up(rng):
    made = []

    def make():
        made.append(Breaking(0))
        return made[-1]

    models = models_of(3)
    with pytest.raises(BrokenExecutor, match=r"4 executors broke one after the other.*|as they were are 0-2"):
        fastnn.fit_many(models, *regression(rng), executor=make)
    assert len(made) == 4
    assert unchanged(models)


def test_a_result_that_is_cancelled_is_asked_for_again(rng):
    class Losing(Inline):
        def submit(self, function, *arguments):
            future = super().submit(function, *arguments)
            if len(self.orders) > 1:
                return future
            lost = Future()
            lost.cancel()
            lost.set_running_or_notify_cancel()
            return lost

    x, y = regression(rng)
    away, here = models_of(3), models_of(3)
    losing = Losing()
    fastnn.fit_many(away, x, y, executor=losing)
    assert len(losing.orders) == 4
    for model, other in zip(away, here, strict=True):
        other.fit(x, y, verbose=0)
        assert_same(model, other)


def test_ctrl_c_leaves_what_is_done_and_what_is_not(rng, monkeypatch, tmp_path):
    from fastnn._workers.progress import Tally

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    x, y = regression(rng)
    models = models_of(4)
    ended = Tally.ended

    def interrupt(tally, i, seconds):
        ended(tally, i, seconds)
        if i == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tally, "ended", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fastnn.fit_many(models, x, y, executor=Inline())
    assert [len(model.history.epoch) if model.history else 0 for model in models] == [1, 1, 0, 0]
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(Tally, "ended", ended)
    fastnn.fit_many(models, x, y)  # none is held to be in a fit


@pytest.mark.long
@pytest.mark.parametrize("make", [executors.spawned, executors.loky])
def test_ctrl_c_calls_off_what_runs(make, rng, tmp_path):
    """The caller alone gets the signal; workers find out by the file that is gone."""
    models = models_of(6)
    told = {"epochs": 10**7, "callbacks": [Endless(tmp_path)]}

    def interrupt():
        while len(list(tmp_path.iterdir())) < 3:
            time.sleep(0.1)
        time.sleep(1.0)  # till the first one's result is here
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with make() as executor:
        with pytest.raises(KeyboardInterrupt):
            fastnn.fit_many(models, *regression(rng), executor=executor, **told)
        assert models[0].history is not None
        assert all(model.history is None for model in models[1:])
        assert len(list(tmp_path.iterdir())) == 3, "one that has ended, two that ran"
        began = time.monotonic()
        fastnn.fit_many(models_of(2), *regression(rng), executor=executor)
        assert time.monotonic() - began < 10, "the workers are free"


@pytest.mark.long
@pytest.mark.parametrize("make", [executors.spawned, executors.loky])
def test_a_worker_that_is_killed_breaks_the_pool_by_name(make, rng, tmp_path):
    models = models_of(8)
    with pytest.raises(BrokenExecutor, match=r"ended abruptly.*Trained are the models"):
        fastnn.fit_many(models, *regression(rng), callbacks=[Kill(tmp_path / "killed", seed=5)], executor=make())
    done = [model for model in models if model.history is not None]
    assert models[5].history is None
    for model in done:
        other = models_of(8)[models.index(model)]
        other.fit(*regression(np.random.default_rng(20240229)), verbose=0)
        assert_same(model, other)


@pytest.mark.long
@pytest.mark.parametrize("make", [executors.spawned, executors.forked_by_server, executors.loky])
def test_models_of_killed_workers_are_trained_again(make, rng, tmp_path):
    x, y = regression(rng)
    away, here = models_of(8), models_of(8)
    fastnn.fit_many(away, x, y, epochs=2, callbacks=[Kill(tmp_path / "killed")], executor=make)
    assert (tmp_path / "killed").exists()
    for model, other in zip(away, here, strict=True):
        other.fit(x, y, epochs=2, verbose=0)
        assert_same(model, other)


@pytest.mark.long
def test_a_model_that_ends_every_worker_is_given_up(rng):
    with pytest.raises(BrokenExecutor, match="4 executors broke one after the other"):
        fastnn.fit_many(models_of(2), *regression(rng), callbacks=[Always()], executor=lambda: ProcessPoolExecutor(1))
