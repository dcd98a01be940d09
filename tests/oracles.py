"""Other libraries that results are compared with, where they are installed."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from fastnn import layers


def torch_library():
    """PyTorch, or the test is skipped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("torch", reason="PyTorch is missing, and results are compared with its own")


def torch_step(torch, kind, x, state, kernel, recurrent, bias):
    """The states behind one step ``x (n, features)`` of a recurrent layer of this kind, from those before it.

    The one of GRU is the form that resets behind the product.
    """
    if kind is layers.SimpleRNN:
        return (torch.tanh(x @ kernel + state[0] @ recurrent + bias),)
    if kind is layers.LSTM:
        i, f, g, o = (x @ kernel + state[0] @ recurrent + bias).chunk(4, dim=1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    (z, r, g), (z_h, r_h, g_h) = (
        part.chunk(3, dim=1) for part in (x @ kernel + bias[0], state[0] @ recurrent + bias[1])
    )
    z = torch.sigmoid(z + z_h)
    return (z * state[0] + (1 - z) * torch.tanh(g + torch.sigmoid(r + r_h) * g_h),)


def torch_states(torch, kind, x, state, *weights):
    """The states behind the last step of sequences ``x (n, steps, features)``; see :func:`torch_step`."""
    for step in x.unbind(1):
        state = torch_step(torch, kind, step, state, *weights)
    return state


def keras_library():
    """Keras on PyTorch, or the test is skipped."""
    torch_library()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("KERAS_BACKEND", "torch")
        return pytest.importorskip("keras", reason="Keras is missing, and results are compared with its own")


def keras_values(layer, x):
    """What a layer of Keras' makes of ``x``, float64."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return layer(x).detach().numpy()


def onnx_cases(module: str, kind: str) -> list:
    """The ONNX standard's own cases of a kind of node, built in memory: each with attributes, inputs and outputs.

    What windows along three axes would give is left out: it takes seconds, and no layer of ours has them.
    """
    node = pytest.importorskip("onnx.backend.test.case.node", reason="onnx is not installed (extra test)")
    pooling = importlib.import_module("onnx.reference.ops.op_pool_common")
    pool = pooling.pool

    def pool_of_two(x, *more, **named):
        return np.zeros((*x.shape[:2], *more[3])) if x.ndim > 4 else pool(x, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "pool", pool_of_two)
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return [case for case in node._NodeTestCases if case.model.graph.node[0].op_type == kind]
