"""Networks of sequences train to the weights that PyTorch's own differentiation leads to, from the same start."""

from __future__ import annotations

import numpy as np
import pytest
from models import EVERY_BACKEND
from oracles import torch_library, torch_states
from tolerance import assert_close

from fastnn import Model, Sequential
from fastnn.layers import (
    GRU,
    LSTM,
    Add,
    Bidirectional,
    Dense,
    GlobalAveragePooling1D,
    Input,
    LayerNormalization,
    MultiHeadAttention,
)
from fastnn.optimizers import SGD

STEPS, FEATURES, UNITS, CLASSES, HEADS = 7, 4, 5, 3, 2
RATE, BATCHES = 0.2, [slice(first, first + 20) for first in (0, 20, 40)] * 3  # three epochs of 50 rows


def recurrent(torch, kind, x, *weights):
    """``h`` behind the last step."""
    h = torch.zeros(len(x), UNITS, dtype=x.dtype)
    return torch_states(torch, kind, x, (h, h), *weights)[0]


def attention(torch, x, *weights):
    """Several heads that read their own sequence; kernels ``(n, heads, width)``."""
    q, k, v = (
        torch.einsum("btn,nhd->bhtd", x, kernel) + bias[None, :, None]
        for kernel, bias in zip(weights[0:6:2], weights[1:6:2], strict=True)
    )
    weight = torch.softmax(q @ k.transpose(2, 3) / q.shape[-1] ** 0.5, dim=-1)
    return torch.einsum("bhtd,hdn->btn", weight @ v, weights[6]) + weights[7]


def normal(torch, x, gamma, beta):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta, 1e-3)


def in_torch(which, torch, x, w):
    if which == "gru":
        return recurrent(torch, GRU, x, *w[:3]) @ w[3] + w[4]
    if which == "both directions":
        both = recurrent(torch, LSTM, x, *w[:3]), recurrent(torch, LSTM, x.flip(1), *w[3:6])
        return torch.cat(both, dim=1) @ w[6] + w[7]
    x = x + attention(torch, normal(torch, x, *w[:2]), *w[2:10])
    inner = torch.relu(normal(torch, x, *w[10:12]) @ w[12] + w[13]) @ w[14] + w[15]
    return (x + inner).mean(dim=1) @ w[16] + w[17]


def network(which, name):
    told = {"dtype": "float64", "seed": 4, "backend": name}
    x = Input((STEPS, FEATURES))
    if which == "gru":
        return Sequential([x, GRU(UNITS), Dense(CLASSES, "softmax")], **told)
    if which == "both directions":
        return Sequential([x, Bidirectional(LSTM(UNITS)), Dense(CLASSES, "softmax")], **told)
    y = LayerNormalization()(x)
    y = Add()([x, MultiHeadAttention(HEADS, 3)(y, y)])
    inner = Dense(FEATURES)(Dense(9, "relu")(LayerNormalization()(y)))
    return Model(x, Dense(CLASSES, "softmax")(GlobalAveragePooling1D()(Add()([y, inner]))), **told)


@EVERY_BACKEND
@pytest.mark.parametrize("which", ["gru", "both directions", "transformer"])
def test_three_epochs_end_with_the_weights_of_pytorch(rng, which, name):
    torch, model = torch_library(), network(which, name)
    model.compile(SGD(RATE), "sparse_categorical_crossentropy")
    model.set_weights([array + rng.normal(scale=0.2, size=array.shape) for array in model.get_weights()])
    theirs = [torch.tensor(array, requires_grad=True) for array in model.get_weights()]
    x, labels = rng.normal(size=(50, STEPS, FEATURES)), rng.integers(CLASSES, size=50)
    model.fit(x, labels, epochs=3, batch_size=20, shuffle=False, verbose=0)
    optimizer = torch.optim.SGD(theirs, RATE)
    for part in BATCHES:
        optimizer.zero_grad()
        logits = in_torch(which, torch, torch.tensor(x[part]), theirs)
        torch.nn.functional.cross_entropy(logits, torch.tensor(labels[part])).backward()
        optimizer.step()
    for mine, other in zip(model.get_weights(), theirs, strict=True):
        assert_close(mine, other.detach().numpy(), np.float64, 9 * 50 * UNITS * STEPS)
