"""Windows that move over an image or a signal: their sizes as users give them, and what they make of a shape.

Padding as in Keras: "valid" adds nothing, "same" as much on both sides (one more behind) that with strides of 1 the
output is as long as the input, "causal" all of it in front.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastnn._base.arguments import integer, lookup, shown
from fastnn.layers.parameter import Shape

PADDINGS = ("valid", "same", "causal")
AXES = {1: "(steps, channels)", 2: "(height, width, channels)"}
BEHIND_RECURRENT = "a recurrent layer before it gives all steps with return_sequences=True"
MOST = 2**31 - 1  # of any size: products of a few of them are far within int64, or refused
MOST_PADDED = 2**40  # numbers of an image with what windows read around it: more than any machine holds


def count(name: str, came: object, low: int = 1) -> int:
    """A number of filters, groups or places."""
    return integer(name, came, low=low, high=MOST)


def sizes(name: str, came: object, rank: int, low: int = 1) -> tuple[int, ...]:
    """One size for each axis, from one for all or a tuple of them."""
    if isinstance(came, np.ndarray):
        came = came.tolist()
    if isinstance(came, tuple | list):
        if len(came) != rank:
            raise ValueError(f"{name} must be a whole number or {rank} of them, got {shown(came)}")
        return tuple(count(name, size, low) for size in came)
    return (count(name, came, low),) * rank


def check_padding(came: object, allowed: tuple[str, ...] = PADDINGS[:2]) -> str:
    """A name of :data:`PADDINGS`, in small letters."""
    name = came.lower() if isinstance(came, str) else came
    lookup("padding", name, dict.fromkeys(allowed))
    return str(name)


def check_data_format(came: object) -> None:
    """Refuse channels before the other axes."""
    told = came.lower() if isinstance(came, str) else ""
    if told == "channels_first":
        raise ValueError(
            "data_format must be channels_last: fastnn keeps the channels in the last axis; move them there by "
            "np.moveaxis(x, 1, -1)"
        )
    if came is not None and told != "channels_last":
        raise ValueError(f"data_format must be None or 'channels_last', got {shown(came)}")


def check_rank(layer: object, shape: Shape, rank: int) -> None:
    """Refuse a sample of another rank."""
    if len(shape) != rank + 1:
        hint = f"; a last axis of one channel: Reshape({(*shape, 1)})" if len(shape) == rank else ""
        hint += f", and {BEHIND_RECURRENT}" if len(shape) == rank == 1 else ""
        raise ValueError(f"{layer!r} takes samples {AXES[rank]}, got the shape {tuple(shape)}{hint}")


def no_sequence(layer: object, *shapes: Shape, wanted: str = "(steps, features)") -> ValueError:
    """The error of a layer over steps for samples without: what makes some of them."""
    told = " and ".join(map(str, shapes)) if len(shapes) > 1 else f"the shape {shapes[0]}"
    is_flat = any(len(shape) == 1 for shape in shapes)
    hint = f"; {BEHIND_RECURRENT}, and Reshape((-1, 1)) makes steps of single numbers" if is_flat else ""
    return ValueError(f"{layer!r} takes sequences {wanted}, got {told}{hint}")


@dataclass(frozen=True)
class Windows:
    """Windows along all axes but the channels."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str

    def outputs(self, layer: object, shape: Shape) -> tuple[int, ...]:
        """How many windows there are along each axis of a sample; ``ValueError`` where there is none."""
        found = []
        for n, k, s, d in zip(shape[:-1], self.size, self.strides, self.dilation, strict=True):
            reach = (k - 1) * d + 1
            found.append((n - reach) // s + 1 if self.padding == "valid" else (n - 1) // s + 1)
            if found[-1] < 1:
                raise ValueError(
                    f"{layer!r} has windows of {reach}, and its input {tuple(shape)} is no longer than {n} there; "
                    f'padding="same" would fit, or a smaller window{_channels_first(shape)}'
                )
        return tuple(found)

    def before(self, lengths: Shape, outputs: tuple[int, ...]) -> tuple[int, ...]:
        """How much is padded in front along each axis."""
        found = []
        for n, k, s, d, out in zip(lengths, self.size, self.strides, self.dilation, outputs, strict=True):
            reach = (k - 1) * d + 1
            total = max((out - 1) * s + reach - n, 0)
            found.append({"valid": 0, "same": total // 2, "causal": reach - 1}[self.padding])
        return tuple(found)

    def geometry(self, layer: object, shape: Shape) -> tuple[int, ...]:
        """``h w c oh ow kh kw sh sw top left dh dw`` for a sample's shape; of a signal the height is 1."""
        out = self.outputs(layer, shape)
        return self.between(layer, shape, out, self.before(shape[:-1], out))

    def between(self, layer: object, image: Shape, out: Shape, before: Shape) -> tuple[int, ...]:
        """The geometry of windows that read ``image`` at ``out`` places."""
        axes = (image[:-1], out, self.size, self.strides, before, self.dilation)
        padded = [max(n + at, (o - 1) * s + (k - 1) * d + 1) for n, o, k, s, at, d in zip(*axes, strict=True)]
        if math.prod(padded) * image[-1] > MOST_PADDED:
            raise ValueError(
                f"{layer!r} reads {tuple(image)} padded to {(*padded, image[-1])}, which may hold 2**40 numbers; "
                f"smaller windows, strides or gaps would fit"
            )
        (h, w), (oh, ow), (kh, kw), (sh, sw), (top, left), (dh, dw) = (
            _two(axis, fill) for axis, fill in zip(axes, (1, 1, 1, 1, 0, 1), strict=True)
        )
        return h, w, image[-1], oh, ow, kh, kw, sh, sw, top, left, dh, dw


def _channels_first(shape: Shape) -> str:
    """What to do with samples that look like (3, 28, 28)."""
    moved = "; channels that stand first are moved to the last axis by np.moveaxis(x, 1, -1)"
    return moved if shape[0] < shape[-1] else ""


def _two(axis: tuple[int, ...], fill: int) -> tuple[int, ...]:
    return axis if len(axis) == 2 else (fill, *axis)
