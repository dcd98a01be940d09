"""What convolutions are compared with: PyTorch in float64, padded by hand after Keras' rules, and grids of cases.

PyTorch differentiates by its own tape; the rules of padding and of cutting stand here a second time, one axis at a
time. Everything but an activation is linear in each of ``x``, ``kernel`` and ``dy``, so that the same function of
absolute values says how large the terms behind each number are.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from fastnn import layers


@dataclass(frozen=True)
class Case:
    """A layer, by its name and arguments, and the shape of a sample."""

    kind: str
    arguments: tuple
    shape: tuple[int, ...]
    rows: int = 2

    def layer(self, **more):
        return getattr(layers, self.kind)(**dict(self.arguments), **more)

    def __repr__(self) -> str:
        told = ",".join(f"{name}={value}" for name, value in self.arguments)
        return f"{self.kind}({told})-{'x'.join(map(str, self.shape))}-{self.rows}".replace(" ", "").replace("'", "")


def case(kind: str, shape, rows: int = 2, **arguments) -> Case:
    return Case(kind, tuple(arguments.items()), tuple(shape), rows)


# -- PyTorch ----------------------------------------------------------------------------------------


def pytorch():
    """PyTorch on one thread: its threads spin, and these arrays are too small for two."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    torch.set_num_threads(1)
    return torch


def around(n: int, k: int, s: int, d: int, padding: str) -> tuple[int, int]:
    """How much Keras pads in front of an axis and behind it."""
    reach = (k - 1) * d + 1
    if padding == "causal":
        return reach - 1, 0
    total = max((math.ceil(n / s) - 1) * s + reach - n, 0) if padding == "same" else 0
    return total // 2, total - total // 2


def cut(n: int, k: int, s: int, d: int, padding: str, more: int | None) -> tuple[int, int]:
    """How much of a transposed convolution Keras cuts off in front, and the length it leaves."""
    reach = (k - 1) * d + 1
    if padding == "valid":
        return 0, (n - 1) * s + reach + (max(reach, s) - reach if more is None else more)
    length = n * s if more is None else (n - 1) * s + reach % 2 + more
    inserted = length - (n - 1) * s + reach - 2  # zeros around an input whose numbers stand s apart
    return reach - 1 - min(math.ceil(inserted / 2), reach - 1), length


def two(value, fill):
    """Arguments of two axes: of signals, the height is one."""
    value = tuple(value)
    return value if len(value) == 2 else (fill, *value)


def _convolved(torch, x, kernel, layer, groups):
    """x (samples, channels, h, w), kernel (filters, channels / groups, kh, kw)."""
    strides, dilation = two(layer.strides, 1), two(layer.dilation_rate, 1)
    paddings = [layer.padding] * 2 if layer.rank == 2 else ["valid", layer.padding]
    axes = zip(x.shape[2:], kernel.shape[2:], strides, dilation, paddings, strict=True)
    (top, bottom), (left, right) = (around(*axis) for axis in axes)
    x = torch.nn.functional.pad(x, (left, right, top, bottom))
    return torch.nn.functional.conv2d(x, kernel, None, strides, 0, dilation, groups)


def _transposed(torch, x, kernel, layer):
    """x (samples, channels, h, w), kernel (channels, filters, kh, kw); the whole of it, then what Keras leaves."""
    strides, dilation = two(layer.strides, 1), two(layer.dilation_rate, 1)
    more = (None, None) if layer.output_padding is None else two(layer.output_padding, None)
    paddings = [layer.padding] * 2 if layer.rank == 2 else ["valid", layer.padding]
    y = torch.nn.functional.conv_transpose2d(x, kernel, None, strides, 0, 0, 1, dilation)
    axes = zip(x.shape[2:], kernel.shape[2:], strides, dilation, paddings, more, strict=True)
    (top, h), (left, w) = (cut(*axis) for axis in axes)
    y = y[:, :, top : top + h, left : left + w]
    return torch.nn.functional.pad(y, (0, w - y.shape[3], 0, h - y.shape[2]))


def forward(torch, layer, x, weights):
    """The layer's output for tensors x (samples, *shape) and Keras' weights."""
    x = (x[:, None] if layer.rank == 1 else x).permute(0, 3, 1, 2)
    kernels = [w[None] if layer.rank == 1 else w for w in weights if w.dim() > 1]
    kind = type(layer).__name__.removesuffix("1D").removesuffix("2D")
    if "Transpose" in kind:
        y = _transposed(torch, x, kernels[0].permute(3, 2, 0, 1).contiguous(), layer)
    elif kind == "Conv":
        y = _convolved(torch, x, kernels[0].permute(3, 2, 0, 1), layer, layer.groups)
    else:
        h, w, c, m = kernels[0].shape
        y = _convolved(torch, x, kernels[0].permute(2, 3, 0, 1).reshape(c * m, 1, h, w), layer, c)
        if kind == "SeparableConv":
            y = torch.nn.functional.conv2d(y, kernels[1].permute(3, 2, 0, 1))
    if layer.use_bias:
        y = y + weights[-1][:, None, None]
    y = y.permute(0, 2, 3, 1)
    return y[:, 0] if layer.rank == 1 else y


def torch_gradients(torch, layer, x, weights, dy, activate=None):
    """y, dx and the weights' gradients of ``sum(dy * y)``, float64 arrays."""
    tensors = [torch.tensor(np.asarray(value, np.float64), requires_grad=True) for value in (x, *weights)]
    y = forward(torch, layer, tensors[0], tensors[1:])
    y = y if activate is None else activate(y)
    (y * torch.tensor(np.asarray(dy, np.float64)).reshape(y.shape)).sum().backward()
    return y.detach().numpy(), *(np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors)


# -- cases ------------------------------------------------------------------------------------------

FEW = (  # each meets something that no other does
    case("Conv2D", (7, 6, 3), filters=4, kernel_size=3),
    case("Conv2D", (7, 6, 3), filters=5, kernel_size=(3, 2), padding="same"),
    case("Conv2D", (8, 9, 2), filters=3, kernel_size=(2, 3), strides=(2, 3), padding="same"),
    case("Conv2D", (8, 9, 2), filters=3, kernel_size=(2, 3), strides=(3, 2)),
    case("Conv2D", (9, 8, 4), filters=6, kernel_size=(3, 2), groups=2, dilation_rate=(2, 3), padding="same"),
    case("Conv2D", (9, 8, 4), filters=6, kernel_size=3, dilation_rate=(1, 2)),
    case("Conv2D", (5, 4, 6), filters=9, kernel_size=3, groups=3, strides=2, padding="same", use_bias=False),
    case("Conv2D", (5, 4, 3), filters=3, kernel_size=2, groups=3),
    case("Conv2D", (1, 1, 5), 1, filters=7, kernel_size=1),
    case("Conv2D", (1, 1, 2), filters=3, kernel_size=(3, 5), padding="same"),
    case("Conv2D", (4, 5, 3), 1, filters=17, kernel_size=(4, 5)),
    case("Conv2D", (7, 8, 2), filters=3, kernel_size=2, strides=3),
    case("Conv2D", (7, 8, 2), filters=3, kernel_size=1, strides=(4, 3), padding="same"),
    case("Conv2D", (3, 3, 2), filters=2, kernel_size=5, padding="same", dilation_rate=3),
    case("Conv2D", (13, 11, 1), 37, filters=1, kernel_size=(5, 3), padding="same"),
    case("Conv2D", (11, 7, 17), 19, filters=19, kernel_size=3, strides=(1, 2)),
    case("Conv2D", (1, 23, 1), 3, filters=33, kernel_size=(1, 7)),
    case("Conv1D", (11, 3), filters=4, kernel_size=3, padding="causal"),
    case("Conv1D", (11, 3), filters=4, kernel_size=3, padding="causal", dilation_rate=4),
    case("Conv1D", (11, 4), filters=6, kernel_size=4, padding="causal", strides=3, groups=2),
    case("Conv1D", (2, 3), filters=2, kernel_size=5, padding="causal"),
    case("Conv1D", (13, 2), 18, filters=3, kernel_size=4, padding="same", strides=2),
    case("Conv1D", (9, 5), filters=3, kernel_size=9, use_bias=False),
    case("DepthwiseConv2D", (6, 7, 5), kernel_size=3),
    case("DepthwiseConv2D", (4, 21, 19), kernel_size=3, padding="same"),
    case("DepthwiseConv2D", (9, 30, 39), 3, kernel_size=(2, 3), padding="same"),
    case("DepthwiseConv2D", (6, 7, 3), 20, kernel_size=(2, 3), depth_multiplier=3, padding="same", strides=2),
    case("DepthwiseConv2D", (9, 7, 19), kernel_size=3, padding="same", dilation_rate=2),
    case("DepthwiseConv2D", (5, 13, 33), 17, kernel_size=(3, 2), strides=2),
    case("DepthwiseConv2D", (5, 7, 2), kernel_size=2, strides=3, padding="same"),
    case("DepthwiseConv1D", (12, 3), kernel_size=4, padding="causal", depth_multiplier=2),
    case("DepthwiseConv1D", (12, 1), kernel_size=2, padding="same", dilation_rate=5),
    case("SeparableConv2D", (6, 7, 3), filters=4, kernel_size=3, depth_multiplier=2, padding="same"),
    case("SeparableConv2D", (6, 7, 3), filters=5, kernel_size=(3, 2), strides=2, use_bias=False),
    case("SeparableConv1D", (12, 3), filters=2, kernel_size=4, padding="causal", dilation_rate=2),
)
TRANSPOSED = (
    case("Conv2DTranspose", (4, 3, 3), filters=4, kernel_size=3),
    case("Conv2DTranspose", (4, 3, 3), filters=5, kernel_size=(3, 2), padding="same", strides=2),
    case("Conv2DTranspose", (4, 3, 5), 18, filters=2, kernel_size=(2, 3), strides=(3, 2), use_bias=False),
    case("Conv2DTranspose", (3, 4, 2), filters=3, kernel_size=3, strides=3, output_padding=(0, 2)),
    case("Conv2DTranspose", (3, 4, 2), filters=3, kernel_size=(4, 3), strides=3, output_padding=1, padding="same"),
    case("Conv2DTranspose", (3, 4, 2), filters=3, kernel_size=(3, 2), dilation_rate=2),
    case("Conv2DTranspose", (4, 4, 2), filters=17, kernel_size=3, dilation_rate=(1, 3), padding="same"),
    case("Conv2DTranspose", (1, 1, 7), 1, filters=19, kernel_size=(4, 3)),
    case("Conv2DTranspose", (3, 2, 3), filters=2, kernel_size=1, strides=4),
    case("Conv2DTranspose", (3, 2, 3), filters=2, kernel_size=2, strides=(5, 3), padding="same"),
    case("Conv1DTranspose", (7, 3), filters=4, kernel_size=5, strides=2, padding="same"),
    case("Conv1DTranspose", (7, 33), 17, filters=1, kernel_size=4, strides=3),
    case("Conv1DTranspose", (5, 1), filters=3, kernel_size=3, dilation_rate=4),
)
WIDER = (  # lines of several vectors, and more of them than are made together
    case("Conv2D", (11, 21, 1), 3, filters=6, kernel_size=(3, 5), padding="same"),
    case("Conv2D", (4, 45, 1), 3, filters=3, kernel_size=(2, 4), use_bias=False),
    case("Conv2D", (6, 19, 1), 2, filters=1, kernel_size=3, use_bias=False),
    case("Conv2D", (21, 20, 40), 1, filters=3, kernel_size=(3, 4), padding="same"),
    case("Conv2D", (40, 19, 24), 1, filters=2, kernel_size=(3, 2), strides=(2, 1)),
    case("Conv2D", (9, 7, 6), 18, filters=10, kernel_size=1, groups=2),
    case("Conv2D", (9, 7, 5), 18, filters=3, kernel_size=(4, 1), padding="same"),
    # kernels so large that images with few places are one product
    case("Conv2D", (3, 4, 80), 11, filters=96, kernel_size=3, padding="same"),
    case("Conv2D", (5, 4, 144), 10, filters=104, kernel_size=3, strides=2, padding="same", groups=2),
    case("Conv2D", (2, 3, 260), 9, filters=64, kernel_size=2),
)
EVEN = (  # one vector of filters of AVX-512 beside whole tiles, lines of every height of a tile, alone and in a row
    case("Conv2D", (6, 7, 3), filters=16, kernel_size=3, padding="same"),
    case("Conv2D", (5, 16, 4), 3, filters=16, kernel_size=(3, 2), strides=(1, 2), padding="same"),
    case("Conv2D", (6, 11, 6), filters=32, kernel_size=3, groups=2),
    case("Conv2D", (7, 10, 5), filters=16, kernel_size=(3, 2), dilation_rate=(2, 3), padding="same"),
    case("Conv2D", (4, 13, 7), filters=48, kernel_size=3, padding="valid"),
    case("Conv2D", (4, 12, 9), filters=16, kernel_size=(2, 3), padding="same", use_bias=False),
    case("Conv2D", (5, 24, 3), filters=16, kernel_size=2),
    case("Conv2D", (3, 15, 2), filters=48, kernel_size=(2, 3), padding="same"),
    case("Conv2D", (4, 13, 3), filters=16, kernel_size=3, padding="same"),  # too long for one, too short for two
    case("Conv2D", (3, 7, 500), 9, filters=16, kernel_size=3, padding="same"),
    case("Conv1D", (31, 6), 3, filters=16, kernel_size=4, strides=2, padding="same"),
)
AXES = ((1, 1, 1), (2, 1, 1), (3, 1, 1), (3, 2, 1), (2, 3, 1), (1, 2, 1), (3, 1, 2), (2, 1, 3), (5, 2, 1), (4, 1, 2))
LENGTHS = ((1, 5), (2, 7), (7, 6), (11, 13), (4, 4), (8, 3))
WIDTHS = ((1, 1, 1), (3, 4, 1), (4, 6, 2), (6, 6, 6), (2, 17, 1), (16, 8, 4), (5, 15, 5))


def _fits(shape, arguments) -> bool:
    reach = [(k - 1) * d + 1 for k, d in zip(arguments["kernel_size"], arguments["dilation_rate"], strict=True)]
    return arguments["padding"] != "valid" or all(r <= n for r, n in zip(reach, shape, strict=False))


def _grid_of_images():
    turns = itertools.cycle(WIDTHS)
    for (a, b), lengths, padding in itertools.product(itertools.product(AXES, AXES[::-1]), LENGTHS, ("valid", "same")):
        kernel, strides, dilation = zip(a, b, strict=True)
        if max(strides) > 1 and max(dilation) > 1:
            continue
        told = {"kernel_size": kernel, "strides": strides, "dilation_rate": dilation, "padding": padding}
        if _fits(lengths, told):
            c, n, groups = next(turns)
            yield case("Conv2D", (*lengths, c), 1 + n % 3, filters=n, groups=groups, **told)
            yield case("DepthwiseConv2D", (*lengths, c), depth_multiplier=1 + n % 2, **told)
            yield case("Conv2DTranspose", (*lengths, c), 1 + n % 2, filters=n, **told)


def _grid_of_signals():
    turns = itertools.cycle(WIDTHS)
    for (k, s, d), n, padding in itertools.product(AXES, (1, 2, 5, 13, 16), ("valid", "same", "causal")):
        told = {"kernel_size": (k,), "strides": (s,), "dilation_rate": (d,), "padding": padding}
        if _fits((n,), told):
            c, filters, groups = next(turns)
            yield case("Conv1D", (n, c), filters=filters, groups=groups, **told)
            yield case("DepthwiseConv1D", (n, c), depth_multiplier=2, **told)
            yield case("SeparableConv1D", (n, c), filters=filters, **told)
            for more in () if padding == "causal" else (None, *range(s)):
                if more is None or padding == "valid" or (n - 1) * s + ((k - 1) * d + 1) % 2 + more > 0:
                    yield case("Conv1DTranspose", (n, c), filters=filters, output_padding=more, **told)


@cache
def grid() -> tuple[Case, ...]:
    """All that is small, in all pairs of axes."""
    return (*_grid_of_images(), *_grid_of_signals())
