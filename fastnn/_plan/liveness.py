"""How long values live in a plan for prediction, where later ones take the places of those that nobody reads any more.

A value lives from the operation that writes it to the last one that reads it, that one included; what is seen when all
are done lives to the end. One takes the place of another only if it has as many numbers a sample: then each of its rows
lies over that very row of the other, so that threads, each with rows of its own, and stages, which push a few samples
at a time through a run of operations, write over nothing that is still to be read.

Design: places for values of any size, cut out of what is free (rejected), would lay rows over other rows, so that
all threads had to meet at each operation.
"""

from __future__ import annotations

from fastnn._plan.passes import Graph, pooled


def last_reads(graph: Graph) -> list[list[int]]:
    """For each operation the values that nobody reads once it is done, but did until then."""
    last: dict[int, int] = {}
    for i, placed in enumerate(graph.operations):
        last.update(dict.fromkeys((placed.writes, *placed.reads), i))
    for i in pooled(graph):  # a backend may write the maxima while it reads what the convolution does
        last.update({value: i + 1 for value in graph.operations[i].reads if last[value] == i})
    dead: list[list[int]] = [[] for _ in graph.operations]
    for value in last.keys() - {*graph.inputs, *graph.seen}:
        dead[last[value]].append(value)
    return [sorted(values) for values in dead]
