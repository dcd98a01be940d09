"""Attention: the op's sizes as a struct."""

from __future__ import annotations

from fastnn.interop.c.function import NOTHING, Function
from fastnn.interop.c.text import real
from fastnn.interop.program import Step


def attention(f: Function, step: Step) -> None:
    s = step.arrays.sizes
    layer = f.struct(step, "attention", {**s._asdict(), "scale": real(step.record["numbers"][0])})
    room = f"{f.y(step)} + {s.queries * s.heads * s.e}" if s.gives_weights else f.room(step, "weights", s.keys)
    mask = f.x(step, 3) if s.mask_rows else NOTHING
    f.call("attend", layer, *(f.x(step, i) for i in range(3)), mask, room, f.y(step))
