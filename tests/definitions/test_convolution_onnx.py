"""Convolutions give what the ONNX standard's own cases of Conv and ConvTranspose expect, where our arguments reach."""

from __future__ import annotations

import numpy as np
import pytest
from convolutions import around, cut
from models import EVERY_BACKEND, dtype_on
from oracles import onnx_cases
from tolerance import assert_close

from fastnn import Sequential, layers

CASES = {"Conv": 6, "ConvTranspose": 11}  # the least that onnx has
INSIDE = {"Conv": 5, "ConvTranspose": 7}  # and that our arguments reach


def attributes_of(case) -> dict:
    found = {a.name: list(a.ints) or a.s.decode() or a.i for a in case.model.graph.node[0].attribute}
    (x, w, *_), _ = case.data_sets[0]
    rank = x.ndim - 2
    usual = {"strides": [1] * rank, "dilations": [1] * rank, "group": 1, "auto_pad": "NOTSET", "pads": [0] * 2 * rank}
    return usual | {"kernel_shape": list(w.shape[2:]), "output_padding": [0] * rank} | found


def padding_of(x, told) -> str | None:
    """The name of padding that says what a Conv's attributes say."""
    lower, axes = told["auto_pad"] == "SAME_LOWER", range(x.ndim - 2)
    sizes = [(x.shape[2 + i], told["kernel_shape"][i], told["strides"][i], told["dilations"][i]) for i in axes]
    wanted = [(told["pads"][i], told["pads"][i + len(axes)]) for i in axes]
    if told["auto_pad"].startswith("SAME"):
        wanted = [around(*axis, "same")[:: -1 if lower else 1] for axis in sizes]
    for name in ("valid", "same"):
        if [around(*axis, name) for axis in sizes] == wanted:
            return name
    return None


def back_padding_of(x, y, told) -> dict | None:
    """Arguments that cut a ConvTranspose's output as its attributes do."""
    axes, found = range(x.ndim - 2), {"output_padding": []}
    for i in axes:
        n, k, s, d = x.shape[2 + i], told["kernel_shape"][i], told["strides"][i], told["dilations"][i]
        total = (n - 1) * s + (k - 1) * d + 1 + told["output_padding"][i] - y.shape[2 + i]
        half = total // 2 if told["auto_pad"] == "SAME_UPPER" else total - total // 2
        front = max(half, 0) if told["auto_pad"] != "NOTSET" or "output_shape" in told else told["pads"][i]
        fits = [(p, more) for p in ("valid", "same") for more in range(s)]
        fits = [fit for fit in fits if cut(n, k, s, d, *fit) == (front, y.shape[2 + i])]
        fits = [fit for fit in fits if found.get("padding", fit[0]) == fit[0]]
        if not fits:
            return None
        found["padding"] = fits[0][0]
        found["output_padding"].append(fits[0][1])
    return found


def model_of(kind: str, case, backend: str):
    """A model that computes the case, or None where our arguments do not reach it."""
    ((x, w, *bias), (y,)), told = case.data_sets[0], attributes_of(case)
    rank, transposed = x.ndim - 2, kind == "ConvTranspose"
    more = {"padding": padding_of(x, told), "groups": told["group"]}
    if transposed:
        more = None if told["group"] > 1 else back_padding_of(x, y, told)
    if rank > 2 or more is None or more["padding"] is None:
        return None
    more |= {"kernel_size": told["kernel_shape"], "strides": told["strides"], "dilation_rate": told["dilations"]}
    layer = getattr(layers, f"Conv{rank}D{'Transpose' if transposed else ''}")(
        w.shape[1 if transposed else 0], **more, use_bias=bool(bias), input_shape=(*x.shape[2:], x.shape[1])
    )
    model = Sequential([layer], dtype=dtype_on(backend), backend=backend)
    model.set_weights([np.moveaxis(w, (0, 1), (-1, -2)), *bias])
    return model


@EVERY_BACKEND
@pytest.mark.parametrize("kind", CASES)
def test_the_standards_own_cases_give_what_it_expects(name, kind):
    cases = onnx_cases(kind.lower(), kind)
    models = [(case, model_of(kind, case, name)) for case in cases]
    inside = [(case, model) for case, model in models if model is not None]
    assert len(cases) >= CASES[kind]
    assert len(inside) >= INSIDE[kind], [case.name for case, model in models if model is None]
    for case, model in inside:
        (x, *_), (y,) = case.data_sets[0]
        got = np.moveaxis(model.predict(np.moveaxis(x, 1, -1)), -1, 1)
        assert_close(got, y, "float32", model.count_params())
