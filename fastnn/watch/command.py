"""The page of ``fastnn train --watch``: the columns' names and raw units for it, and its end with the command."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.callbacks.screens import on_terminal
from fastnn.tables import Encoding
from fastnn.tables.columns import NumberFeature
from fastnn.tables.features import TableFeatures
from fastnn.tables.target import Classes
from fastnn.watch.callback import Watch
from fastnn.watch.plane import Plane


@contextlib.contextmanager
def watching(arguments: argparse.Namespace) -> Iterator[Watch]:
    """A block with a page for the fits in it, whose address is printed, and opened with --open."""
    with Watch(arguments.watch, verbose=0) as watch:
        assert watch.address
        print(f"watch the training at {watch.address}", flush=True)
        if arguments.open:
            open_browser(watch.address)
        yield watch


def describe(watch: Watch, encoding: Encoding, points: tuple[object, np.ndarray] | None, open_ended: bool) -> None:
    """Give the page what it shows of the rows.

    Parameters
    ----------
    points : encoded rows and targets; None where none are in memory.
    open_ended : whether the last epoch is but a bound.
    """
    watch.settings = {"data": encoding.trained["data"]}
    watch.plane, watch.open_ended = None if points is None else plane_of(encoding, *points), open_ended


def serve(watch: Watch, seconds: float | None) -> None:
    """Keep the page: for so many seconds, else until Ctrl-C if there is a terminal for it, else not at all."""
    if seconds is None and not on_terminal():
        return
    with contextlib.suppress(KeyboardInterrupt):
        _serve(watch, seconds)


def _serve(watch: Watch, seconds: float | None) -> None:
    until = "until Ctrl-C" if seconds is None else f"for {seconds:g} s or until Ctrl-C"
    watch.finish()
    print(f"the page stays at {watch.address} {until}", flush=True)
    watch.serve(seconds)


def open_browser(address: str) -> None:
    """Open a page in the user's browser, which is not waited for; say so where there is none."""
    graphic = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    if sys.platform.startswith("linux") and not graphic:  # what is left are browsers that would take the terminal
        print(f"note: there is no browser to open here; open {address} yourself", file=sys.stderr)
        return
    threading.Thread(target=webbrowser.open, args=(address,), name="fastnn-open", daemon=True).start()


def plane_of(encoding: Encoding, x: object, y: np.ndarray) -> Plane | None:
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
