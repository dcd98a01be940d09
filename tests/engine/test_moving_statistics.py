"""Batch normalisation in models: whatever trains moves its statistics once a batch, and nothing else does."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from tolerance import assert_close, trajectory_limit

import fastnn
from fastnn import Input, Model, Sequential, fit_many
from fastnn.callbacks import EarlyStopping, LambdaCallback
from fastnn.errors import DivergenceError
from fastnn.layers import BatchNormalization, Conv2D, Dense, Flatten
from fastnn.models import clone_model

DOUBLE = "float64"


def small(seed=1, momentum=0.9, **more):
    """A network with normalisation, and whatever the model is to be given."""
    layers = [Dense(6, "tanh", input_shape=(3,)), BatchNormalization(momentum=momentum, name="norm"), Dense(1)]
    model = Sequential(layers, seed=seed, dtype=DOUBLE, **more)
    model.compile(fastnn.optimizers.SGD(0.05), "mse")
    return model


def data(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 1))


def moving(model):
    return np.concatenate([w.copy() for w in model.get_layer("norm").non_trainable_weights])


def followed(before, x, model, momentum=0.9):
    """Moving statistics after a batch of the first layer's output, by the formula."""
    h = np.tanh(x @ model.layers[0].kernel + model.layers[0].bias)
    return momentum * before + (1 - momentum) * np.concatenate([h.mean(0), h.var(0)])


def same(a, b):
    for one, other in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_update_moves_them_by_the_batch_before_it():
    model, (x, y) = small(), data()
    expected = followed(moving(model), x, model)
    model.train_on_batch(x, y)
    assert_close(moving(model), expected, DOUBLE, len(x))


@pytest.mark.parametrize("n", [40, 1500])
def test_a_loop_of_gradients_and_updates_is_a_fit(n):
    loop, fitted, (x, y) = small(), small(), data(n)
    for _ in range(2):
        _, grads = loop.gradients(x, y)
        loop.apply_gradients(grads)
    fitted.fit(x, y, epochs=2, batch_size=n, shuffle=False, verbose=0)
    same(loop, fitted)


def test_a_gradient_of_a_slope_after_a_training_call_moves_them_once():
    model, (x, y) = small(), data(1200)
    expected = followed(moving(model), x, model)
    out = model(x, training=True)
    assert_close(moving(model), expected, DOUBLE, len(x))
    before = moving(model)
    grads = model.gradients(x, dy=2 * (out - y) / len(x))
    np.testing.assert_array_equal(moving(model), before)
    _, others = small().gradients(x, y)
    assert_close(grads.flat, others.flat, DOUBLE, 2000)
    model.gradients(x, dy=out)
    assert np.any(moving(model) != before)


@pytest.mark.parametrize("call", ["predict", "call", "evaluate", "inputs", "not training", "activations", "predictor"])
def test_what_does_not_train_leaves_them(call):
    model, (x, y) = small(), data()
    before = moving(model)
    calls = {
        "predict": lambda: model.predict(x, verbose=0),
        "call": lambda: model(x),
        "evaluate": lambda: model.evaluate(x, y, verbose=0),
        "inputs": lambda: model.gradients(x, y, wrt="inputs"),
        "not training": lambda: model.gradients(x, y, training=False),
        "activations": lambda: model.activations(x),
        "predictor": lambda: model.predictor()(x),
    }
    calls[call]()
    np.testing.assert_array_equal(moving(model), before)


def test_all_ways_of_predicting_agree_and_use_the_moving_ones():
    model, (x, y) = small(), data()
    model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    h, n = np.tanh(x @ model.layers[0].kernel + model.layers[0].bias), 6
    mean, variance = moving(model)[:n], moving(model)[n:]
    norm = model.get_layer("norm")
    h = (h - mean) / np.sqrt(variance + 1e-3) * norm.gamma + norm.beta
    expected = h @ model.layers[2].kernel + model.layers[2].bias
    for found in (model.predict(x, verbose=0), model(x), model.predictor()(x), model.activations(x)["dense_1"]):
        assert_close(found, expected, DOUBLE, 20)
    assert_close(model.evaluate(x, y, verbose=0), np.mean((expected - y) ** 2), DOUBLE, 100)


def test_a_loss_of_ones_own_moves_them_alike():
    def squares(target, prediction):
        error = prediction - target
        return (error**2).mean(axis=-1), 2 * error / error.shape[-1]

    ours, theirs, (x, y) = small(), small(), data()
    ours.compile(fastnn.optimizers.SGD(0.05), squares)
    for model in (ours, theirs):
        model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(one, other, DOUBLE, 200)


def test_lbfgs_moves_them_once_an_iteration():
    model, (x, y) = small(momentum=0.0), data()
    model.compile(fastnn.optimizers.LBFGS(), "mse")
    history = model.fit(x, y, epochs=5, verbose=0)
    expected = followed(moving(model), x, model, momentum=0.0)
    assert_close(moving(model), expected, DOUBLE, len(x))
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_batches_of_many_sizes_from_an_iterable():
    model, (x, y) = small(), data(60)
    cuts = [(0, 7), (7, 30), (30, 31), (31, 60)]
    other = small()
    model.fit(((x[a:b], y[a:b]) for a, b in cuts), epochs=1, steps_per_epoch=4, verbose=0)
    for a, b in cuts:
        other.train_on_batch(x[a:b], y[a:b])
    same(model, other)


def test_a_layer_used_twice_moves_by_both_uses_in_order():
    edge = Input((3,))
    norm = BatchNormalization(momentum=0.5, scale=False, center=False, name="norm")
    first = norm(edge)
    model = Model(edge, Dense(1)(norm(first)), dtype=DOUBLE, seed=1)
    model.compile(fastnn.optimizers.SGD(0.0), "mse")
    x, y = data()
    model.train_on_batch(x, y)
    once = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    mean = 0.25 * 0 + 0.25 * x.mean(0) + 0.5 * once.mean(0)
    variance = 0.25 * 1 + 0.25 * x.var(0) + 0.5 * once.var(0)
    assert_close(moving(model), np.concatenate([mean, variance]), DOUBLE, 100)


@pytest.mark.parametrize("frozen", ["layer", "model"])
def test_a_frozen_layer_normalises_as_in_prediction_and_no_bit_of_it_moves(frozen):
    model, (x, y) = small(), data()
    model.fit(x, y, epochs=1, verbose=0)
    if frozen == "layer":
        model.get_layer("norm").trainable = False
    else:
        inner = model
        inner.trainable = False
        edge = Input((3,))
        model = Model(edge, Dense(1, name="head")(inner(edge)), dtype=DOUBLE, seed=2)
        model.compile("adam", "mse")
    norm = (model if frozen == "layer" else inner).get_layer("norm")
    before, whole = [w.copy() for w in norm.get_weights()], [w.copy() for w in model.get_weights()]
    assert_close(model(x, training=True), model.predict(x, verbose=0), DOUBLE, 20)
    model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    for was, is_now in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(was, is_now)
    assert any(np.any(a != b) for a, b in zip(whole, model.get_weights(), strict=True))
    norm.trainable = True
    if frozen == "layer":
        model.fit(x, y, epochs=1, verbose=0)
        assert np.any(norm.get_weights()[2] != before[2])


def test_files_copies_and_clones_keep_them(tmp_path):
    model, (x, y) = small(), data()
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.fastnn")
    model.save_weights(tmp_path / "w")
    loaded, weights = fastnn.load(tmp_path / "m.fastnn"), small(seed=5)
    weights.load_weights(tmp_path / "w")
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (loaded, weights, clone, copy.deepcopy(model)):
        same(model, other)
        np.testing.assert_array_equal(model.predict(x, verbose=0), other.predict(x, verbose=0))
    loaded.fit(x, y, epochs=1, verbose=0)
    model.fit(x, y, epochs=1, verbose=0)
    assert_close(moving(loaded), moving(model), DOUBLE, 100)


def test_a_soft_update_moves_the_targets_too():
    online, slow, (x, y) = small(), small(seed=2), data()
    online.fit(x, y, epochs=1, verbose=0)
    before = moving(slow)
    online.soft_update(slow, 0.25)
    assert_close(moving(slow), 0.25 * moving(online) + 0.75 * before, DOUBLE)


def test_many_fits_are_fits():
    x, y = data()
    alone, together = [small(seed) for seed in range(3)], [small(seed) for seed in range(3)]
    for model in alone:
        model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    fit_many(together, x, y, epochs=2, batch_size=16)
    for one, other in zip(alone, together, strict=True):
        same(one, other)


def test_divergence_takes_statistics_back():
    model, (x, y) = small(), data()
    model.fit(x, y, epochs=1, verbose=0)
    before = model.get_weights()
    model.optimizer.learning_rate = 1e200
    with pytest.raises(DivergenceError):
        model.fit(x, y, epochs=5, batch_size=8, verbose=0)
    for was, is_now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, is_now)


def test_the_best_weights_come_back_with_their_statistics():
    model, (x, y) = small(), data()
    seen = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((logs["val_loss"], moving(model))))
    stop = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    model.optimizer.learning_rate = 0.3
    model.fit(x, y, validation_data=(x[:5], -y[:5]), epochs=30, callbacks=[keep, stop], verbose=0)
    np.testing.assert_array_equal(moving(model), min(seen, key=lambda pair: pair[0])[1])


def test_a_small_network_of_images_ends_where_pytorch_ends():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layers = [Conv2D(4, 3, use_bias=False), BatchNormalization(momentum=0.9, epsilon=1e-3, name="norm")]
    model = Sequential([Input((6, 5, 2)), *layers, Flatten(), Dense(3)], dtype=DOUBLE, seed=3)
    model.compile(fastnn.optimizers.SGD(0.05, momentum=0.9), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6, 5, 2)), rng.normal(size=(50, 3))
    kernel, gamma, beta, mean, variance, dense, bias = map(torch.tensor, model.get_weights())
    trained = [w.requires_grad_() for w in (kernel, gamma, beta, dense, bias)]
    descent = torch.optim.SGD(trained, 0.05, momentum=0.9)
    for _ in range(3):
        for first in range(0, 50, 16):
            images, target = (torch.tensor(a[first : first + 16]) for a in (x, y))
            z = torch.nn.functional.conv2d(images.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1))
            with torch.no_grad():  # PyTorch itself moves the variance divided by one number less
                mean = 0.9 * mean + 0.1 * z.mean((0, 2, 3))
                variance = 0.9 * variance + 0.1 * z.var((0, 2, 3), correction=0)
            z = torch.nn.functional.batch_norm(z, None, None, gamma, beta, True, 0.1, 1e-3)
            out = z.permute(0, 2, 3, 1).reshape(len(z), -1) @ dense + bias
            descent.zero_grad()
            ((out - target) ** 2).mean().backward()
            descent.step()
    model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0)
    theirs = (kernel, gamma, beta, mean, variance, dense, bias)
    for got, expected in zip(model.get_weights(), theirs, strict=True):
        most = trajectory_limit(DOUBLE)
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=most, atol=most)
