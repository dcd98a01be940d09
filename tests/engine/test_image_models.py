"""Networks of images with everything that a model has: nothing of it is for dense layers alone."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, callbacks, fit_many, layers, optimizers, utils
from fastnn.models import clone_model, model_from_json

DATA = np.random.default_rng(11)
X, Y = DATA.random((50, 8, 8, 2), np.float32), DATA.integers(0, 3, 50)


def network(seed=1, drops=True, **more) -> Model:
    """A compiled network of each family of layers, with a way around some of them."""
    image = Input((8, 8, 2), name="image")
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="first")(image)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.8, name="norm")(x))
    y = layers.GroupNormalization(2)(layers.Conv2D(6, 3, padding="same", activation="relu")(x))
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.SeparableConv2D(5, 2, activation="gelu")(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.LayerNormalization()(layers.AveragePooling2D(2, padding="same")(layers.UpSampling2D()(x)))
    x = layers.Conv2DTranspose(4, 2, 2, activation="relu")(layers.Dropout(0.3)(x) if drops else x)
    x = layers.GlobalAveragePooling2D()(layers.Cropping2D(1)(layers.ZeroPadding2D(1)(x)))
    model = Model(image, layers.Dense(3, "softmax")(x), seed=seed, **more)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(model=None, epochs=2, **more) -> Model:
    model = network() if model is None else model
    model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, **more)
    return model


def same(one: Model, other: Model) -> None:
    for got, expected in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_many_fits_are_fits():
    together = [network(seed) for seed in range(3)]
    fit_many(together, X, Y, epochs=2, batch_size=16)
    for seed, model in enumerate(together):
        same(model, fitted(network(seed)))


@pytest.mark.parametrize(
    "told",
    [{"sample_weight": np.repeat([1.0, 0.0], [30, 20])}, {"class_weight": {0: 0.0, 1: 1.0, 2: 2.0}}],
    ids=["sample_weight", "class_weight"],
)
def test_rows_without_weight_have_no_gradient(told):
    """But they count in the means of a batch."""
    model, other = network(drops=False), network(drops=False)
    for one in (model, other):
        one.get_layer("norm").trainable = False
        one.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    nothing = np.flatnonzero(told["sample_weight"] == 0) if "sample_weight" in told else np.flatnonzero(Y == 0)
    changed = X.copy()
    changed[nothing] = 0
    fitted(model, **told)
    other.fit(changed, Y, batch_size=16, epochs=2, verbose=0, **told)
    same(model, other)
    assert any(np.any(a != b) for a, b in zip(model.get_weights(), network(drops=False).get_weights(), strict=True))


def test_validation_is_evaluation_after_each_epoch():
    model = network()
    history = model.fit(X[:30], Y[:30], validation_data=(X[30:], Y[30:]), epochs=2, verbose=0).history
    assert [history["val_loss"][-1], history["val_accuracy"][-1]] == model.evaluate(X[30:], Y[30:], verbose=0)
    halves = network().fit(X, Y, validation_split=0.4, epochs=2, verbose=0).history
    assert halves == history


def test_early_stopping_gives_back_the_best_weights():
    model, seen = network(), {}
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.update({logs["val_loss"]: model.get_weights()})
    )
    stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    model.optimizer.learning_rate = 0.05
    model.fit(X[:40], Y[:40], validation_data=(X[40:], Y[40:]), epochs=40, callbacks=[keep, stop], verbose=0)
    assert 3 <= len(seen) < 40
    for got, expected in zip(model.get_weights(), seen[min(seen)], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_fit_that_goes_on_has_the_bits_of_one_that_never_stopped(tmp_path):
    whole = fitted(epochs=4)
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "after_{epoch}.safetensors")
    model = fitted(callbacks=[checkpoint])
    parts = [
        fastnn.load(tmp_path / "after_2.safetensors"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        model,
    ]
    for part in parts:
        fitted(part, epochs=4, initial_epoch=2)
        same(part, whole)
        assert part.step == whole.step


def test_weights_in_a_file_are_those_of_the_model(tmp_path):
    model, other = fitted(), network(seed=7)
    model.save_weights(tmp_path / "weights.safetensors")
    other.load_weights(tmp_path / "weights.safetensors")
    same(model, other)
    np.testing.assert_array_equal(model.predict(X, verbose=0), other.predict(X, verbose=0))


def test_all_ways_of_predicting_give_the_same_bits():
    model = fitted()
    expected, predict = model.predict(X, verbose=0), model.predictor()
    for found in (
        model(X),
        predict(X),
        np.stack([predict(row) for row in X]),
        model.predict(X, batch_size=7, verbose=0),
    ):
        np.testing.assert_array_equal(found, expected)
    out = np.empty_like(expected)
    assert predict(X, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(model.activations(X)["dense"], expected)


def test_frozen_layers_keep_their_bits_and_the_others_learn():
    model = network()
    for name in ("first", "norm"):
        model.get_layer(name).trainable = False
    frozen = [w.copy() for name in ("first", "norm") for w in model.get_layer(name).get_weights()]
    before = [w.copy() for w in model.trainable_weights]
    fitted(model)
    after = [w for name in ("first", "norm") for w in model.get_layer(name).get_weights()]
    for was, is_now in zip(frozen, after, strict=True):
        np.testing.assert_array_equal(was, is_now)
    assert all(np.any(was != is_now) for was, is_now in zip(before, model.trainable_weights, strict=True))


def test_descriptions_make_the_same_network():
    model = fitted()
    config = json.loads(json.dumps(model.get_config()))
    for other in (Model.from_config(config), model_from_json(model.to_json()), clone_model(model)):
        assert other.get_config() == model.get_config()
        other.set_weights(model.get_weights())
        np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_summaries_and_drawings_show_every_layer(tmp_path, no_figures_left):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed")
    model, lines = network(), []
    model.summary(print_fn=lines.append)
    assert all(layer.name in "\n".join(map(str, lines)) for layer in model.layers)
    utils.plot_model(model, tmp_path / "model.svg", show_shapes=True)
    drawn = (tmp_path / "model.svg").read_text()
    assert drawn.count("<path") > len(model.layers)


def test_loops_of_ones_own_are_a_fit():
    loop, model = network(), network()
    for _ in range(2):
        _, gradients = loop.gradients(X, Y)
        loop.apply_gradients(gradients)
    model.fit(X, Y, batch_size=len(X), epochs=2, shuffle=False, verbose=0)
    same(loop, model)
    slow = network(seed=3)
    before = [w.copy() for w in slow.get_weights()]
    model.soft_update(slow, 1.0)
    same(slow, model)
    assert any(np.any(a != b) for a, b in zip(before, slow.get_weights(), strict=True))


def test_batches_from_an_iterable_are_those_of_arrays():
    streamed, model = network(), network()
    streamed.fit(((X[at : at + 10], Y[at : at + 10]) for at in range(0, 50, 10)), steps_per_epoch=5, verbose=0)
    model.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    same(streamed, model)


def test_lbfgs_makes_the_loss_smaller():
    model = network(drops=False)
    model.compile(optimizers.LBFGS(), "sparse_categorical_crossentropy")
    losses = model.fit(X, Y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_estimators_take_layers_of_images():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.base import clone

    from fastnn.sklearn import MLPClassifier, MLPRegressor

    body = [layers.Reshape((8, 8, 2)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Activation("relu")]
    body += [layers.MaxPooling2D(), layers.Flatten()]
    flat = X.reshape(len(X), -1)
    for kind, y in ((MLPClassifier, Y), (MLPRegressor, flat.mean(axis=1))):
        estimator = kind(layers=body, max_iter=20, n_iter_no_change=40, random_state=1)
        with pytest.warns(UserWarning, match="[Mm]aximum iterations"):
            estimator.fit(flat, y)
        assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(again.predict(flat), estimator.predict(flat))
        assert clone(estimator).layers == body
