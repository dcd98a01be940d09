"""A model of ours out of another library's operations, whose images and signals have their channels first.

Both readers, of ONNX and of PyTorch, say what their graph computes by the methods of one builder, in the source's
shapes, orders of axes and layouts of weights; see :class:`ChannelsFirst`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastnn.interop.building.remembering import Remembering
from fastnn.interop.building.values import BATCH, LENGTH, ROWS, Atom, Value
from fastnn.layers import Activation, Flatten, Identity, Input, InputLayer, Reshape
from fastnn.layers.edges import Edge, Edges
from fastnn.models import Model

__all__ = ["LENGTH", "ROWS", "ChannelsFirst", "Value"]


STILL = (Flatten, Identity, InputLayer, Reshape)  # layers that compute nothing


class ChannelsFirst(Remembering):
    """Builds a functional Model from operations on values in the source's shapes.

    A value (:class:`Value`) stands for an array of the source's: ``value.shape`` is its shape there, the batch being
    None. Methods take values and weights as the source has them and give values; errors are ``ValueError`` with what
    has no counterpart, to which a reader adds the name of the node. Layers are ours, with the channels last; a Permute
    stands where the order of numbers matters and nowhere else: transposes and reshapes make no layer, and the rows of a
    linear layer behind a flatten go into the order of ours.

    The model takes and gives the source's own arrays, channels first, but for the batch, which is always the first
    axis. With ``channels_last`` its images come and go as ours do, ``(rows, height, width, channels)``.

    Methods: :meth:`input`; :meth:`conv`, :meth:`conv_transpose`, :meth:`pool`, :meth:`global_pool`, :meth:`reduce`;
    :meth:`linear`, :meth:`activation`, :meth:`prelu`, :meth:`dropout`, :meth:`embedding`; :meth:`batch_norm`,
    :meth:`layer_norm`, :meth:`group_norm`, :meth:`rms_norm`, :meth:`unit_norm`; :meth:`join`, :meth:`concatenate`,
    :meth:`scaled` (by numbers that are known), :meth:`constant`, :meth:`matmul`; :meth:`recurrent`,
    :meth:`multi_head_attention`, :meth:`attention`; :meth:`transpose`, :meth:`reshape`, :meth:`flatten`,
    :meth:`squeeze`, :meth:`unsqueeze`, :meth:`slice`, :meth:`split`, :meth:`pad`, :meth:`upsample`, :meth:`expand`; at
    the end :meth:`model`.

    Parameters
    ----------
    channels_last : whether images ``(batch, channels, height, width)`` among inputs and outputs come and go with their
        channels last.

    >>> import numpy as np
    >>> build = ChannelsFirst()
    >>> x = build.input((3, 8, 8), name="image")
    >>> y = build.activation(build.conv(x, np.ones((4, 3, 3, 3)), np.zeros(4)), "relu")
    >>> y.shape
    (None, 4, 6, 6)
    >>> model = build.model([build.linear(build.flatten(y), np.ones((144, 2)))])
    >>> model.predict(np.ones((1, 3, 8, 8))).tolist()
    [[3888.0, 3888.0]]
    """

    def __init__(self, channels_last: bool = False):
        super().__init__()
        self.channels_last = channels_last
        self.inputs: list[Value] = []

    def input(self, shape: Sequence[int | None], name: str | None = None, batch: int = 0) -> Value:
        """An input of the model.

        Parameters
        ----------
        shape : of one sample in the source, None for a length that differs from batch to batch.
        batch : which axis of the source's array has the rows; that of ours is the first.
        """
        sizes = tuple(shape)
        moved = self.channels_last and len(sizes) == 3
        edge = Input((*sizes[1:], sizes[0]) if moved else sizes or (1,), name=self.free_name(name))
        atoms = [(Atom(LENGTH if n is None else n),) if n != 1 else () for n in sizes]
        ours = [*atoms[1:], atoms[0]] if moved else atoms
        source = [*atoms[:batch], (BATCH,), *atoms[batch:]]
        made = Value(edge, tuple(atom for group in ours for atom in group), tuple(source))
        self.inputs.append(made)
        return made

    def output(self, value: Value) -> Edge:
        """The edge of a value as the model gives it: the source's axes without the batch."""
        groups = [group for group in value.source if group != (BATCH,)]
        if len(groups) == len(value.source):
            raise ValueError(f"the batch is no axis by itself in {value.told()}, so that this can be no output")
        if self.channels_last and len(groups) == 3:
            groups = [*groups[1:], groups[0]]
        return self.arranged(value, groups)

    def model(self, outputs: Sequence[Value] | Mapping[str, Value], **named: Any) -> Model:
        """The model from all inputs to these values, with its weights set.

        Parameters
        ----------
        outputs : a list, or a dict whose keys are the outputs' names; one alone is given as an array.
        named : further arguments of :class:`fastnn.Model`, such as ``dtype`` and ``name``.

        Raises
        ------
        ValueError
            an output has the rows of the batch mixed with other axes, or an input leads nowhere.
        """
        given = list(outputs.values()) if isinstance(outputs, Mapping) else list(outputs)
        names = list(outputs) if isinstance(outputs, Mapping) else [None] * len(given)
        edges: list[Edge] = []
        for value, name in zip(given, names, strict=True):
            edge = self.output(value)
            if edge in edges or any(edge is x.edge for x in self.inputs):
                edge = Identity(name=self.free_name(name))(edge)
            edges.append(edge)
        if all(type(layer) in STILL for layer in _layers(edges)):
            edges = [Activation("linear")(edge) for edge in edges]  # a model has an operation at least
        ends: Edges = edges[0] if len(edges) == 1 else edges
        if len(edges) > 1 and isinstance(outputs, Mapping):
            ends = dict(zip(outputs, edges, strict=True))
        self.check_weights()
        sources = [value.edge for value in self.inputs]
        made = Model(sources[0] if len(sources) == 1 else sources, ends, **named)
        for layer, arrays in self.weights:
            if layer.place is not None:
                wanted = [array.shape for array in layer.get_weights()]
                layer.set_weights([array.reshape(shape) for array, shape in zip(arrays, wanted, strict=True)])
        return made


def _layers(edges: Sequence[Edge]) -> list[object]:
    """All layers that edges come from."""
    waiting, calls = [edge.call for edge in edges], dict[object, object]()
    while waiting:
        call = waiting.pop()
        if call not in calls:
            calls[call] = call.item
            waiting += [edge.call for edge in call.inputs]
    return list(calls.values())
