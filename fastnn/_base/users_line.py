"""Warnings that stand at the line of the user's program that led to them, however deep in fastnn they are found."""

from __future__ import annotations

import sys
import warnings

BETWEEN = ("fastnn", "sklearn.base")  # what stands between a program's line and a warning


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn where the program called fastnn; without such a line, at the outermost one."""
    frame, depth = sys._getframe(1), 2
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__") or ""):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth)


def _is_between(name: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in BETWEEN)
