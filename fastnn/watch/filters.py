"""What the first convolution of a network of images looks for, for the page: its kernel as small pictures.

A picture is bytes, 128 for zero and 1 or 255 for the largest weight of all, so that all have one scale about zero.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from fastnn.layers.base import Layer
from fastnn.layers.convolution import Convolution
from fastnn.plot.convolutions import kernel_of, named, pictures_of, words
from fastnn.watch.curves import finite

if TYPE_CHECKING:
    from fastnn.models.model import Model

MOST = 64  # pictures
BYTES = 2**15  # of all of them
SIDE = 32  # longest kernel that is a small picture


class Filters:
    """Pictures of the filters that read a model's images.

    Filters of one or three channels are one picture each, in grey or in colour; of others each channel is one.
    """

    topic = described_as = "filters"

    def __init__(self, model: Model):
        found = first_convolution(model)
        assert found is not None
        self.name, self.layer = found
        self.n, height, width, self.n_channels = pictures_of(self.layer, kernel_of(self.layer)).shape
        self.depth = self.n_channels if self.n_channels in (1, 3) else 1  # of a picture
        each = self.n_channels // self.depth  # pictures of a filter
        most = min(MOST, BYTES // (height * width * self.depth))
        self.shape = min(self.n, most // each) * each or most, height, width, self.depth

    @staticmethod
    def fits(model: Model) -> bool:
        """Whether the first weights that a model's input meets are those of a 2D convolution, with a small kernel."""
        found = first_convolution(model)
        return found is not None and max(found[1].kernel_size) <= SIDE

    def taken(self, model: Model) -> np.ndarray:
        """What the pictures are made of, copied while the model stands still."""
        found = first_convolution(model)
        assert found is not None
        return kernel_of(found[1]).copy()

    def describe(self) -> dict[str, object]:
        """What stays the same: how many pictures of which size, how many of them in a row, and what they are."""
        count, height, width, depth = self.shape
        each = self.n_channels // self.depth
        n, word = -(-count // each), words(self.layer)
        told = f"{n} of {self.n} {word}" if n < self.n else f"{self.n} {word}"
        of_each = f", {min(each, count)} of {each} channels each" if count < each else f", {each} channels each"
        return {
            "title": f"{self.name}: {told}{of_each if each > 1 else ''}",
            "count": count,
            "height": height,
            "width": width,
            "depth": depth,
            "columns": each if each > 1 else None,
        }

    def paint(self, kernel: np.ndarray) -> dict[str, object]:
        """The pictures of this kernel, one after another, row by row, as base64; and the largest weight."""
        pictures = pictures_of(self.layer, kernel.astype(np.float64))
        if self.depth != self.n_channels:
            pictures = np.moveaxis(pictures, 3, 1).reshape(-1, *pictures.shape[1:3], 1)
        shown = np.nan_to_num(pictures[: self.shape[0]], nan=0.0, posinf=0.0, neginf=0.0)
        most = float(np.abs(shown).max())
        values = (np.rint(127 * (shown / (most or 1.0))) + 128).astype(np.uint8)
        return {"most": finite(most), "values": base64.b64encode(values.tobytes()).decode()}


def first_convolution(model: Model) -> tuple[str, Convolution] | None:
    """Name and layer, if the first kernel that the model's input meets is that of a 2D convolution."""
    for name, layer in named(model.graph).items():
        if _has_kernel(layer):
            return (name, layer) if isinstance(layer, Convolution) and layer.rank == 2 else None
    return None


def _has_kernel(layer: Layer) -> bool:
    place = layer.place
    return place is not None and any(parameter.name.endswith("kernel") for parameter in place.parameters)
