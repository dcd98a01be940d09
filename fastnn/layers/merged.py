"""Layers that join edges, under Keras' names for functions of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from fastnn.layers.edges import Edge
from fastnn.layers.merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract
from fastnn.layers.words import LayerArguments


def add(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Add(**given)(inputs)``: the sum of a list of edges.

    Parameters
    ----------
    inputs : a list of edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Add(**given)(inputs)


def subtract(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Subtract(**given)(inputs)``: the difference of a list of two edges.

    Parameters
    ----------
    inputs : a list of two edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Subtract(**given)(inputs)


def multiply(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Multiply(**given)(inputs)``: the product of a list of edges.

    Parameters
    ----------
    inputs : a list of edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Multiply(**given)(inputs)


def average(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Average(**given)(inputs)``: the mean of a list of edges.

    Parameters
    ----------
    inputs : a list of edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Average(**given)(inputs)


def maximum(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Maximum(**given)(inputs)``: the largest of a list of edges, number by number.

    Parameters
    ----------
    inputs : a list of edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Maximum(**given)(inputs)


def minimum(inputs: Sequence[Edge], **given: Unpack[LayerArguments]) -> Edge:
    """``Minimum(**given)(inputs)``: the smallest of a list of edges, number by number.

    Parameters
    ----------
    inputs : a list of edges of one shape.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Minimum(**given)(inputs)


def concatenate(inputs: Sequence[Edge], axis: int = -1, **given: Unpack[LayerArguments]) -> Edge:
    """``Concatenate(axis, **given)(inputs)``: a list of edges one behind the other.

    Parameters
    ----------
    inputs : a list of edges, whose shapes differ along ``axis`` alone.
    axis : that along which they stand one behind the other; 0 is the rows and cannot be, -1 the last one.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Concatenate(axis, **given)(inputs)


def dot(inputs: Sequence[Edge], axes: int | Sequence[int] = -1, **given: Unpack[LayerArguments]) -> Edge:
    """``Dot(axes, **given)(inputs)``: products of a list of two edges.

    Parameters
    ----------
    inputs : a list of two edges.
    axes : the axis, or one of each input, over which is summed.
    **given : ``name``, ``trainable``, ``dtype`` and so on, as of :class:`Layer`.
    """
    return Dot(axes, **given)(inputs)
