"""The model of a module: its inputs by shape, its graph, its outputs, and what is not trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from fastnn._base.arguments import shown
from fastnn.interop.channels_first import Value
from fastnn.interop.torch.reading.building import Builder, value
from fastnn.interop.torch.reading.tracing import Reading, graph_of
from fastnn.models import Model


def model_of(module: nn.Module, inputs: object, channels_last: bool, batch_axis: int) -> Model:
    """See :func:`fastnn.interop.from_torch`."""
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {shown(module)}")
    shapes = shapes_of(inputs, batch_axis)
    graph, build = graph_of(module), Builder(channels_last)
    names = [node.name for node in graph.nodes if node.op == "placeholder"]
    if len(shapes) > len(names):
        raise ValueError(f"forward takes {len(names)} inputs ({', '.join(names)}), and {len(shapes)} shapes are given")
    edges = [build.input(shape, name, batch_axis) for shape, name in zip(shapes, names, strict=False)]
    made = Reading(module, build).run(graph, edges)
    dtypes = {parameter.dtype for parameter in module.parameters()}
    model = build.model(_outputs(made), dtype="float64" if dtypes == {torch.float64} else "float32")
    _freeze(build, module)
    return model


def shapes_of(inputs: object, batch_axis: int) -> list[tuple[int | None, ...]]:
    """Shapes of one sample of each input, from shapes or examples of batches."""
    if hasattr(inputs, "shape") or _is_shape(inputs):
        inputs = [inputs]
    if not isinstance(inputs, Sequence) or not inputs:
        raise TypeError(
            f"inputs must be the shape of one sample, such as (3, 32, 32), an example of a batch, or a list of them, "
            f"got {shown(inputs)}"
        )
    found: list[tuple[int | None, ...]] = []
    for came in inputs:
        if hasattr(came, "shape"):
            sizes = list(came.shape)
            if len(sizes) <= batch_axis:
                raise ValueError(
                    f"an example must have the axis {batch_axis} of the batch, got the shape {tuple(sizes)}"
                )
            found.append(tuple(int(n) for n in sizes[:batch_axis] + sizes[batch_axis + 1 :]))
        elif _is_shape(came):
            found.append((came,) if isinstance(came, int) else tuple(came))
        else:
            raise TypeError(f"a shape must hold whole sizes, or None for a length that differs, got {shown(came)}")
    return found


def _is_shape(came: object) -> bool:
    if isinstance(came, int):
        return True
    return isinstance(came, tuple | torch.Size) and all(n is None or (isinstance(n, int) and n > 0) for n in came)


def _outputs(made: object) -> list[Value] | dict[str, Value]:
    """Values in a list, or in a dict by name; those in tuples of tuples one behind the other."""
    if isinstance(made, Mapping):
        return {str(name): value(one) for name, one in made.items()}
    found: list[Value] = []
    waiting = [made]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting += reversed(one)
        elif one is not None:
            found.append(value(one))
    return found


def _freeze(build: Builder, module: nn.Module) -> None:
    """Have layers of modules none of whose parameters is trained not trained either."""
    for name, part in module.named_modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            for layer in build.of_modules.get(name.replace(".", "_"), ()):
                layer.trainable = False
