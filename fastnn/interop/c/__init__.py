"""A model's prediction as C99 that needs nothing else: see :func:`to_c`, and ``docs/interop_c.md``."""

from fastnn.interop.c.export import to_c as to_c
from fastnn.interop.c.report import CReport as CReport

__all__ = ["CReport", "to_c"]
