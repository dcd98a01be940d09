"""ONNX Runtime: predictions of a graph of the operators that exporters write; images have their channels first."""

import itertools

import numpy as np
import onnx
import onnxruntime
from layers import EPSILON, Act, Average, Conv, Dense, Flatten, MaxPool, Norm, Residual, channels_first
from onnx import helper, numpy_helper

VERSION = onnxruntime.__version__
_options = onnxruntime.SessionOptions()


def setup(threads):
    _options.intra_op_num_threads = threads


def predict(network, weights, x):
    x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    graph = _Graph(weights)
    end, _ = graph.add(network.layers, "x", network.shape)
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    inputs = [helper.make_tensor_value_info("x", kind, [None, *x.shape[1:]])]
    outputs = [helper.make_tensor_value_info(end, kind, [None, network.n_out])]
    made = helper.make_graph(graph.nodes, "network", inputs, outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), _options, providers=["CPUExecutionProvider"])
    return {"onnxruntime": lambda: session.run(None, {"x": x})[0]}


class _Graph:
    """Nodes and constants, as they come."""

    def __init__(self, weights):
        self.nodes, self.constants, self.numbers = [], [], itertools.count()
        self.given, self.image = iter(weights), None

    def node(self, kind, *inputs, **attributes):
        """The name of its output; arrays become constants."""
        name = f"{kind}{next(self.numbers)}"
        names = [array if isinstance(array, str) else f"{name}.{i}" for i, array in enumerate(inputs)]
        pairs = [(array, name) for array, name in zip(inputs, names, strict=True) if array is not name]
        self.constants += [numpy_helper.from_array(np.ascontiguousarray(array), name) for array, name in pairs]
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def add(self, layers, x, shape):
        """Name and shape of what comes out."""
        for layer in layers:
            x, shape = self._one(layer, x, shape), layer.after(shape)
        return x, shape

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
            case Residual(layers):
                return self.node("Add", x, self.add(layers, x, shape)[0])
