"""ONNX Runtime: predictions of a graph of Gemm and activations."""

import onnx
import onnxruntime
from onnx import helper, numpy_helper

VERSION = onnxruntime.__version__
_options = onnxruntime.SessionOptions()


def setup(threads):
    _options.intra_op_num_threads = threads


def predict(network, weights, x):
    graph = _graph(network, weights, helper.np_dtype_to_tensor_dtype(x.dtype))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), _options, providers=["CPUExecutionProvider"])
    return {"onnxruntime": lambda: session.run(None, {"y0": x})[0]}


def _graph(network, weights, kind):
    nodes, constants, activation = [], [], "Relu" if network.hidden == "relu" else "Tanh"
    for i, (w, b) in enumerate(weights):
        constants += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [f"y{i}", f"w{i}", f"b{i}"], [f"z{i}"]))
        nodes.append(helper.make_node(activation, [f"z{i}"], [f"y{i + 1}"]))
    inputs = [helper.make_tensor_value_info("y0", kind, [None, network.widths[0]])]
    outputs = [helper.make_tensor_value_info(f"z{i}", kind, [None, network.widths[-1]])]
    return helper.make_graph(nodes[:-1], "network", inputs, outputs, constants)
