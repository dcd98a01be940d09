"""The ONNX standard's own cases of operators through ``from_onnx``: passed, refused with a reason, none wrong.

Known inputs of a case (weights, sizes) become numbers of the graph; the others are the model's inputs.
"""

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from functools import cache

import numpy as np
import pytest
from onnx_models import listed

from fastnn.interop import from_onnx

onnx = pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
node = pytest.importorskip("onnx.backend.test.case.node", reason="onnx is without its cases")
EVERY_INPUT = ("Add", "Sub", "Mul", "Concat", "Max", "Min", "Mean", "Sum")
PASSED = {  # cases that pass, at least, of so many that the standard has: those that issue texts and research name
    "Conv": (6, 6),
    "ConvTranspose": (10, 11),
    "MaxPool": (13, 19),
    "AveragePool": (13, 20),
    "GlobalAveragePool": (2, 2),
    "GlobalMaxPool": (2, 2),
    "BatchNormalization": (2, 4),
    "LayerNormalization": (13, 19),
    "RMSNormalization": (13, 19),
    "GroupNormalization": (2, 2),
    "InstanceNormalization": (1, 1),
    "LSTM": (5, 6),
    "GRU": (6, 6),
    "RNN": (6, 6),
    "Attention": (32, 93),
    "Gather": (3, 4),
    "Concat": (6, 12),
    "Add": (7, 8),
    "Sub": (8, 9),
    "Mul": (8, 9),
    "Pad": (3, 6),
    "Resize": (15, 39),
    "Transpose": (7, 7),
    "Reshape": (7, 10),
    "Flatten": (3, 9),
    "Softmax": (6, 7),
    "Dropout": (5, 12),
    "Split": (5, 16),
    "Slice": (2, 8),
    "Einsum": (0, 9),
    "ReduceMean": (6, 8),
    "ReduceSum": (6, 12),
    "ReduceMax": (7, 11),
    "ReduceMin": (7, 10),
    "RotaryEmbedding": (0, 8),
    "Gemm": (8, 11),
    "MatMul": (2, 7),
    "Relu": (1, 1),
    "LeakyRelu": (3, 3),
    "PRelu": (1, 2),
    "Elu": (3, 3),
    "Selu": (3, 3),
    "Celu": (2, 3),
    "Gelu": (4, 4),
    "Sigmoid": (2, 2),
    "Tanh": (2, 2),
    "HardSigmoid": (3, 3),
    "HardSwish": (1, 1),
    "Softplus": (2, 2),
    "Softsign": (2, 2),
    "LogSoftmax": (6, 7),
    "Mish": (1, 1),
    "Shrink": (2, 2),
    "Clip": (12, 12),
    "Expand": (1, 2),
    "Unsqueeze": (6, 7),
    "Squeeze": (1, 2),
    "DepthToSpace": (2, 2),
    "SpaceToDepth": (4, 4),
}
LEAST = (318, 515)  # of all these together
MODULES = {"BatchNormalization": "batch_normalization", "InstanceNormalization": "instance_normalization"}


@cache
def cases():
    """By operator, in memory; windows along three axes are left out, they take seconds and no layer has them."""
    pooling = importlib.import_module("onnx.reference.ops.op_pool_common")
    pool = pooling.pool

    def pool_of_two(x, *more, **named):
        return np.zeros((*x.shape[:2], *more[3])) if x.ndim > 4 else pool(x, *more, **named)

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cases divide by zero
        patch.setattr(pooling, "pool", pool_of_two)
        for op in PASSED:
            importlib.import_module(f"onnx.backend.test.case.node.{MODULES.get(op, op.lower())}")
    found = {op: [] for op in PASSED}
    for case in node._NodeTestCases:
        op = case.model.graph.node[0].op_type
        if op in found and len(case.model.graph.node) == 1:
            found[op].append(case)
    return found


def inputs_of(op, count):
    """Which inputs of a case are the model's."""
    if op == "Attention":
        return (0, 1, 2, *range(4, 6))
    return range(count) if op in EVERY_INPUT else (1,) if op == "Gather" else (0,)


def graph_of(case):
    """The case with its other inputs as numbers, and the data of the model's."""
    proto, op = onnx.ModelProto(), case.model.graph.node[0].op_type
    proto.CopyFrom(case.model)
    given, infos, data = case.data_sets[0][0], list(proto.graph.input), []
    places, wanted = list(proto.graph.node[0].input), inputs_of(op, len(given))
    del proto.graph.input[:]
    for info, array in zip(infos, given, strict=True):
        if places.index(info.name) in wanted:
            proto.graph.input.append(info)
            data.append(np.asarray(array))
        else:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), info.name))
    return proto, data


def ours(data, steps_first):
    """Data as a model takes them: in real numbers of NumPy's, the batch first."""
    data = [x.astype(np.float32) if x.dtype.name in ("bfloat16", "float16") else x for x in data]
    return [x.swapaxes(0, 1) for x in data] if steps_first else data


def is_close(got, wanted):
    """Whether arrays are equal to what the standard says, whose batch may stand behind; halves and four digits."""
    half = wanted.dtype.name in ("bfloat16", "float16")
    bounds = {"rtol": 1e-2, "atol": 2e-3} if half else {"rtol": 1e-4, "atol": 6e-5}
    wanted = np.asarray(wanted, np.float64)
    forms = [wanted.reshape(-1, 1)] if wanted.ndim == 1 else [np.moveaxis(wanted, i, 0) for i in range(wanted.ndim)]
    return any(got.shape == form.shape and np.allclose(got, form, **bounds) for form in (wanted, *forms))


def outcome(case):
    """``"passed"``, ``"wrong"``, or the reason why it was refused."""
    proto, data = graph_of(case)
    told = proto.graph.node[0]
    first = told.op_type in ("LSTM", "GRU", "RNN") and not any(a.name == "layout" and a.i for a in told.attribute)
    real = [info.name for info in proto.graph.output if info.type.tensor_type.elem_type in (1, 10, 11, 16)]
    outputs = real[:1] if told.op_type in ("LayerNormalization", "RMSNormalization", "Attention") else None
    try:
        model = from_onnx(proto, outputs=outputs)
        xs = ours(data, first)
        got = listed(model.predict(xs if len(xs) > 1 else xs[0]))
    except ValueError as error:
        return str(error)
    wanted = [
        np.asarray(array)
        for info, array in zip(proto.graph.output, case.data_sets[0][1], strict=True)
        if info.name in (outputs or real or [info.name])
    ]
    right = len(got) == len(wanted) and all(map(is_close, got, wanted))
    return "passed" if right else "wrong"


def counts():
    return {op: Counter(map(outcome, found)) for op, found in cases().items()}


def test_no_case_of_the_standard_is_wrong_and_as_many_pass_as_ever():
    counted = counts()
    wrong = [op for op, found in counted.items() if found["wrong"]]
    assert not wrong
    less = {op: (found["passed"], found.total()) for op, found in counted.items() if found["passed"] < PASSED[op][0]}
    assert not less
    for op, (_, there) in PASSED.items():
        assert counted[op].total() >= there
    passed, total = sum(found["passed"] for found in counted.values()), sum(found.total() for found in counted.values())
    assert (passed >= LEAST[0], total >= LEAST[1]) == (True, True), (passed, total)


def test_what_is_refused_says_the_node_the_operator_and_the_reason():
    for op, found in cases().items():
        for case in found:
            told = outcome(case)
            if told not in ("passed", "wrong"):
                named = f"({op})" in told or told.startswith(("input ", "output ", "the batch is no axis"))
                assert named or told.startswith("x has sequences of no step") or "must hold" in told, told


if __name__ == "__main__":
    total: Counter[str] = Counter()
    for op, found in counts().items():
        passed, wrong = found["passed"], found["wrong"]
        total += Counter(passed=passed, wrong=wrong, refused=found.total() - passed - wrong)
        print(f"{op:24} {passed:4} of {found.total():3}, {wrong} wrong")
    print(dict(total))
