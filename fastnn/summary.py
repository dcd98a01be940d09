"""The table that ``model.summary()`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastnn.model import Sequential


def summary(model: Sequential) -> str:
    """Layers with output shapes and parameters, and the totals."""
    layout = model.layout
    rows = [("layer", "output", "params", "activation")]
    for index, layer in enumerate(layout.layers):
        count = sum(v.size for v in layout.variables if v.layer == index)
        activation = getattr(layer, "activation", None)
        name = layer.name or type(layer).__name__
        rows.append(
            (
                f"{index} {name}",
                _shape(layout.shapes[index + 1]),
                f"{count:,}",
                "" if activation is None else activation.name,
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    size = model.count_params() * model.dtype.itemsize
    lines.append(
        f"input {_shape(layout.shapes[0])}, {model.count_params():,} params in {model.dtype.name} ({_bytes(size)})"
    )
    return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return f"(n, {', '.join(map(str, shape))})"


def _bytes(size: int) -> str:
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"
