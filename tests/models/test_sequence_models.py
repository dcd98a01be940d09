"""Models of sequences: layers used twice, frozen, with and without masks; copies, files, tables and drawings."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from graph_models import GRAPHS, data, trained

import fastnn
from fastnn import Input, Model, Sequential, optimizers, plot, utils
from fastnn.layers import GRU, LSTM, Add, Attention, Bidirectional, Concatenate, Dense, Embedding, Masking
from fastnn.models import clone_model

OF_SEQUENCES = pytest.mark.parametrize("case", ["states", "attending", "recurrent_chain"])


def by_weights(model, x, dy):
    """The gradients by the weights of each layer of a model, float64."""
    return list(model.gradients(x, dy=dy))


@pytest.mark.parametrize(
    "layer",
    [LSTM(3, return_sequences=True), GRU(3, return_sequences=True), Bidirectional(GRU(2, return_sequences=True))],
    ids=repr,
)
def test_gradients_of_a_layer_that_is_called_twice_are_sums(rng, layer):
    a, b = Input((4, 2)), Input((4, 2))
    once, twice = copy.copy(layer), copy.copy(layer)
    alone = Model(a, once(a), dtype="float64", backend="numpy")
    both = Model([a, b], {"a": twice(a), "b": twice(b)}, dtype="float64", backend="numpy")
    both.set_weights([rng.normal(size=w.shape) for w in both.get_weights()])
    alone.set_weights(both.get_weights())
    x, dy = rng.normal(size=(2, 3, 4, 2)), rng.normal(size=(2, 3, *alone.output_shape[1:]))
    parts = [by_weights(alone, x[i], dy[i]) for i in range(2)]
    for mine, one, other in zip(by_weights(both, list(x), {"a": dy[0], "b": dy[1]}), *parts, strict=True):
        np.testing.assert_allclose(mine, one + other, rtol=1e-12, atol=1e-13)


def test_gradients_of_vectors_that_two_inputs_read_are_sums():
    a, b, table = Input((2,)), Input((3,)), Embedding(5, 2)
    model = Model([a, b], {"a": table(a), "b": table(b)}, dtype="float64", backend="numpy")
    (gradient,) = by_weights(model, [[[0, 1]], [[1, 1, 4]]], {"a": np.ones((1, 2, 2)), "b": np.full((1, 3, 2), 10.0)})
    np.testing.assert_array_equal(gradient[:, 0], [1, 21, 0, 0, 10])
    np.testing.assert_array_equal(gradient[:, 1], [1, 21, 0, 0, 10])


def test_a_layer_called_with_and_without_a_mask_heeds_it_where_it_is(rng):
    x, layer = Input((4, 2)), LSTM(3)
    model = Model(x, {"masked": layer(Masking()(x)), "plain": layer(x)}, backend="numpy", dtype="float64")
    rows = rng.normal(size=(2, 4, 2))
    rows[0, 2:] = 0
    masked, plain = model.predict(rows, verbose=0).values()
    alone = Sequential([Input((2, 2)), LSTM(3)], dtype="float64", backend="numpy")
    alone.set_weights(model.get_weights())
    np.testing.assert_allclose(masked[:1], alone.predict(rows[:1, :2], verbose=0), rtol=1e-12)
    np.testing.assert_array_equal(masked[1], plain[1])
    assert (masked[0] != plain[0]).any()


def test_a_layer_that_begins_with_its_own_last_states_goes_on_where_it_was(rng):
    first, second = Input((3, 2)), Input((2, 2))
    layer = LSTM(4, return_sequences=True, return_state=True)
    y, *states = layer(first)
    end, *_ = layer(second, initial_state=states)
    parts = Model([first, second], {"y": y, "end": end}, dtype="float64", backend="numpy")
    whole = Sequential([Input((5, 2)), LSTM(4, return_sequences=True)], dtype="float64", backend="numpy")
    whole.set_weights(parts.get_weights())
    x, dy = rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 4))
    cut = [x[:, :3], x[:, 3:]]
    together = np.concatenate(list(parts.predict(cut, verbose=0).values()), axis=1)
    np.testing.assert_allclose(together, whole.predict(x, verbose=0), rtol=1e-12)
    slopes = {"y": dy[:, :3], "end": dy[:, 3:]}
    for mine, right in zip(by_weights(parts, cut, slopes), by_weights(whole, x, dy), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-11, atol=1e-13)
    by_x = parts.gradients(cut, dy=slopes, wrt="inputs")
    np.testing.assert_allclose(np.concatenate(by_x, axis=1), whole.gradients(x, dy=dy, wrt="inputs"), rtol=1e-11)


def test_frozen_layers_of_sequences_keep_their_weights_and_hand_on_gradients(rng):
    frozen = [Embedding(5, 3, mask_zero=True), Bidirectional(LSTM(3, return_sequences=True)), GRU(3)]
    model = Sequential([Input((4,)), *frozen[:2], Dense(3), frozen[2], Dense(1)], backend="numpy", seed=3)
    for layer in frozen:
        layer.trainable = False
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(rng.integers(0, 5, (8, 4)), rng.normal(size=(8, 1)), verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [False] * 7 + [True] * 2 + [False] * 3 + [True] * 2


def test_masks_go_into_models_that_are_layers(rng):
    inner = [GRU(3, return_sequences=True), LSTM(2)]
    nested = Sequential(
        [Input((4, 2)), Masking(), Sequential(inner, dtype="float64")], backend="numpy", dtype="float64", seed=1
    )
    flat = Sequential([Input((4, 2)), Masking(), *map(copy.copy, inner)], backend="numpy", dtype="float64")
    flat.set_weights(nested.get_weights())
    x = rng.normal(size=(3, 4, 2))
    x[0, 1:] = 0
    np.testing.assert_array_equal(nested.predict(x, verbose=0), flat.predict(x, verbose=0))


# -- copies, files ----------------------------------------------------------------------------------


@OF_SEQUENCES
def test_copies_of_models_of_sequences_go_on_alike(case, tmp_path):
    model = trained(GRAPHS[case])
    model.save(tmp_path / "m")
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model), fastnn.load(tmp_path / "m"), clone]
    x, y = data(model)
    model.fit(x, y, verbose=0)
    for other in copies[:3]:
        other.backend = "numpy"
        other.fit(x, y, verbose=0)
        for mine, right in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, right)
    assert clone.to_json() == model.to_json()


@OF_SEQUENCES
def test_weights_of_models_of_sequences_come_back(case, tmp_path):
    model, other = trained(GRAPHS[case]), GRAPHS[case]()
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    for mine, right in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, right)


def test_a_trained_number_may_be_given_as_a_number():
    x = Input((3, 2))
    model = Model(x, Attention(use_scale=True)([x, x]), backend="numpy")
    for given in (2.0, np.float32(2), np.array(2.0), [2.0]):
        model.set_weights([given])
        assert (model.get_weights()[0].shape, float(model.get_weights()[0])) == ((), 2.0)


# -- tables and drawings ----------------------------------------------------------------------------


@OF_SEQUENCES
def test_tables_name_every_layer_and_what_it_reads(case):
    model, lines = GRAPHS[case](), []
    model.summary(print_fn=lines.append)
    text = "\n".join(map(str, lines))
    for layer in model.layers:
        assert layer.name in text
    assert f"Total params: {model.count_params():,}" in text


def test_a_table_tells_states_from_outputs():
    lines = []
    GRAPHS["states"]().summary(print_fn=lines.append)
    text = "\n".join(map(str, lines))
    assert "encoder_1" in text or "encoder[1]" in text
    assert "encoder_2" in text or "encoder[2]" in text


@OF_SEQUENCES
def test_models_of_sequences_are_drawn(case, tmp_path, no_figures_left):
    pytest.importorskip("matplotlib", reason="Matplotlib is missing (extra plot)")
    model = GRAPHS[case]()
    plot.network(model)
    utils.plot_model(model, tmp_path / "m.png", show_shapes=True)
    assert (tmp_path / "m.png").stat().st_size > 1000


def test_an_encoder_and_a_decoder_learn_to_repeat(rng):
    """A short training of everything together: ids, masks, states as edges, attention."""
    ids, start = Input((5,)), Input((5, 4))
    y, h = GRU(8, return_sequences=True, return_state=True)(Embedding(6, 4, mask_zero=True)(ids))
    read = GRU(8, return_sequences=True)(start, initial_state=h)
    found = Concatenate()([read, Attention()([read, y])])
    model = Model([ids, start], Dense(6, "softmax")(Add()([Dense(8)(found), read])), seed=1, backend="numpy")
    model.compile(optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    x = rng.integers(0, 6, (64, 5))
    rows = [x, np.broadcast_to(np.eye(5, 4), (64, 5, 4))]
    history = model.fit(rows, x, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.9 * history[0]
