"""Pooling, normalisation, padding and repeating give what the ONNX standard's own cases expect, where arguments reach.

Every case is a network of ours, or the reason why it is none: cases and reasons are counted.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from convolutions import around
from models import EVERY_BACKEND, dtype_on
from oracles import onnx_cases
from tolerance import assert_close

from fastnn import Sequential, layers
from fastnn.layers import (
    BatchNormalization,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    Input,
    LayerNormalization,
    UpSampling2D,
    ZeroPadding2D,
)


class Outside(Exception):
    """Why no layer of ours computes a case."""


def attributes_of(case) -> dict:
    """Numbers, lists and names of the case's node."""
    kinds = {1: lambda a: a.f, 2: lambda a: a.i, 3: lambda a: a.s.decode(), 7: lambda a: list(a.ints)}
    return {a.name: kinds[a.type](a) for a in case.model.graph.node[0].attribute}


def arrays_of(case) -> dict:
    """The case's inputs by their names; those that are left out have none."""
    names = [name for name in case.model.graph.node[0].input if name]
    return dict(zip(names, case.data_sets[0][0], strict=True))


def channels_last(x):
    return np.moveaxis(x, 1, -1)


def refuse(*faults) -> None:
    """Raise the first reason whose condition holds."""
    for holds, reason in faults:
        if holds:
            raise Outside(reason)


# -- networks of cases: layers, weights, rows, and what is expected of them -------------------------


def pooling(case):
    told, x, y = attributes_of(case), arrays_of(case)["x"], case.data_sets[0][1][0]
    rank, average = x.ndim - 2, case.model.graph.node[0].op_type == "AveragePool"
    refuse(
        (rank > 2, "three axes"),
        (max(told.get("dilations", [1])) > 1, "windows with gaps"),
        (len(case.data_sets[0][1]) > 1, "the places of maxima, too"),
    )
    size, strides = told["kernel_shape"], told.get("strides", [1] * rank)
    pads = told.get("pads", [0] * 2 * rank)
    before, shape = [], x.shape[2:]
    if average and told.get("count_include_pad") and max(pads):  # then the zeros are part of the mean
        before = [ZeroPadding2D(tuple(zip(pads[:rank], pads[rank:], strict=True)))]
        shape, pads = np.add(shape, np.reshape(pads, (2, rank)).sum(axis=0)).tolist(), [0] * 2 * rank
    padding = padding_of(shape, size, strides, pads[:rank], y.shape[2:], told)
    kind = getattr(layers, f"{'Average' if average else 'Max'}Pooling{rank}D")
    return [*before, kind(size, strides, padding)], [], channels_last(x), channels_last(y)


def padding_of(shape, size, strides, front, outputs, told) -> str:
    """The name of padding that has as much in front and as many windows."""
    axes = list(zip(shape, size, strides, strict=True))
    same = [around(n, k, s, 1, "same")[:: -1 if told.get("auto_pad") == "SAME_LOWER" else 1] for n, k, s in axes]
    if told.get("auto_pad", "NOTSET").startswith("SAME"):
        front = [before for before, _ in same]
    names = {
        "valid": [(0, (n - k) // s + 1) for n, k, s in axes],
        "same": [(around(n, k, s, 1, "same")[0], -(-n // s)) for n, k, s in axes],
    }
    found = [name for name, axis in names.items() if axis == list(zip(front, outputs, strict=True))]
    refuse((not found, "padding that is neither valid nor same"))
    return found[0]


def global_pooling(case):
    (x,), (y,) = case.data_sets[0]
    kind = GlobalMaxPooling2D if case.model.graph.node[0].op_type == "GlobalMaxPool" else GlobalAveragePooling2D
    return [kind(keepdims=True)], [], channels_last(x), channels_last(y)


def batch_normalization(case):
    told, (x, gamma, beta, mean, variance), (y, *_) = attributes_of(case), *case.data_sets[0]
    x, y = (channels_last(a) if a.ndim > 2 else a for a in (x, y))
    layer = BatchNormalization(epsilon=told.get("epsilon", 1e-5), momentum=told.get("momentum", 0.9))
    return [layer], [gamma, beta, mean, variance], x, y


def layer_normalization(case):
    told, (x, gamma, beta), (y, *_) = attributes_of(case), *case.data_sets[0]
    first = told.get("axis", -1) % x.ndim
    refuse((first == 0, "rows of a batch normalised together"))
    layer = LayerNormalization(list(range(first, x.ndim)), epsilon=told.get("epsilon", 1e-5))
    return [layer], [gamma, beta], x, y


def group_normalization(case):
    told, (x, gamma, beta), (y,) = attributes_of(case), *case.data_sets[0]
    layer = GroupNormalization(told["num_groups"], epsilon=told.get("epsilon", 1e-5))
    return [layer], [gamma, beta], channels_last(x), channels_last(y)


def constant_padding(case):
    """Padding with a number is padding with zeros what it was taken from, and adding it."""
    (x, pads, *more), (y,) = case.data_sets[0]
    refuse((attributes_of(case)["mode"] != "constant", "padding that is no constant"))
    value, axes = more[0], [int(axis) % x.ndim for axis in (more[1] if len(more) > 1 else range(x.ndim))]
    sides = {axis: (int(pads[i]), int(pads[i + len(axes)])) for i, axis in enumerate(axes)}
    refuse((any(any(sides.get(axis, ())) for axis in (0, 1)), "padding of samples or channels"))
    layer = ZeroPadding2D((sides.get(2, (0, 0)), sides.get(3, (0, 0))))
    return [layer], [], channels_last(x - value), channels_last(y - value)


def repeating(case):
    told, x, (y,) = attributes_of(case), arrays_of(case)["X"], case.data_sets[0][1]
    form = told.get("coordinate_transformation_mode", "half_pixel"), told.get("nearest_mode", "round_prefer_floor")
    refuse(
        (told["mode"] != "nearest", f"{told['mode']} interpolation"),
        (form not in (("half_pixel", "round_prefer_floor"), ("asymmetric", "floor")), "other rules of the nearest"),
        (
            any(large % small for large, small in zip(y.shape, x.shape, strict=True)),
            "sizes that are no whole multiples",
        ),
    )
    size = [large // small for large, small in zip(y.shape[2:], x.shape[2:], strict=True)]
    return [UpSampling2D(size)], [], channels_last(x), channels_last(y)


KINDS = {  # the module that has the cases, what makes networks of them, and how many pass at least
    "MaxPool": ("maxpool", pooling, 10),
    "AveragePool": ("averagepool", pooling, 11),
    "GlobalMaxPool": ("globalmaxpool", global_pooling, 2),
    "GlobalAveragePool": ("globalaveragepool", global_pooling, 2),
    "BatchNormalization": ("batch_normalization", batch_normalization, 4),
    "LayerNormalization": ("layernormalization", layer_normalization, 13),
    "GroupNormalization": ("groupnormalization", group_normalization, 2),
    "Pad": ("pad", constant_padding, 3),
    "Resize": ("resize", repeating, 4),
}


def check_case(kind, case, backend) -> None:
    """One case by one backend; moving statistics are expected, too, where the case has them."""
    made, weights, x, y = KINDS[kind][1](case)
    dtype = "float64" if x.dtype == np.float64 else dtype_on(backend)
    model = Sequential([Input(x.shape[1:]), *made], dtype=dtype, backend=backend)
    model.set_weights(weights)
    training = attributes_of(case).get("training_mode", 0) == 1
    got = model(x, training=True) if training else model.predict(x, verbose=0)
    if np.array_equal(y, y.round(4)):  # written by hand, with four digits
        np.testing.assert_allclose(got, y, rtol=case.rtol)
    else:
        assert_close(got, y, "float32", x[0].size)
    if training:
        for ours, expected in zip(model.get_weights()[2:], case.data_sets[0][1][1:], strict=True):
            assert_close(ours, expected, "float32", x.size)


@EVERY_BACKEND
@pytest.mark.parametrize("kind", KINDS)
def test_the_standards_own_cases_give_what_it_expects(name, kind):
    module, _, least = KINDS[kind]
    outside, cases = {}, onnx_cases(module, kind)
    for case in cases:
        try:
            check_case(kind, case, name)
        except Outside as reason:
            outside[case.name] = str(reason)
    told = f"{len(cases) - len(outside)} passed, {len(outside)} outside: {Counter(outside.values())}; {outside}"
    assert len(cases) - len(outside) >= least, told
