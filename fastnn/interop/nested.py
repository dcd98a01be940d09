"""Values inside of values, as configurations and the arguments of calls have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def leaves(came: object) -> Iterator[object]:
    """What stands in lists, tuples and mappings inside of each other, in no order; however deep they are."""
    waiting = [came]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        else:
            yield one
