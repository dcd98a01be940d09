"""Models of every form that a graph can have, for tests of copies, files and configurations."""

from __future__ import annotations

import numpy as np

from fastnn import Input, Model, Sequential
from fastnn.layers import (
    GRU,
    LSTM,
    Add,
    Attention,
    Average,
    Bidirectional,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    LayerNormalization,
    Masking,
    MultiHeadAttention,
    Scale,
    Subtract,
    TimeDistributed,
)


def shared() -> Model:
    """A layer that is used twice, one after the other."""
    x, layer = Input((4,), name="a"), Dense(4, "tanh", name="shared")
    return Model(x, Dense(2)(layer(layer(x))), seed=1, backend="numpy")


def several() -> Model:
    """Inputs by name, outputs in a list, an output that another one is made of, no name that a user gave."""
    a, b = Input((4,)), Input((3,))
    tower = Dense(3, "relu")
    first = tower(a)
    last = Dense(2)(Dropout(0.25)(first))
    return Model({"left": a, "right": b}, [first, last, Dense(1)(b)], seed=2, backend="numpy")


def nested() -> Model:
    """Models in models: a Sequential twice, a Model of two outputs, a layer that stands in two of the models."""
    x, core = Input((4,), name="a"), Dense(3, "tanh")
    encoder = Sequential([core, Dropout(0.25)], name="encoder", seed=3)
    z = Input((3,))
    heads = Model(z, {"mean": Dense(2)(z), "spread": Dense(2, "softplus")(z)}, name="heads", seed=4)
    made = heads(encoder(x))
    ends = made | {"again": Dense(1, name="again")(core(x)), "twice": encoder(Dense(4)(x))}
    return Model([x], ends, seed=5, backend="numpy")


def chain_of_models() -> Sequential:
    """A Model and a Sequential in a Sequential, in a Sequential."""
    x = Input((5,))
    block = Model(x, Dense(5)(Dense(5, "relu")(x)), name="block")
    inner = Sequential([block, Dense(3, name="narrow")], name="inner", seed=6)
    return Sequential([Input((4,)), Dense(5), inner, Dense(2)], seed=7, name="whole", backend="numpy")


def frozen() -> Sequential:
    """A chain of layers, one of which is not trained."""
    return Sequential([Dense(3, "relu", input_shape=(4,), trainable=False), Dense(2)], seed=8, backend="numpy")


def frozen_whole() -> Model:
    """A model that is frozen, and a layer in it that is not."""
    x = Input((4,))
    base = Sequential([Dense(3, "tanh", input_shape=(4,)), Dense(3)], name="base")
    base.trainable = False
    base.layers[1].trainable = True
    return Model(x, Dense(2)(base(x)), seed=9, backend="numpy")


def middle() -> Model:
    """A part of a graph, whose inputs stand in the middle of it, at different depths."""
    x = Input((4,))
    low = Dense(3, name="low")(x)
    high = Dense(3, name="high")(low)
    return Model([low, high], [Dense(2)(Dense(3)(low)), Dense(1)(high)], seed=10, backend="numpy")


def transferred() -> Model:
    """Layers of another model, with the names that they got there, and a new last one."""
    old = Sequential([Dense(6), Dense(5, "relu"), Dense(1)])
    old.build((4,))
    x = Input((4,))
    first, second, _ = old.layers
    return Model(x, Dense(3)(second(first(x))), seed=11, backend="numpy")


def passed_through() -> Model:
    """An input that is an output, too, and a wide model of float64."""
    x = Input((4,), name="x")
    return Model(x, {"same": x, "other": Dense(2)(x)}, seed=12, dtype="float64", backend="numpy")


def joined() -> Model:
    """Joins: a residual, a product of two towers, an input that is joined with what is made of it."""
    a, b = Input((3,), name="a"), Input((3,), name="b")
    tower = Sequential([Dense(3, "tanh", input_shape=(3,)), Scale()], name="tower")
    left, right = tower(a), tower(b)
    alike = Dot(axes=-1, normalize=True)([left, right])
    together = Concatenate()([Add()([a, left]), Subtract()([b, right]), Average()([a, b, left]), alike])
    return Model([a, b], [Dense(1, name="score")(together), alike], seed=13, backend="numpy")


def states() -> Model:
    """An encoder whose states a decoder begins with, in a model of its own; one layer called with and without them."""
    x, z = Input((5, 3), name="x"), Input((4, 2), name="z")
    y, h, c = LSTM(4, return_sequences=True, return_state=True, name="encoder")(Masking(0.5)(x))
    decoder = LSTM(4, return_sequences=True)
    read, alone = decoder(z, initial_state=[h, c]), decoder(z)
    both = Bidirectional(GRU(4), merge_mode=None)(y, initial_state=[h, c])
    return Model([x, z], [TimeDistributed(Dense(2))(read), alone, *both], seed=14, backend="numpy")


def attending() -> Model:
    """Attention with every option of a call: causal, a key, a mask, weights; one layer used in several ways."""
    x, v, mask = Input((4, 6), name="x"), Input((5, 6), name="v"), Input((4, 4), name="mask")
    heads = MultiHeadAttention(2, 3, name="heads")
    near, weights = heads(x, x, attention_mask=mask, use_causal_mask=True, return_attention_scores=True)
    far = heads(LayerNormalization()(Add()([x, near])), v, key=v)
    found, scores = Attention(use_scale=True)([far, v, v], return_attention_scores=True, use_causal_mask=True)
    return Model([x, v, mask], [heads(x, v), found, weights, scores], seed=15, backend="numpy")


def recurrent_chain() -> Sequential:
    """A Sequential of recurrent layers in a Sequential."""
    inner = Sequential([GRU(4, return_sequences=True), Bidirectional(LSTM(3))], name="inner", seed=16)
    return Sequential([Input((5, 3)), Masking(), inner, Dense(2)], seed=17, backend="numpy")


GRAPHS = {
    make.__name__: make
    for make in (
        shared,
        several,
        nested,
        chain_of_models,
        frozen,
        frozen_whole,
        middle,
        transferred,
        passed_through,
        joined,
        states,
        attending,
        recurrent_chain,
    )
}


def data(model: Model, n: int = 20, seed: int = 0) -> tuple:
    """Inputs and targets for a model, as lists."""
    rng = np.random.default_rng(seed)
    layout = model.layout
    x = [rng.normal(size=(n, *shape)).astype(model.dtype) for shape in layout.input_shapes]
    y = [rng.normal(size=(n, *shape)).astype(model.dtype) for shape in layout.output_shapes]
    return (x if len(x) > 1 else x[0]), (y if len(y) > 1 else y[0])


def trained(make, epochs: int = 1) -> Model:
    """A graph that has been trained for a little."""
    model = make()
    model.backend = "numpy"
    model.compile(
        "adam", "mse", metrics=[["mae"]] * len(model.output_names) if len(model.output_names) > 1 else ["mae"]
    )
    model.fit(*data(model), epochs=epochs, verbose=0)
    return model


def told(model: Model) -> list:
    """What a model is, in words: names, layers, shapes, what is trained, models inside likewise."""
    inside = [
        told(item) if isinstance(item, Model) else (item.name, repr(item), item.trainable) for item in model.items
    ]
    ends = [(end.names, end.form) for end in model.ends]
    return [type(model).__name__, model.name, model.given_name, model.trainable, model.seed, ends, inside]


def sharing(model: Model) -> list[int]:
    """Which places in a model have the same layer or model: the number of each where it is first met."""
    met: dict[int, int] = {}
    return [met.setdefault(id(item), len(met)) for item in _all(model) if not getattr(item, "states_input", False)]


def _all(model: Model) -> list:
    return [inner for item in model.items for inner in (item, *(_all(item) if isinstance(item, Model) else ()))]
