"""Models whose outputs have masks: losses and metrics are those of positions that count, however rows are handed in."""

from __future__ import annotations

import numpy as np
import pytest
from oracles import keras_library
from tolerance import assert_close, trajectory_limit

from fastnn import Sequential, losses, metrics
from fastnn.layers import Dense, Embedding

CLASSES, WORDS, STEPS = 3, 7, 5


def rows_of(rng, n=24):
    """Words, 0 where a row is over, and a class for each."""
    x = rng.integers(1, WORDS, (n, STEPS)) * (np.arange(STEPS) < rng.integers(1, STEPS + 1, n)[:, None])
    return x, rng.integers(0, CLASSES, (n, STEPS))


def tagger(loss="sparse_categorical_crossentropy", mask_zero=True, **more):
    layers = Embedding(WORDS, 4, mask_zero=mask_zero, input_shape=(STEPS,)), Dense(CLASSES, "softmax")
    model = Sequential([*layers], seed=3, dtype="float64", backend="numpy")
    model.compile("sgd", loss, **more)
    return model


def alone(model):
    """The same model of single words."""
    layers = Embedding(WORDS, 4, input_shape=(1,)), Dense(CLASSES, "softmax")
    made = Sequential([*layers], seed=3, dtype="float64", backend="numpy")
    made.compile("sgd", "sparse_categorical_crossentropy")
    made.set_weights(model.get_weights())
    return made


def apart(x, y):
    """Positions that count, each a row."""
    return x[x != 0][:, None], y[x != 0][:, None]


def surprise(model, x, y):
    """Cross-entropy of each position that counts."""
    share = np.take_along_axis(model.predict(x), y[..., None], axis=2)[..., 0]
    return -np.log(share[x != 0])


def by_batches(model, x, y, size):
    """What a loss is over batches: the mean of each, which counts by its rows."""
    parts = [slice(first, first + size) for first in range(0, len(x), size)]
    return sum(surprise(model, x[part], y[part]).mean() * len(x[part]) for part in parts) / len(x)


def test_each_batch_is_divided_by_its_own_count(rng):
    model, (x, y) = tagger(), rows_of(rng, 1500)  # more than a block
    assert model.evaluate(x[:24], y[:24], batch_size=24) != model.evaluate(x[:24], y[:24], batch_size=7)
    for size in (7, 32, 1024, 1500):
        assert_close(model.evaluate(x, y, batch_size=size), by_batches(model, x, y, size), "float64", 8000)
    assert_close(model.test_on_batch(x, y), surprise(model, x, y).mean(), "float64", 8000)
    batches = [(x[i : i + 400], y[i : i + 400]) for i in range(0, 1500, 400)]
    assert_close(model.evaluate(iter(batches)), by_batches(model, x, y, 400), "float64", 8000)


def test_weights_of_rows_multiply_the_mask(rng):
    model, (x, y), weight = tagger(), rows_of(rng), rng.random(24)
    own = np.repeat(weight, (x != 0).sum(axis=1)) * surprise(model, x, y)
    assert_close(model.evaluate(x, y, 24, sample_weight=weight), own.sum() / (x != 0).sum(), "float64", 120)
    other = tagger(losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"))
    mean = own.sum() / (weight[:, None] * (x != 0)).sum()
    assert_close(other.evaluate(x, y, 24, sample_weight=weight), mean, "float64", 120)


def test_metrics_know_only_positions_that_count(rng):
    x, y = rows_of(rng, 40)
    told = {
        "metrics": ["accuracy", metrics.SparseTopKCategoricalAccuracy(2), "auc"],
        "weighted_metrics": ["accuracy", "auc"],
    }
    model, there, weight = tagger(**told), x != 0, rng.random(40)
    history = model.fit(x, y, batch_size=40, epochs=1, verbose=0, sample_weight=weight).history
    fresh = tagger(**told)
    logs = fresh.evaluate(x, y, 7, sample_weight=weight, return_dict=True)
    shares, own = fresh.predict(x)[there], np.repeat(weight, there.sum(axis=1))
    hits = shares.argmax(axis=1) == y[there]
    right = {"accuracy": hits.mean(), "weighted_accuracy": (hits * own).sum() / own.sum()}
    right |= {"auc": metrics.AUC()(y[there], shares), "weighted_auc": metrics.AUC()(y[there], shares, own)}
    for name, value in right.items():
        assert_close([logs[name], history[name][0]], [value] * 2, "float64", 200)


def test_functions_as_metrics_are_told_of_positions_that_count(rng):
    seen = []

    def count(target, prediction):
        seen.append((target.shape, prediction.shape))
        return np.ones(len(prediction))

    x, y = rows_of(rng)
    tagger(metrics=[count]).evaluate(x, y)
    n = np.count_nonzero(x)
    assert seen == [((n,), (n, CLASSES))]
    empty = tagger(metrics=[count, "accuracy"]).evaluate(0 * x, y, return_dict=True)
    assert (empty["loss"], np.isnan(empty["count"])) == (0, True)
    assert len(seen) == 1


@pytest.mark.parametrize("training", [False, True])
def test_gradients_of_any_number_of_rows_are_those_of_one_batch(rng, training):
    model, (x, y) = tagger(), rows_of(rng, 1500)  # more than a block
    loss, grads = model.gradients(x, y, training=training)
    value, expected = alone(model).gradients(*apart(x, y))
    assert_close(loss, value, "float64", 8000)
    assert_close(grads.flat, expected.flat, "float64", 8000)


def test_slopes_that_are_brought_are_those_of_all_positions(rng):
    x, dy = rows_of(rng)[0], rng.normal(size=(24, STEPS, CLASSES))
    pairs = zip(tagger().gradients(x, dy=dy), tagger(mask_zero=False).gradients(x, dy=dy), strict=True)
    for got, expected in pairs:
        np.testing.assert_array_equal(got, expected)


def test_an_update_is_that_of_the_positions_alone(rng):
    model, (x, y) = tagger(), rows_of(rng, 30)
    other = alone(model)
    for _ in range(3):
        assert_close(model.train_on_batch(x, y), other.train_on_batch(*apart(x, y)), "float64", 150)
    assert_close(model.params, other.params, "float64", 150)


def test_a_loss_of_ones_own_sees_positions_that_count(rng):
    def entropy(target, prediction):
        assert len(target) == np.count_nonzero(x)
        share = prediction[np.arange(len(target)), target.argmax(axis=1)]
        return -np.log(share)

    x, y = rows_of(rng)
    hot = np.eye(CLASSES)[y]
    model, plain = tagger(entropy), tagger("categorical_crossentropy")
    for _ in range(2):
        assert_close(model.train_on_batch(x, hot), plain.train_on_batch(x, hot), "float64", 10**4)


def test_a_loss_that_sees_whole_samples_is_refused(rng):
    model, x = tagger(lambda target, prediction: prediction.sum(axis=(1, 2))), rows_of(rng)[0]
    before = model.params.copy()
    with pytest.raises(ValueError, match="has a mask, and its target is not as wide as the output"):
        model.fit(x, rng.random((24, 2)), verbose=0)
    np.testing.assert_array_equal(model.params, before)


def test_losses_weights_and_updates_are_those_of_keras(rng):
    keras = keras_library()
    layers = keras.layers.Embedding(WORDS, 4, mask_zero=True), keras.layers.Dense(CLASSES, activation="softmax")
    theirs, ours = keras.Sequential([keras.Input((STEPS,)), *layers]), tagger()
    ours.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    theirs.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    theirs.set_weights(ours.get_weights())
    x, y = rows_of(rng)
    most, weight = trajectory_limit("float32"), rng.random(24)
    whole = np.repeat(weight[:, None], STEPS, axis=1)  # Keras takes one for each position
    for told, counted in (({}, {}), ({"sample_weight": weight}, {"sample_weight": whole})):
        np.testing.assert_allclose(ours.train_on_batch(x, y, **told), theirs.train_on_batch(x, y, **counted), most)
        for got, expected in zip(ours.get_weights(), (v.value.detach().numpy() for v in theirs.weights), strict=True):
            np.testing.assert_allclose(got, expected, most, most)
        for size in (24, 7):
            got = ours.evaluate(x, y, size, **told), theirs.evaluate(x, y, size, verbose=0, **counted)
            # Keras' loss on PyTorch writes to the weights that its metrics are told: one batch hides it
            np.testing.assert_allclose(*(values[: 2 if size == 24 else 1] for values in got), most)
