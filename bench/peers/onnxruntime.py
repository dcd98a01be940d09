"""ONNX Runtime: predictions of a graph of the operators that exporters write; images have their channels first.

Sequences have their steps first.
"""

import itertools

import numpy as np
import onnx
import onnxruntime
from layers import EPSILON, Act, Average, Conv, Dense, Flatten, MaxPool, Norm, Recurrent, Residual, channels_first
from onnx import helper, numpy_helper

VERSION = onnxruntime.__version__
_options = onnxruntime.SessionOptions()


def setup(threads):
    _options.intra_op_num_threads = threads


def predict(network, weights, x):
    sequences = len(network.shape) == 2
    x = np.ascontiguousarray(x.swapaxes(0, 1) if sequences else np.moveaxis(x, -1, 1))
    graph = _Graph(weights)
    end, _ = graph.add(network.layers, "x", network.shape)
    shape = [x.shape[0], None, x.shape[2]] if sequences else [None, *x.shape[1:]]
    session = _session(graph, x.dtype, {"x": shape}, {end: [None, network.n_out]})
    return {"onnxruntime": lambda: session.run(None, {"x": x})[0]}


def step(layer, arrays, x):
    """A session of one step, whose states come and go as the operator has them."""
    graph, x = _Graph([arrays]), x[None, None]
    names = ["h", "c"][: 2 if layer.kind == "lstm" else 1]
    states = {name: np.zeros((1, 1, layer.n), x.dtype) for name in names}
    after = graph.recurrent(layer, "x", *names)
    shapes = {name: list(state.shape) for name, state in states.items()}
    ends = dict(zip(after, shapes.values(), strict=True))
    session = _session(graph, x.dtype, {"x": list(x.shape)} | shapes, ends)

    def call():
        nonlocal states
        states = dict(zip(names, session.run(after, {"x": x, **states}), strict=True))
        return states["h"]

    return {"onnxruntime": call}


def _session(graph, dtype, inputs, outputs):
    """Of a graph with inputs and outputs of these shapes."""
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    infos = ([helper.make_tensor_value_info(name, kind, shape) for name, shape in d.items()] for d in (inputs, outputs))
    made = helper.make_graph(graph.nodes, "network", *infos, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), _options, providers=["CPUExecutionProvider"])


class _Graph:
    """Nodes and constants, as they come."""

    def __init__(self, weights):
        self.nodes, self.constants, self.numbers = [], [], itertools.count()
        self.given, self.image = iter(weights), None

    def node(self, kind, *inputs, gives=(), **attributes):
        """The name of its output; arrays become constants."""
        name = f"{kind}{next(self.numbers)}"
        names = [array if isinstance(array, str) else f"{name}.{i}" for i, array in enumerate(inputs)]
        pairs = [(array, name) for array, name in zip(inputs, names, strict=True) if array is not name]
        self.constants += [numpy_helper.from_array(np.ascontiguousarray(array), name) for array, name in pairs]
        self.nodes.append(helper.make_node(kind, names, gives or [name], **attributes))
        return name

    def add(self, layers, x, shape):
        """Name and shape of what comes out."""
        for layer in layers:
            x, shape = self._one(layer, x, shape), layer.after(shape)
        return x, shape

    def recurrent(self, layer, x, *states):
        """Names of the last states, ``(1, rows, n)`` each; gates are in the order i, o, f, g and z, r, g."""
        kernel, recurrent, bias = next(self.given)
        biases = bias if layer.kind == "gru" else (bias, np.zeros_like(bias))
        arrays = [kernel.T, recurrent.T, np.concatenate(biases)]
        if layer.kind == "lstm":
            arrays = [_with_gates_moved(array, layer.n) for array in arrays]
        resets = {"linear_before_reset": 1} if layer.kind == "gru" else {}
        ends = [f"{name}{next(self.numbers)}" for name in ("h", "c")[: 2 if layer.kind == "lstm" else 1]]
        given = (x, *(array[None] for array in arrays), "", *states)
        self.node(layer.kind.upper(), *given, gives=["", *ends], hidden_size=layer.n, **resets)
        return ends

    def _one(self, layer, x, shape):
        match layer:
            case Dense():
                w, b = next(self.given)
                w, self.image = w if self.image is None else channels_first(w, self.image), None
                return self.node("Gemm", x, w, b)
            case Conv():
                w, *b = next(self.given)
                return self.node("Conv", x, w.transpose(3, 2, 0, 1), *b, pads=[layer.around] * 4)
            case Norm():
                return self.node("BatchNormalization", x, *next(self.given), epsilon=EPSILON)
            case Act(name):
                return self.node({"relu": "Relu", "tanh": "Tanh"}[name], x)
            case MaxPool(size):
                return self.node("MaxPool", x, kernel_shape=[size, size], strides=[size, size])
            case Average():
                return self.node("Flatten", self.node("GlobalAveragePool", x))
            case Flatten():
                self.image = shape
                return self.node("Flatten", x)
            case Recurrent():
                return self.node("Squeeze", self.recurrent(layer, x)[0], np.array([0]))
            case Residual(layers):
                return self.node("Add", x, self.add(layers, x, shape)[0])


def _with_gates_moved(array, n):
    """Of i, f, g, o to i, o, f, g; two biases stand one after the other."""
    i, f, g, o = np.moveaxis(array.reshape(-1, 4, n, *array.shape[1:]), 1, 0)
    return np.stack([i, o, f, g], 1).reshape(array.shape)
