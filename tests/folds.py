"""Models with normalisation for the tests of folding, and what tells whether folding was right."""

from __future__ import annotations

import copy

import numpy as np
from tolerance import folded_limit

from fastnn import Input, Model, Sequential, utils
from fastnn.layers import (
    Activation,
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    DepthwiseConv2D,
    Dropout,
    InputLayer,
    Layer,
    Normalization,
    ReLU,
    Rescaling,
    SeparableConv2D,
)

AFFINE = (BatchNormalization, Normalization, Rescaling)


def chain(*layers, shape, dtype="float64", **more):
    """A Sequential of copies, on NumPy."""
    return Sequential([InputLayer(shape), *map(copy.copy, layers)], dtype=dtype, seed=1, backend="numpy", **more)


def layers_in(model) -> list:
    """All layers at any depth, each once."""
    found = [item if isinstance(item, Layer) else layers_in(item) for item in model.layers]
    flat = [layer for item in found for layer in (item if isinstance(item, list) else [item])]
    return list({id(layer): layer for layer in flat}.values())


def left(model) -> list[str]:
    """Names of the layers that could be folded, were there no reason not to."""
    return [layer.name for layer in layers_in(model) if isinstance(layer, AFFINE)]


def trained(rng, model):
    """The model with weights as training leaves them: variances are positive, and means a deviation or two from 0."""
    for layer in layers_in(model):
        arrays = [rng.normal(size=w.shape) / max(1, w.size // w.shape[-1]) ** 0.5 for w in layer.get_weights()]
        if isinstance(layer, BatchNormalization | Normalization):
            arrays = [rng.normal(size=w.shape) for w in layer.get_weights()]
            arrays[-1] = rng.uniform(0.5, 2, arrays[-1].shape)
        if arrays:
            layer.set_weights(arrays)
    return model


def rows_for(rng, model, n=5) -> list[np.ndarray]:
    """Rows for each input; open lengths are 6."""
    shapes = [[6 if size is None else size for size in edge.shape[1:]] for edge in model.inputs]
    return [rng.normal(size=(n, *shape)).astype(model.dtype) for shape in shapes]


def outputs_of(model, xs) -> list[np.ndarray]:
    """All outputs, in a list."""
    came = model.predict(xs if len(xs) > 1 else xs[0])
    return list(came.values()) if isinstance(came, dict) else came if isinstance(came, list) else [came]


def assert_same(actual, expected, dtype) -> None:
    """Outputs that differ by rounding alone."""
    for got, right in zip(actual, expected, strict=True):
        assert (got.shape, got.dtype) == (right.shape, right.dtype)
        assert np.abs(got - right).max(initial=0) <= folded_limit(dtype) * np.abs(right).max(initial=0)


def folded(rng, model):
    """The folded model, which gives what the model gives; that one is as it was."""
    trained(rng, model)
    xs = rows_for(rng, model)
    before, weights = outputs_of(model, xs), model.get_weights()
    made = utils.fold(model)
    assert_same(outputs_of(made, xs), before, model.dtype)
    assert all((one == other).all() for one, other in zip(model.get_weights(), weights, strict=True))
    assert all((one == other).all() for one, other in zip(outputs_of(model, xs), before, strict=True))
    assert (made.input_names, made.output_names) == (model.input_names, model.output_names)
    assert {layer.name for layer in layers_in(made)} <= {layer.name for layer in layers_in(model)}
    return made


def random_model(rng, dtype="float64") -> Model:
    """Five to fifteen layers on images that read any earlier edge; some are used again, some outputs are read twice."""
    source = Input((4, 4, 2))
    edges, known = [source], []
    for _ in range(rng.integers(5, 16)):
        edge = edges[-1] if rng.random() < 0.9 else edges[rng.integers(len(edges))]
        layer = _layer(rng, edge.shape[-1])
        again = [known_layer for known_layer, width in known if width == edge.shape[-1]]
        if again and rng.random() < 0.1:
            layer = again[rng.integers(len(again))]
        if rng.random() < 0.15:
            others = [other for other in edges if other.shape == edge.shape]
            join = Add if len(others) > 1 and rng.random() < 0.5 else Concatenate
            edges.append(join()([edge, others[rng.integers(len(others))]]))
            continue
        known.append((layer, edge.shape[-1]))
        edges.append(layer(edge))
    chosen = [edges[-1]] + [edge for edge in edges[1:-1] if rng.random() < 0.05]
    return Model(source, {f"y{i}": edge for i, edge in enumerate(chosen)}, seed=1, dtype=dtype, backend="numpy")


def _layer(rng, width: int):
    kinds = (
        *(BatchNormalization,) * 5,
        lambda: Conv2D(int(rng.integers(1, 4)), 3, padding="same", use_bias=bool(rng.integers(2))),
        lambda: Conv2D(int(rng.integers(1, 4)), 1, activation=(None, "tanh")[rng.integers(2)]),
        lambda: DepthwiseConv2D(3, padding="same", depth_multiplier=int(rng.integers(1, 3))),
        lambda: SeparableConv2D(2, 3, padding="same"),
        ReLU,
        lambda: Activation("linear"),
        lambda: Dropout(0.5),
        lambda: Rescaling(0.5, offset=float(rng.integers(2))),
        Normalization,
    )
    return kinds[rng.integers(len(kinds))]()
