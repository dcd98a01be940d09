"""The table that ``model.summary()`` prints, and how tables of text are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer
from fastnn._base.reprs import cut
from fastnn.layers.base import Layer
from fastnn.models.naming import snake_case

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

ELSEWHERE = ("units", "input_shape", "shape", "name")  # arguments that other columns show


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Lines of a table, the first row its header over a rule; the columns ``right`` are set to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{cell:{'>' if i in right else '<'}{widths[i]}}" for i, cell in enumerate(row)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def summary(model: Model, line_length: int | None = None) -> str:
    """Layers with output shapes, parameters and settings, the totals, and how the model is trained."""
    lines = [f'Model: "{model.name}"', *_layers(model), *_training(model)]
    width = max(map(len, lines)) if line_length is None else integer("line_length", line_length, low=20)
    return "\n".join(line[:width] if set(line) == {"-"} else cut(line, width) for line in lines)


def _layers(model: Model) -> list[str]:
    if not model.knows_shape:
        names = [f"{x.name or snake_case(kind_of(x))} ({kind_of(x)})" for x in model.layers]
        named = [(str(i), names[i], _settings(x)) for i, x in enumerate(model.layers)]
        return [*table([("#", "Layer (type)", "Settings"), *named]), "not built: the input's shape is not known"]
    graph, header = model.graph, ["#", "Layer (type)", "Output Shape", "Param #", "Settings"]
    rows = []
    for index, item in enumerate(model.layers):
        kind = f"{item.name} ({kind_of(item)})"
        shapes = ", ".join(str(edge.shape) for edge in graph.edges_of(item))
        rows.append([str(index), kind, shapes, f"{item.count_params():,}", _settings(item)])
    if not graph.is_chain:
        header.append("Connected to")
        for row, item in zip(rows, model.layers, strict=True):
            row.append(", ".join(edge.name for call in graph.calls if call.item is item for edge in call.inputs))
    lines = table([header, *rows], right=(0, 3))
    shapes = ", ".join(shape(sizes) for sizes in model.layout.input_shapes)
    return [*lines, lines[1], f"Input shape: {shapes}", *_totals(model), *_rounded(model)]


def kind_of(item: Item) -> str:
    """The class of a layer or model in words."""
    return type(item).__name__ if isinstance(item, Layer) else item.composed_kind


def _totals(model: Model) -> list[str]:
    """Numbers of parameters; those that are not trained where there are any."""
    frozen = sum(weights.size for weights in model.non_trainable_weights)
    if not frozen:
        return [f"Total params: {size(model)}"]
    total = model.count_params()
    parts = (("Total", total), ("Trainable", total - frozen), ("Non-trainable", frozen))
    return [f"{what} params: {in_words(count, model.dtype)}" for what, count in parts]


def _rounded(model: Model) -> list[str]:
    """Which layers multiply numbers of bf16, where the policy has it."""
    layout = model.layout
    if not layout.mixed:
        return []
    from fastnn._plan.passes import operations_of
    from fastnn._plan.rounding import is_rounded

    found = {placed.node.layer for placed in operations_of(layout).operations if is_rounded(layout, placed)}
    names = ", ".join(str(layout.layers[i].name) for i in sorted(found))
    return [f"Products of bf16 numbers: {names or 'none'}"]


def size(model: Model) -> str:
    """Parameters and their bytes, in words."""
    return in_words(model.count_params(), model.dtype)


def in_words(count: int, dtype: np.dtype) -> str:
    """A number of parameters, and their bytes."""
    return f"{count:,} ({in_bytes(count * dtype.itemsize)} in {dtype.name})"


def shape(sizes: tuple[int, ...]) -> str:
    """A shape with the batch axis."""
    return str((None, *sizes))


def in_bytes(count: int) -> str:
    """Bytes in a unit that people read."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def _settings(layer: Item) -> str:
    if not hasattr(layer, "settings"):  # a model
        return ""
    given = {name: text for name, text in layer.settings().items() if name not in ELSEWHERE}
    activation = given.pop("activation", "").strip("'")
    words = [activation] if activation else []
    return cut(", ".join(words + [f"{name}={text}" for name, text in given.items()]), 70)


def _training(model: Model) -> list[str]:
    waiting = model.told_before
    if model.optimizer is None or (model.loss is None and waiting is None):
        return ["not compiled"]
    if model.loss is None:
        return [f"loss {waiting!r}, optimizer {model.optimizer!r}"]
    metrics = model.metrics_of_all()
    names = ", ".join(getattr(loss, "name", "none") for loss in model.losses)
    told = f"loss {names}, optimizer {model.optimizer!r}"
    return [told + (f", metrics {', '.join(metrics)}" if metrics else "")]


def tell(text: str) -> None:
    """Print a text; signs that standard output has no code for are written as Python would escape them."""
    try:
        print(text)
    except UnicodeEncodeError as error:
        print(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
