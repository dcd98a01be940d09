"""Slices of edges, ``h[:, 0]``, ``h[:, 1:]``, ``h[..., None]``: cropping and other axes, as layers in the graph.

Design: an operation of its own (rejected) would be one more in every backend and every format; croppings and reshapes
are in all of them, and copy what is kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastnn._base.arguments import shown
from fastnn.layers.advice import OF_YOUR_OWN

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge

ALL = slice(None)
FORMS = "h[:, 0], h[:, -1], h[:, 1:5], h[..., 0] and h[:, None] are there"


def sliced(edge: Edge, places: Any) -> Edge:
    """What ``edge[places]`` is, by layers that crop and reshape.

    Raises
    ------
    TypeError
        for other places than whole numbers, slices of step 1, ``...`` and None, and for a choice among the rows.
    IndexError
        where there are no such axes or places.
    """
    of_rows, *others = _per_axis(edge, places if isinstance(places, tuple) else (places,))
    if of_rows != ALL:
        raise TypeError(f"{edge!r} has no slices of rows: the first axis is taken whole, as in h[:, 0]; {FORMS}")
    sizes, axis = edge.shape[1:], 0
    wanted: list[int | None] = []
    made = edge
    for place in others:
        if place is None:
            wanted.append(1)
            continue
        size = sizes[axis]
        if place != ALL:
            before, behind = _sides(edge, place, size, axis)
            made = _cropped(made, axis, before, behind)
            size = None if size is None else size - before - behind
        if isinstance(place, slice):
            wanted.append(size)
        axis += 1
    return _reshaped(edge, made, wanted)


def _per_axis(edge: Edge, places: tuple[Any, ...]) -> list[Any]:
    """One place for each axis, and None for each new one."""
    n_axes, named = len(edge.shape), sum(place is not None and place is not Ellipsis for place in places)
    if named > n_axes:
        raise IndexError(f"{edge!r} has {n_axes} axes, got places for {named}")
    at = [i for i, place in enumerate(places) if place is Ellipsis]
    if len(at) > 1:
        raise IndexError(f"{edge!r}[...] takes one Ellipsis, got {len(at)}")
    rest = [ALL] * (n_axes - named)
    found = [*places[: at[0]], *rest, *places[at[0] + 1 :]] if at else [*places, *rest]
    for place in found:
        is_known = place is None or isinstance(place, slice) or (hasattr(place, "__index__") and not _is_bool(place))
        if not is_known or (isinstance(place, slice) and place.step not in (None, 1)):
            raise TypeError(f"{edge!r} has no such slices, got {shown(place)}: {FORMS}; {OF_YOUR_OWN}")
    return found


def _is_bool(place: object) -> bool:
    return type(place).__name__ in ("bool", "bool_") or bool(getattr(place, "shape", ()))


def _sides(edge: Edge, place: Any, size: int | None, axis: int) -> tuple[int, int]:
    """How much is cut off before and behind a place."""
    if isinstance(place, slice):
        start, stop = place.start, place.stop
        if size is None:
            start, stop = start or 0, stop or 0
            if start < 0 or stop > 0:
                raise ValueError(_open(edge, axis))
            return start, -stop
        first, last, _ = place.indices(size)
        if last <= first:
            raise IndexError(f"{edge!r} has nothing from {start} to {stop} along axis {axis + 1}, which is {size} long")
        return first, size - last
    if size is None:
        raise ValueError(_open(edge, axis))
    at = place.__index__()
    if not -size <= at < size:
        raise IndexError(f"{edge!r} has places 0 to {size - 1} along axis {axis + 1}, got {at}")
    return at % size, size - 1 - at % size


def _open(edge: Edge, axis: int) -> str:
    return (
        f"axis {axis + 1} of {edge!r} differs from batch to batch: h[:, 1:] and h[:, :-1] can be cut there; a "
        f"recurrent layer's return_sequences=False gives its last step, and Input((20,)) states a length"
    )


def _cropped(edge: Edge, axis: int, before: int, behind: int) -> Edge:
    """Without the first and last places of an axis; other axes may have become one."""
    from fastnn.layers import Cropping1D, Cropping2D, Reshape

    if not (before or behind):
        return edge
    sizes = edge.sizes
    if len(sizes) == 2 and axis == 0:
        return Cropping1D((before, behind))(edge)
    if len(sizes) == 3 and axis < 2:
        cut = ((before, behind), (0, 0)) if axis == 0 else ((0, 0), (before, behind))
        return Cropping2D(cut)(edge)
    if edge.is_open:
        raise ValueError(f"{edge!r} has an open length, and can be cut along that axis alone; {OF_YOUR_OWN}")
    apart = (math.prod(sizes[:axis]), sizes[axis], math.prod(sizes[axis + 1 :]))
    left = Cropping2D(((0, 0), (before, behind)))(Reshape(apart)(edge))
    return Reshape((*sizes[:axis], sizes[axis] - before - behind, *sizes[axis + 1 :]))(left)


def _reshaped(edge: Edge, made: Edge, wanted: list[Any]) -> Edge:
    from fastnn.layers import Reshape

    if tuple(wanted) == made.shape[1:]:
        return made
    if not wanted:
        raise TypeError(f"{edge!r} would be one number a row, without an axis: keep it, as in h[:, 0:1]")
    if None in wanted:
        raise ValueError(f"{edge!r} has an open length, and takes no other axes; state the length, as in Input((20,))")
    return Reshape(tuple(wanted))(made)
