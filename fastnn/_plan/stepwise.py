"""A layout of sequences made into one of a single step, whose states are inputs and outputs.

Recurrent layers hand on their states, and causal convolutions the steps that they still see. All other layers that come
before the end of the sequence have to act on each step by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastnn._plan.layout import Layout, Node, lay_out_graph
from fastnn.layers.base import Layer
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn.layers.steps import StepForm


@dataclass
class Steps:
    """A layout of single steps.

    Attributes
    ----------
    layout : inputs are those of the model and then the states; outputs likewise.
    states : names and shapes of the states.
    """

    layout: Layout
    states: list[tuple[str, Shape]] = field(default_factory=list)


def stepwise(layout: Layout) -> Steps:
    """The layout step by step.

    Raises
    ------
    ValueError
        a layer needs more than the steps before; it is named.
    """
    made = _Steps(layout)
    for node in layout.nodes:
        made.add(node)
    if not made.states:
        raise ValueError("the model has no layer that remembers: it has no steps, call the predictor itself")
    return Steps(made.finished(), made.states)


Made = tuple[str, int] | tuple[str, int, int]  # ("input", number), ("state", number), or ("node", number, output)


class _Steps:
    """What has been made step by step so far; edges are numbered anew when the states are known."""

    def __init__(self, layout: Layout):
        self.old, self.layers = layout, list(layout.layers)
        self.timed = set(layout.inputs)  # edges with an axis of steps
        self.edge: dict[int, Made] = {edge: ("input", edge) for edge in layout.inputs}
        self.nodes: list[tuple[int, list[Made], tuple[str, ...]]] = []
        self.states: list[tuple[str, Shape]] = []
        self.ends: list[Made] = []

    def add(self, node: Node) -> None:
        """What stands for a node."""
        layer, reads = self.layers[node.layer], [self.edge[edge] for edge in node.inputs]
        if not any(edge in self.timed for edge in node.inputs):
            self._call(node, node.layer, reads)
            return
        if layer.steps is not None:
            self._remember(node, layer, layer.steps(*(self.old.shapes[edge] for edge in node.inputs)), reads)
        elif layer.by_step:
            self._call(node, node.layer, reads)
            self.timed.update(node.outputs)
        else:
            raise ValueError(f"{layer!r} reads more than one step, so that the model has no step(); only predict")

    def _call(self, node: Node, layer: int, reads: list[Made]) -> None:
        self.nodes.append((layer, reads, node.options))
        self.edge.update({edge: ("node", len(self.nodes) - 1, i) for i, edge in enumerate(node.outputs)})

    def _remember(self, node: Node, layer: Layer, form: StepForm, reads: list[Made]) -> None:
        """Use a layer's form for single steps, see ``Layer.steps``."""
        first = len(self.states)
        if len(reads) > 1:  # states that another layer gives: they are read once, by whoever begins
            raise ValueError(f"{layer!r} begins with states of another layer, so that the model has no step()")
        self.states += [(f"{layer.name}_{name}", shape) for name, shape in form.states]
        known = [reads[0], *(("state", first + i) for i in range(len(form.states)))]
        for inner, inputs in form.calls:
            index = node.layer if inner is form.layer else len(self.layers)
            if inner is form.layer:
                self.layers[index] = inner
            else:
                self.layers.append(inner)
            self.nodes.append((index, [known[i] for i in inputs], ()))
            known += [("node", len(self.nodes) - 1, i) for i in range(inner.n_outputs)]
        self.ends += [known[i] for i in form.ends[1:]]
        self.edge[node.outputs[0]] = known[form.ends[0]]
        self.edge.update({edge: known[i] for edge, i in zip(node.outputs[1:], form.ends[1:], strict=False)})
        if form.keeps_steps:
            self.timed.add(node.outputs[0])

    def finished(self) -> Layout:
        """The layout, with the parameters where they were."""
        old, n_inputs = self.old, len(self.old.inputs)
        first, firsts = n_inputs + len(self.states), []
        for layer, _, options in self.nodes:
            firsts.append(first)
            first += self.layers[layer].n_outputs_of(options)

        def number(edge: Made) -> int:
            kind, at, *which = edge
            return int(at if kind == "input" else n_inputs + at if kind == "state" else firsts[at] + which[0])

        nodes = [(layer, tuple(map(number, reads)), options) for layer, reads, options in self.nodes]
        shapes = [(1, *shape[1:]) for shape in old.input_shapes] + [shape for _, shape in self.states]
        outputs = [number(self.edge[edge]) for edge in old.outputs] + [number(end) for end in self.ends]
        made = lay_out_graph(self.layers, nodes, shapes, outputs, old.frozen_layers, mixed=old.mixed)
        return made.at([[v.offset for v in old.of_layer(i)] for i in range(len(made.layers))], old.n_params)
