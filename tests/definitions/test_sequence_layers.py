"""Layers around recurrent ones, attention, embeddings and masks: outputs and gradients are those of Keras 3.15."""

from __future__ import annotations

import numpy as np
import pytest
from keras_graphs import as_list, assert_same_as_keras, numbers_of, ours
from models import EVERY_BACKEND, dtype_on, refused
from oracles import torch_library

from fastnn import Input, Model, layers

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras

ROWS, STEPS, WIDTH = 3, 5, 2


def sequences(rng, steps=STEPS, width=WIDTH, dead=()):
    """``(ROWS, steps, width)``, zeros at the ``(row, step)`` of ``dead``."""
    x = rng.normal(size=(ROWS, steps, width))
    for place in dead:
        x[place] = 0
    return x


DEAD = ((0, slice(3, None)), (1, 0), (1, 2))  # padding behind, and gaps


# -- both directions --------------------------------------------------------------------------------


@pytest.mark.covering
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("given", [{}, {"return_state": True}, {"zero_output_for_mask": True}], ids=str)
@pytest.mark.parametrize("sequences_too", [False, True])
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_both_directions_are_those_of_keras(rng, mode, sequences_too, given, kind, masked):
    def make(of, x):
        cell = getattr(of, kind)(4, return_sequences=sequences_too, **given)
        return of.Bidirectional(cell, merge_mode=mode)(of.Masking()(x) if masked else x)

    assert_same_as_keras(make, [sequences(rng, dead=(*DEAD, 2) if masked else ())])


@pytest.mark.parametrize(("kind", "count"), [("GRU", 2), ("LSTM", 4)])
def test_both_directions_begin_with_their_own_states(rng, kind, count):
    def make(of, x, *states):
        cell = getattr(of, kind)(4, return_state=True, return_sequences=True)
        return of.Bidirectional(cell)(x, initial_state=list(states))

    assert_same_as_keras(make, [sequences(rng), *rng.normal(size=(count, ROWS, 4))])


@pytest.mark.parametrize("masked", [False, True])
def test_another_layer_may_go_backwards(rng, masked):
    def make(of, x):
        back = of.LSTM(4, return_sequences=True, go_backwards=True, activation="sigmoid")
        return of.Bidirectional(of.GRU(4, return_sequences=True), backward_layer=back)(of.Masking()(x) if masked else x)

    assert_same_as_keras(make, [sequences(rng, dead=DEAD if masked else ())])


def test_layers_with_other_numbers_of_states_begin_with_theirs(rng):
    def make(x, *states):
        back = layers.GRU(4, go_backwards=True, return_state=True)
        return layers.Bidirectional(layers.LSTM(4, return_state=True), backward_layer=back)(x, initial_state=states)

    starts = rng.normal(size=(3, ROWS, 4))
    model = ours(lambda of, *edges: make(*edges), [sequences(rng, 1), *starts])
    no_way = [np.zeros_like(weights) for weights in model.get_weights()]
    model.set_weights(no_way)
    *_, h, c, back = model.predict([sequences(rng, 1), *starts], verbose=0)
    np.testing.assert_allclose(c, starts[1] / 2)  # all gates are 1/2, what is new is 0
    np.testing.assert_allclose(h, np.tanh(c) / 2)
    np.testing.assert_allclose(back, starts[2] / 2)


def test_both_directions_of_an_lstm_are_those_of_torch(rng):
    torch, x = torch_library(), sequences(rng)
    other = torch.nn.LSTM(WIDTH, 4, bidirectional=True, batch_first=True, dtype=torch.float64)
    model = ours(lambda of, x: of.Bidirectional(of.LSTM(4, return_sequences=True))(x), [x])
    weights = [rng.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    with torch.no_grad():
        for i, end in enumerate(("", "_reverse")):
            kernel, recurrent, bias = (torch.tensor(w) for w in weights[3 * i : 3 * i + 3])
            getattr(other, f"weight_ih_l0{end}").copy_(kernel.T)
            getattr(other, f"weight_hh_l0{end}").copy_(recurrent.T)
            getattr(other, f"bias_ih_l0{end}").copy_(bias)
            getattr(other, f"bias_hh_l0{end}").zero_()
    given = torch.tensor(x, requires_grad=True)
    y, _ = other(given)
    dy = rng.normal(size=y.shape)
    (y * torch.tensor(dy)).sum().backward()
    outputs, by_inputs, by_weights = numbers_of(model, [x], [dy])
    np.testing.assert_allclose(outputs[0], y.detach().numpy(), atol=1e-9)
    np.testing.assert_allclose(by_inputs[0], given.grad.numpy(), atol=1e-9)
    np.testing.assert_allclose(by_weights[0], other.weight_ih_l0.grad.numpy().T, atol=1e-9)
    np.testing.assert_allclose(by_weights[4], other.weight_hh_l0_reverse.grad.numpy().T, atol=1e-9)


# -- attention --------------------------------------------------------------------------------------

QUERIES, KEYS = 4, 5
HEADS = {  # a call, how many of query, value and key it reads, and arguments of the layer
    "itself": (lambda f, x: f(x, x), 1, {}),
    "itself, causal": (lambda f, x: f(x, x, use_causal_mask=True), 1, {}),
    "another": (lambda f, x, v: f(x, v), 2, {"value_dim": 5}),
    "another, causal": (lambda f, x, v: f(x, v, use_causal_mask=True), 2, {}),
    "a key": (lambda f, x, v, k: f(x, v, k), 3, {"value_dim": 5, "output_shape": 4}),
    "no bias": (lambda f, x, v, k: f(x, v, key=k), 3, {"use_bias": False, "output_shape": (4,)}),
    "scores": (lambda f, x, v: f(x, v, return_attention_scores=True), 2, {}),
}
ONE_HEAD = {
    "itself": (lambda f, x: f([x, x]), 1, {}),
    "a key": (lambda f, x, v, k: f([x, v, k]), 3, {}),
    "scaled": (lambda f, x, v, k: f([x, v, k], return_attention_scores=True), 3, {"use_scale": True}),
    "causal": (lambda f, x, v, k: f([x, v, k], use_causal_mask=True), 3, {"use_scale": True}),
}


def queries_values_keys(rng, count, dead=((), (), ())):
    """As many as ``count``; a width for each of query and value, the key as wide as the query."""
    sizes = (QUERIES, 6), (KEYS, 7), (KEYS, 6)
    return [sequences(rng, *size, dead=gone) for size, gone in zip(sizes, dead, strict=True)][:count]


@pytest.mark.parametrize("case", HEADS)
def test_heads_are_those_of_keras(rng, case):
    call, count, given = HEADS[case]
    assert_same_as_keras(
        lambda of, *edges: call(of.MultiHeadAttention(3, 2, **given), *edges), queries_values_keys(rng, count)
    )


@pytest.mark.parametrize("case", ONE_HEAD)
def test_attention_is_that_of_keras(rng, case):
    call, count, given = ONE_HEAD[case]
    assert_same_as_keras(lambda of, *edges: call(of.Attention(**given), *edges), queries_values_keys(rng, count))


@pytest.mark.parametrize("rows", [QUERIES, 1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_a_mask_of_ones_own_is_joined_with_what_is_causal_and_masked(rng, rows, masked, causal):
    def make(of, x, v, mask):
        told = {"attention_mask": mask, "use_causal_mask": causal, "return_attention_scores": True}
        return of.MultiHeadAttention(3, 2)(x, of.Masking()(v) if masked else v, **told)

    mask = rng.integers(0, 2, (ROWS, rows, KEYS)).astype(float)
    mask[..., 0] = 1
    x, v = queries_values_keys(rng, 2, dead=((), ((0, slice(3, None)), (1, 2)), ()))
    assert_same_as_keras(make, [x, v, mask])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("which", ["value", "key", "value and key", "query", "all"])
def test_masks_of_keys_and_values_leave_them_out_of_all_heads(rng, which, causal):
    masked = [name in which or which == "all" for name in ("query", "value", "key")]

    def make(of, *edges):
        read = [of.Masking()(edge) if there else edge for edge, there in zip(edges, masked, strict=True)]
        return of.MultiHeadAttention(3, 2)(*read, use_causal_mask=causal)

    dead = ((0, 2), (2, 1)), ((0, slice(3, None)), (1, 2)), ((1, 4), (2, 3))
    x = queries_values_keys(rng, 3, dead=[gone if there else () for gone, there in zip(dead, masked, strict=True)])
    live = x[0].any(axis=2, keepdims=True)  # Keras lets masked queries read all keys, fastnn those that count
    assert_same_as_keras(make, x, [live])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("which", ["value", "query", "query and value"])
def test_masks_of_one_head_are_those_of_keras(rng, which, causal):
    def make(of, x, v, k):
        read = of.Masking()(x) if "query" in which else x
        return of.Attention()([read, of.Masking()(v) if "value" in which else v, k], use_causal_mask=causal)

    dead = ((0, 2), (2, 1)), ((0, slice(3, None)), (1, 2)), ()
    assert_same_as_keras(make, queries_values_keys(rng, 3, dead=dead))


def test_masked_keys_of_one_head_count_for_nothing(rng):
    x, v, k = queries_values_keys(rng, 3, dead=((), (), ((0, 4), (1, 4), (2, 4))))
    masked = ours(lambda of, x, v, k: of.Attention()([x, v, of.Masking()(k)]), [x, v, k])
    plain = ours(lambda of, x, v, k: of.Attention()([x, v, k]), [x, v[:, :4], k[:, :4]])
    np.testing.assert_allclose(
        masked.predict([x, v, k], verbose=0), plain.predict([x, v[:, :4], k[:, :4]], verbose=0), atol=1e-12
    )


@pytest.mark.parametrize("of_query", [False, True])
@pytest.mark.parametrize("kind", ["MultiHeadAttention", "Attention"])
def test_the_mask_of_the_query_goes_on(rng, kind, of_query):
    def make(of, x, v):
        read = of.Masking()(x) if of_query else x
        value = v if of_query else of.Masking()(v)
        made = (
            of.MultiHeadAttention(3, 2)(read, value) if kind == "MultiHeadAttention" else of.Attention()([read, value])
        )
        return of.GRU(2)(made)

    x, v = sequences(rng, 4, 6, dead=((0, 3), (1, 0))), sequences(rng, 5, 6, dead=((0, 3),))
    assert_same_as_keras(make, [x, v])


def test_one_head_is_that_of_torch(rng):
    torch = torch_library()
    x, v, k = queries_values_keys(rng, 3)
    model = ours(lambda of, x, v, k: of.Attention()([x, v, k], use_causal_mask=True), [x, v, k])
    given = [torch.tensor(one) for one in (x * 6**0.5, k, v)]
    expected = torch.nn.functional.scaled_dot_product_attention(*given, is_causal=True)
    np.testing.assert_allclose(model.predict([x, v, k], verbose=0), expected.numpy(), atol=1e-9)


# -- every step -------------------------------------------------------------------------------------

IMAGES = (ROWS, 3, 5, 4, 2)
AT_EVERY_STEP = {
    "dense": (lambda of: of.Dense(3, "tanh"), (ROWS, 4, 6)),
    "softmax": (lambda of: of.Activation("softmax"), (ROWS, 4, 6)),
    "norm": (lambda of: of.LayerNormalization(), (ROWS, 4, 6)),
    "unit": (lambda of: of.UnitNormalization(), (ROWS, 4, 6)),
    "slopes": (lambda of: of.PReLU(), (ROWS, 4, 6)),
    "repeated": (lambda of: of.RepeatVector(2), (ROWS, 4, 6)),
    "convolution": (lambda of: of.Conv2D(3, 2, padding="same", activation="relu"), IMAGES),
    "separable": (lambda of: of.SeparableConv2D(3, 2), IMAGES),
    "maxima": (lambda of: of.MaxPooling2D(2), IMAGES),
    "means": (lambda of: of.GlobalAveragePooling2D(), IMAGES),
    "permuted": (lambda of: of.Permute((2, 1, 3)), IMAGES),
    "groups": (lambda of: of.GroupNormalization(2), IMAGES),
    "twice": (lambda of: of.TimeDistributed(of.Dense(2)), IMAGES),
}


@pytest.mark.parametrize("case", AT_EVERY_STEP)
def test_a_layer_at_every_step_is_that_of_keras(rng, case):
    layer, shape = AT_EVERY_STEP[case]
    assert_same_as_keras(lambda of, x: of.TimeDistributed(layer(of))(x), [rng.normal(size=shape)])


def test_what_would_measure_batches_at_every_step_is_refused_when_the_model_is_built():
    layer = layers.TimeDistributed(layers.BatchNormalization())
    refused(lambda: layer(Input((3, 4))), ValueError, ("BatchNormalization", "LayerNormalization"))


# -- what makes masks, and what hands them on -------------------------------------------------------


def test_vectors_of_numbers_and_their_gradients_are_those_of_keras(rng):
    ids = rng.integers(0, 9, (ROWS, STEPS)).astype(float)
    assert_same_as_keras(lambda of, x: of.Embedding(9, 2)(x), [ids])
    ids[0, 3:] = ids[1, 0] = 0
    assert_same_as_keras(lambda of, x: of.LSTM(3)(of.Embedding(9, 2, mask_zero=True)(x)), [ids])


@pytest.mark.parametrize("value", [0.0, -1.5])
def test_steps_of_a_value_are_left_out_as_in_keras(rng, value):
    x = sequences(rng, dead=(*DEAD, 2))
    x[x == 0] = value
    x[0, 0, 0] = value  # one feature alone masks nothing
    assert_same_as_keras(lambda of, x: of.GRU(3)(of.Masking(value)(x)), [x])
    assert_same_as_keras(lambda of, x: of.Masking(value)(x), [x])


HAND_ON = {
    "a dense layer": lambda of: of.Dense(3, "tanh"),
    "an activation": lambda of: of.Activation("tanh"),
    "ReLU": lambda of: of.ReLU(),
    "ELU": lambda of: of.ELU(),
    "LeakyReLU": lambda of: of.LeakyReLU(),
    "PReLU": lambda of: of.PReLU(),
    "Identity": lambda of: of.Identity(),
    "dropout": lambda of: of.Dropout(0.5),
    "dropout of channels": lambda of: of.SpatialDropout1D(0.5),
    "noise": lambda of: of.GaussianNoise(0.5),
    "factors": lambda of: of.GaussianDropout(0.5),
    "alpha": lambda of: of.AlphaDropout(0.5),
    "rows": lambda of: of.LayerNormalization(),
    "groups": lambda of: of.GroupNormalization(1),
    "lengths": lambda of: of.UnitNormalization(),
    "rescaled": lambda of: of.Rescaling(2.0, 1.0),
    "a sequence": lambda of: of.GRU(3, return_sequences=True),
    "both directions": lambda of: of.Bidirectional(of.LSTM(3, return_sequences=True)),
    "every step": lambda of: of.TimeDistributed(of.Dense(3, "tanh")),
    "no mask behind a convolution": lambda of: of.Conv1D(3, 2, padding="causal"),
    "no mask behind another shape": lambda of: of.Reshape((5, 2)),
}


@pytest.mark.parametrize("case", HAND_ON)
def test_masks_go_through_the_layers_that_keras_lets_them_through(rng, case):
    x = sequences(rng, dead=DEAD)
    assert_same_as_keras(lambda of, x: of.GRU(2)(HAND_ON[case](of)(of.Masking()(x))), [x])


def both_masked(of, kind, x, z):
    return of.GRU(2)(getattr(of, kind)()([of.Masking()(x), of.Masking()(z)]))


@pytest.mark.parametrize("kind", ["Add", "Subtract", "Average", "Concatenate"])
def test_masks_of_what_is_joined_are_joined_as_in_keras(rng, kind):
    x = [sequences(rng, dead=DEAD), sequences(rng, dead=((0, 4), (2, 1)))]
    assert_same_as_keras(lambda of, *edges: both_masked(of, kind, *edges), x)


def test_means_are_of_the_steps_that_count(rng):
    x = sequences(rng, dead=DEAD)
    assert_same_as_keras(lambda of, x: of.GlobalAveragePooling1D()(of.Masking()(x)), [x])


# -- padding changes nothing ------------------------------------------------------------------------

LENGTHS = (5, 3, 1)
READERS = {
    "SimpleRNN": lambda x: layers.SimpleRNN(4)(x),
    "LSTM": lambda x: layers.LSTM(4)(x),
    "GRU": lambda x: layers.GRU(4)(x),
    "both directions": lambda x: layers.Bidirectional(layers.GRU(4), "sum")(x),
    "stacked": lambda x: layers.LSTM(4)(layers.Bidirectional(layers.GRU(3, return_sequences=True))(x)),
    "heads": lambda x: layers.GRU(4)(layers.MultiHeadAttention(2, 3)(x, x)),
    "one head": lambda x: layers.LSTM(4)(layers.Attention()([x, x], use_causal_mask=True)),
}


def reader(case, steps, weights=None):
    """A model of sequences that Masking leaves steps out of."""
    x = Input((steps, WIDTH))
    model = Model(x, READERS[case](layers.Masking()(x)), dtype="float64", backend="numpy", seed=5)
    if weights is not None:
        model.set_weights(weights)
    return model


@pytest.mark.parametrize("case", READERS)
def test_a_padded_batch_is_its_rows_alone(rng, case):
    x, dy = rng.normal(size=(3, 5, WIDTH)), rng.normal(size=(3, 4))
    for row, n in enumerate(LENGTHS):
        x[row, n:] = 0
    whole = reader(case, 5)
    y, dx, dw = numbers_of(whole, [x], [dy])
    sums = [0.0] * len(dw)
    for row, n in enumerate(LENGTHS):
        short = reader(case, n, whole.get_weights())
        alone = numbers_of(short, [x[row : row + 1, :n]], [dy[row : row + 1]])
        np.testing.assert_allclose(y[0][row], alone[0][0][0], rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(dx[0][row, :n], alone[1][0][0], rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(dx[0][row, n:], 0)
        sums = [total + part for total, part in zip(sums, alone[2], strict=True)]
    for mine, right in zip(dw, sums, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-14)


@EVERY_BACKEND
@pytest.mark.parametrize("case", READERS)
def test_what_stands_in_the_padding_changes_no_bit(case, name):
    """The vector of number 0 is the padding; there may be anything, even no number."""
    ids, x = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 2]]), Input((5,))
    edge = layers.Embedding(5, WIDTH, mask_zero=True)(x)
    model = Model(x, READERS[case](edge), dtype=dtype_on(name), backend=name, seed=5)
    table, *rest = model.get_weights()
    results = []
    for padding in (0.0, 1e6, -7.0):
        table[0] = padding
        model.set_weights([table, *rest])
        results.append([model.predict(ids, verbose=0), *model.gradients(ids, dy=np.ones((3, 4)))])
    for others in results[1:]:
        for mine, right in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(mine, right)
    np.testing.assert_array_equal(results[0][1][0], 0)


@pytest.mark.parametrize("case", ["SimpleRNN", "LSTM", "GRU", "both directions", "stacked", "heads", "one head"])
def test_no_number_in_the_padding_changes_no_bit(case):
    """Infinities of exponentials, and what lengths make of them."""
    x = Input((5,))
    edge = layers.Activation("exponential")(layers.Embedding(5, WIDTH, mask_zero=True)(x))
    model = Model(x, READERS[case](layers.LayerNormalization()(edge)), backend="numpy", seed=5)
    ids = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 2]])
    table, *rest = model.get_weights()
    plain = model.predict(ids, verbose=0)
    table[0] = 1e30
    model.set_weights([table, *rest])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(model.predict(ids, verbose=0), plain)


@pytest.mark.parametrize("case", READERS)
def test_a_mask_that_leaves_no_step_gives_zeros_and_no_gradient(case):
    model, x = reader(case, 5), np.zeros((2, 5, WIDTH))
    y, dx, dw = numbers_of(model, [x], [np.ones((2, 4))])
    for array in (*y, *dx, *dw):
        np.testing.assert_array_equal(array, 0)


def test_queries_without_a_key_get_zeros(rng):
    x, mask = rng.normal(size=(2, 3, 4)), np.zeros((2, 3, 3))
    mask[1] = 1
    told = {"return_attention_scores": True}
    model = ours(
        lambda of, x, m: of.MultiHeadAttention(2, 3, use_bias=False)(x, x, attention_mask=m, **told), [x, mask]
    )
    y, scores = model.predict([x, mask], verbose=0)
    assert not y[0].any()
    assert not scores[0].any()
    np.testing.assert_allclose(scores[1].sum(axis=-1), 1)
    _, dx, dw = numbers_of(model, [x[:1], mask[:1]], [np.ones((1, 3, 4)), np.ones((1, 2, 3, 3))])
    for array in (*as_list(dx), *dw):
        np.testing.assert_array_equal(array, 0)
