"""Several ranks train one model: the same bits on any number of them, and how they fail together."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import fastnn
from fastnn import Model, Sequential, callbacks, layers, losses
from fastnn.distributed import DataParallel, DistributedError, SelfComm
from tests.ranks import on_ranks

N, CLASSES = 70, 3


def drawn(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def labels(n=N):
    return np.random.default_rng(8).integers(0, CLASSES, n)


def compiled(stack, optimizer="adam", loss="sparse_categorical_crossentropy", dtype="float32", **more):
    model = Sequential(stack, dtype=dtype, seed=4)
    model.compile(optimizer, loss, **more)
    return model


def dense(dtype):
    stack = [
        layers.Dense(37, "relu", input_shape=(9,), kernel_regularizer="l1_l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(24, "tanh", kernel_constraint="max_norm"),
        layers.Dense(CLASSES, "softmax"),
    ]
    model = compiled(stack, fastnn.optimizers.Adam(0.02, global_clipnorm=0.3), dtype=dtype, metrics=["accuracy"])
    return model, drawn(1, N, 9), labels()


def convolution(dtype):
    stack = [
        layers.Conv2D(5, 3, activation="relu", input_shape=(7, 7, 2)),
        layers.MaxPooling2D(2),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dense(CLASSES, "softmax"),
    ]
    return compiled(stack, fastnn.optimizers.SGD(0.1, 0.9, clipnorm=0.2), dtype=dtype), drawn(2, N, 7, 7, 2), labels()


def recurrent(dtype):
    stack = [layers.LSTM(11, input_shape=(6, 4)), layers.Dense(CLASSES, "softmax")]
    return compiled(stack, fastnn.optimizers.RMSprop(0.01), dtype=dtype), drawn(3, N, 6, 4), labels()


def wide(dtype):
    """Parameters of several pieces on each rank, in two optimisers' slots, with factors and weight decay."""
    stack = [layers.Dense(90, "relu", input_shape=(40,)), layers.Dense(80, "relu"), layers.Dense(1)]
    model = compiled(stack, fastnn.optimizers.AdamW(0.01, clipvalue=0.05), "mse", dtype, metrics=["r2_score"])
    return model, drawn(4, N, 40), drawn(5, N)


def ranked(dtype):
    """A metric that keeps all predictions."""
    stack = [layers.Dense(6, "tanh", input_shape=(5,)), layers.Dense(1, "sigmoid")]
    return compiled(stack, "nadam", "bce", dtype, metrics=["auc", "precision"]), drawn(6, N, 5), labels() % 2


def masked(dtype):
    stack = [layers.Embedding(9, 6, mask_zero=True, input_shape=(5,)), layers.GRU(7), layers.Dense(1)]
    return compiled(stack, "adam", "mae", dtype), np.random.default_rng(7).integers(0, 9, (N, 5)), drawn(8, N)


def own_loss(dtype):
    def squared(t, y):
        return np.square(t - y).mean(axis=-1), 2 * (t - y) / t.shape[-1] * -1

    stack = [layers.Dense(6, "tanh", input_shape=(5,)), layers.Dense(2)]
    return compiled(stack, "sgd", losses.CustomLoss(squared), dtype), drawn(9, N, 5), drawn(10, N, 2)


def two_heads(dtype):
    given = fastnn.Input(shape=(5,))
    body = layers.Dense(12, "relu", activity_regularizer="l2")(given)
    outputs = [layers.Dense(1, name="a")(body), layers.Dense(CLASSES, "softmax", name="b")(body)]
    model = Model(given, outputs, dtype=dtype, seed=4)
    model.compile("adam", ["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.5], metrics=[["mae"], []])
    return model, drawn(11, N, 5), [drawn(12, N), labels()]


def dropped(dtype):
    """Masks are drawn by a row's place in its batch, whatever the shard."""
    stack = [
        layers.Dense(16, "relu", input_shape=(5,)),
        layers.Dropout(0.5),
        layers.GaussianNoise(0.3),
        layers.Dense(1),
    ]
    return compiled(stack, "adam", "mse", dtype), drawn(13, N, 5), drawn(14, N)


NETWORKS = {
    make.__name__: make for make in (dense, convolution, recurrent, wide, ranked, masked, own_loss, two_heads, dropped)
}


def trained(make, dtype, comm, shards=12, epochs=3, **more):
    """A model, and all that a fit has left: bits of weights and slots, counters, history."""
    model, x, y = make(dtype)
    told = {"sample_weight": np.random.default_rng(2).random(N)} if make is dense else {}
    told |= {"batch_size": 32, "epochs": epochs, "validation_split": 0.1, "verbose": 0} | more
    history = model.fit(x, y, distribution=comm and DataParallel(comm, shards), **told)
    return model, (*left(model), {name: np.array(value).tobytes() for name, value in history.history.items()})


def fit_of(make, dtype, shards, comm):
    return trained(make, dtype, comm, shards)[1]


def left(model):
    state = model.state
    return state.params.tobytes(), state.slots.tobytes() if state.slots is not None else b"", state.epoch, state.step


def same_everywhere(found):
    for one in found:
        if isinstance(one, BaseException):
            raise one
    assert len(set(map(repr, found))) == 1
    return found[0]


IN_BOTH = [(name, dtype) for name in NETWORKS for dtype in ("float32", "float64")]
LATER = {(name, "float64") for name in ("recurrent", "ranked", "own_loss", "two_heads", "dropped")}


@pytest.mark.parametrize(
    ("name", "dtype"), [pytest.param(*case, marks=[pytest.mark.long] if case in LATER else []) for case in IN_BOTH]
)
def test_any_number_of_ranks_gives_the_same_bits(name, dtype):
    make = NETWORKS[name]
    for shards in (5, 12):
        alone = trained(make, dtype, SelfComm(), shards)[1]
        for size in (2, 3, 5):
            assert same_everywhere(on_ranks(size, partial(fit_of, make, dtype, shards))) == alone


@pytest.mark.parametrize("name", NETWORKS)
def test_one_shard_is_fit(name):
    make = NETWORKS[name]
    assert trained(make, "float32", SelfComm(), 1)[1] == trained(make, "float32", None)[1]


@pytest.mark.parametrize("name", ["recurrent", "wide", "ranked", "own_loss", "two_heads", "dropped"])
def test_shards_compute_the_gradient_of_the_batch(name):
    """Where nothing is measured over a batch only the order of sums differs."""
    sharded, _ = trained(NETWORKS[name], "float64", SelfComm(), 7)
    alone, _ = trained(NETWORKS[name], "float64", None)
    for ours, theirs in zip(sharded.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    for column, values in alone.history.history.items():
        np.testing.assert_allclose(sharded.history.history[column], values, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["cython", pytest.param("numba", marks=pytest.mark.long)])
def test_every_backend_takes_shards(name):
    if name not in fastnn.available_backends():
        pytest.skip(f"the backend {name} is not here")
    wanted = trained(wide, "float64", SelfComm(), 6, backend="numpy")[0].get_weights()
    found = on_ranks(2, lambda comm: trained(wide, "float64", comm, 6, backend=name)[0].get_weights())
    for ours, theirs in zip(found[1], wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_batch_normalization_follows_the_whole_batch():
    """Moving statistics are those of all rows, whatever the shards."""
    x = drawn(1, 64, 3) * 5 + 2
    stack = [layers.BatchNormalization(momentum=0.0, input_shape=(3,)), layers.Dense(1)]
    model = compiled(stack, "sgd", "mse", "float64")
    model.fit(x, x[:, 0], batch_size=64, shuffle=False, distribution=DataParallel(shards=16))
    mean, variance = model.layers[0].get_weights()[2:]
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-12)


def test_batches_that_come_are_cut_as_well():
    def given(dtype):
        model, x, y = wide(dtype)
        return model, [(x[i : i + 30], y[i : i + 30]) for i in range(0, N, 30)], None

    told = {"batch_size": None, "validation_split": 0.0, "shuffle": False}
    alone = trained(given, "float32", SelfComm(), **told)[1]
    assert same_everywhere(on_ranks(3, lambda comm: trained(given, "float32", comm, **told)[1])) == alone
    in_arrays = trained(wide, "float32", SelfComm(), batch_size=30, validation_split=0.0, shuffle=False)[1]
    assert in_arrays[0] == alone[0]


def files(folder):
    """A folder of row groups of uneven sizes, with weights."""
    for i, n in enumerate((9, 4, 13, 7, 8, 5, 11, 6)):
        np.savez(
            folder / f"{i}.npz", x=drawn(20 + i, n, 40), y=drawn(40 + i, n), sample_weight=np.abs(drawn(60 + i, n))
        )
    return str(folder / "*.npz")


def test_each_rank_reads_its_own_row_groups(tmp_path):
    from fastnn.data import stream

    path, read = files(tmp_path), {}

    def work(comm, shards=4, **more):
        rows = stream(path, batch_size=16, window=4, seed=3)
        told = read.setdefault((comm.size, comm.rank), set())
        source, before = rows.source, rows.source.read
        source.read = lambda group, *mask: (told.add(group), before(group, *mask))[1]
        model = wide("float32")[0]
        history = model.fit(rows, epochs=3, distribution=DataParallel(comm, shards), **more)
        return left(model), {name: np.array(values).tobytes() for name, values in history.history.items()}

    alone = work(SelfComm())
    for size in (2, 3, 4):
        assert same_everywhere(on_ranks(size, work)) == alone
    assert read[1, 0] == set(range(8))
    assert read[2, 0] == {0, 1, 4, 5}
    assert read[2, 1] - {0} == {2, 3, 6, 7}  # of the first one the form alone, for batches in which a rank has no row


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_of_all_predictions_on_a_stream_see_the_rows_of_all_ranks(tmp_path, weighted):
    from fastnn.data import stream

    for i, n in enumerate((9, 4, 13, 7, 8, 5)):
        x, more = drawn(20 + i, n, 5), {"sample_weight": np.abs(drawn(60 + i, n))} if weighted else {}
        np.savez(tmp_path / f"{i}.npz", x=x, y=(x[:, 0] + drawn(80 + i, n) > 0).astype(np.int64), **more)

    def work(comm, epochs=2):
        model = ranked("float32")[0]
        rows = stream(tmp_path / "*.npz", batch_size=16, window=2, seed=3)
        history = model.fit(rows, epochs=epochs, distribution=DataParallel(comm, 4), verbose=0)
        return left(model), {name: np.array(values).tobytes() for name, values in history.history.items()}

    alone = work(SelfComm())
    for size in (2, 3):
        assert same_everywhere(on_ranks(size, work)) == alone
    still = ranked("float32")[0]
    still.compile(fastnn.optimizers.SGD(1e-30), "bce", metrics=["auc"])
    rows = stream(tmp_path / "*.npz", batch_size=16, window=2, seed=3)
    history = still.fit(rows, distribution=DataParallel(SelfComm(), 4), verbose=0).history
    assert history["auc"][0] == pytest.approx(still.evaluate(rows)[1], rel=1e-6)


def test_a_stream_goes_on_on_another_number_of_ranks(tmp_path):
    from fastnn.data import stream

    (tmp_path / "rows").mkdir()
    path, file = files(tmp_path / "rows"), str(tmp_path / "run.safetensors")

    class Break(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.state.step == 6:
                raise KeyboardInterrupt

    def work(comm, **more):
        model = wide("float32")[0]
        rows = stream(path, batch_size=16, window=4, seed=3)
        model.fit(rows, epochs=3, distribution=DataParallel(comm, 4), **more)
        return left(model)

    whole = work(SelfComm())
    with pytest.raises(KeyboardInterrupt):
        work(SelfComm(), checkpoint=file, checkpoint_every=1, callbacks=[Break()])
    assert same_everywhere(on_ranks(3, lambda comm: work(comm, checkpoint=file))) == whole


def test_shares_of_slots_are_a_slice_each():
    """During a fit a rank has the optimiser's state of its own parameters; who looks at an epoch's end sees all."""
    seen = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.state.slots.shape)

    def work(comm):
        model, x, y = wide("float32")
        sizes = []
        model.fit(x, y, callbacks=[Look()], distribution=DataParallel(comm, 4), epochs=2)
        return sizes, comm.sent, model.count_params()

    _, sent, n_params = on_ranks(2, work)[0]
    assert len(set(seen)) == 1
    assert seen[0][1] >= n_params
    steps, slots = 2 * 3, 2 * 3  # of two epochs, and of the end
    assert sent <= (steps + slots) * 4 * (n_params + 2048)  # half of the gradient and half of the weights each


def test_what_one_rank_wants_all_do():
    class Stop(callbacks.Callback):
        def __init__(self, stops):
            self.stops = stops

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = self.stops and epoch == 2

    def work(comm):
        model, x, y = dense("float32")
        history = model.fit(x, y, epochs=9, callbacks=[Stop(comm.rank == 1)], distribution=DataParallel(comm, 6))
        return len(history.epoch), left(model)

    assert same_everywhere(on_ranks(3, work))[0] == 3


def test_a_block_distributes_estimators_and_many_models():
    from fastnn.sklearn import MLPClassifier

    def work(comm):
        x, y = drawn(1, N, 5), labels()
        with DataParallel(comm, shards=6):
            estimator = MLPClassifier((12,), max_iter=4, random_state=1, early_stopping=True, n_iter_no_change=1)
            estimator.fit(x, y)
            models = [compiled([layers.Dense(3, "softmax", input_shape=(5,))]) for _ in range(2)]
            fastnn.fit_many(models, x, y, epochs=2, batch_size=16)
        return left(estimator.model_), *map(left, models)

    assert same_everywhere(on_ranks(3, work)) == work(SelfComm())


def test_a_block_distributes_networks_of_tables():
    from fastnn.sklearn import TabularRegressor

    def work(comm):
        with DataParallel(comm, shards=3):
            made = TabularRegressor(preset="quick", random_state=2).fit(drawn(1, 90, 3), drawn(2, 90))
        return getattr(comm, "sent", 1) > 0, made.model_.params.tobytes()

    assert same_everywhere(on_ranks(2, work)) == work(SelfComm())


def test_what_wants_whole_batches_is_refused():
    job = DataParallel(shards=4)
    model = compiled([layers.LSTM(4, stateful=True, batch_input_shape=(10, 3, 2)), layers.Dense(1)], "sgd", "mse")
    with pytest.raises(ValueError, match="stateful layers go on row by row"):
        model.fit(drawn(1, 10, 3, 2), drawn(2, 10), batch_size=10, shuffle=False, distribution=job)
    model = compiled([layers.Dense(1, input_shape=(2,))], fastnn.optimizers.LBFGS(), "mse")
    with pytest.raises(ValueError, match="L-BFGS makes each update on all rows"):
        model.fit(drawn(1, 10, 2), drawn(2, 10), distribution=job)
    with pytest.raises(TypeError, match="distribution must be a"):
        model.fit(drawn(1, 10, 2), drawn(2, 10), distribution=4)


def test_one_rank_that_fails_ends_all_and_the_next_fit_is_whole():
    class Fail(callbacks.Callback):
        def __init__(self, fails):
            self.fails = fails

        def on_epoch_end(self, epoch, logs=None):
            if self.fails and epoch == 1:
                raise KeyError("gone")

    def work(comm):
        model, x, y = dense("float32")
        job = DataParallel(comm, 6)
        told = {"distribution": job, "epochs": 4, "batch_size": 32}
        with pytest.raises((KeyError, DistributedError)) as caught:
            model.fit(x, y, callbacks=[Fail(comm.rank == 1)], **told)
        model.fit(x, y, **told)
        return str(caught.value), left(model)

    found = on_ranks(3, work)
    assert len({one[1] for one in found}) == 1
    assert found[1][0] == "'gone'"
    assert found[0][0] == found[2][0] == "rank 1 of 3 failed: KeyError: 'gone' is missing"


def test_a_fit_that_diverges_does_so_everywhere():
    def work(comm):
        model = compiled([layers.Dense(1, input_shape=(5,))], fastnn.optimizers.SGD(1e30), "mse")
        with pytest.raises(fastnn.DivergenceError):
            model.fit(drawn(1, N, 5), drawn(2, N), epochs=5, distribution=DataParallel(comm, 6))
        return left(model)

    same_everywhere(on_ranks(3, work))


def test_ranks_with_other_seeds_have_that_of_the_first():
    def work(comm):
        model = Sequential(
            [layers.Dense(4, "relu", input_shape=(5,)), layers.Dropout(0.5), layers.Dense(1)], seed=comm.rank
        )
        model.compile("adam", "mse")
        model.fit(drawn(1, N, 5), drawn(2, N), epochs=2, distribution=DataParallel(comm, 6))
        return model.seed, left(model)

    assert same_everywhere(on_ranks(3, work))[0] == 0
