"""What of fastnn is timed: a compiled model for a network of ``cases``, an update or a convolution by itself."""

from __future__ import annotations

from collections.abc import Callable

import layers as described
import numpy as np
from cases import OUTPUT, Network

from fastnn import Model, _kernels, get_backend, optimizers
from fastnn import _plan as plans
from fastnn.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Input,
    Masking,
    MaxPooling2D,
    MultiHeadAttention,
    SimpleRNN,
)
from fastnn.losses import LOSSES, Reduction
from fastnn.losses.records import INNER_PRODUCT


def make(network: Network, *, dtype: str = "float32", backend: str | None = None, output: bool = True) -> Model:
    """The model; without ``output`` its last layer is linear, as the peers' predictions are."""
    x = Input(network.shape)
    y = _through(network.layers, x)
    if output and OUTPUT[network.loss]:
        y = Activation(OUTPUT[network.loss])(y)
    model = Model(x, y, seed=0, dtype=dtype, backend=backend)
    model.compile(optimizer="adam", loss=network.loss)
    return model


def _through(layers, x):
    for layer in layers:
        x = _called(layer, x)
    return x


def _called(layer: described.Layer, x):
    match layer:
        case described.Residual(inner):
            return Add()([x, _through(inner, x)])
        case described.Attention(heads, width):
            return MultiHeadAttention(heads, width)(x, x)
        case described.Average():
            return (GlobalAveragePooling1D() if len(x.shape) == 3 else GlobalAveragePooling2D())(x)
        case described.Recurrent():
            return recurrent(layer)(Masking()(x) if layer.there else x)
    return _layer(layer)(x)


def recurrent(layer: described.Recurrent):
    """The layer, which gives its last state."""
    return {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}[layer.kind](layer.n)


def _layer(layer: described.Layer):
    match layer:
        case described.Embedding(n, width):
            return Embedding(n, width)
        case described.Dense(n):
            return Dense(n)
        case described.Conv():
            return _convolution(layer)
        case described.Norm():
            return BatchNormalization(momentum=described.MOMENTUM, epsilon=described.EPSILON)
        case described.Act(name):
            return Activation(name)
        case described.MaxPool(size):
            return MaxPooling2D(size)
        case described.Flatten():
            return Flatten()


def _convolution(conv: described.Conv):
    told = {"strides": conv.strides, "padding": conv.padding, "use_bias": conv.bias}
    return DepthwiseConv2D(conv.k, **told) if conv.depthwise else Conv2D(conv.n, conv.k, **told)


def update_case(optimizer: str, dtype: str, n_params: int) -> tuple[plans.Plan, plans.Memory]:
    """Plan and memory for ``backend.update`` of about so many parameters."""
    width = 1000
    layout = plans.lay_out([Dense(width)], (n_params // width,))
    plan = plans.compile_plan(
        layout, batch_size=1, losses=[LOSSES["mean_squared_error"]], optimizer=optimizers.get(optimizer)
    )
    arenas = plans.allocate(plan, plans.aligned(layout.n_params, np.dtype(dtype)))
    arenas.params[...] = 0.1
    arenas.grads[...] = 1e-3
    return plan, arenas


def convolution(
    conv: described.Conv, part: str, arrays: tuple[np.ndarray, np.ndarray, np.ndarray], backend: str | None = None
) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """One pass of a convolution on ready arrays: the call to time, and what reads its result.

    "forward" is the backend's ``forward`` of a plan with this layer alone. "dW" is its ``backward`` of a plan whose
    input has no gradient, so that dx is never made; "dx" that of one whose kernel is frozen and has no gradient.
    """
    x, w, dy = arrays
    module = _kernels.load(backend or get_backend())
    layout = plans.lay_out([_convolution(conv)], x.shape[1:], frozen=[0] if part == "dx" else [])
    plan = plans.compile_plan(
        layout,
        batch_size=len(x),
        losses=[INNER_PRODUCT],
        reduction=Reduction(summed=True),
        input_gradients=part == "dx",
    )
    memory = plans.allocate(plan, plans.aligned(layout.n_params, x.dtype))
    memory.params[: w.size] = w.ravel()
    rows = (x.reshape(len(x), -1),)
    (y,) = module.forward(plan, memory, rows, True)
    _gradient(plan, memory, -1, dy.shape)[...] = dy
    results = {
        "forward": lambda: y.reshape(dy.shape),
        "dW": lambda: memory.grads[: w.size].reshape(w.shape),
        "dx": lambda: _gradient(plan, memory, 0, x.shape),
    }
    if part == "forward":
        return lambda: module.forward(plan, memory, rows, True), results[part]
    return lambda: module.backward(plan, memory, rows), results[part]


def _gradient(plan: plans.Plan, memory: plans.Memory, value: int, shape: tuple[int, ...]) -> np.ndarray:
    """View of a value's gradient, of all rows of the block."""
    at = int(plan.values[value]["grad"])
    return memory.workspace[at : at + int(np.prod(shape))].reshape(shape)
