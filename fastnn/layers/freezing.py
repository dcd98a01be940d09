"""How often anybody has set what is trained, so that who has looked at all layers of a model need not look again."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)
latest = 0


def note() -> None:
    """Say that ``trainable`` has been set somewhere."""
    global latest
    latest = next(_numbers)
