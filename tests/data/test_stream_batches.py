"""Streams of batches that an iterable gives, of arrays in files, and fits whose stream fails."""

from __future__ import annotations

import numpy as np
import pytest
from models import weights_of

import fastnn
from fastnn.data import stream
from fastnn.layers import Dense

pytestmark = pytest.mark.stream
X = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
CUTS = ((0, 40), (40, 41), (41, 90), (90, 100))
BATCHES = [(X[a:b], Y[a:b]) for a, b in CUTS]


def network():
    model = fastnn.Sequential([Dense(4, "relu"), Dense(1, "sigmoid")], seed=4)
    model.compile("adam", "binary_crossentropy")
    return model


class Anew:
    """Begins anew each time."""

    def __iter__(self):
        return iter(BATCHES)


@pytest.mark.parametrize("source", [BATCHES, Anew(), lambda: iter(BATCHES)], ids=["list", "iterable", "function"])
@pytest.mark.parametrize("window", [None, 1, 2])
def test_batches_of_an_iterable_are_cut_anew(source, window):
    given = stream(source, batch_size=16, window=window, seed=3)
    found = list(given.batches(1))
    assert [len(x) for x, _ in found] == [16] * 6 + [4]
    x = np.concatenate([x for x, _ in found])
    assert {tuple(row) for row in x.tolist()} == {tuple(row) for row in X.tolist()}
    assert (np.concatenate([y for _, y in found]) == (x[:, 0] > 0)).all()
    for one, other in zip(found[3:], given.batches(1, 3), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(np.concatenate([x for x, _ in given.in_order()]), X)
    model, by_batches = network(), network()
    model.fit(given, epochs=2, verbose=0)
    for number in range(2):
        by_batches.fit(list(given.batches(number)), verbose=0, shuffle=False)
    for one, other in zip(weights_of(model), weights_of(by_batches), strict=True):
        np.testing.assert_array_equal(one, other)
    training, held_out = given.split(0.3, seed=1)
    assert sum(len(x) for x, _ in training) + sum(len(x) for x, _ in held_out) == 100


def test_a_generator_can_be_read_once():
    given = stream(iter(BATCHES), batch_size=16)
    model = network()
    with pytest.raises(ValueError, match="can be read once, and more than one pass is wanted"):
        model.fit(given, epochs=2, verbose=0)
    assert not model.built
    model.fit(given, verbose=0)
    with pytest.raises(ValueError, match="can be read once"):
        model.fit(given, verbose=0)
    with pytest.raises(ValueError, match="can be read once"):
        model.predict(given)


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ((X[:5, :2], Y[:5]), "and the first batch of the list has rows of shape"),
        ((X[:5], Y[:4]), r"batch 5 of the list has arrays of different numbers of rows: \[4, 5\]"),
        ((X[:5] * np.nan, Y[:5]), "batch 5 of the list: x has 15 numbers that are not finite, the first in row 0"),
        ((["a"], [1]), "batch 5 of the list: x has dtype <U1"),
        ((1, 2, 3, 4), "batch 5 of the list: a batch is x"),
    ],
)
def test_a_batch_that_is_wrong_is_named(bad, match):
    model = network()
    with pytest.raises(ValueError, match=match):
        model.fit(stream([*BATCHES, bad], batch_size=8, window=4), verbose=0)


def test_what_is_no_source_is_refused(tmp_path):
    with pytest.raises(TypeError, match="a stream reads files"):
        stream(3)
    with pytest.raises(TypeError, match="are of files"):
        stream(BATCHES, target="y")
    with pytest.raises(ValueError, match="dtype must be float32 or float64"):
        stream(BATCHES, dtype="int8")
    with pytest.raises(ValueError, match="has no row groups"):
        stream(BATCHES).shard(0, 2)
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match=r"fit needs targets, and <Stream of x.npy"):
        network().fit(stream(tmp_path / "x.npy"))
    with pytest.raises(ValueError, match="takes no batch_size beside batches"):
        network().fit(stream(BATCHES), batch_size=3)


def test_arrays_in_files(tmp_path):
    for number, (a, b) in enumerate(CUTS):
        np.save(tmp_path / f"x-{number}.npy", X[a:b])
        np.save(tmp_path / f"y-{number}.npy", Y[a:b])
        np.savez_compressed(tmp_path / f"z-{number}.npz", x=X[a:b], y=Y[a:b])
    for source, target in ((tmp_path / "x-*.npy", tmp_path / "y-*.npy"), (tmp_path / "z-*.npz", None)):
        found = list(stream(source, target=target, shuffle=False, batch_size=30))
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), X)
        np.testing.assert_array_equal(np.concatenate([y for _, y in found]), Y)
    with pytest.raises(ValueError, match="there are 4 files of inputs and 1 of the target; give as many"):
        stream(tmp_path / "x-*.npy", target=tmp_path / "y-0.npy")
    with pytest.raises(ValueError, match=r"y-1.npy has 1 rows and .*x-0.npy has 40"):
        stream(tmp_path / "x-0.npy", target=tmp_path / "y-1.npy")
    np.save(tmp_path / "x-4.npy", X[:, :2])
    with pytest.raises(ValueError, match=r"x-4.npy has rows of shape .* all must be alike"):
        stream(tmp_path / "x-*.npy")
    with pytest.raises(ValueError, match=r"z-0.npz has no array 'q'"):
        stream(tmp_path / "z-0.npz", columns=["q"])
    (tmp_path / "x-4.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"x-4.npy is no NPY file"):
        stream(tmp_path / "x-4.npy")


def test_a_file_that_changes_in_a_fit_is_named_and_the_model_keeps_what_it_has(tmp_path):
    for number, (a, b) in enumerate(CUTS):
        np.savez(tmp_path / f"part-{number}.npz", x=X[a:b], y=Y[a:b])
    given, model = stream(tmp_path / "*.npz", batch_size=10, window=1), network()
    model.fit(given, verbose=0)
    before = weights_of(model)
    np.savez(tmp_path / "part-2.npz", x=X, y=Y)
    with pytest.raises(fastnn.BatchError, match=r"part-2.npz has changed since the stream was made"):
        model.fit(given, epochs=3, verbose=0)
    assert model.history.failed
    assert all(np.isfinite(weights).all() for weights in weights_of(model))
    assert len(before) == len(weights_of(model))
    model.fit(stream(tmp_path / "*.npz", batch_size=10, window=1), verbose=0)


def test_validation_by_a_stream(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    given = stream(tmp_path / "a.npz", batch_size=10)
    history = network().fit(given, validation_data=given, epochs=2, verbose=0).history
    again = network()
    again.fit(given, epochs=2, verbose=0)
    assert history["val_loss"][-1] == pytest.approx(again.evaluate(X, Y), rel=1e-6)
