"""Graphs of activations and their slopes as small drawings, in the colours of the page they stand on."""

from __future__ import annotations

import numpy as np

from fastnn.activations import Activation

WIDTH, HEIGHT, EDGE = 260, 150, 10
AXIS = 'stroke="currentColor" stroke-opacity=".35"'
RIGHT = 5.0  # from -RIGHT to RIGHT


def activation(record: Activation) -> str:
    """The graph of an activation, and, thin, that of its derivative."""
    z = np.linspace(-RIGHT, RIGHT, 201)
    y = record(z)
    slope = record.backward(z, y, np.ones_like(z))
    low, high = max(min(y.min(), slope.min(), -0.2), -2.0), min(max(y.max(), slope.max(), 1.0), 3.0)
    zero, left = _at(0.0, low, high), WIDTH / 2
    lines = [
        f'<line x1="{EDGE}" y1="{zero:.1f}" x2="{WIDTH - EDGE}" y2="{zero:.1f}" {AXIS}/>',
        f'<line x1="{left}" y1="{EDGE}" x2="{left}" y2="{HEIGHT - EDGE}" {AXIS}/>',
        _curve(z, slope, low, high, 'stroke="currentColor" stroke-opacity=".6" stroke-dasharray="4 3"'),
        _curve(z, y, low, high, 'stroke="var(--color-brand-primary)" stroke-width="2.5"'),
    ]
    label = f"{record.name} from -5 to 5, dashed its derivative"
    return (
        f'<div class="drawing curve"><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'aria-label="{label}">{"".join(lines)}</svg></div>'
    )


def _at(value: float, low: float, high: float) -> float:
    return EDGE + (high - value) / (high - low) * (HEIGHT - 2 * EDGE)


def _curve(z: np.ndarray, y: np.ndarray, low: float, high: float, style: str) -> str:
    """A line through those points that the drawing has room for, broken where a value jumps."""
    pieces: list[list[str]] = [[]]
    for number, (a, b) in enumerate(zip(z, y, strict=True)):
        jumps = number > 0 and abs(b - y[number - 1]) > 0.3
        if not low <= b <= high or jumps:
            pieces.append([])
        if low <= b <= high:
            across = EDGE + (a + RIGHT) / (2 * RIGHT) * (WIDTH - 2 * EDGE)
            pieces[-1].append(f"{across:.1f},{_at(b, low, high):.1f}")
    drawn = [f'<polyline points="{" ".join(piece)}" fill="none" {style}/>' for piece in pieces if len(piece) > 1]
    return "".join(drawn)
