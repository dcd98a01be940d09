"""Plans: a model compiled into flat tables, the memory it works in, and the records of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base import lazy

if TYPE_CHECKING:
    from fastnn._plan.compile import KERAS, MAX_BLOCK, compile_plan
    from fastnn._plan.layout import ALIGN, Layout, Variable, lay_out, lay_out_graph
    from fastnn._plan.memory import Memory, aligned, allocate, new_run, new_slots, outputs
    from fastnn._plan.plan import Plan

_MODULES = {
    "compile": "KERAS MAX_BLOCK compile_plan",
    "layout": "ALIGN Layout Variable lay_out lay_out_graph",
    "memory": "Memory aligned allocate new_run new_slots outputs",
    "plan": "Plan",
}

__all__ = [
    "ALIGN",
    "KERAS",
    "MAX_BLOCK",
    "Layout",
    "Memory",
    "Plan",
    "Variable",
    "aligned",
    "allocate",
    "compile_plan",
    "lay_out",
    "lay_out_graph",
    "new_run",
    "new_slots",
    "outputs",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.names(__name__, _MODULES)
