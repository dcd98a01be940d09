"""The encoding of a table in the graph: raw columns go in, labels or values come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.tables import Encoding
from fastnn.tables.columns import CategoryFeature, CodeFeature, NumberFeature
from fastnn.tables.encoding import KEY
from fastnn.tables.features import Pixels, TableFeatures
from fastnn.tables.pieces import CLIP, FAR, PieceFeature
from fastnn.tables.target import Classes, Quantity
from fastnn.tables.values import SAID

if TYPE_CHECKING:
    import onnx

    from fastnn.models import Model

ML = "ai.onnx.ml"
KINDS = NumberFeature | PieceFeature | CategoryFeature | CodeFeature  # of columns, that graphs have
SPELLINGS = (str.lower, str.upper, str.capitalize)


def encoding_of(model: Model) -> Encoding | None:
    """The encoding that a model carries, None for none; ``ValueError`` for one that no graph can have."""
    if KEY not in model.metadata:
        return None
    found = Encoding.of(model)
    if not isinstance(found.features, TableFeatures | Pixels) or not isinstance(found.target, Classes | Quantity):
        what = type(found.features).__name__
        raise ValueError(
            f"the model takes raw rows by {what}, which cuts series or texts by code that no graph has; "
            f"encoding=False exports the network, which takes what that gives"
        )
    return found


def encoded_inputs(
    g: Graph, encoding: Encoding, shapes: Sequence[tuple[int, ...]]
) -> tuple[list[onnx.ValueInfoProto], list[Tensor]]:
    """What the graph takes, and the network's inputs, each ``(rows, *shape)``."""
    features = encoding.features
    if isinstance(features, Pixels):
        info, name = _pixels(g, features)
        told, names = [info], [name]
    else:
        assert isinstance(features, TableFeatures)
        told, names = _columns(g, features)
    tensors = [Tensor(name, (math.prod(shape),), (0,)) for name, shape in zip(names, shapes, strict=True)]
    return told, [g.formed(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True)]


def _columns(g: Graph, features: TableFeatures) -> tuple[list[onnx.ValueInfoProto], list[str]]:
    """Raw columns in their order, and the arrays of their numbers and of their codes, where there are some."""
    told, numbers, codes, offsets = [], [], [], iter(features.offsets)
    for feature in features.of_kinds(KINDS, "ONNX; encoding=False (--network-alone) exports the network alone"):
        if isinstance(feature, CodeFeature):
            info, part = _code(g, feature, next(offsets))
            codes.append(part)
        else:
            info, part = WRITERS[type(feature)](g, feature)
            numbers.append(part)
        told.append(info)
    return told, [_side_by_side(g, parts) for parts in (numbers, codes) if parts]


def _info(g: Graph, name: str, dtype: object, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return g.onnx.helper.make_tensor_value_info(name, dtype, ["rows", *shape])


def _pixels(g: Graph, features: Pixels) -> tuple[onnx.ValueInfoProto, str]:
    name = g.name("images")
    numbers = g.add("Cast", [name], to=g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype))
    made = g.add("Div", [numbers, g.constant(255.0, "white")])
    told = _info(g, name, g.onnx.TensorProto.UINT8, tuple(features.shape))
    return told, g.reshaped(made, features.shape, (features.width,))


def _number(g: Graph, feature: NumberFeature) -> tuple[onnx.ValueInfoProto, str]:
    """``(value - mean) * scale`` in double, 0 for a gap; then whether it is one."""
    name, types = g.name(feature.name), g.onnx.TensorProto
    kind, values = types.DOUBLE, name
    if feature.truth:
        kind = types.STRING
        words = {spelled(word): value for word, value in SAID.items() for spelled in SPELLINGS}
        told: dict[str, object] = {
            "keys_strings": list(words),
            "values_floats": list(words.values()),
            "default_float": math.nan,
        }
        values = g.add("Cast", [g.add("LabelEncoder", [name], domain=ML, **told)], to=types.DOUBLE)

    def double(number: float) -> str:
        return g.constant(np.float64(number), "number", np.float64)

    missing = g.add("IsNaN", [values])
    made = g.add("Mul", [g.add("Sub", [values, double(feature.mean)]), double(feature.scale)])
    made = g.add("Where", [missing, double(0), made])
    to = g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    parts = [g.add("Cast", [part], to=to) for part in (made, missing)[: feature.width]]
    return _info(g, name, kind, (1,)), _side_by_side(g, parts)


def _pieces(g: Graph, feature: PieceFeature) -> tuple[onnx.ValueInfoProto, str]:
    """The clipped number and its pieces in double, 0 for a gap; then whether it is one."""
    name = g.name(feature.name)

    def double(number: object, what: str = "number") -> str:
        return g.constant(np.array(number, np.float64), what, np.float64)

    missing = g.add("IsNaN", [name])
    far = g.add("Mul", [g.add("Sub", [name, double(feature.center)]), double(feature.scale)])
    far = g.add("Min", [g.add("Max", [far, double(-FAR)]), double(FAR)])
    third = g.add("Div", [far, double(CLIP)])
    root = g.add("Sqrt", [g.add("Add", [g.add("Mul", [third, third]), double(1.0)])])
    parts = [g.add("Div", [far, root])]
    if feature.borders:
        borders = np.array(feature.borders, np.float64)
        t = g.add("Sub", [name, double(borders[:-1], "borders")])
        t = g.add("Div", [t, double(np.diff(borders), "widths")])
        t = g.add("Min", [g.add("Max", [t, double(0.0)]), double(1.0)])
        parts.append(g.add("Sub", [t, double(0.5)]))
    to = g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    parts = [g.add("Cast", [g.add("Where", [missing, double(0.0), part])], to=to) for part in parts]
    parts += [g.add("Cast", [missing], to=to)] * feature.gaps
    return _info(g, name, g.onnx.TensorProto.DOUBLE, (1,)), _side_by_side(g, parts)


def _code(g: Graph, feature: CodeFeature, offset: int) -> tuple[onnx.ValueInfoProto, str]:
    """The number of the category in its Embedding."""
    name = g.name(feature.name)
    told: dict[str, object] = {
        "keys_strings": list(feature.values),
        "values_int64s": [offset + 1 + place for place in range(len(feature.values))],
        "default_int64": offset,
    }
    made = g.add("LabelEncoder", [name], domain=ML, **told)
    to = g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    return _info(g, name, g.onnx.TensorProto.STRING, (1,)), g.add("Cast", [made], to=to)


def _side_by_side(g: Graph, parts: list[str]) -> str:
    return g.add("Concat", parts, axis=1) if len(parts) > 1 else parts[0]


def _category(g: Graph, feature: CategoryFeature) -> tuple[onnx.ValueInfoProto, str]:
    """Ones in the column of the category; an empty text is a gap."""
    name = g.name(feature.name)
    unseen = len(feature.values) + feature.gaps if feature.bucket else -1
    places = {value: index for index, value in enumerate(feature.values)}
    places.setdefault("", len(feature.values) if feature.gaps else unseen)
    told: dict[str, object] = {
        "keys_strings": list(places),
        "values_int64s": list(places.values()),
        "default_int64": unseen,
    }
    place = g.add("LabelEncoder", [name], domain=ML, **told)
    ones = g.add("Equal", [place, g.whole([range(feature.width)], "places")])
    made = g.add("Cast", [ones], to=g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype))
    return _info(g, name, g.onnx.TensorProto.STRING, (1,)), made


WRITERS: dict[type, Callable[[Graph, Any], tuple[onnx.ValueInfoProto, str]]] = {
    NumberFeature: _number,
    PieceFeature: _pieces,
    CategoryFeature: _category,
}


def encoded_outputs(g: Graph, encoding: Encoding, output: str) -> list[onnx.ValueInfoProto]:
    """What the graph gives of the network's output ``(rows, n_out)``: labels and probabilities, or values."""
    target, types = encoding.target, g.onnx.TensorProto
    assert isinstance(target, Classes | Quantity)
    name = g.name(target.name)
    if isinstance(target, Quantity):
        value = g.add("Cast", [output], to=types.DOUBLE)
        value = g.add("Mul", [value, g.constant(target.spread, "spread", np.float64)])
        made = g.add("Add", [value, g.constant(target.mean, "mean", np.float64)])
        if target.limits:
            low, high = target.limits
            made = g.add("Clip", [made, g.constant(low, "low", np.float64), g.constant(high, "high", np.float64)])
        g.nodes.append(g.onnx.helper.make_node("Identity", [made], [name]))
        return [_info(g, name, types.DOUBLE, (1,))]
    shares = output
    if target.n_out == 1:
        shares = g.add("Concat", [g.add("Sub", [g.constant(1.0, "one"), output]), output], axis=1)
    best = g.add("ArgMax", [shares], axis=1, keepdims=0)
    told: dict[str, object] = {"keys_int64s": list(range(len(target.labels))), "values_strings": list(target.labels)}
    label = g.add("LabelEncoder", [best], domain=ML, **told)
    of_shares = g.name("probabilities")
    for made, end in ((label, name), (shares, of_shares)):
        g.nodes.append(g.onnx.helper.make_node("Identity", [made], [end]))
    dtype = g.onnx.helper.np_dtype_to_tensor_dtype(g.dtype)
    return [_info(g, name, types.STRING, ()), _info(g, of_shares, dtype, (len(target.labels),))]
