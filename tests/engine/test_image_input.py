"""Images as users hand them in: what means the same gives the same bits, and what cannot be says how it could."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from models import EVERY_BACKEND, dtype_on, refused, state_of

from fastnn import Sequential, layers
from fastnn._plan import compile as compiling
from fastnn._plan import memory
from fastnn.layers import Conv1D, Conv2D, Dense, Flatten, GlobalMaxPooling2D, Input, MaxPooling2D

SHAPE = (8, 6, 1)
IMAGES = np.random.default_rng(5).integers(0, 256, (12, *SHAPE), np.uint8)
CLASSES = np.arange(12) % 3


def small(name="numpy", shape=SHAPE, fitted=True) -> Sequential:
    """A trained network of images, or of signals."""
    first = Conv2D(4, 3, activation="relu") if len(shape) == 3 else Conv1D(4, 3, activation="relu")
    made = [Input(shape), first, Flatten(), Dense(3, "softmax")]
    model = Sequential(made, dtype=dtype_on(name), seed=1, backend=name)
    model.compile("adam", "sparse_categorical_crossentropy")
    if fitted:
        model.fit(np.ones((3, *shape)), np.arange(3), verbose=0)
    return model


SAME = {
    "float32": lambda x, folder: x.astype(np.float32),
    "uint8": lambda x, folder: x,
    "int64": lambda x, folder: x.astype(np.int64),
    "float16": lambda x, folder: x.astype(np.float16),
    "bytes in the other order": lambda x, folder: x.astype(">f4"),
    "without the channel": lambda x, folder: x[..., 0],
    "Fortran's order": lambda x, folder: np.asfortranarray(x),
    "steps backward": lambda x, folder: np.ascontiguousarray(x[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "channels moved": lambda x, folder: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 1)), 1, -1),
    "read-only": lambda x, folder: np.frombuffer(x.tobytes(), np.uint8).reshape(x.shape),
    "lists": lambda x, folder: x.tolist(),
    "a list of images": lambda x, folder: list(x),
    "a memory map": lambda x, folder: (np.save(folder / "x.npy", x), np.load(folder / "x.npy", mmap_mode="r"))[1],
    "a part of one": lambda x, folder: (
        np.save(folder / "y.npy", np.concatenate([x, x])),
        np.load(folder / "y.npy", mmap_mode="r")[: len(x)],
    )[1],
}


@EVERY_BACKEND
@pytest.mark.parametrize("form", SAME)
def test_forms_of_the_same_images_train_and_predict_with_the_same_bits(name, form, tmp_path):
    models = [small(name, fitted=False) for _ in range(2)]
    told = [IMAGES.astype(models[0].dtype), SAME[form](IMAGES, tmp_path)]
    for model, x in zip(models, told, strict=True):
        model.fit(x, CLASSES, batch_size=5, epochs=2, verbose=0)
    predicted = [model.predict(x, verbose=0) for model, x in zip(models, told, strict=True)]
    np.testing.assert_array_equal(*predicted)
    np.testing.assert_array_equal(models[1](told[1]), predicted[0])


WRONG = {
    "channels first": (np.moveaxis(IMAGES, -1, 1), ("(n, 8, 6, 1)", "(12, 1, 8, 6)", "np.moveaxis(x, 1, -1)")),
    "one image": (IMAGES[0], ("(n, 8, 6, 1)", "(8, 6, 1)", "x[None]")),
    "one image without a channel": (IMAGES[0, ..., 0], ("(n, 8, 6, 1)", "(8, 6)", "x[None, ..., None]")),
    "flat rows": (IMAGES.reshape(12, -1), ("(n, 8, 6, 1)", "(12, 48)", "x.reshape((-1, 8, 6, 1))")),
    "height and width exchanged": (IMAGES.swapaxes(1, 2), ("(n, 8, 6, 1)", "(12, 6, 8, 1)")),
    "two channels": (np.repeat(IMAGES, 2, -1), ("(n, 8, 6, 1)", "(12, 8, 6, 2)")),
    "a video": (IMAGES[None], ("(n, 8, 6, 1)", "(1, 12, 8, 6, 1)")),
    "NaN": (np.where(IMAGES > 250, np.nan, IMAGES), ("finite", "nan", "such values")),
    "too large for float32": (IMAGES * 1e300, ("finite", "in float32")),
}
CALLS = {
    "fit": lambda model, x: model.fit(x, CLASSES[: len(x)], verbose=0),
    "evaluate": lambda model, x: model.evaluate(x, CLASSES[: len(x)], verbose=0),
    "predict": lambda model, x: model.predict(x, verbose=0),
    "call": lambda model, x: model(x),
    "train_on_batch": lambda model, x: model.train_on_batch(x, CLASSES[: len(x)]),
    "gradients": lambda model, x: model.gradients(x, CLASSES[: len(x)]),
    "validation": lambda model, x: model.fit(IMAGES, CLASSES, validation_data=(x, CLASSES[: len(x)]), verbose=0),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", WRONG)
def test_images_that_do_not_fit_are_refused_and_the_model_is_as_before(form, call):
    x, words = WRONG[form]
    model = small()
    before = state_of(model)
    refused(lambda: CALLS[call](model, x), ValueError, words)
    assert state_of(model) == before


@pytest.mark.parametrize("form", ["channels first", "one image without a channel", "flat rows", "two channels"])
def test_a_predictor_says_what_would_fit(form):
    x, words = WRONG[form]
    refused(lambda: small().predictor()(x.astype(np.float32)), ValueError, words)


def test_signals_with_channels_first_are_told_how_to_move_them():
    words = ("(n, 9, 2)", "(5, 2, 9)", "np.moveaxis(x, 1, -1)")
    refused(lambda: small(shape=(9, 2)).predict(np.ones((5, 2, 9)), verbose=0), ValueError, words)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ones((4, 8, 6)), ("Conv2D(", "(8, 6)", "(height, width, channels)", "Reshape((8, 6, 1))")),
        (np.ones((4, 1, 28, 28)), ("Conv2D(", "(1, 28, 28)", "np.moveaxis(x, 1, -1)")),
        (np.ones((4, 2, 8, 3)), ("Conv2D(", "(2, 8, 3)", 'padding="same"', "smaller window")),
        (np.ones((4, 8, 6, 2, 3)), ("Conv2D(", "(8, 6, 2, 3)", "(height, width, channels)")),
        (np.ones((4, 48)), ("Conv2D(", "(48,)", "(height, width, channels)")),
    ],
    ids=lambda some: str(getattr(some, "shape", "")),
)
def test_a_model_that_waits_for_its_shape_still_waits_after_images_that_do_not_fit(x, words):
    model = Sequential([Conv2D(4, 3), Flatten(), Dense(3, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    before = state_of(model)
    for call in (lambda: model.fit(x, CLASSES[:4], verbose=0), lambda: model.predict(x, verbose=0)):
        refused(call, ValueError, words)
        assert state_of(model) == before
    model.fit(IMAGES, CLASSES, verbose=0)
    assert model.input_shape == (None, *SHAPE)


@EVERY_BACKEND
def test_no_images_are_predicted_as_none(name):
    model = small(name)
    assert model.predict(IMAGES[:0], verbose=0).shape == model(IMAGES[:0]).shape == (0, 3)
    refused(lambda: model.fit(IMAGES[:0], CLASSES[:0]), ValueError, ("x is empty", "at least one row"))


def test_an_output_over_the_image_is_told_to_become_a_vector():
    model = Sequential([Conv2D(4, 3, input_shape=SHAPE), Dense(3, "softmax")], seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    words = ("class indices", "(12, 6, 4)", "(12,)", "Flatten")
    refused(lambda: model.fit(IMAGES, CLASSES, verbose=0), ValueError, words)
    model.compile("adam", "categorical_crossentropy")
    words = ("(12, 6, 4, 3)", "(12, 3)", "Flatten")
    refused(lambda: model.fit(IMAGES, np.eye(3)[CLASSES], verbose=0), ValueError, words)


def test_large_images_are_predicted_few_at_a_time(monkeypatch):
    model = Sequential([MaxPooling2D(2, 1, "same", input_shape=SHAPE), Conv2D(3, 3)], seed=1)
    whole = model.predict(IMAGES, verbose=0)
    monkeypatch.setattr(compiling, "WORK_BYTES", 5000)
    parts = Sequential(model.layers, seed=1)
    assert parts.prediction_plan().header["block_rows"] == 5000 // (8 * (48 + 72))
    np.testing.assert_array_equal(parts.predict(IMAGES, verbose=0), whole)
    monkeypatch.setattr(compiling, "WORK_BYTES", 1)
    one = Sequential(model.layers, seed=1)
    assert one.prediction_plan().header["block_rows"] == 1
    np.testing.assert_array_equal(one.predict(IMAGES, verbose=0), whole)


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
def test_images_that_want_more_memory_than_there_is_leave_the_model_and_name_the_layer(monkeypatch, call):
    def none_that_large(size, dtype):
        if size > 9000:
            raise MemoryError
        return np.zeros(size, dtype)

    model = Sequential([Conv2D(40, 3, input_shape=SHAPE), GlobalMaxPooling2D(), Dense(3, "softmax")], seed=1)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.train_on_batch(IMAGES[:1], CLASSES[:1])
    before = state_of(model)
    monkeypatch.setattr(memory, "aligned", none_that_large)
    words = r"GiB of working memory.*Conv2D\(filters=40.*, 6, 4, 40\) of .*, 8, 6, 1\).*smaller"
    with pytest.raises(MemoryError, match=words):
        CALLS[call](model, IMAGES)
    monkeypatch.undo()
    assert state_of(model) == before
    model.fit(IMAGES, CLASSES, verbose=0)


ARRAY, LONG = np.ones((3, 3, 1, 3)), list(range(1000))
ARGUMENTS = {
    "Conv2D": "filters kernel_size strides padding data_format dilation_rate groups activation use_bias input_shape "
    "name kernel_initializer bias_initializer kernel_regularizer activity_regularizer kernel_constraint trainable",
    "DepthwiseConv2D": "kernel_size depth_multiplier depthwise_initializer use_bias",
    "SeparableConv2D": "filters kernel_size depth_multiplier pointwise_regularizer use_bias",
    "Conv2DTranspose": "filters kernel_size output_padding use_bias",
    "MaxPooling2D": "pool_size strides padding data_format name",
    "GlobalMaxPooling2D": "keepdims data_format",
    "ZeroPadding2D": "padding data_format",
    "Cropping2D": "cropping",
    "UpSampling2D": "size interpolation",
    "Permute": "dims",
    "RepeatVector": "n",
    "Reshape": "target_shape",
    "Dense": "units use_bias activation",
    "BatchNormalization": "axis momentum epsilon center scale gamma_initializer beta_constraint synchronized",
    "LayerNormalization": "epsilon center gamma_regularizer",
    "GroupNormalization": "groups axis",
}
NEEDED = {"filters": 2, "kernel_size": 3, "units": 2, "dims": (1,), "n": 1, "target_shape": (1,)}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_no_argument_of_a_layer_takes_whatever_comes_and_refusals_are_short(kind):
    make = getattr(layers, kind)
    needed = {name: value for name, value in NEEDED.items() if name in inspect.signature(make).parameters}
    for name in ARGUMENTS[kind].split():
        for came in (ARRAY, LONG, {"a": ARRAY}, object(), 1.5 + 2j):
            with pytest.raises((TypeError, ValueError)) as told:
                make(**{**needed, name: came})
            assert "\n" not in str(told.value), name
            assert len(str(told.value)) < 600, name
            assert "truth value" not in str(told.value), name


def test_sparse_rows_are_told_what_takes_them():
    scipy = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    rows = scipy.csr_matrix(IMAGES.reshape(12, -1).astype(np.float32))
    words = ("sparse", "(n, 8, 6, 1)", "Reshape((8, 6, 1), input_shape=(48,))")
    refused(lambda: small().predict(rows, verbose=0), ValueError, words)
    model = Sequential([layers.Reshape(SHAPE, input_shape=(48,)), Conv2D(2, 3)], seed=1)
    dense = model.predict(IMAGES.reshape(12, -1), verbose=0)
    np.testing.assert_array_equal(model.predict(rows, verbose=0), dense)
