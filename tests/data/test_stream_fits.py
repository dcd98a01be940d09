"""Fits on streams have the bits of fits on their batches one by one, and go on where they stood."""

from __future__ import annotations

import numpy as np
import pytest
from models import weights_of

import fastnn
from fastnn import callbacks
from fastnn.data import stream
from fastnn.layers import Dense, Dropout

pytestmark = pytest.mark.stream
RNG = np.random.default_rng(3)
X = RNG.standard_normal((300, 5)).astype(np.float32)
Y = (X[:, :2].sum(axis=1) > 0).astype(np.int64)
W = RNG.uniform(0.5, 2.0, 300).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    """Rows in uneven NPZ files, which need no other library."""
    for number, (first, last) in enumerate(((0, 70), (70, 83), (83, 200), (200, 300))):
        rows = slice(first, last)
        np.savez(tmp_path / f"part-{number}.npz", x=X[rows], y=Y[rows], sample_weight=W[rows])
    return str(tmp_path / "part-*.npz")


def network(metrics=("accuracy",), dtype="float32"):
    layers = [Dense(8, "relu"), Dropout(0.2), Dense(1, "sigmoid")]
    model = fastnn.Sequential(layers, seed=4, dtype=dtype)
    model.compile("adam", "binary_crossentropy", metrics=list(metrics))
    return model


def same(one, other):
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


def batches_of(given, passes):
    return [list(given.batches(number)) for number in range(passes)]


@pytest.mark.parametrize(("batch_size", "window"), [(32, 1), (7, 2), (300, 4), (64, 4)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_fit_has_the_bits_of_its_batches_one_by_one(files, batch_size, window, shuffle):
    given = stream(files, batch_size=batch_size, window=window, shuffle=shuffle, seed=9)
    model, by_batches = network(), network()
    history = model.fit(given, epochs=3, verbose=0)
    histories = [by_batches.fit(batches, verbose=0, shuffle=False) for batches in batches_of(given, 3)]
    same(model, by_batches)
    assert history.history["loss"] == [each.history["loss"][0] for each in histories]
    assert history.params["n_samples"] == 300
    assert history.params["steps"] == -(-300 // batch_size)


def test_metrics_of_all_predictions_and_float64(files):
    given = stream(files, batch_size=32, window=2, dtype="float64", seed=1)
    model, by_batches = network(("auc",), "float64"), network(("auc",), "float64")
    history = model.fit(given, epochs=2, verbose=0)
    histories = [by_batches.fit(batches, verbose=0, shuffle=False) for batches in batches_of(given, 2)]
    same(model, by_batches)
    assert history.history["auc"] == [each.history["auc"][0] for each in histories]


def test_a_stream_that_is_not_shuffled_has_the_bits_of_arrays(files):
    model, on_arrays = network(), network()
    model.fit(stream(files, batch_size=32, window=1, shuffle=False), epochs=2, verbose=0)
    on_arrays.fit(X, Y, sample_weight=W, batch_size=32, epochs=2, verbose=0, shuffle=False)
    same(model, on_arrays)
    ours, theirs = model.evaluate(stream(files)), on_arrays.evaluate(X, Y, sample_weight=W)
    assert ours == pytest.approx(theirs, rel=1e-6)
    np.testing.assert_array_equal(model.predict(stream(files, batch_size=16)), on_arrays.predict(X))


@pytest.mark.parametrize("steps", [4, 13])
def test_epochs_of_so_many_steps_go_on_where_the_last_one_ended(files, steps):
    given = stream(files, batch_size=32, window=2, seed=2)
    model, by_batches = network(), network()
    model.fit(given, epochs=5, steps_per_epoch=steps, verbose=0)
    every = [batch for batches in batches_of(given, 7) for batch in batches][: 5 * steps]
    by_batches.fit(iter(every), epochs=5, steps_per_epoch=steps, verbose=0)
    same(model, by_batches)


def test_a_fit_that_goes_on_has_new_orders(files):
    given = stream(files, batch_size=32, seed=2)
    whole, parts = network(), network()
    whole.fit(given, epochs=3, verbose=0)
    for _ in range(3):
        parts.fit(given, verbose=0)
    same(whole, parts)


class Interrupt(callbacks.Callback):
    """Ends a fit in the middle, as Ctrl-C does."""

    def __init__(self, after):
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("after", "steps"), [(3, None), (10, None), (17, None), (5, 4), (12, 4)])
def test_a_fit_that_is_resumed_has_the_uninterrupted_bits(files, tmp_path, after, steps):
    given = stream(files, batch_size=32, window=2, seed=2)
    asked = {"epochs": 3, "steps_per_epoch": steps, "verbose": 0}
    whole = network()
    history = whole.fit(given, callbacks=[Interrupt(10**9)], **asked)
    file = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        network().fit(given, callbacks=[Interrupt(after)], checkpoint=file, checkpoint_every=1, **asked)
    resumed, reads = network(), []
    given.source.read = lambda group, mask=None, read=given.source.read: reads.append(group) or read(group, mask)
    found = resumed.fit(given, callbacks=[Interrupt(10**9)], checkpoint=file, **asked)
    same(whole, resumed)
    assert found.history == history.history
    if (after, steps) == (17, None):  # the second epoch's last window and the third epoch
        assert len(reads) == 2 + 4


def test_another_stream_does_not_go_on(files, tmp_path):
    file = tmp_path / "run.safetensors"
    network().fit(stream(files, batch_size=32, window=2), checkpoint=file, verbose=0)
    model = network()
    with pytest.raises(ValueError, match="stream"):
        model.fit(stream(files, batch_size=32, window=3), epochs=2, checkpoint=file, verbose=0)


@pytest.mark.parametrize("ahead", ["by the caller", "by a thread"])
@pytest.mark.parametrize("threads", [1, 2])
def test_bits_do_not_depend_on_threads(files, ahead, threads, monkeypatch):
    from fastnn._base import ahead as module

    wanted = network()
    wanted.fit(stream(files, batch_size=16, window=2), epochs=2, verbose=0)
    monkeypatch.setattr(module, "QUICK", {"by the caller": 1e9, "by a thread": -1.0}[ahead])
    before = fastnn.get_num_threads()
    try:
        fastnn.set_num_threads(threads)
        model = network()
        model.fit(stream(files, batch_size=16, window=2), epochs=2, verbose=0)
    finally:
        fastnn.set_num_threads(before)
    same(wanted, model)
