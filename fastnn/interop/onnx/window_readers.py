"""Convolutions, poolings and images of another size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastnn.interop.building.values import Value, check_repeated
from fastnn.interop.onnx.array_readers import gathered
from fastnn.interop.onnx.nodes import Node, Reader, reads


def padded(
    node: Node, lengths: Sequence[int], size: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """Zeros before and behind each axis, from ``pads`` or ``auto_pad``."""
    how, rank = node.get("auto_pad", "NOTSET"), len(size)
    if how in ("NOTSET", ""):
        pads = node.get("pads") or [0] * 2 * rank
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    if how == "VALID":
        return [(0, 0)] * rank
    found = []
    for n, k, s, d in zip(lengths, size, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if how == "SAME_UPPER" else (large, small))
    return found


def _told(node: Node, size: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    ones = [1] * len(size)
    return node.get("strides") or ones, node.get("dilations") or ones


@reads("Conv")
def conv(r: Reader, node: Node) -> Value:
    x, kernel, bias = r.value(node), r.array(node, 1), r.array(node, 2)
    size = kernel.shape[2:]
    strides, dilations = _told(node, size)
    pads = padded(node, x.sizes[2:], size, strides, dilations)
    told = {"strides": strides, "pads": pads, "dilations": dilations, "groups": node.get("group", 1)}
    return r.build.conv(x, kernel, bias, name=node.layer, **told)


@reads("ConvTranspose")
def conv_transpose(r: Reader, node: Node) -> Value:
    x, kernel, bias = r.value(node), r.array(node, 1), r.array(node, 2)
    size = kernel.shape[2:]
    strides, dilations = _told(node, size)
    more = node.get("output_padding") or [0] * len(size)
    pads = _cut(node, x.sizes[2:], size, strides, dilations, more)
    told = {"strides": strides, "pads": pads, "dilations": dilations, "groups": node.get("group", 1)}
    return r.build.conv_transpose(x, kernel, bias, output_padding=more, name=node.layer, **told)


def _cut(
    node: Node,
    lengths: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    more: Sequence[int],
) -> list[tuple[int, int]]:
    """What is cut off before and behind: as said, or so much that the output has its shape."""
    shape, how, rank = node.get("output_shape"), node.get("auto_pad", "NOTSET"), len(size)
    if shape is None and how in ("NOTSET", "", "VALID"):
        pads = node.get("pads") or [0] * 2 * rank
        return [(pads[i], pads[i + rank]) for i in range(rank)]
    shape = shape or [n * s for n, s in zip(lengths, strides, strict=True)]
    found = []
    for n, k, s, d, m, out in zip(lengths, size, strides, dilations, more, shape[-rank:], strict=True):
        total = s * (n - 1) + m + (k - 1) * d + 1 - out
        half = total // 2
        found.append((half, total - half) if how == "SAME_UPPER" else (total - half, half))
    return found


@reads("MaxPool", "AveragePool")
def pool(r: Reader, node: Node) -> Value:
    if len([name for name in node.outputs if name]) > 1:
        raise ValueError("places of the largest numbers have no counterpart")
    x, size = r.value(node), node.get("kernel_shape")
    strides, dilations = _told(node, size)
    pads = padded(node, x.sizes[2:], size, strides, dilations)
    return r.build.pool(
        x,
        "max" if node.op == "MaxPool" else "average",
        size,
        strides=strides,
        pads=pads,
        ceil=bool(node.get("ceil_mode", 0)) and node.get("auto_pad", "NOTSET") in ("NOTSET", ""),
        counts_padding=bool(node.get("count_include_pad", 0)),
        dilations=dilations,
        name=node.layer,
    )


@reads("Resize", "Upsample")
def resize(r: Reader, node: Node) -> Value:
    x, mode = r.value(node), node.get("mode", "nearest")
    if mode != "nearest":
        raise ValueError(f"mode {mode!r} computes new numbers, and has no counterpart; 'nearest' has")
    if node.get("antialias", 0) or node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise ValueError("antialias and tf_crop_and_resize have no counterpart")
    axes = node.get("axes") or list(range(x.rank))
    for axis, (scale, n) in zip(axes, _scales(r, node, x, axes), strict=True):
        axis = x.axis(axis)
        if n != x.sizes[axis] or scale != 1:
            x = gathered(r, x, axis, nearest(node, r.opset, x.sizes[axis], n, scale))
    return x


def _scales(r: Reader, node: Node, x: Value, axes: Sequence[int]) -> list[tuple[float, int]]:
    """Of each axis the factor, and how many numbers it then has."""
    at = 2 if r.opset >= 11 else 1
    scales = r.array(node, at) if node.op == "Resize" or len(node.inputs) > 1 else np.asarray(node.get("scales"))
    if scales is not None and scales.size:
        told = [(axis, float(scale)) for axis, scale in zip(axes, scales.reshape(-1), strict=True)]
        return [(f, x.sizes[axis] if f == 1 else math.floor(x.sizes[axis] * f)) for axis, f in told]
    sizes = r.whole(node, 3)
    if sizes is None:
        raise ValueError("it says neither scales nor sizes")
    sizes = [x.sizes[axis] if x.is_apart(axis) else n for axis, n in zip(axes, sizes, strict=True)]
    factors = [n / x.sizes[axis] for axis, n in zip(axes, sizes, strict=True)]
    policy, given = node.get("keep_aspect_ratio_policy", "stretch"), [f for f in factors if f != 1] or [1.0]
    if policy == "stretch":
        return list(zip(factors, sizes, strict=True))
    factor = min(given) if policy == "not_larger" else max(given)
    return [
        (factor, math.floor(factor * x.sizes[axis] + 0.5)) if not x.is_apart(axis) else (1.0, x.sizes[axis])
        for axis in axes
    ]


def nearest(node: Node, opset: int, n: int, out: int, scale: float) -> list[int]:
    """The place of each number of the output in an axis of ``n``."""
    how = node.get("coordinate_transformation_mode", "half_pixel" if opset >= 11 else "asymmetric")
    if node.op == "Upsample" or opset < 11:
        how = "asymmetric"
    check_repeated(256 * out)
    i = np.arange(out, dtype=np.float64)
    if how == "asymmetric":
        at = i / scale
    elif how == "align_corners":
        at = i * (n - 1) / (out - 1) if out > 1 else i * 0
    elif how in ("half_pixel", "pytorch_half_pixel"):
        at = (i + 0.5) / scale - 0.5 if how == "half_pixel" or out > 1 else i * 0
    elif how == "half_pixel_symmetric":
        middle, adjusted = n / 2, out / (scale * n)
        at = middle * (1 - adjusted) + (i + 0.5) / scale - 0.5
    else:
        raise ValueError(f"coordinate_transformation_mode {how!r} has no counterpart")
    mode = node.get("nearest_mode", "round_prefer_floor" if opset >= 11 else "floor")
    if node.op == "Upsample" or opset < 11:
        mode = "floor"
    rounded = {
        "floor": np.floor(at),
        "ceil": np.ceil(at),
        "round_prefer_floor": np.ceil(at - 0.5),
        "round_prefer_ceil": np.floor(at + 0.5),
    }[mode]
    return [int(place) for place in np.clip(rounded, 0, n - 1)]
