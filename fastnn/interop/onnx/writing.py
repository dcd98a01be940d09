"""A model as an ONNX graph: :func:`to_onnx`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base.arguments import integer
from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn._version import __version__
from fastnn.interop.libraries import needed
from fastnn.interop.onnx import copy_writer as copy_writer
from fastnn.interop.onnx import sequence_writers as sequence_writers
from fastnn.interop.onnx import table_writers as table_writers
from fastnn.interop.onnx import window_writers as window_writers
from fastnn.interop.onnx.encoding import encoded_inputs, encoded_outputs, encoding_of
from fastnn.interop.onnx.graph import Graph, Tensor
from fastnn.interop.onnx.writers import WRITERS
from fastnn.interop.program import Program, program_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from fastnn.interop.program import Step
    from fastnn.models.model import Model

OLDEST, IR_VERSION = 17, 8
LENGTHS = ((5040, 7560), (55440, 83160), (65520, 98280))  # of which both are tried, to see which sizes follow


def to_onnx(
    model: Model,
    path: StrPath | None = None,
    *,
    opset: int = OLDEST,
    length: int | None = None,
    fold: bool = True,
    encoding: bool = True,
) -> onnx.ModelProto:
    """A model's prediction as an ONNX graph, checked by ``onnx.checker``.

    The graph takes and gives the arrays that ``model.predict`` does, images with their channels last, of the model's
    dtype, and whole numbers as int64 where an Embedding reads them. The batch is of any size. A stateful layer's states
    are further inputs and outputs.

    Parameters
    ----------
    model : a built :class:`fastnn.Model` or :class:`fastnn.Sequential`.
    path : file to write, None for none.
    opset : version of the operators, 17 at least; with 20 a gelu is one node.
    length : of sequences, for a model whose lengths differ from batch to batch; without it they differ in the graph,
        too.
    fold : whether normalisations go into the weights beside them, see :func:`fastnn.utils.fold`.
    encoding : whether a model that carries the encoding of a table (``fastnn train`` makes such) takes raw columns:
        each is an input ``(rows, 1)`` by its name, numbers as doubles with NaN for gaps, others as strings with "" for
        gaps. Its outputs are the target, by its name, and the probabilities of classes.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ModuleNotFoundError
        onnx is not installed.
    NotReadyError, TypeError
        the model is not built, or is none.
    ValueError
        a layer has no counterpart, such as one of your own; it is named. Or a length has to be known.

    >>> from fastnn import Sequential
    >>> from fastnn.interop import to_onnx
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(2, "relu", input_shape=(3,), name="hidden")], seed=1)
    >>> [node.name for node in to_onnx(model, "model.onnx").graph.node]
    ['hidden/Gemm', 'hidden/Relu']
    """
    onnx = needed("onnx", "to_onnx")
    opset = integer("opset", opset, low=OLDEST, high=onnx.defs.onnx_opset_version())
    program, open_sizes = _program(model, length, fold)
    graph = Graph(onnx, model.dtype, opset, open_sizes)
    raw = encoding_of(model) if encoding else None
    if raw is None:
        inputs = _inputs(graph, program, model)
    else:
        inputs, tensors = encoded_inputs(graph, raw, program.input_shapes)
        for value, tensor in zip(program.inputs, tensors, strict=True):
            graph.set(value, tensor)
    for step in program.steps:
        _write(graph, step)
    graph.layer = ""
    if raw is None:
        outputs = _outputs(graph, program)
    else:
        outputs = encoded_outputs(graph, raw, graph.get(program.outputs[0], program.output_shapes[0]))
    made = _model(graph, model, inputs, outputs)
    onnx.checker.check_model(made, full_check=True)
    if path is not None:
        _save(path, made)
    return made


def _program(model: Model, length: int | None, fold: bool) -> tuple[Program, set[int]]:
    """The program, and which sizes in it differ from batch to batch."""
    layout = getattr(model, "layout", None)
    if length is not None or layout is None or not layout.is_open:
        return program_of(model, fold, length), set()
    for first, second in LENGTHS:
        try:
            one, other = program_of(model, fold, first), program_of(model, fold, second)
        except OverflowError:  # a layer has operations for each step
            break
        sizes = _differing(one, other)
        if sizes is not None:
            return one, sizes
    raise ValueError(
        "a layer of the model is made anew for each length, so that no graph serves all; give length=, the one wanted"
    )


def _differing(one: Program, other: Program) -> set[int] | None:
    """Sizes that follow from the length; None where the steps do, or where a size that does not is equal to one."""
    if [step.op for step in one.steps] != [step.op for step in other.steps]:
        return None
    pairs = {(int(a["size"]), int(b["size"])) for a, b in zip(one.plan.values, other.plan.values, strict=True)}
    for a, b in zip(one.steps, other.steps, strict=True):
        pairs |= {(int(a.record[name]), int(b.record[name])) for name in ("repeat", "n_in", "n_out")}
        pairs |= {(int(m), int(n)) for m, n in zip(a.record["geometry"], b.record["geometry"], strict=True)}
    ends = [(*program.input_shapes, *program.output_shapes) for program in (one, other)]
    for shape, another in zip(*ends, strict=True):
        pairs |= set(zip(shape, another, strict=True))
    differing = {m for m, n in pairs if m != n}
    return None if differing & {m for m, n in pairs if m == n} else differing


def _write(graph: Graph, step: Step) -> None:
    if step.op.name not in WRITERS:
        own = "NumPy code of your own" if step.op.name == "own" else f"an operation {step.op.name!r}"
        raise ValueError(f"layer {step.layer!r} is {own}, which ONNX has no counterpart for")
    graph.layer = step.layer
    try:
        WRITERS[step.op.name](graph, step)
    except ValueError as error:
        raise ValueError(f"layer {step.layer!r}: {error}; give length=, the one to export") from error


def _inputs(graph: Graph, program: Program, model: Model) -> list[onnx.ValueInfoProto]:
    found, ids = [], model.layout.n_ids
    helper, types = graph.onnx.helper, graph.onnx.TensorProto
    dtype = helper.np_dtype_to_tensor_dtype(graph.dtype)
    for value, name, shape, n_ids in zip(program.inputs, program.input_names, program.input_shapes, ids, strict=True):
        name = graph.name(name)
        found.append(helper.make_tensor_value_info(name, types.INT64 if n_ids else dtype, _axes(graph, shape)))
        if n_ids:
            graph.ids[value] = Tensor(name, tuple(shape), tuple(range(len(shape))))
            name = graph.add("Cast", [name], to=dtype)
        graph.set(value, Tensor(name, tuple(shape), tuple(range(len(shape)))))
    return found


def _outputs(graph: Graph, program: Program) -> list[onnx.ValueInfoProto]:
    helper, found, renamed = graph.onnx.helper, [], dict[str, str]()
    dtype = helper.np_dtype_to_tensor_dtype(graph.dtype)
    for value, name, shape in zip(program.outputs, program.output_names, program.output_shapes, strict=True):
        name, made = graph.name(name), graph.get(value, shape)
        if made in renamed or not any(made in node.output for node in graph.nodes):
            graph.nodes.append(helper.make_node("Identity", [made], [name], name=f"{name}/output"))
        else:
            renamed[made] = name
        found.append(helper.make_tensor_value_info(name, dtype, _axes(graph, shape)))
    for node in graph.nodes:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    return found


def _axes(graph: Graph, shape: Sequence[int]) -> list[int | str]:
    """A shape with names for the batch and for lengths that differ."""
    names = {n: f"length_{i}" if i else "length" for i, n in enumerate(sorted(graph.open_sizes & set(shape)))}
    return ["rows", *(names.get(n, n) for n in shape)]


def _model(
    graph: Graph, model: Model, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    helper = graph.onnx.helper
    states = graph.states()
    ends = [*outputs, *states[1]]
    nodes = without_idle(graph.nodes, {end.name for end in ends})
    read = {name for node in nodes for name in _read_by(node)}
    kept = [array for array in graph.initializers if array.name in read]
    made = helper.make_graph(nodes, model.name or "model", [*inputs, *states[0]], ends, kept)
    opsets = [helper.make_opsetid("", graph.opset), *(helper.make_opsetid(d, 3) for d in sorted(graph.domains))]
    told = {"producer_name": "fastnn", "producer_version": __version__, "ir_version": IR_VERSION}
    return helper.make_model(made, opset_imports=opsets, **told)


def without_idle(nodes: list[onnx.NodeProto], ends: set[str]) -> list[onnx.NodeProto]:
    """Nodes that something reads, and without those that hand on what an output is to be called."""
    wanted, kept = set(ends), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(_read_by(node))
    kept.reverse()
    return kept


def _read_by(node: onnx.NodeProto) -> list[str]:
    """Names that a node reads, those in graphs of its attributes, too."""
    inner = [a.g for a in node.attribute if a.HasField("g")]
    return [*node.input, *(name for graph in inner for other in graph.node for name in _read_by(other))]


def _save(path: StrPath, made: onnx.ModelProto) -> None:
    write_atomically(path, made.SerializeToString())
