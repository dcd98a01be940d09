"""Values as JSON that a file of ours may hold."""

from __future__ import annotations

import numpy as np

from fastnn._base.stored import parse
from fastnn._base.types import Stored


def text_of(name: str, value: object) -> str:
    """A value as JSON that :func:`parse` takes; ``ValueError`` or ``TypeError`` else."""
    import json

    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
        text.encode()
        if name == "metadata":
            parse(name, text)  # keys that users put there may be the same as text
    except ValueError as error:
        raise ValueError(f"a model file cannot hold this {name}: {error}") from None
    return text


def _plain(value: object) -> object:
    """A number of NumPy's, which users hand to definitions, as JSON knows it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a model file cannot hold {value!r}")


def as_text_has(value: object) -> Stored:
    """A description as it comes back from a file."""
    import json

    return json.loads(text_of("model", value))
