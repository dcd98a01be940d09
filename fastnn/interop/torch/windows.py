"""Convolutions and pooling as modules of PyTorch."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fastnn._ops import Operation
from fastnn._ops.conv import GEOMETRY as WINDOWS
from fastnn.interop.torch.part import Part, Source
from fastnn.layers.parameter import Shape


def _frame(o: Operation) -> tuple[dict[str, int], tuple[int, int, int, int]]:
    """Sizes by name, and how much a convolution or pooling adds around an image: left, right, top, bottom."""
    s = dict(zip(WINDOWS, o.geometry, strict=False))
    high, wide = ((s[f"o{a}"] - 1) * s[f"s{a}"] + (s[f"k{a}"] - 1) * s[f"d{a}"] + 1 for a in "hw")
    return s, (s["left"], max(0, wide - s["left"] - s["w"]), s["top"], max(0, high - s["top"] - s["h"]))


def _is_signal(s: dict[str, int]) -> bool:
    return s["h"] == s["oh"] == s["kh"] == 1


def _of_axes(s: dict[str, int], **names: str) -> dict[str, Any]:
    """Sizes along both axes, of a signal along the one that it has."""
    axes = "w" if _is_signal(s) else "hw"
    return {name: tuple(s[f"{short}{axis}"] for axis in axes) for name, short in names.items()}


def conv(o: Operation, shapes: list[Shape]) -> Part:
    s, around = _frame(o)
    told = {"in_channels": s["c"], "out_channels": o.n_out, "groups": s["groups"], "bias": o.b >= 0}
    told |= _of_axes(s, kernel_size="k", stride="s", dilation="d")
    signal = _is_signal(s)
    kernel = (s["kh"], s["kw"], s["c"] // s["groups"], o.n_out)
    turned = partial(_filters, shape=kernel, signal=signal)

    sources = {"weight": Source(o.w, turned)} | ({"bias": Source(o.b, np.ravel)} if o.b >= 0 else {})
    reads = (s["w"], s["c"]) if signal else (s["h"], s["w"], s["c"])
    gives = (s["ow"], o.n_out) if signal else (s["oh"], s["ow"], o.n_out)
    kind = "Conv1d" if signal else "Conv2d"
    return Part(kind, (reads,), gives, told, (around[:2] if signal else around,), sources, o.activation)


def conv_transpose(o: Operation, shapes: list[Shape]) -> Part:
    s = dict(zip(WINDOWS, o.geometry, strict=False))
    signal = _is_signal(s)
    told = {"in_channels": o.n_in, "out_channels": s["c"], "bias": o.b >= 0}
    told |= _of_axes(s, kernel_size="k", stride="s", dilation="d")
    turned = partial(_filters, shape=(s["kh"], s["kw"], s["c"], o.n_in), signal=signal)

    around = []  # what the full output lacks or has too much, from the last axis on
    for axis, front in (("w", "left"),) if signal else (("w", "left"), ("h", "top")):
        full = (s[f"o{axis}"] - 1) * s[f"s{axis}"] + (s[f"k{axis}"] - 1) * s[f"d{axis}"] + 1
        around += [-s[front], s[axis] + s[front] - full]
    sources = {"weight": Source(o.w, turned)} | ({"bias": Source(o.b, np.ravel)} if o.b >= 0 else {})
    reads = (s["ow"], o.n_in) if signal else (s["oh"], s["ow"], o.n_in)
    gives = (s["w"], s["c"]) if signal else (s["h"], s["w"], s["c"])
    kind = "ConvTranspose1d" if signal else "ConvTranspose2d"
    return Part(kind, (reads,), gives, told, (tuple(around),), sources, o.activation)


def _filters(w: np.ndarray, shape: tuple[int, ...], signal: bool) -> np.ndarray:
    """A kernel with its taps last; that of a signal has one axis of them."""
    found = w.reshape(shape).transpose(3, 2, 0, 1)
    return found[:, :, 0] if signal else found


def pool(o: Operation, shapes: list[Shape]) -> Part:
    s, around = _frame(o)
    average, signal = bool(o.geometry[WINDOWS.index("groups")]), _is_signal(s)
    told = _of_axes(s, kernel_size="k", stride="s")
    kind = f"{'Avg' if average else 'Max'}Pool{1 if signal else 2}d"
    reads = (s["w"], s["c"]) if signal else (s["h"], s["w"], s["c"])
    gives = (s["ow"], s["c"]) if signal else (s["oh"], s["ow"], s["c"])
    return Part(kind, (reads,), gives, told, (around[:2] if signal else around,))
