"""The page of ``fastnn train --watch``: the columns' names and raw units for it, and its end with the command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.tables import Encoding
from fastnn.tables.features import NumberFeature, TableFeatures
from fastnn.tables.target import Classes
from fastnn.watch.callback import Watch
from fastnn.watch.plane import Plane


@contextlib.contextmanager
def watching(port: int, encoding: Encoding, x: np.ndarray, y: np.ndarray) -> Iterator[Watch]:
    """A block with a page for the fit in it, whose address is printed."""
    settings = {"data": encoding.trained["data"]}
    with Watch(port, plane=plane_of(encoding, x, y), settings=settings, verbose=0) as watch:
        print(f"watch the training at {watch.address}", flush=True)
        yield watch


def plane_of(encoding: Encoding, x: np.ndarray, y: np.ndarray) -> Plane | None:
    """The plane of encoded rows if they are two columns of numbers that vary and have no gaps, else None."""
    features: list[Any] = encoding.features.features if isinstance(encoding.features, TableFeatures) else []
    if [type(f) for f in features] != [NumberFeature] * 2 or not all(f.scale and not f.gaps for f in features):
        return None
    target = encoding.target
    across, up = features
    return Plane(
        x,
        y,
        columns=(across.name, up.name),
        units=((across.mean, 1 / across.scale), (up.mean, 1 / up.scale)),
        target=target.name,
        labels=[str(label) for label in target.labels] if isinstance(target, Classes) else None,
        target_unit=(0.0, 1.0) if isinstance(target, Classes) else (target.mean, target.spread),
    )
