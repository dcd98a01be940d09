"""A rank that is alone trains on shards in native calls, with the bits of one shard after another."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, _kernels, callbacks, layers, losses, optimizers, schedules
from fastnn._engine import sharded, together
from fastnn.distributed import DataParallel

pytestmark = pytest.mark.skipif(_kernels.why_not("cython") is not None, reason="the native backend is not built")
N = 75
SMALL, LARGE = (9, 37, 16, 3), (60, 300, 90, 3)  # gradients of the latter do not stay in the cache: dW learns

OPTIMIZERS = {
    "momentum": lambda: optimizers.SGD(0.05, 0.9),
    "adam": lambda: optimizers.Adam(0.01),
    "adamw": lambda: optimizers.AdamW(schedules.CosineDecay(0.01, 12), weight_decay=0.1),
    "value": lambda: optimizers.Adam(0.01, clipvalue=0.01),
    "norm": lambda: optimizers.Adam(0.01, clipnorm=0.1),
    "global": lambda: optimizers.SGD(0.05, 0.9, global_clipnorm=0.1),
}


def drawn(widths):
    draws = np.random.default_rng(3)
    return draws.standard_normal((N, widths[0])), draws.integers(0, widths[-1], N)


def network(
    widths=SMALL, dtype="float32", optimizer="adam", between=(), loss="sparse_categorical_crossentropy", **more
):
    hidden = [layers.Dense(n, "relu", **more) for n in widths[1:-1]]
    stack = [*hidden[:1], *between, *hidden[1:], layers.Dense(widths[-1], "softmax" if widths[-1] > 1 else "sigmoid")]
    model = Sequential(stack, dtype=dtype, seed=4)
    model.build((widths[0],))
    model.compile(OPTIMIZERS[optimizer]() if optimizer in (*OPTIMIZERS,) else optimizer, loss, metrics=["accuracy"])
    return model


def fit(model, data, shards, **more):
    told = {"batch_size": 32, "epochs": 3, "verbose": 0} | more
    history = model.fit(*data, distribution=DataParallel(shards=shards), **told).history
    slots = model.state.slots
    return model.state.params.tobytes(), slots.tobytes(), model.state.step, {k: list(v) for k, v in history.items()}


@pytest.fixture
def both(monkeypatch):
    """Fits of a model that is made anew, in native calls and one shard after another; whether the first was native."""
    native = _kernels.load("cython")

    def run(make, data, shards, **more):
        calls, real = [], native.train_of_shards
        with monkeypatch.context() as patch:
            patch.setattr(native, "train_of_shards", lambda *told: (calls.append(len(told[-1])), real(*told)))
            found = fit(make(), data, shards, **more)
            n = len(calls)
            patch.setattr(sharded, "trains_at_once", lambda *told: False)
            assert fit(make(), data, shards, **more) == found
            for module in (sharded, together):
                patch.setattr(module, "passes_together", lambda *told: False)
            assert fit(make(), data, shards, **more) == found
            assert len(calls) == n
        return bool(calls)

    return run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("widths", [SMALL, LARGE])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("shards", [2, 3, 12, 16])
def test_the_bits_are_those_of_one_by_one(both, dtype, widths, name, shards):
    """The last batch has 11 rows: of 12 and of 16 shards some are empty."""
    assert both(lambda: network(widths, dtype, name), drawn(widths), shards) == (
        name not in ("value", "norm", "global")
    )


@pytest.mark.parametrize(("batch", "shards"), [(1, 2), (7, 16), (75, 16), (74, 5), (100, 16), (25, 3)])
def test_so_they_are_of_batches_of_any_size(both, batch, shards):
    assert both(network, drawn(SMALL), shards, batch_size=batch)


def two_heads():
    given = fastnn.Input(shape=(9,))
    body = layers.Dropout(0.2)(layers.Dense(12, "relu")(given))
    model = Model(given, [layers.Dense(2, name="a")(body), layers.Dense(3, "softmax", name="b")(body)], seed=4)
    told = ["mse", "sparse_categorical_crossentropy"]
    model.compile("rmsprop", told, loss_weights=[1.0, 0.5], metrics=[["mae"], ["accuracy"]])
    return model


def frozen():
    model = network(optimizer=optimizers.AdamW(0.01, learning_rate_factors={"dense_2/kernel": 0.5, "dense_1": 2.0}))
    model.layers[0].trainable = False
    return model


WITH = {
    "dropout": lambda: network(between=[layers.Dropout(0.4), layers.GaussianNoise(0.1), layers.Activation("softmax")]),
    "by weight": lambda: network(loss=losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")),
    "by nothing": lambda: network(loss=losses.SparseCategoricalCrossentropy(reduction="sum")),
    "without bias": lambda: network(LARGE, use_bias=False),
    "frozen": frozen,
    "heads": two_heads,
}


@pytest.mark.parametrize("name", WITH)
@pytest.mark.parametrize("weighted", [False, True])
def test_so_they_are_with_what_stands_around(both, name, weighted):
    x, y = drawn(LARGE if name == "without bias" else SMALL)
    told = {"sample_weight": np.random.default_rng(1).random(N)} if weighted else {}
    if name == "heads":
        y, told = [x[:, :2], y], {n: [w, w[::-1]] for n, w in told.items()}
    assert both(WITH[name], (x, y), 16, validation_split=0.1, **told)


OTHERWISE = {
    "penalties": lambda: network(kernel_regularizer="l2"),
    "constraints": lambda: network(kernel_constraint="max_norm"),
    "normalized": lambda: network(between=[layers.BatchNormalization()]),
    "layer norm": lambda: network(between=[layers.LayerNormalization()]),
    "activity": lambda: network(activity_regularizer="l2"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_computed_of_the_whole_stays_with_single_updates(both, name):
    assert not both(OTHERWISE[name], drawn(SMALL), 4)


@pytest.mark.parametrize("metric", ["r2_score", "auc"])
def test_so_do_metrics_that_do_not_just_add(both, metric):
    def make():
        model = network((9, 20, 1))
        model.compile("adam", "bce" if metric == "auc" else "mse", metrics=[metric])
        return model

    x, y = drawn(SMALL)
    assert not both(make, (x, y % 2), 4)


def test_so_does_a_batch_that_is_several_passes(both):
    x, y = drawn(SMALL)
    data = np.tile(x, (6, 1)), np.tile(y, 6)
    assert both(network, data, 16, batch_size=384)
    assert not both(network, data, 16, batch_size=400)


def test_the_bits_are_those_of_any_number_of_threads(both):
    native, threads = _kernels.load("cython"), fastnn.get_num_threads()
    alone = [fit(network(widths), drawn(widths), 16) for widths in (SMALL, LARGE)]
    flop = native.flop_a_thread(1.0)
    fastnn.set_num_threads(3)
    try:
        assert [fit(network(widths), drawn(widths), 16) for widths in (SMALL, LARGE)] == alone
        assert both(lambda: network(LARGE), drawn(LARGE), 5)
    finally:
        native.flop_a_thread(flop)
        fastnn.set_num_threads(threads)


def test_callbacks_see_the_same_of_every_batch(both):
    seen = []

    class Look(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, self.model.state.params.tobytes(), dict(logs)))

    assert both(network, drawn(SMALL), 12, callbacks=[Look()])
    first, second, third = (seen[i::1][: len(seen) // 3] for i in range(0, len(seen), len(seen) // 3))
    assert first == second == third


def test_a_loss_that_is_not_finite_ends_both_alike(monkeypatch):
    found = []
    for at_once in (True, False):
        if not at_once:
            monkeypatch.setattr(sharded, "trains_at_once", lambda *told: False)
        model = network((5, 40, 3), optimizer=optimizers.SGD(1e30))
        with pytest.raises(fastnn.DivergenceError) as error:
            fit(model, drawn((5, 3)), 6)
        found.append((model.state.params.tobytes(), model.state.step, str(error.value)))
    assert found[0] == found[1]


@pytest.mark.parametrize("at", [2, 4, 6])
def test_a_fit_goes_on_within_an_epoch(tmp_path, monkeypatch, at):
    """Begun in native calls and ended by single updates, and the other way round."""

    class Break(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.state.step == at:
                raise KeyboardInterrupt

    whole = fit(network(LARGE), drawn(LARGE), 12)
    for which, at_once in enumerate((True, False)):
        file = str(tmp_path / f"{which}.safetensors")
        for begins in (True, False):
            with monkeypatch.context() as patch:
                if begins != at_once:
                    patch.setattr(sharded, "trains_at_once", lambda *told: False)
                more = {"callbacks": [Break()], "checkpoint_every": 1} if begins else {}
                if begins:
                    with pytest.raises(KeyboardInterrupt):
                        fit(network(LARGE), drawn(LARGE), 12, checkpoint=file, **more)
                else:
                    assert fit(network(LARGE), drawn(LARGE), 12, checkpoint=file) == whole


def test_estimators_stop_after_the_same_epoch(monkeypatch):
    from fastnn.sklearn import MLPClassifier

    x, y = drawn(SMALL)
    found = []
    for at_once in (True, False):
        if not at_once:
            monkeypatch.setattr(sharded, "trains_at_once", lambda *told: False)
        with DataParallel(shards=12):
            model = MLPClassifier((20,), n_iter_no_change=2, tol=0.05, random_state=1, max_iter=60).fit(x, y)
        found.append((model.n_iter_, model.loss_curve_, [w.tobytes() for w in model.coefs_]))
    assert found[0] == found[1]
    assert found[0][0] < 60


@pytest.mark.parametrize("optimizer", ["adam", "norm"])
@pytest.mark.parametrize("widths", [SMALL, LARGE])
def test_fits_one_after_the_other_work_in_the_same_memory_with_the_bits_of_fresh_memory(widths, optimizer):
    data, model = drawn(widths), network(widths, optimizer=optimizer)
    other, rooms = copy.deepcopy(model), []
    for shards in (12, 12, None, 12, 5, None):
        for each in (model, other):
            told = {} if shards is None else {"distribution": DataParallel(shards=shards)}
            each.fit(*data, batch_size=32, epochs=2, verbose=0, **told)
        rooms.append({id(memory.grads) for _, pool in model._plans.entries.values() for memory in pool})
        assert model.state.params.tobytes() == other.state.params.tobytes()
        assert model.state.slots.tobytes() == other.state.slots.tobytes()
        other = copy.deepcopy(other)  # which has no memory yet
    assert rooms[0] == rooms[1] != set()
    assert len(rooms[-1]) <= len(model._plans.entries)
