"""Layers that join edges, under Keras' names for functions of them."""

from __future__ import annotations

from typing import Any

from fastnn.layers.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract


def add(inputs: Any, **given: Any) -> Any:
    """``Add(**given)(inputs)``: the sum of a list of edges."""
    return Add(**given)(inputs)


def subtract(inputs: Any, **given: Any) -> Any:
    """``Subtract(**given)(inputs)``: the difference of a list of two edges."""
    return Subtract(**given)(inputs)


def multiply(inputs: Any, **given: Any) -> Any:
    """``Multiply(**given)(inputs)``: the product of a list of edges."""
    return Multiply(**given)(inputs)


def average(inputs: Any, **given: Any) -> Any:
    """``Average(**given)(inputs)``: the mean of a list of edges."""
    return Average(**given)(inputs)


def maximum(inputs: Any, **given: Any) -> Any:
    """``Maximum(**given)(inputs)``: the largest of a list of edges, number by number."""
    return Maximum(**given)(inputs)


def minimum(inputs: Any, **given: Any) -> Any:
    """``Minimum(**given)(inputs)``: the smallest of a list of edges, number by number."""
    return Minimum(**given)(inputs)


def concatenate(inputs: Any, axis: int = -1, **given: Any) -> Any:
    """``Concatenate(axis, **given)(inputs)``: a list of edges one behind the other."""
    return Concatenate(axis, **given)(inputs)


def dot(inputs: Any, axes: Any = -1, **given: Any) -> Any:
    """``Dot(axes, **given)(inputs)``: products of a list of two edges."""
    return Dot(axes, **given)(inputs)
