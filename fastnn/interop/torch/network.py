"""The module that an exported network is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from fastnn.activations.records import Activation
from fastnn.interop.torch import activations, drawing, functions, modules, recurrent
from fastnn.interop.torch.chart import Chart, Step, arrays_of, chart_of
from fastnn.layers.parameter import Shape

if TYPE_CHECKING:
    from fastnn.models.model import Model

HOMES = (modules, drawing, recurrent, nn)


class Call(NamedTuple):
    """One step: what it calls, what it reads and in which shape (None as it is), what it is called with behind."""

    path: str
    function: str
    activation: str
    reads: tuple[tuple[int, Shape | None], ...]
    more: tuple[Any, ...]
    named: tuple[tuple[str, object], ...]
    writes: int


class Course(NamedTuple):
    """The steps for inputs of certain lengths, and the values that are outputs with the shapes to give."""

    calls: tuple[Call, ...]
    outputs: tuple[tuple[int, Shape | None], ...]


class Network(nn.Module):
    """A network of fastnn as a module: it takes what ``predict`` takes and, in ``eval()``, gives what that gives.

    ``forward`` takes a tensor (or an array of NumPy's) for each input, one behind the other or in a list, or a dict by
    the names of the inputs. Layers are submodules of their names. Stateful layers begin anew after ``reset_states()``.
    """

    def __init__(self, model: Model):
        super().__init__()
        _, self._names = chart_of(model)
        self._ends, self._layout, self._chart = model.ends, model.layout, Chart()
        self._courses: dict[tuple[Shape, ...], Course] = {}
        self._dtype = torch.float64 if model.dtype == np.float64 else torch.float32
        self._frozen = frozenset(model.frozen())
        self._course(tuple(tuple(shape) for shape in self._layout.input_shapes))
        arrays, known = arrays_of(model, self._chart), self.state_dict()
        missing = {name: known[name] for name in known.keys() - arrays.keys()}  # counters of batches
        self.load_state_dict({**missing, **{name: torch.from_numpy(array) for name, array in arrays.items()}})
        self.eval()

    def forward(self, *inputs: object) -> Any:
        values: dict[int, Tensor] = dict(enumerate(self._given(inputs)))
        course = self._course(tuple(tuple(values[i].shape[1:]) for i in range(len(values))))
        for call in course.calls:
            xs = [_shaped(values[value], shape) for value, shape in call.reads]
            if call.path:
                y = self.get_submodule(call.path)(*xs, *call.more)
            elif call.function:
                y = getattr(functions, call.function)(*xs, *call.more, **dict(call.named))
            else:
                y = xs[0]
            values[call.writes] = self.get_submodule(call.activation)(y) if call.activation else y
        made = [_shaped(values[value], shape) for value, shape in course.outputs]
        outs = self._ends[1]
        if outs.form == "dict":
            return dict(zip(outs.names, made, strict=True))
        return made[0] if outs.form == "one" else made

    def reset_states(self) -> None:
        """Let stateful layers begin with zeros again."""
        for module in self.modules():
            if isinstance(module, modules.State):
                module.kept = None

    def _given(self, inputs: tuple[object, ...]) -> list[Tensor]:
        came: object = inputs[0] if len(inputs) == 1 else list(inputs)
        dtype = next((parameter.dtype for parameter in self.parameters()), self._dtype)
        given = self._ends[0].split("inputs", came)
        return [(torch.from_numpy(x) if isinstance(x, np.ndarray) else x).to(dtype) for x in given]

    def _course(self, shapes: tuple[Shape, ...]) -> Course:
        if shapes not in self._courses:
            layout = self._of_shapes(shapes)
            steps, outputs = self._chart.steps(layout, self._names)
            self._add_modules()
            self._courses[shapes] = _course(steps, outputs, dict(enumerate(layout.input_shapes)))
        return self._courses[shapes]

    def _of_shapes(self, shapes: tuple[Shape, ...]) -> Any:
        stated = self._layout.stated(self._layout.inputs)
        fits = [
            len(came) == len(shape) and all(n in (None, size) for n, size in zip(shape, came, strict=True))
            for came, shape in zip(shapes, stated, strict=True)
        ]
        if not all(fits):
            wanted = ", ".join(str((None, *shape)) for shape in stated)
            raise ValueError(f"the network takes {wanted}, got {', '.join(str((None, *came)) for came in shapes)}")
        return self._layout.of_sizes([math.prod(shape) for shape in shapes]) if self._layout.is_open else self._layout

    def _add_modules(self) -> None:
        """Make the modules that the chart lists and that are not there yet."""
        for path, part in self._chart.modules.items():
            *outer, name = path.split(".")
            home: nn.Module = self
            for step in outer:
                if step not in home._modules:
                    home.add_module(step, nn.Module())
                home = home.get_submodule(step)
            if name not in home._modules:
                home.add_module(name, self._made(part, path).to(self._dtype).train(self.training))

    def _made(self, part: Any, path: str) -> nn.Module:
        if isinstance(part, Activation):
            return activations.activation_module(part)
        kind = next(getattr(home, part.kind) for home in HOMES if hasattr(home, part.kind))
        module: nn.Module = kind(**part.arguments)
        frozen = self._chart.layers.get(path, -1) in self._frozen
        for name, parameter in module.named_parameters(recurse=False):
            if frozen or part.sources[name].constant is not None:
                parameter.requires_grad_(False)
        return module


def _course(steps: list[Step], outputs: Any, shapes: dict[int, Shape]) -> Course:
    """Steps with the shapes to which their inputs have to be brought."""
    calls = []
    for step in steps:
        part = step.part
        reads = tuple((v, None if shapes[v] == s else s) for v, s in zip(step.reads, part.reads, strict=True))
        named = () if step.path else tuple(part.arguments.items())
        function = "" if step.path else part.kind
        calls.append(Call(step.path, function, step.activation, reads, part.more, named, step.writes))
        shapes[step.writes] = part.gives
    return Course(tuple(calls), tuple((v, None if shapes[v] == s else tuple(s)) for v, s in outputs))


def _shaped(x: Tensor, shape: Shape | None) -> Tensor:
    return x if shape is None else x.reshape(-1, *shape)
