"""Joins of sequences with masks: number by number what counts is joined alone; one behind the other masks are, too."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND
from oracles import keras_library
from tolerance import DIFFERENCE_STEP, difference_limit

from fastnn import Model, layers
from fastnn.layers import Dense, Embedding, Input, WithMask

NAMES = ("Multiply", "Maximum", "Minimum")
STEPS, WIDTH, ROWS = 4, 3, 5
WAYS = {"Multiply": np.multiply, "Maximum": np.maximum, "Minimum": np.minimum}
NEUTRAL = {"Multiply": 1.0, "Maximum": -np.inf, "Minimum": np.inf}


def masked_model(name, widths, has_mask, backend):
    """Inputs and masks of their own; the model's inputs are all of the former, then all of the latter."""
    xs, masks = [Input((STEPS, n)) for n in widths], [Input((STEPS,)) for there in has_mask if there]
    known = iter(masks)
    edges = [WithMask()([x, next(known)]) if there else x for x, there in zip(xs, has_mask, strict=True)]
    return Model([*xs, *masks], getattr(layers, name)()(edges), backend=backend, dtype="float64")


def drawn(rng, widths, has_mask):
    xs = [rng.normal(size=(ROWS, STEPS, n)) for n in widths]
    return xs, [rng.integers(0, 2, (ROWS, STEPS)).astype(float) for there in has_mask if there]


@EVERY_BACKEND
@pytest.mark.parametrize("joined", NAMES)
@pytest.mark.parametrize("has_mask", [(1, 1), (1, 0), (0, 1), (1, 1, 1), (1, 0, 1)], ids=str)
@pytest.mark.parametrize("narrow", [False, True])
def test_masked_steps_of_one_input_leave_the_others_as_they_are(name, joined, has_mask, narrow, rng):
    widths = [1 if narrow and i == 0 else WIDTH for i in range(len(has_mask))]
    xs, masks = drawn(rng, widths, has_mask)
    found = masked_model(joined, widths, has_mask, name).predict([*xs, *masks])
    known, result, counts = iter(masks), NEUTRAL[joined], np.zeros((ROWS, STEPS, 1), bool)
    for x, there in zip(xs, has_mask, strict=True):
        mask = next(known)[..., None] != 0 if there else np.ones((ROWS, STEPS, 1), bool)
        result, counts = WAYS[joined](result, np.where(mask, x, NEUTRAL[joined])), counts | mask
    np.testing.assert_allclose(found[counts[..., 0]], result[counts[..., 0]], rtol=1e-15)


@EVERY_BACKEND
@pytest.mark.parametrize("joined", NAMES)
def test_what_stands_in_masked_steps_changes_no_bit_and_has_no_gradient(name, joined, rng):
    xs, masks = drawn(rng, (WIDTH, WIDTH), (1, 1))
    masks[1][masks[0] == 0] = 1
    model, dy = masked_model(joined, (WIDTH, WIDTH), (1, 1), name), rng.normal(size=(ROWS, STEPS, WIDTH))
    spoilt = [np.where(mask[..., None] != 0, x, 1e9) for x, mask in zip(xs, masks, strict=True)]
    np.testing.assert_array_equal(model.predict([*spoilt, *masks]), model.predict([*xs, *masks]))
    slopes = model.gradients([*xs, *masks], dy=dy, wrt="inputs")[:2]
    for slope, mask in zip(slopes, masks, strict=True):
        assert not slope[mask == 0].any()
    for i, slope in enumerate(slopes):
        way = rng.normal(size=slope.shape)
        sums = []
        for sign in (1, -1):
            moved = [x + sign * DIFFERENCE_STEP * way if i == j else x for j, x in enumerate(xs)]
            sums.append((model.predict([*moved, *masks]) * dy).sum())
        numeric = (sums[0] - sums[1]) / (2 * DIFFERENCE_STEP)
        assert abs((slope * way).sum() - numeric) <= difference_limit(numeric)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("joined", NAMES)
@pytest.mark.parametrize("kinds", ["mm", "mn", "nm", "mmm", "mnm"])
def test_they_are_keras_own(joined, kinds, rng):
    keras = keras_library()

    def graph(kind, inputs, model):
        ids, plain = [inputs((STEPS,)) for _ in kinds], inputs((STEPS, WIDTH))
        edges = [
            kind.Embedding(3, WIDTH, mask_zero=True)(edge) if which == "m" else kind.Dense(WIDTH)(plain)
            for edge, which in zip(ids, kinds, strict=True)
        ]
        read = [edge for edge, which in zip(ids, kinds, strict=True) if which == "m"] + [plain] * ("n" in kinds)
        made = getattr(kind, joined)()(edges)
        return model(read, [made, kind.GRU(2)(made)])

    theirs, own = graph(keras.layers, keras.layers.Input, keras.Model), graph(layers, Input, Model)
    own.set_weights(theirs.get_weights())
    data = [rng.integers(0, 3, (ROWS, STEPS)) for which in kinds if which == "m"]
    data += [rng.normal(size=(ROWS, STEPS, WIDTH)).astype("float32")] * ("n" in kinds)
    for came, right in zip(own.predict(data), theirs.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)


def test_without_masks_they_are_one_operation():
    x = Input((STEPS, WIDTH))
    plain = Model(x, layers.Maximum()([x, Dense(WIDTH)(x)]))
    ids = Input((STEPS,))
    masked = Model(ids, layers.Maximum()([Embedding(3, 2, mask_zero=True)(ids), Embedding(3, 2)(ids)]))
    assert len(plain.prediction_plan().ops) == 2
    assert len(masked.prediction_plan().ops) > 3


# -- one behind the other along the steps -----------------------------------------------------------


def in_a_row(masks, lengths, backend, axis=1):
    """Sequences one behind the other, some with masks; the model's inputs are all of the former, then all masks."""
    xs = [Input((steps, WIDTH)) for steps in lengths]
    known = [Input((steps,)) for steps, there in zip(lengths, masks, strict=True) if there]
    left = iter(known)
    edges = [WithMask()([x, next(left)]) if there else x for x, there in zip(xs, masks, strict=True)]
    made = layers.Concatenate(axis)(edges)
    outputs = [made, layers.GRU(2)(made), layers.GlobalAveragePooling1D()(made)]
    return Model([*xs, *known], outputs, backend=backend, dtype="float64", seed=3)


def drawn_in_a_row(rng, masks, lengths):
    xs = [rng.normal(size=(ROWS, steps, WIDTH)) for steps in lengths]
    drawn_masks = [rng.integers(0, 2, (ROWS, steps)) for steps, there in zip(lengths, masks, strict=True) if there]
    return xs, [mask.astype(float) for mask in drawn_masks]


BEHIND = pytest.mark.parametrize("masks", [(1, 1), (1, 0), (0, 1), (0, 1, 0), (1, 0, 1)], ids=str)


@EVERY_BACKEND
@BEHIND
@pytest.mark.parametrize("axis", [1, -2])
def test_masks_of_sequences_one_behind_the_other_are_too(name, masks, axis, rng):
    """What reads them is told the same as by one mask of all steps."""
    lengths = (3, 1, 4)[: len(masks)]
    xs, known = drawn_in_a_row(rng, masks, lengths)
    left = iter(known)
    ones = [next(left) if there else np.ones((ROWS, n)) for there, n in zip(masks, lengths, strict=True)]
    model = in_a_row(masks, lengths, name, axis)
    x, mask = Input((sum(lengths), WIDTH)), Input((sum(lengths),))
    read = WithMask()([x, mask])
    outputs = [read, layers.GRU(2)(read), layers.GlobalAveragePooling1D()(read)]
    whole = Model([x, mask], outputs, backend=name, dtype="float64")
    whole.set_weights(model.get_weights())
    together = [np.concatenate(xs, axis=1), np.concatenate(ones, axis=1)]
    dys = [rng.normal(size=(ROWS, *shape[1:])) for shape in whole.output_shape]
    for mine, right in zip(model.predict([*xs, *known]), whole.predict(together), strict=True):
        np.testing.assert_array_equal(mine, right)
    for mine, right in zip(model.gradients([*xs, *known], dy=dys), whole.gradients(together, dy=dys), strict=True):
        np.testing.assert_array_equal(mine, right)
    found = model.gradients([*xs, *known], dy=dys, wrt="inputs")[: len(xs)]
    right = whole.gradients(together, dy=dys, wrt="inputs")[0]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), right)


@EVERY_BACKEND
def test_losses_leave_out_the_masked_steps_of_sequences_one_behind_the_other(name, rng):
    xs, known = drawn_in_a_row(rng, (1, 0), (3, 2))
    x, z, mask = Input((3, WIDTH)), Input((2, WIDTH)), Input((3,))
    model = Model([x, z, mask], layers.Concatenate(1)([WithMask()([x, mask]), z]), backend=name, dtype="float64")
    model.compile("sgd", "mse")
    y = rng.normal(size=(ROWS, 5, WIDTH))
    spoilt = np.where(known[0][..., None] != 0, xs[0], 1e9)
    counts = np.concatenate((known[0], np.ones((ROWS, 2))), axis=1) != 0
    right = np.square(np.concatenate(xs, axis=1) - y)[counts].mean()
    np.testing.assert_allclose(model.evaluate([spoilt, xs[1], *known], y, verbose=0), right, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
@BEHIND
def test_sequences_one_behind_the_other_are_keras_own(masks, rng):
    keras, lengths = keras_library(), (3, 1, 4)

    def graph(kind, inputs, model):
        read = [inputs((n,)) if there else inputs((n, WIDTH)) for there, n in zip(masks, lengths, strict=False)]
        edges = [
            kind.Embedding(3, WIDTH, mask_zero=True)(edge) if there else edge
            for edge, there in zip(read, masks, strict=True)
        ]
        made = kind.Concatenate(axis=1)(edges)
        return model(read, [made, kind.GRU(2)(made), kind.GlobalAveragePooling1D()(made)])

    theirs, own = graph(keras.layers, keras.layers.Input, keras.Model), graph(layers, Input, Model)
    own.set_weights(theirs.get_weights())
    data = [
        rng.integers(0, 3, (ROWS, n)) if there else rng.normal(size=(ROWS, n, WIDTH)).astype("float32")
        for there, n in zip(masks, lengths, strict=False)
    ]
    for came, right in zip(own.predict(data), theirs.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(came, right, atol=1e-6)
