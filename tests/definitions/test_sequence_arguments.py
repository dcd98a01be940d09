"""Arguments of layers of sequences: those of Keras 3.15 act or are refused in words; what cannot be is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from models import refused
from oracles import keras_library

from fastnn import Input, Model, Sequential, layers
from fastnn.layers import (
    GRU,
    LSTM,
    Attention,
    Bidirectional,
    Dense,
    Embedding,
    Lambda,
    Masking,
    MultiHeadAttention,
    TimeDistributed,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras

ARGUMENTS = {  # the least that a layer has to be given
    "Bidirectional": lambda of: {"layer": of.GRU(4)},
    "TimeDistributed": lambda of: {"layer": of.Dense(4)},
    "MultiHeadAttention": lambda of: {"num_heads": 2, "key_dim": 3},
    "Attention": lambda of: {},
    "Embedding": lambda of: {"input_dim": 9, "output_dim": 4},
    "Masking": lambda of: {},
}
OTHERS = {  # of Keras' arguments, values that are not the default
    "merge_mode": "sum",
    "weights": [np.ones((2, 2))],
    "value_dim": 5,
    "dropout": 0.25,
    "use_bias": False,
    "output_shape": 5,
    "attention_axes": (2,),
    "sliding_window": 3,
    "use_gate": True,
    "use_scale": True,
    "score_mode": "concat",
    "seed": 3,
    "mask_zero": True,
    "lora_rank": 2,
    "lora_alpha": 2,
    "quantization_config": {},
    "mask_value": 1.0,
    "kernel_initializer": "ones",
    "bias_initializer": "ones",
    "embeddings_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l2",
    "activity_regularizer": "l2",
    "embeddings_regularizer": "l2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "non_neg",
    "embeddings_constraint": "non_neg",
    "backward_layer": GRU(4, go_backwards=True, use_bias=False),
}
REFUSED = {  # and what stands in their place
    "weights": "set_weights",
    "attention_axes": "along the steps",
    "sliding_window": "attention_mask",
    "use_gate": "no gate",
    "score_mode": "'dot'",
    "lora_rank": "not there",
    "lora_alpha": "not there",
    "quantization_config": "float32",
}


def of_keras(kind) -> dict:
    """Keras' arguments with defaults."""
    told = inspect.signature(getattr(keras_library().layers, kind)).parameters
    return {name: one.default for name, one in told.items() if one.kind is one.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_argument_of_keras_acts_or_is_refused_in_words(kind):
    make, least = getattr(layers, kind), ARGUMENTS[kind](layers)
    plain = make(**least)
    for name, default in of_keras(kind).items():
        if default is inspect.Parameter.empty:
            continue
        assert make(**least, **{name: default}) == plain, name
        if name in REFUSED:
            refused_in_words(lambda name=name: make(**least, **{name: OTHERS[name]}), REFUSED[name])
        elif name != "flash_attention":  # of speed alone
            assert make(**least, **{name: OTHERS[name]}) != plain, name


def refused_in_words(call, words) -> None:
    with pytest.raises((TypeError, ValueError)) as told:
        call()
    assert words in str(told.value)


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_configurations_are_understood_both_ways(kind):
    of = keras_library().layers
    other, layer = getattr(of, kind)(**ARGUMENTS[kind](of)), getattr(layers, kind)(**ARGUMENTS[kind](layers))
    read = type(layer).from_config(other.get_config())
    plain = {"dtype": None, "name": None, "layer": None, "backward_layer": None}
    assert read.get_config() | plain == layer.get_config() | plain
    config = layer.get_config()
    if "layer" in config:
        config["layer"] |= {"module": "keras.layers"}
    assert type(type(other).from_config(config)) is type(other)


def test_a_bidirectional_layer_of_keras_is_read_with_both_of_its_layers():
    of = keras_library().layers
    back = of.GRU(4, return_sequences=True, go_backwards=True)
    other = of.Bidirectional(of.LSTM(4, return_sequences=True), backward_layer=back)
    read = Bidirectional.from_config(other.get_config())
    assert [type(layer) for layer in read.both] == [LSTM, GRU]


def test_what_a_layer_inside_was_told_acts_for_the_one_around_it():
    frozen, plain = Bidirectional(LSTM(4, trainable=False)), Bidirectional(LSTM(4))
    model = Sequential([Input((5, 3)), plain, layers.RepeatVector(2), frozen, Dense(1)])
    assert (len(model.trainable_weights), len(model.weights)) == (8, 14)
    assert not TimeDistributed(Dense(3, trainable=False)).trainable
    assert Bidirectional(GRU(4, dtype="float64")).dtype == "float64"
    assert Sequential([Bidirectional(LSTM(4, input_shape=(5, 3)))]).output_shape == (None, 8)


X, V = Input((4, 2)), Input((5, 2))
WRONG = {
    "no layer": (lambda: Bidirectional(3), TypeError, ("layer", "3")),
    "nothing": (lambda: Bidirectional(None), TypeError, ("layer", "None")),
    "a dense layer both ways": (lambda: Bidirectional(Dense(3)), TypeError, ("LSTM or GRU", "Dense(units=3)")),
    "a mode that is none": (lambda: Bidirectional(GRU(3), "max"), ValueError, ("merge_mode", "'concat'", "'max'")),
    "sums of other widths": (
        lambda: Bidirectional(GRU(3), "sum", GRU(4, go_backwards=True))(X),
        ValueError,
        ("(3,) and (4,)", "'concat'"),
    ),
    "two forwards": (lambda: Bidirectional(GRU(3), backward_layer=GRU(3)), ValueError, ("go_backwards=True",)),
    "one of sequences": (
        lambda: Bidirectional(GRU(3), backward_layer=GRU(3, go_backwards=True, return_sequences=True)),
        ValueError,
        ("return_sequences=False",),
    ),
    "one that is trained": (
        lambda: Bidirectional(GRU(3, trainable=False), backward_layer=GRU(3, go_backwards=True)),
        ValueError,
        ("trainable=False",),
    ),
    "states of one": (lambda: Bidirectional(GRU(3))(X, initial_state=Input((3,))), ValueError, ("2 states", "got 1")),
    "states of other widths": (
        lambda: Bidirectional(GRU(3))(X, initial_state=[Input((3,)), Input((2,))]),
        ValueError,
        ("GRU", "(3,)", "(2,)"),
    ),
    "both ways over no sequence": (lambda: Bidirectional(GRU(3))(Input((3,))), ValueError, ("steps", "Reshape")),
    "each step of no sequence": (lambda: TimeDistributed(Dense(3))(Input((3,))), ValueError, ("steps", "(3,)")),
    "sequences at each step": (lambda: TimeDistributed(GRU(3)), TypeError, ("one input", "GRU(units=3)")),
    "one's own at each step": (lambda: TimeDistributed(Lambda(np.square)), TypeError, ("of your own",)),
    "a model at each step": (lambda: TimeDistributed(Sequential([Dense(3)])), TypeError, ("a layer",)),
    "a shape inside": (lambda: TimeDistributed(Dense(3, input_shape=(4,))), TypeError, ("input_shape", "steps")),
    "no head": (lambda: MultiHeadAttention(0, 3), ValueError, ("num_heads", "0")),
    "no value": (lambda: MultiHeadAttention(2, 3, value_dim=0), ValueError, ("value_dim", "0")),
    "two widths": (lambda: MultiHeadAttention(2, 3, output_shape=(2, 3)), TypeError, ("output_size", "(2, 3)")),
    "no width": (lambda: MultiHeadAttention(2, 3, output_shape=()), TypeError, ("output_size", "()")),
    "a query alone": (lambda: MultiHeadAttention(2, 3)(X), TypeError, ("layer(x, x)",)),
    "a list for heads": (lambda: MultiHeadAttention(2, 3)([X, V]), TypeError, ("layer(query, value)",)),
    "a value of one axis": (lambda: MultiHeadAttention(2, 3)(X, Input((3,))), ValueError, ("(steps, features)",)),
    "fewer keys": (lambda: MultiHeadAttention(2, 3)(X, V, X), ValueError, ("as many keys as values",)),
    "a mask of another shape": (
        lambda: MultiHeadAttention(2, 3)(X, V, attention_mask=Input((4, 4))),
        ValueError,
        ("attention_mask", "4 queries, 5 keys", "(None, 4, 4)"),
    ),
    "causal in words": (lambda: MultiHeadAttention(2, 3)(X, X, use_causal_mask="y"), TypeError, ("use_causal_mask",)),
    "one edge": (lambda: Attention()(X), ValueError, ("a query and a value",)),
    "four edges": (lambda: Attention()([X, V, V, V]), ValueError, ("a query and a value",)),
    "keys of another width": (lambda: Attention()([X, Input((5, 3))]), ValueError, ("same width", "(5, 3)")),
    "no row": (lambda: Embedding(0, 3), ValueError, ("input_dim", "0")),
    "a part of a row": (lambda: Embedding(3.5, 3), TypeError, ("input_dim", "3.5")),
    "mask_zero as a number": (lambda: Embedding(3, 3, mask_zero=1), TypeError, ("mask_zero", "1")),
    "masked vectors": (lambda: Masking()(Input((3,))), ValueError, ("Masking()", "(3,)")),
    "masked NaN": (lambda: Masking(float("nan")), ValueError, ("mask_value", "nan")),
    "masked words": (lambda: Masking("0"), TypeError, ("mask_value", "'0'")),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused_in_words(case):
    call, error, words = WRONG[case]
    refused(call, error, words)


def test_options_of_calls_have_to_be_named():
    """Keras has masks of its own in those places."""
    for call in (lambda: MultiHeadAttention(2, 3)(X, X, X, Input((4, 4))), lambda: Attention()([X, X], True)):
        with pytest.raises(TypeError):
            call()


def test_numbers_beside_the_table_that_a_layer_made_give_nan():
    x = Input((2,))
    model = Model(x, Embedding(3, 1, embeddings_initializer="ones")(layers.Rescaling(2.0)(x)), backend="numpy")
    np.testing.assert_array_equal(model.predict([[0.0, 1.0], [1.0, 2.0]], verbose=0)[..., 0], [[1, 1], [1, np.nan]])
