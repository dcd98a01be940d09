"""A model of ours out of an ONNX graph: :func:`from_onnx`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import cut, in_a_line
from fastnn.interop.building.values import ROWS, Value
from fastnn.interop.channels_first import ChannelsFirst
from fastnn.interop.libraries import needed
from fastnn.interop.onnx import array_readers as array_readers
from fastnn.interop.onnx import norm_readers as norm_readers
from fastnn.interop.onnx import number_readers as number_readers
from fastnn.interop.onnx import product_readers as product_readers
from fastnn.interop.onnx import sequence_readers as sequence_readers
from fastnn.interop.onnx import window_readers as window_readers
from fastnn.interop.onnx.array_readers import constant
from fastnn.interop.onnx.nodes import Node, Reader, compressed
from fastnn.interop.onnx.patterns import with_patterns
from fastnn.models import Model

if TYPE_CHECKING:
    import onnx

    from fastnn._base.types import StrPath

FREE, TIMES = 1 << 22, 4  # numbers that known ones may grow to, and how many times those of the file
WHOLE = (2, 3, 4, 5, 6, 7, 8, 9, 12, 13)  # types of whole numbers, texts and truths
TEXT = 8
BROKEN = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def from_onnx(
    source: StrPath | bytes | onnx.ModelProto,
    *,
    channels_last: bool = False,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    outputs: Sequence[str] | None = None,
    **named: object,
) -> Model:
    """A model that computes what an ONNX graph does, with its weights, to be used or trained on.

    The model takes and gives the graph's own arrays, images with their channels first, but for the batch, which is
    always the first axis. Files of PyTorch's exporters, of Keras, tf2onnx and skl2onnx are read where their networks
    are of our layers; constants are folded, and what exporters take apart (normalisations, gelu, attention) is put
    together again.

    Parameters
    ----------
    source : name of a file, its bytes, or an ``onnx.ModelProto``.
    channels_last : whether images, inputs and outputs ``(rows, channels, height, width)`` in the graph, come and go as
        ``(rows, height, width, channels)``.
    shapes : by the name of an input, the shape of a sample, for sizes that the graph leaves open; of one length that
        differs from batch to batch None may stay.
    outputs : names of the outputs wanted; all without, but for whole numbers and texts (labels) beside others.
    named : further arguments of :class:`fastnn.Model`, such as ``dtype`` and ``name``.

    Raises
    ------
    ModuleNotFoundError
        onnx is not installed.
    OSError
        the file cannot be read.
    ValueError
        it is no ONNX file, or a node has no counterpart: its name, operator and the reason are told.

    >>> import numpy as np
    >>> from fastnn import Sequential
    >>> from fastnn.interop import from_onnx, to_onnx
    >>> from fastnn.layers import Dense
    >>> first = Sequential([Dense(2, "relu", input_shape=(3,))], seed=1)
    >>> again = from_onnx(to_onnx(first))
    >>> x = np.ones((4, 3), np.float32)
    >>> bool(np.allclose(first.predict(x), again.predict(x)))
    True
    """
    onnx = needed("onnx", "from_onnx")
    if not isinstance(source, str | os.PathLike):
        return _read(onnx, source, channels_last, shapes or {}, outputs, named)
    try:
        return _read(onnx, source, channels_last, shapes or {}, outputs, named)
    except ValueError as error:
        raise ValueError(f"{os.fspath(source)} cannot be read as a model: {in_a_line(error)}") from error


def _read(
    onnx: ModuleType,
    source: object,
    channels_last: bool,
    shapes: Mapping[str, Sequence[int | None]],
    outputs: Sequence[str] | None,
    named: dict[str, object],
) -> Model:
    proto = _proto(onnx, source)
    graph, opset = proto.graph, _opset(proto)
    _check_names(graph)
    numbers = _numbers(onnx, source, graph)
    most = FREE + TIMES * sum(array.size for array in numbers.values())
    build = ChannelsFirst(channels_last)
    reader = Reader(build, [_node(onnx, node) for node in graph.node], numbers, opset, most)
    _check_order(reader.nodes, {*numbers, *(info.name for info in graph.input)})
    wanted = _wanted(graph, outputs)
    try:
        reader.nodes = with_patterns(reader, wanted)
    except RecursionError:
        raise ValueError("the graph is made of itself, or deeper than can be followed") from None
    reader.makers = {name: node for node in reader.nodes for name in node.outputs if name}
    for info in graph.input:
        if info.name not in numbers and any(info.name in node.inputs for node in reader.nodes):
            try:
                _input(reader, info, shapes)
            except (OverflowError, TypeError) as error:
                raise ValueError(f"input {info.name!r}: {cut(str(error))}") from error
    for node in reader.nodes:
        try:
            with np.errstate(all="ignore"):
                reader.walk(node)
        except BROKEN as error:
            raise ValueError(f"{node.told}: {cut(str(error))}") from error
    return _model(reader, wanted, named)


def _proto(onnx: ModuleType, source: object) -> onnx.ModelProto:
    if isinstance(source, onnx.ModelProto):
        proto = source
    elif isinstance(source, bytes | bytearray | memoryview):
        proto = _parsed(onnx, bytes(source))
    elif isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            proto = _parsed(onnx, file.read())
    else:
        raise TypeError(f"from_onnx takes a file name, bytes or an onnx.ModelProto, got {shown(source)}")
    if not proto.HasField("graph") or not proto.graph.output:
        raise ValueError("it is no ONNX model: there is no graph with outputs in it")
    if proto.functions:
        from onnx.inliner import inline_local_functions

        try:
            proto = inline_local_functions(proto)
        except Exception as error:
            raise ValueError(f"its functions cannot be put in the place of their calls ({cut(str(error))})") from None
    return proto


def _parsed(onnx: ModuleType, data: bytes) -> onnx.ModelProto:
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:
        raise ValueError(f"it is no ONNX model, or damaged ({cut(str(error))})") from None


def _check_names(graph: onnx.GraphProto) -> None:
    """Raise ``ValueError`` for a name that is no text: protobuf gives bytes that are no UTF-8 as they are."""
    names = [entry.name for entry in (*graph.initializer, *graph.input, *graph.output)]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output, *(a.name for a in node.attribute)]
    odd = next((name for name in names if not isinstance(name, str)), None)
    if odd is not None:
        raise ValueError(f"the name {shown(odd)} in it is no text")


def _opset(proto: onnx.ModelProto) -> int:
    found = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    return max(found, default=1)


def _numbers(onnx: ModuleType, source: object, graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    folder = os.path.dirname(os.path.abspath(source)) if isinstance(source, str | os.PathLike) else ""
    found = {}
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL and not folder:
            raise ValueError(f"the numbers {tensor.name!r} are in another file; give the model's file name")
        try:
            found[tensor.name] = onnx.numpy_helper.to_array(tensor, base_dir=folder)
        except Exception as error:
            raise ValueError(f"the numbers {tensor.name!r} are damaged or missing ({cut(str(error))})") from None
    if graph.sparse_initializer:
        raise ValueError("numbers that are stored sparsely have no counterpart")
    return found


def _node(onnx: ModuleType, node: onnx.NodeProto) -> Node:
    attributes = {a.name: _attribute(onnx, a) for a in node.attribute}
    return Node(node.op_type, list(node.input), list(node.output), attributes, node.name, node.domain)


def _attribute(onnx: ModuleType, attribute: onnx.AttributeProto) -> object:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [one.decode(errors="replace") for one in value]
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _check_order(nodes: list[Node], known: set[str]) -> None:
    """``ValueError`` where a node reads what none before it gives, or gives a name that is there already."""
    for node in nodes:
        missing = [name for name in node.inputs if name and name not in known]
        if missing:
            raise ValueError(f"{node.told}: nothing before it gives its input {missing[0]!r}")
        given = [name for name in node.outputs if name]
        if len({*given} - known) < len(given):
            raise ValueError(f"{node.told}: one of its outputs has a name that is there already")
        known |= {*given}


def _wanted(graph: onnx.GraphProto, outputs: Sequence[str] | None) -> list[str]:
    names = [info.name for info in graph.output]
    if outputs is not None:
        missing = [name for name in outputs if name not in names]
        if missing:
            raise ValueError(f"the graph has no output {missing[0]!r}; it has {', '.join(map(repr, names))}")
        return list(outputs)
    numbers = [info.name for info in graph.output if info.type.tensor_type.elem_type not in WHOLE]
    return numbers or names


def _input(reader: Reader, info: onnx.ValueInfoProto, shapes: Mapping[str, Sequence[int | None]]) -> None:
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type") or kind.elem_type == TEXT:
        raise ValueError(f"input {info.name!r} holds texts or no array, which no model takes")
    if not kind.HasField("shape"):
        raise ValueError(f"the graph says no shape of its input {info.name!r}")
    sizes: list[Any] = [dim.dim_value if dim.dim_value > 0 else (dim.dim_param or None) for dim in kind.shape.dim]
    if not sizes:
        raise ValueError(f"input {info.name!r} is a single number, and has no rows")
    batch = _batch_axis(reader, info.name, sizes)
    if isinstance(sizes[batch], int):
        reader.batch = sizes[batch]
    shape = [size if isinstance(size, int) else None for i, size in enumerate(sizes) if i != batch]
    shape = list(shapes.get(info.name, shape))
    if shape.count(None) > 1:
        raise ValueError(
            f"input {info.name!r} has the shape {tuple(shape)} a sample; give shapes={{{info.name!r}: (...)}}, in "
            f"which one length at most may be None"
        )
    reader.env[info.name] = reader.build.input(shape, info.name, batch)


def _batch_axis(reader: Reader, name: str, sizes: list[int | str | None]) -> int:
    """The axis of the rows: the first, but for sequences that have their steps there, as recurrent nodes read them."""
    told = [i for i, size in enumerate(sizes) if isinstance(size, str) and "batch" in size.lower()]
    if len(told) == 1:
        return told[0]
    waiting, seen = [name], {name}
    while waiting and len(sizes) > 1:
        for node in reader.readers(now := waiting.pop()):
            if node.op in ("LSTM", "GRU", "RNN"):
                place = node.inputs.index(now)
                if place in (0, 5, 6) and not node.get("layout", 0):
                    return 1
            elif node.op not in ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape", "Size"):
                new = [out for out in node.outputs if out not in seen]
                seen |= set(new)
                waiting += new
    return 0


def _model(reader: Reader, wanted: list[str], named: dict[str, Any]) -> Model:
    found = []
    for name in wanted:
        value = reader.env.get(name)
        if isinstance(value, np.ndarray) and value.shape[:1] == (ROWS,) and reader.build.inputs:
            value = constant(reader, compressed(value), value.shape, reader.build.inputs[0])
        if not isinstance(value, Value):
            raise ValueError(f"output {name!r} does not depend on the model's input")
        found.append(value)
    try:
        return reader.build.model(dict(zip(wanted, found, strict=True)) if len(found) == 1 else found, **named)
    except BROKEN as error:
        raise ValueError(f"no model comes of the graph: {cut(str(error))}") from error
