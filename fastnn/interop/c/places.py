"""Where values and rooms of a function lie in its work buffer: those share places that are not there at the same time.

Design: the plan lets only values of one size share places, because its threads push many samples through; a function
for one sample packs tighter. The largest are placed first, each at the lowest place that is free all its life: rarely
more than a few per cent above the least that is possible.
"""

from __future__ import annotations

from typing import NamedTuple


class Lived(NamedTuple):
    """So many numbers from a step to a step, both included."""

    size: int
    first: int
    last: int


def packed(lived: dict[str, Lived]) -> tuple[dict[str, int], int]:
    """The offset of each, and how many numbers there are in all.

    >>> packed({"a": Lived(8, 0, 1), "b": Lived(4, 1, 2), "c": Lived(6, 2, 3)})
    ({'a': 0, 'c': 0, 'b': 8}, 12)
    """
    offsets: dict[str, int] = {}
    for name in sorted(lived, key=lambda name: -lived[name].size):
        own = lived[name]
        others = sorted(
            (offsets[other], offsets[other] + lived[other].size)
            for other in offsets
            if lived[other].first <= own.last and own.first <= lived[other].last
        )
        at = 0
        for begin, end in others:
            if at + own.size <= begin:
                break
            at = max(at, end)
        offsets[name] = at
    return offsets, max((offsets[name] + lived[name].size for name in lived), default=0)
