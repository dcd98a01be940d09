"""Models whose normalisations and sums have an activation behind them, and plans in which each works by itself."""

from __future__ import annotations

from fastnn import Input, Model
from fastnn._plan import compile as compiling
from fastnn._plan import compile_plan, passes
from fastnn._plan.sharing import Sharing
from fastnn.layers import (
    Activation,
    Add,
    Average,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Masking,
    Maximum,
    Multiply,
    ReLU,
    Subtract,
)


def conv(filters=5, **more):
    return Conv2D(filters, 3, padding="same", use_bias=False, **more)


def residual() -> Model:
    """Blocks of which one adds what it has made, and one is added to."""
    image = x = Input((7, 5, 3))
    x = conv()(x)
    for turned in (False, True):
        inner = conv()(ReLU()(BatchNormalization()(conv()(x))))
        both = [BatchNormalization()(inner), x]
        x = ReLU()(Add()(both[::-1] if turned else both))
    return Model(image, Dense(3)(GlobalAveragePooling2D()(x)))


def formulas() -> Model:
    """Activations that look at what they read, at rows, and whose slope follows from what they gave."""
    image = x = Input((17, 2, 3))
    for found in ("gelu", "tanh", "softmax", "silu", "relu6"):
        x = Activation(found)(BatchNormalization(scale=found != "tanh")(Conv2D(9, 2, padding="same")(x)))
    return Model(image, Activation("softmax")(BatchNormalization()(Dense(4)(Flatten()(x)))))


def joins() -> Model:
    """Every way to join two, with an activation behind it, and sums of sums."""
    start = Input((9,))
    x = Dense(9)(start)
    for layer, name in (Add, "tanh"), (Subtract, "gelu"), (Average, "relu"), (Multiply, "sigmoid"), (Maximum, "elu"):
        more = [] if layer is Subtract else [Dense(9, "tanh")(x)]
        x = Activation(name)(layer()([Dense(9)(x), *more, x]))
    x = ReLU()(Add()([Dense(9, "tanh")(x), Dense(9)(x)]))  # whose slopes follow from what is added
    narrow = Dense(1)(x)
    sums = Add()([Add()([Dense(9)(x), narrow]), x])
    return Model(start, Activation("sigmoid")(Add()([narrow, ReLU()(Add()([narrow, sums]))])))


def read_twice() -> Model:
    """Values that others read, too: behind the normalisation, behind the sum, and both inputs of one sum."""
    start = Input((6, 2, 3))
    normed = BatchNormalization()(conv()(start))
    active = ReLU()(normed)
    total = Add()([BatchNormalization()(conv()(active)), normed])
    x = Add()([ReLU()(total), total])
    x = ReLU()(Add()([x, x]))
    return Model(start, Dense(2)(GlobalAveragePooling2D()(x)))


def seen() -> Model:
    """Outputs on the way: a normalisation, a sum, and what the sum reads."""
    start = Input((8,))
    normed = BatchNormalization()(Dense(6)(start))
    inner = Dense(6)(ReLU()(normed))
    total = Add()([inner, normed])
    return Model(start, [normed, total, Dense(2)(ReLU()(total)), inner])


def shared() -> Model:
    """One normalisation and one activation, used twice each."""
    start = Input((8,))
    norm, active = BatchNormalization(), ReLU()
    x = active(norm(Dense(7)(start)))
    return Model(start, Dense(2)(active(Add()([norm(Dense(7)(x)), x]))))


def frozen() -> Model:
    """A normalisation that is not trained, one that has no factors, and one behind them."""
    image = Input((5, 4, 3))
    x = ReLU()(BatchNormalization(trainable=False)(conv()(image)))
    x = Activation("tanh")(BatchNormalization(scale=False, center=False)(conv()(x)))
    x = ReLU()(Add()([BatchNormalization(trainable=False)(conv()(x)), x]))
    return Model(image, Dense(2)(GlobalAveragePooling2D()(x)))


def costly() -> Model:
    """Outputs that have penalties of their own, which are looked at on the way back."""
    start = Input((8,))
    x = Dense(6, activity_regularizer="l2")(start)
    x = ReLU()(Add()([x, Dense(6)(start)]))
    return Model(start, Dense(2)(ReLU()(BatchNormalization()(Dense(6, activity_regularizer="l1")(x)))))


def masked() -> Model:
    """Rows that do not count, as wide as the others."""
    start = Input((11, 3))
    x = ReLU()(BatchNormalization()(Dense(5)(Masking()(start))))
    x = ReLU()(Add()([BatchNormalization()(Dense(5)(x)), x]))
    return Model(start, Dense(2)(GlobalAveragePooling1D()(x)))


def first() -> Model:
    """A normalisation of the input itself, and one of the output."""
    start = Input((13,))
    return Model(start, BatchNormalization()(Dense(4)(ReLU()(BatchNormalization()(start)))))


MODELS = {
    make.__name__: make for make in (residual, frozen, read_twice, formulas, joins, seen, shared, costly, masked, first)
}


def apart(monkeypatch, layout, **told):
    """A plan in which neither activations nor places are shared by normalisations and sums."""
    joins = passes._joins
    with monkeypatch.context() as patch:
        patch.setattr(passes, "_joins", lambda a, b: a.op.name not in ("batch_norm", "merge") and joins(a, b))
        patch.setattr(compiling, "sharing_of", lambda *_: Sharing({}, {}))
        return compile_plan(layout, **told)
