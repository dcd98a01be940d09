"""What stands behind an option: texts turned into values, or the usage error that says what is wanted.

What a check needs is imported when an option with it is given, so that ``--help`` imports nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def _checked(check: Callable[[str], object]) -> Callable[[str], Any]:
    """``check`` as argparse wants it: its ``ValueError`` becomes the usage error."""

    def convert(text: str) -> object:
        try:
            return check(text)
        except (ValueError, TypeError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def whole(low: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < low:
            raise ValueError(f"must be a whole number of at least {low}, got {text!r}")
        return int(text)

    return _checked(check)


def real(low: float, high: float | None = None, open_low: bool = False) -> Callable[[str], float]:
    def check(text: str) -> float:
        from fastnn._base.arguments import number

        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"must be a number, got {text!r}") from None
        return number("the value", value, low=low, high=high, open_low=open_low, open_high=True)

    return _checked(check)


@_checked
def every(text: str) -> int | str:
    from fastnn._engine.saving import check_every

    value = int(text) if text.strip().isdecimal() else text
    check_every("the value", value)
    return value


@_checked
def port(text: str) -> int:
    if not text.strip().isdecimal() or int(text) > 65535:
        raise ValueError(f"must be a port of 0 to 65535, got {text!r} (DATA stands before --watch)")
    return int(text)


@_checked
def widths(text: str) -> list[int]:
    try:
        widths = [int(width) for width in text.split(",")] if text else []
    except ValueError:
        widths = [0]
    if any(width < 1 for width in widths):
        raise ValueError(f"must be widths with commas between, such as 64,32, got {text!r}")
    return widths


@_checked
def image_size(text: str) -> tuple[int, int]:
    sizes = text.lower().split("x")
    if len(sizes) != 2 or not all(size.strip().isdecimal() and int(size) for size in sizes):
        raise ValueError(f"must be a height and a width such as 32x32, got {text!r}")
    return int(sizes[0]), int(sizes[1])


@_checked
def class_weight(text: str) -> str | dict[str, float]:
    from fastnn.cli.weights import parse_weights

    return parse_weights(text)


@_checked
def workers(text: str) -> str:
    from fastnn.cli.workers import parse_workers

    return parse_workers(text)


def named(module: str) -> Callable[[str], str]:
    def check(name: str) -> str:
        import importlib

        importlib.import_module(f"fastnn.{module}").get(name)
        return name

    return _checked(check)


@_checked
def separator(text: str) -> str:
    from fastnn.tables.reading import Reading

    return Reading(separator={"tab": "\t", "\\t": "\t"}.get(text, text)).separator or ","


@_checked
def encoding(name: str) -> str:
    from fastnn.tables.reading import check_encoding

    return check_encoding(name)


@_checked
def backend(name: str) -> str:
    from fastnn._kernels import check_name

    return check_name(name)
