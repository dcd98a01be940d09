"""Plans: a model compiled into flat tables, the memory it works in, and the records of both."""

from fastnn._plan.compile import KERAS, MAX_BLOCK, compile_plan
from fastnn._plan.layout import ALIGN, Layout, Variable, lay_out, lay_out_graph
from fastnn._plan.memory import Memory, aligned, allocate, new_run, new_slots, outputs
from fastnn._plan.plan import Plan

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
