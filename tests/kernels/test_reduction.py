"""How a batch's losses become one number, the stop rule, and the gradient over all rows, in every backend."""

from __future__ import annotations

import numpy as np
import pytest
from networks import Stage, both, dense, draw, network, reading
from tolerance import assert_close, limit

from fastnn import Sequential, _kernels, optimizers
from fastnn._base import threads
from fastnn._engine.data import make_rows
from fastnn._engine.prepare import check_arguments
from fastnn._engine.stop import Stop
from fastnn._kernels import reference, steps
from fastnn._kernels.contract import Course, Rows
from fastnn._plan import new_run
from fastnn.callbacks import LambdaCallback
from fastnn.layers import Dense, Dropout
from fastnn.losses import Reduction
from fastnn.optimizers import SGD, Adam
from fastnn.regularizers import L1L2

THEIRS = Reduction(scale=1.5, by_weight=True, reported=0.5)
DOUBLE = np.dtype("float64")


def penalized(rng, reduction, batch_size, optimizer, widths=(5, 19, 3)):
    """Two Dense layers with penalties, the mean squared error and a metric."""
    layers = [Dense(widths[1], "tanh", kernel_regularizer=L1L2(0.02, 0.03)), Dense(widths[2], bias_regularizer="l2")]
    compiled = {"loss": "mse", "metrics": [(reading("mae"), True)], "batch_size": batch_size, "optimizer": optimizer}
    return network(rng, layers, (widths[0],), reduction=reduction, **compiled)


def rows_of(rng, n, n_in=5, n_out=3):
    return draw(rng, (n, n_in)), draw(rng, (n, n_out)), draw(rng, n) ** 2 + 0.125


@pytest.mark.covering
@pytest.mark.parametrize("reduction", [Reduction(), THEIRS, Reduction(2.0), Reduction(by_weight=True)], ids=str)
@pytest.mark.parametrize(("n", "batch_size"), [(50, 16), (7, 100), (1100, 500), (5, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_epochs_equal_the_reference_in_float64(backend, dtype, rng, reduction, n, batch_size, weighted):
    net = penalized(rng, reduction, batch_size, SGD(0.05, momentum=0.5))
    x, target, weight = rows_of(rng, n)
    stages = both(backend, net, dtype)
    ran = [stage.train(x, target, weight if weighted else None, epochs=2, rate=0.05) for stage in stages]
    steps = 2 * -(-n // batch_size)
    k = net.depth + n * steps
    for got, right in ((stages[0].params(), stages[1].params()), (ran[0][0], ran[1][0])):
        assert_close(got, right, dtype, k)
    stages[0].check()


@pytest.mark.parametrize("weighted", [False, True])
def test_one_step_is_the_formula(rng, weighted):
    """``g = (x.T @ (w scale dl) + penalty') / sum w`` in plain NumPy, and the sum of what is reported."""
    net = dense(rng, (4, 2), loss="mse", optimizer=SGD(1.0), batch_size=10, reduction=THEIRS)
    x, target, weight = rows_of(rng, 10, 4, 2)
    stage = Stage(reference, net, DOUBLE)
    w, b = stage.params()[:8].reshape(4, 2), stage.params()[16:18]
    total = weight.sum() if weighted else 10.0
    counted = weight if weighted else np.ones(10)
    error = x @ w + b - target
    gradient = x.T @ (counted[:, None] * 1.5 * error) / total
    sums, _, _ = stage.train(x, target, weight if weighted else None, epochs=1, rate=1.0)
    np.testing.assert_allclose(stage.params()[:8], (w - gradient).ravel(), rtol=1e-12)
    np.testing.assert_allclose(sums[0, 0] / 10, 0.5 * (counted * (error**2).mean(axis=1)).sum() / total)


def test_keras_counts_rows_and_whole_penalties(backend, dtype, rng):
    """Weights that are all 2 double the gradient of Keras' loss and change nothing of scikit-learn's."""
    x, target, _ = rows_of(rng, 33)
    found = {}
    for reduction in (Reduction(), Reduction(by_weight=True)):
        net = dense(
            np.random.default_rng(1), (5, 7, 3), loss="mse", optimizer=SGD(), batch_size=16, reduction=reduction
        )
        for weight in (None, np.full(33, 2.0)):
            stage = Stage(backend, net, dtype)
            stage.train(x, target, weight, epochs=1)
            found[reduction.by_weight, weight is None] = stage.params()
    np.testing.assert_array_equal(found[True, True], found[True, False])
    np.testing.assert_array_equal(found[True, True], found[False, True])
    assert (found[False, False] != found[False, True]).any()


@pytest.mark.parametrize("optimizer", [Adam(), SGD(clipnorm=0.3), Adam(global_clipnorm=0.5)], ids=lambda o: o.name)
@pytest.mark.parametrize("batch_size", [200, 1500])
def test_any_number_of_threads_gives_the_same_bits(rng, optimizer, batch_size):
    """Penalties go along with the update of each thread's share, or with its piece of dw."""
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    x, target, weight = (part.astype(np.float32) for part in rows_of(rng, 1500, 97, 11))
    found = []
    for n in (1, 2, 3, 5):
        net = penalized(np.random.default_rng(2), THEIRS, batch_size, optimizer, (97, 403, 11))
        stage = Stage(native, net, np.float32)
        with threads.limited(n):
            sums, _, _ = stage.train(x, target, weight, epochs=2)
        found.append((stage.params(), sums))
    for params, sums in found[1:]:
        np.testing.assert_array_equal(params, found[0][0])
        np.testing.assert_array_equal(sums, found[0][1])


# -- the stop rule --------------------------------------------------------------------------------


def stop_by_hand(means, patience, tol, best=np.inf, wait=0):
    """Epochs trained, and where the rule stands then."""
    for done, loss in enumerate(means, 1):
        wait = wait + 1 if loss > best - tol else 0
        best = min(best, loss)
        if 0 <= patience < wait:
            return done, best, wait
    return len(means), best, wait


@pytest.mark.covering
@pytest.mark.parametrize(("patience", "tol"), [(-1, 0.0), (0, 1e-3), (1, 0.02), (3, 0.05), (2, 1e9)])
@pytest.mark.parametrize("max_steps", [1, 2, 3, 7, None])
def test_a_fit_ends_where_its_losses_say(backend, dtype, rng, patience, tol, max_steps):
    net = dense(rng, (5, 9, 3), loss="mse", optimizer=SGD(), batch_size=16)
    x, target, _ = rows_of(rng, 50)
    free = Stage(backend, net, dtype)
    sums, _, _ = free.train(x, target, epochs=25, rate=0.2)
    expected = stop_by_hand(sums[:, 0] / 50, patience, tol)
    stage = Stage(backend, net, dtype)
    run = new_run(50, (0, 25))
    run["patience"], run["tol"] = patience, tol
    run["max_steps"] = max_steps or np.iinfo(np.int64).max
    data = stage.place(x), stage.place(target), None
    got, order, rates = np.zeros_like(sums), np.arange(50, dtype=np.int32), np.array([0.2])
    while run["epoch"] < 25 and not run["status"]:
        stage.backend.train(
            stage.plan, stage.arenas, Rows(*((array,) for array in data)), Course(order, run, rates, got)
        )
    assert (int(run["epoch"]), float(run["best"]), int(run["wait"])) == expected
    assert run["status"] == (2 if expected[0] < 25 or 0 <= patience < expected[2] else 0)
    assert (run["batch"], run["step"]) == (0, 4 * expected[0])
    np.testing.assert_array_equal(got[: expected[0]], sums[: expected[0]])
    assert not got[expected[0] :].any()


def small_fit(stop, epochs=60, callbacks=None):
    """A fit with a stop rule on data that it cannot learn for long."""
    rng = np.random.default_rng(0)
    model = Sequential([Dense(8, "tanh"), Dense(1)], seed=1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    model.build((3,))
    model.compile(optimizers.Adam(0.05), "mse")
    arguments = check_arguments(8, epochs, 0, callbacks, True, 0, None, None)
    return model.prepared((make_rows(model.compiled, model.given(x, y)), None), arguments, stop)


@pytest.mark.parametrize("listens", [False, True])
def test_history_has_the_epochs_trained(listens):
    stop = Stop(2, 0.05)
    callbacks = [LambdaCallback(on_epoch_end=lambda epoch, logs: None)] if listens else None
    history = small_fit(stop, callbacks=callbacks)()
    free = small_fit(None)()
    done, best, wait = stop_by_hand(free.history["loss"], 2, 0.05)
    assert 3 < done < 60
    assert history.history["loss"] == free.history["loss"][:done]
    assert (stop.best, stop.wait) == (best, wait)


def test_the_rule_may_be_told_to_go_on():
    asked = []

    def go_on():
        asked.append(fit.model.epoch)
        return len(asked) == 3

    fit = small_fit(Stop(1, 0.05, on_stall=go_on))
    history = fit()
    assert len(asked) == 3
    assert asked[0] + 2 <= asked[1] <= asked[2] - 2
    assert len(history.epoch) == asked[2]


# -- the gradient over all rows -------------------------------------------------------------------


@pytest.mark.covering
@pytest.mark.parametrize("n", [1, 33, 700, 1100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", [Reduction(), THEIRS], ids=str)
def test_gradient_equals_the_loop_over_blocks(backend, dtype, rng, n, weighted, reduction):
    layers = [Dense(19, "gelu", kernel_regularizer="l2"), Dropout(0.3), Dense(4, "softmax")]
    net = network(rng, layers, (5,), reduction=reduction, loss="sparse_categorical_crossentropy", batch_size=n)
    x, labels = draw(rng, (n, 5)), rng.integers(0, 4, (n, 1)).astype(np.int32)
    weight = draw(rng, n) ** 2 + 0.125 if weighted else None
    once, looped = Stage(backend, net, dtype), Stage(backend, net, dtype)
    for stage, call in ((once, backend.gradient), (looped, lambda *a: steps.gradient_loop(backend, *a))):
        rows = Rows(*((stage.place(part),) for part in (x, labels, weight)))
        call(stage.plan, stage.arenas, rows, stage.sums)
    np.testing.assert_array_equal(once.arenas.grads, looped.arenas.grads)
    assert_close(once.sums, looped.sums, DOUBLE, n)
    once.check()
    right = Stage(reference, net, DOUBLE)
    rows = Rows((right.place(x),), (labels,), (right.place(weight),))
    reference.gradient(right.plan, right.arenas, rows, right.sums)
    magnitude = np.abs(right.arenas.grads).max() + limit(dtype, 0)
    assert_close(once.arenas.grads, right.arenas.grads, dtype, net.depth + n, 4 * magnitude)


def test_gradient_has_the_same_bits_on_any_number_of_threads(rng):
    if _kernels.why_not("cython"):
        pytest.skip("the native backend is not built")
    native = _kernels.load("cython")
    x, target = rng.random((3000, 97), np.float32), rng.random((3000, 11), np.float32)
    found = []
    for n in (1, 2, 3, 5):
        net = dense(np.random.default_rng(2), (97, 203, 11), "relu", loss="log_cosh", batch_size=3000)
        stage = Stage(native, net, np.float32)
        with threads.limited(n):
            native.gradient(stage.plan, stage.arenas, Rows((x,), (target,), (None,)), stage.sums)
        found.append((stage.arenas.grads.copy(), stage.sums.copy()))
    for grads, sums in found[1:]:
        np.testing.assert_array_equal(grads, found[0][0])
        np.testing.assert_array_equal(sums, found[0][1])
