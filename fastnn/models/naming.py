"""Names of layers and models in a model: each its own, and Keras' where the user gave none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastnn.models.graph import Item


def check_names(items: Sequence[Item]) -> None:
    """``ValueError`` when a user gave one name to two layers of a model."""
    seen: set[str] = set()
    for item in items:
        if item.given_name in seen:
            raise ValueError(f"two layers are named {item.given_name!r}; give each layer of a model a name of its own")
        if item.given_name:
            seen.add(item.given_name)


def name_items(items: Sequence[Item]) -> None:
    """Give those without a name one of their kind: dense, dense_1, ...; a name chosen elsewhere stays if it is free."""
    taken = {item.given_name for item in items if item.given_name}
    counts: dict[str, int] = {}  # of each kind, the numbers that are in use
    for item in items:
        if item.given_name:
            continue
        name = item.name
        if name is None or name in taken:
            name = _free(getattr(item, "UNNAMED", None) or snake_case(type(item).__name__), taken, counts)
            item.rename(name)
        taken.add(name)


def keep_names(items: Sequence[Item], names: Sequence[str | None]) -> None:
    """Give items that have no name of a user's those that a model chose for them before."""
    for item, name in zip(items, names, strict=True):
        if name is not None and item.given_name is None:
            item.rename(name)


def _free(kind: str, taken: set[str], counts: dict[str, int]) -> str:
    while (name := f"{kind}_{counts[kind]}" if counts.setdefault(kind, 0) else kind) in taken:
        counts[kind] += 1
    return name


def snake_case(kind: str) -> str:
    """``LeakyReLU`` as Keras spells it in names: ``leaky_re_lu``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
