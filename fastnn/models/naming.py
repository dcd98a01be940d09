"""Names of layers and models in a model: each its own, and Keras' where the user gave none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def check_names(items: Sequence[Any]) -> None:
    """``ValueError`` when a user gave one name to two layers of a model."""
    given = [item.given_name for item in items if item.given_name]
    twice = next((name for i, name in enumerate(given) if name in given[:i]), None)
    if twice:
        raise ValueError(f"two layers are named {twice!r}; give each layer of a model a name of its own")


def name_items(items: Sequence[Any]) -> None:
    """Give those without a name one of their kind: dense, dense_1, ...; a name chosen elsewhere stays if it is free."""
    taken = {item.given_name for item in items if item.given_name}
    for item in items:
        if item.given_name:
            continue
        if item.name is None or item.name in taken:
            item.rename(_free(getattr(item, "UNNAMED", None) or snake_case(type(item).__name__), taken))
        taken.add(item.name)


def _free(kind: str, taken: set[str]) -> str:
    names = (f"{kind}_{i}" if i else kind for i in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def snake_case(kind: str) -> str:
    """``LeakyReLU`` as Keras spells it in names: ``leaky_re_lu``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", kind)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
