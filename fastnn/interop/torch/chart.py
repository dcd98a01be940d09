"""A model as modules of PyTorch by name and the steps between them; nothing here imports PyTorch.

Design: a layer is a module of its name, or a module with children where it has several operations with weights. The
names in ``state_dict`` then are what a user of PyTorch expects (``encoder.dense.weight``), and a layer that is called
twice is one module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._plan.layout import Layout
from fastnn._plan.passes import Graph, Placed, operations_of, prune
from fastnn.activations import linear
from fastnn.activations.records import Activation
from fastnn.interop.torch.names import legal, paths_of
from fastnn.interop.torch.part import Part, Source
from fastnn.interop.torch.parts import part_of
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn.models.model import Model


@dataclass(frozen=True)
class Step:
    """One module called, or a function where it has no path; ``activation`` is the path of what comes behind it."""

    path: str
    activation: str
    part: Part
    reads: tuple[int, ...]
    writes: int


@dataclass
class Chart:
    """The modules of a model and how they call each other.

    Attributes
    ----------
    modules : the parts that are modules by their paths, and activations, in the order in which they run.
    layers : of each module with weights, the layer (a place in the layout) that they come from.
    """

    modules: dict[str, Part | Activation] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    paths: dict[Any, str] = field(default_factory=dict)

    def steps(self, layout: Layout, names: dict[int, str]) -> tuple[list[Step], list[tuple[int, Shape]]]:
        """The steps of a layout whose lengths are known, and values and shapes of its outputs."""
        graph = operations_of(layout)
        prune(graph)
        shapes: dict[int, Shape] = dict(zip(graph.inputs, layout.input_shapes, strict=True))
        counts = _counts(graph)
        steps = []
        for placed in graph.operations:
            layer = layout.layers[placed.node.layer]
            read = layout.shapes[placed.node.inputs[0]]
            part = part_of(placed.operation, [shapes[value] for value in placed.reads], layer, read)
            base = names[placed.node.layer]
            path, activation = self._place(placed, part, base, counts[placed.node.layer], layout)
            steps.append(Step(path, activation, part, placed.reads, placed.writes))
            shapes[placed.writes] = part.gives
        return steps, list(zip(graph.outputs, layout.output_shapes, strict=True))

    def _place(self, placed: Placed, part: Part, base: str, counts: tuple[int, int], layout: Layout) -> tuple[str, str]:
        """Paths of an operation's module and of its activation, each new one listed."""
        layer, n_weighted, n_others = placed.node.layer, *counts
        activation, path = "", ""
        if part.kind[:1].isupper():
            key = (layer, part.kind, placed.operation.state, _key(part))
            path = self.paths.get(key, "")
            if not path:
                path = self._named(base, part, n_weighted, n_others, layout, layer)
                self.paths[key], self.modules[path] = path, part
                if part.sources:
                    self.layers[path] = layer
        if part.activation.code != linear.code:
            after = (layer, part.activation, path)
            activation = self.paths.get(after, "")
            if not activation:
                wanted = f"{base}_activation" if path else base
                activation = self.paths[after] = self._free(wanted)
                self.modules[activation] = part.activation
        return path, activation

    def _named(self, base: str, part: Part, n_weighted: int, n_others: int, layout: Layout, layer: int) -> str:
        if part.sources and n_weighted > 1:
            first = min(source.index for source in part.sources.values() if source.index >= 0)
            word = layout.of_layer(layer)[first].parameter.name.removesuffix("kernel").removesuffix("_") or "kernel"
            return self._free(f"{base}.{legal(word)}")
        if part.sources or (n_weighted == 0 and n_others == 1):
            return self._free(base)
        return self._free(f"{base}_{part.kind.lower()}")

    def _free(self, wanted: str) -> str:
        """A path that no other module has, nor one with children."""
        path, number = wanted, 0
        while path in self.modules or any(other.startswith(f"{path}.") for other in self.modules if path != wanted):
            number += 1
            path = f"{wanted}_{number}"
        return path


def _key(part: Part) -> tuple[object, ...]:
    """What two uses have to agree in to be one module."""
    told = tuple((n, v.tobytes() if isinstance(v, np.ndarray) else repr(v)) for n, v in part.arguments.items())
    return tuple(source.index for source in part.sources.values()), told


def _counts(graph: Graph) -> dict[int, tuple[int, int]]:
    """Of each layer, how many of its operations have weights of their own, and how many have none."""
    weighted, others = defaultdict[int, set[Any]](set), defaultdict[int, int](int)
    for placed in graph.operations:
        parameters = tuple(placed.operation.parameters)
        if parameters:
            weighted[placed.node.layer].add(parameters)
        else:
            others[placed.node.layer] += 1
    return {layer: (len(weighted[layer]), others[layer]) for layer in weighted.keys() | others.keys()}


def known_length(model: Model) -> Layout:
    """A layout that modules can be listed from; of a model of any length, one of some length."""
    layout: Layout = model.layout
    if not layout.is_open:
        return layout
    return layout.of_sizes([int(np.prod(shape)) for shape in layout.input_shapes])


def chart_of(model: Model) -> tuple[Chart, dict[int, str]]:
    """The modules of a built model, and the paths of its layers.

    Raises
    ------
    TypeError, NotReadyError
        it is no model, or is not built; it has layers of the user's own.
    """
    from fastnn.models import Model

    if not isinstance(model, Model):
        raise TypeError(f"model must be a Sequential or a Model, got {shown(model)}")
    chart, names = Chart(), paths_of(model)
    chart.steps(known_length(model), names)
    return chart, names


def arrays_of(model: Model, chart: Chart) -> dict[str, np.ndarray]:
    """All parameters and buffers under their names in ``state_dict``, but for counters."""
    layout, params = model.layout, model.params
    found = {}
    for path, name, source, variables in _sources(chart, layout):
        if source.constant is not None:
            array = source.constant
        else:
            variable = variables[source.index]
            array = params[variable.offset : variable.offset + variable.size].reshape(variable.parameter.shape)
            array = source.turned(array)
        found[f"{path}.{name}"] = np.array(array, dtype=model.dtype, order="C")
    return found


def weights_of(model: Model, chart: Chart, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The weights in the order of ``get_weights``, from arrays under their names in ``state_dict``.

    Raises
    ------
    ValueError
        an array is missing, too many, of another shape, or has numbers that our layer cannot have.
    """
    layout = model.layout
    made = [np.zeros(variable.parameter.shape, model.dtype) for variable in layout.variables]
    place = {id(variable): i for i, variable in enumerate(layout.variables)}
    left = dict(arrays)
    for path, name, source, variables in _sources(chart, layout):
        key = f"{path}.{name}"
        if key not in left:
            raise ValueError(f"the array {key!r} is missing; there are {', '.join(sorted(arrays)) or 'none'}")
        came = left.pop(key)
        if source.index < 0:
            _check_constant(key, came, source)
            continue
        variable = variables[source.index]
        places = source.turned(np.arange(variable.size).reshape(variable.parameter.shape))
        if came.shape != places.shape:
            raise ValueError(f"{key!r} must have the shape {places.shape}, got {came.shape}")
        made[place[id(variable)]].reshape(-1)[places.reshape(-1)] += came.reshape(-1)
    others = [key for key in left if not key.endswith("num_batches_tracked")]
    if others:
        raise ValueError(f"the model has no place for {shown(others[0])}, and {len(others)} arrays in all")
    return made


def _check_constant(key: str, came: np.ndarray, source: Source) -> None:
    assert source.constant is not None
    if came.shape != source.constant.shape or not np.array_equal(came, source.constant):
        raise ValueError(
            f"{key!r} must hold {source.constant.reshape(-1)[0]:g} alone, for the layer has no such parameter; give it "
            f"scale=True and center=True"
        )


def _sources(chart: Chart, layout: Layout) -> Iterable[tuple[str, str, Source, tuple[Any, ...]]]:
    for path, layer in chart.layers.items():
        variables = layout.of_layer(layer)
        part = chart.modules[path]
        assert isinstance(part, Part)
        for name, source in part.sources.items():
            yield path, name, source, variables
