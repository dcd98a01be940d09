"""Lists that tests keep by hand: a failure names what is missing, and the list that it is missing from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def assert_listed(listed: Iterable[Any], wanted: Iterable[Any], place: str) -> None:
    """Both have the same members; ``place`` says where a missing one is to be written."""
    has, wants = set(listed), set(wanted)
    missing, more = (sorted(getattr(x, "__name__", str(x)) for x in part) for part in (wants - has, has - wants))
    assert not missing, f"missing in {place}: {', '.join(missing)} (docs/adding.md)"
    assert not more, f"{place} has what is not there (any more): {', '.join(more)}"
