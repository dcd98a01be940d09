"""The table that ``model.summary()`` prints, and how tables of text are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastnn.reprs import cut

if TYPE_CHECKING:
    from fastnn.layers.base import Layer
    from fastnn.model import Sequential

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


def summary(model: Sequential) -> str:
    """Layers with output shapes, parameters and settings, the totals, and how the model is trained."""
    if not model.built and (not model.layers or model.layers[0].input_shape is None):
        rows = [("#", "layer", "settings"), *((str(i), _name(x), _settings(x)) for i, x in enumerate(model.layers))]
        return "\n".join([*table(rows), "not built: the input's shape is not known", *_training(model)])
    layout = model.layout
    shown = [("#", "layer", "output", "params", "settings")]
    for index, layer in enumerate(layout.layers):
        count = sum(v.size for v in layout.variables if v.layer == index)
        shown.append((str(index), _name(layer), shape(layout.shapes[index + 1]), f"{count:,}", _settings(layer)))
    lines = table(shown, right=(0, 3))
    lines.append(lines[1])
    lines.append(f"input {shape(layout.shapes[0])}, {size(model)}")
    return "\n".join([*lines, *_training(model)])


def size(model: Sequential) -> str:
    """Parameters and their bytes, in words."""
    count = model.count_params()
    return f"{count:,} params in {model.dtype.name} ({in_bytes(count * model.dtype.itemsize)})"


def shape(sizes: tuple[int, ...]) -> str:
    """A shape with the batch axis."""
    return f"(n, {', '.join(map(str, sizes))})"


def in_bytes(count: int) -> str:
    """Bytes in a unit that people read."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def _name(layer: Layer) -> str:
    kind = type(layer).__name__
    return f"{layer.name} ({kind})" if layer.name else kind


def _settings(layer: Layer) -> str:
    given = {name: text for name, text in layer.settings().items() if name not in ELSEWHERE}
    activation = given.pop("activation", "").strip("'")
    words = [activation] if activation else []
    return cut(", ".join(words + [f"{name}={text}" for name, text in given.items()]), 70)


def _training(model: Sequential) -> list[str]:
    if model.loss is None or model.optimizer is None:
        return ["not compiled"]
    metrics = [metric.name for metric in (*model.metrics, *model.weighted_metrics)]
    told = f"loss {model.loss.name}, optimizer {model.optimizer!r}"
    return [told + (f", metrics {', '.join(metrics)}" if metrics else "")]
