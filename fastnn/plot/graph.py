"""A model as boxes and arrows: which layer reads which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn.models.model import Model
from fastnn.models.summary import kind_of
from fastnn.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastnn.layers.edges import Edge
    from fastnn.models.graph import Item

BOX, PAD = (1.6, 0.62), 0.05  # width and height, where a row of boxes has the height 1 and a column the width 2


@dataclass
class Box:
    """A call of a layer, or an input, with its place: the row from the top, and a column."""

    texts: list[str]
    row: int
    column: float = 0.0
    reads: list[int] = field(default_factory=list)
    colour: str = style.COLOURS[0]


def graph(model: object, ax: Axes | None = None, *, show_shapes: bool = True) -> Axes:
    """Draw a model's graph from its inputs, on top, to its outputs.

    Each box is a use of a layer, with its name, kind and the shape that it gives; a layer that is used twice has two.
    Models inside the model are one box each. Layers that are not trained have a dashed frame.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential`.
    ax : Axes to draw into; None makes a figure.
    show_shapes : whether shapes are written, with None for the batch axis.

    Returns
    -------
    the Axes.

    Raises
    ------
    ValueError, TypeError
        it is no model, or is not built.

    Examples
    --------
    >>> from fastnn import Input, Model, plot
    >>> from fastnn.layers import Dense
    >>> x = Input((4,), name="x")
    >>> h = Dense(8, "relu", name="h")(x)
    >>> ax = plot.graph(Model(x, [Dense(1, name="a")(h), Dense(2, name="b")(h)]))
    >>> [text.get_text().splitlines()[0] for text in ax.texts if text.get_text()]
    ['x', 'h', 'a', 'b']
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a Model or Sequential, got {shown(model)}")
    if not model.knows_shape:
        raise ValueError("the model's shapes are not known yet; fit it, or build it with model.build(input_shape)")
    boxes = _boxes(model, show_shapes)
    _arrange(boxes)
    rows, columns = 1 + max(box.row for box in boxes), [box.column for box in boxes]
    width = max(columns) - min(columns) + 2
    size = float(np.clip(1.15 * width, 2.6, 14)), float(np.clip(0.78 * rows, 1.6, 14))
    with style.drawing(ax, size) as ax:
        ax.set_axis_off()
        ax.set(xlim=(min(columns) - 1, max(columns) + 1), ylim=(rows - 0.45, -0.55))
        for box in boxes:
            _draw_arrows(ax, box, [boxes[i] for i in box.reads])
        for box in boxes:
            _draw_box(ax, box)
    return ax


def _boxes(model: Model, show_shapes: bool) -> list[Box]:
    """The inputs, then the calls in running order; rows by the longest way from an input."""
    made: dict[Edge, int] = {}
    boxes: list[Box] = []
    for edge, source in zip(model.graph.inputs, model.graph.sources, strict=True):
        made[edge] = len(boxes)
        boxes.append(Box(_texts(source, [edge], show_shapes), 0, colour=style.COLOURS[9]))
    for call in model.graph.calls:
        reads = [made[edge] for edge in call.inputs]
        made.update(dict.fromkeys(call.outputs, len(boxes)))
        row = 1 + max(boxes[i].row for i in reads)
        colour = style.COLOURS[1] if any(edge in model.graph.outputs for edge in call.outputs) else style.COLOURS[0]
        boxes.append(Box(_texts(call.item, call.outputs, show_shapes), row, reads=reads, colour=colour))
        if not call.item.trainable:
            boxes[-1].texts.append("frozen")
    return boxes


def _texts(item: Item, edges: Sequence[Edge], show_shapes: bool) -> list[str]:
    activation = getattr(getattr(item, "activation", None), "name", "linear")
    kind = kind_of(item) + (f" {activation}" if activation != "linear" else "")
    shapes = [", ".join(str(edge.shape) for edge in edges)] if show_shapes else []
    return [style.shown(item.name, 22), style.shown(kind, 24), *(style.shown(text, 26) for text in shapes)]


def _arrange(boxes: list[Box]) -> None:
    """Columns: each box below those it reads, boxes of a row two units apart at least, each row around zero."""
    for row in range(1 + max(box.row for box in boxes)):
        here = [box for box in boxes if box.row == row]
        wanted = [float(np.mean([boxes[k].column for k in box.reads] or [2.0 * i])) for i, box in enumerate(here)]
        place = -np.inf
        for i in np.argsort(wanted, kind="stable"):
            here[i].column = place = max(wanted[i], place + 2.0)
        middle = float(np.mean([box.column for box in here]) - (np.mean(wanted) if row else 0.0))
        for box in here:
            box.column -= middle


def _draw_arrows(ax: Axes, box: Box, sources: list[Box]) -> None:
    edge = BOX[1] / 2 + PAD
    for source in sources:
        bend = 0.0 if box.row - source.row == 1 else 0.25 if source.column >= box.column else -0.25
        look = {"arrowstyle": "-|>", "color": "0.45", "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
        ends = (box.column, box.row - edge), (source.column, source.row + edge)
        ax.annotate("", *ends, arrowprops={**look, "connectionstyle": f"arc3,rad={bend}"})


def _draw_box(ax: Axes, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = box.column - BOX[0] / 2, box.row - BOX[1] / 2
    frozen = box.texts[-1] == "frozen"
    patch = FancyBboxPatch(
        corner,
        *BOX,
        boxstyle=f"round,pad={PAD},rounding_size=0.1",
        facecolor="white",
        edgecolor=box.colour,
        linestyle="--" if frozen else "-",
        linewidth=1.2,
    )
    ax.add_patch(patch)
    text = "\n".join(box.texts[:-1] if frozen else box.texts)
    ax.text(box.column, box.row, text, ha="center", va="center", fontsize=7, linespacing=1.15)
