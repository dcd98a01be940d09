"""Slices of edges: NumPy's values, gradients where the numbers came from, and a word on what is not there."""

from __future__ import annotations

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential
from fastnn.layers import LSTM, Dense, Embedding, GlobalAveragePooling1D, Layer, MultiHeadAttention

S = np.s_
TAKEN = {
    "first step": ((5, 4), S[:, 0]),
    "last step": ((5, 4), S[:, -1]),
    "a whole number of NumPy": ((5, 4), S[:, np.int64(2)]),
    "steps": ((5, 4), S[:, 1:3]),
    "steps from the end": ((5, 4), S[:, -3:-1]),
    "more than there are": ((5, 4), S[:, 2:99]),
    "a channel": ((5, 4), S[:, :, 0]),
    "channels": ((5, 4), S[..., 1:]),
    "numbers": ((6,), S[:, :4]),
    "one number": ((6,), S[:, 4:5]),
    "both axes of an image": ((4, 5, 3), S[:, 1:, :-1]),
    "a place": ((4, 5, 3), S[:, 0, -1]),
    "a channel of an image": ((4, 5, 3), S[:, :, :, 1]),
    "a line with a new axis": ((4, 5, 3), S[:, 2, None, 1:3]),
    "four axes": ((2, 3, 4, 5), S[:, :, 1, 1:3]),
    "the last of four": ((2, 3, 4, 5), S[..., -1]),
    "everything and a new axis": ((5, 4), S[:, :, None]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_values_and_gradients_are_numpys(rng, case):
    shape, places = TAKEN[case]
    x = rng.normal(size=(3, *shape))
    source = Input(shape)
    model = Model(source, 2 * source[places], dtype="float64")
    wanted = 2 * x[places]
    assert np.array_equal(model.predict(x), wanted)
    assert model.output_shape == (None, *wanted.shape[1:])
    slope = rng.normal(size=wanted.shape)
    expected = np.zeros_like(x)
    expected[places] += 2 * slope
    assert np.array_equal(model.gradients(x, dy=slope, wrt="inputs"), expected)


def test_all_of_an_edge_is_the_edge():
    edge = Input((5, 4))
    assert edge[:] is edge[...] is edge[:, 0:5] is edge


@pytest.mark.parametrize("places", [S[:, 1:], S[:, :-1], S[:, 1:-2]])
def test_open_lengths_are_cut_at_their_ends(rng, places):
    source = Input((None, 3))
    model = Model(source, 2 * source[places])
    for steps in (5, 9):
        x = rng.normal(size=(2, steps, 3)).astype("float32")
        assert np.array_equal(model.predict(x), 2 * x[places])


OPEN = "differs from batch to batch"
REFUSED = {
    "rows": ((5, 4), S[0], TypeError, "has no slices of rows: the first axis is taken whole"),
    "some rows": ((5, 4), S[1:], TypeError, "has no slices of rows"),
    "a new axis of rows": ((5, 4), S[None], TypeError, "has no slices of rows"),
    "every second step": ((5, 4), S[:, ::2], TypeError, r"no such slices, got slice\(None, None, 2\).*Lambda"),
    "a list": ((5, 4), S[:, [0, 1]], TypeError, r"no such slices, got \[0, 1\]"),
    "an array": ((5, 4), S[:, np.array([1])], TypeError, "no such slices"),
    "a condition": ((5, 4), S[:, True], TypeError, "no such slices, got True"),
    "a text": ((5, 4), "user", TypeError, "no such slices, got 'user'"),
    "behind the end": ((5, 4), S[:, 5], IndexError, "has places 0 to 4 along axis 1, got 5"),
    "before the start": ((5, 4), S[:, -6], IndexError, "got -6"),
    "nothing": ((5, 4), S[:, 3:1], IndexError, "nothing from 3 to 1 along axis 1, which is 5 long"),
    "too many axes": ((5, 4), S[:, 0, 0, 0], IndexError, "has 3 axes, got places for 4"),
    "two ellipses": ((5, 4), S[..., 0, ...], IndexError, "takes one Ellipsis, got 2"),
    "a number a row": ((5,), S[:, 0], TypeError, r"one number a row, without an axis: keep it, as in h\[:, 0:1\]"),
    "the last of an open length": ((None, 4), S[:, -1], ValueError, OPEN),
    "the first of an open length": ((None, 4), S[:, :3], ValueError, OPEN),
    "the last few of an open length": ((None, 4), S[:, -3:], ValueError, OPEN),
    "a channel of an open length": ((None, 4), S[..., 0], ValueError, "has an open length"),
    "a new axis of an open length": (
        (None, 4),
        S[:, :, None],
        ValueError,
        "has an open length, and takes no other axes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_there_is_told(case):
    shape, places, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        Input(shape)[places]


class Tokens(Layer):
    """Attention of which the first token is read, as in BERT."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words, self.attention = Embedding(20, 8, mask_zero=True), MultiHeadAttention(2, 4)

    def call(self, x):
        h = self.words(x)
        return self.attention(h, h)[:, 0]


def test_a_slice_in_a_composed_layer_trains_and_is_kept_in_files(rng, tmp_path):
    x, y = rng.integers(1, 20, (30, 6)), rng.integers(0, 2, 30)
    model = Sequential([Tokens(), Dense(1, activation="sigmoid")], seed=0)
    model.compile("adam", "binary_crossentropy")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.safetensors")
    assert np.array_equal(fastnn.load(tmp_path / "m.safetensors").predict(x), model.predict(x))
    again = fastnn.clone_model(model) if hasattr(fastnn, "clone_model") else fastnn.models.clone_model(model)
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(x), model.predict(x))


def test_masks_end_where_steps_are_taken_out(rng):
    ids, words = Input((6,)), Embedding(20, 4, mask_zero=True)
    h = LSTM(3, return_sequences=True)(words(ids))
    model = Model(ids, [h[:, -1], GlobalAveragePooling1D()(h[:, 1:])])
    x = np.array([[3, 4, 5, 0, 0, 0], [1, 2, 3, 4, 5, 6]])
    steps = Model(ids, h).predict(x)
    last, mean = model.predict(x)
    assert np.array_equal(last, steps[:, -1])
    assert mean == pytest.approx(steps[:, 1:].mean(axis=1), abs=1e-6)
