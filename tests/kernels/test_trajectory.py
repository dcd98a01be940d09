"""Training by fastnn against training by PyTorch in float64: same weights, same batches, same end.

PyTorch differentiates by its own tape and updates by its own optimisers, so nothing here depends on
a formula of ours. Pairs of activation and loss are complete; optimisers and sizes go round among them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from networks import Network, Stage, dense, draw, draw_target
from tolerance import trajectory_limit

from fastnn import losses
from fastnn._base import random
from fastnn.optimizers import SGD, Adam, AdamW

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
torch.set_num_threads(1)  # its threads spin, and these networks are too small for two

EPOCHS = 3
RATE = 0.02
functional = torch.nn.functional
ACTIVATE = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "elu": functional.elu,
    "selu": functional.selu,
    "silu": functional.silu,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.2),
}
LOSSES = {  # name: the output's activation and PyTorch's loss of what comes before it
    "mean_squared_error": ("linear", functional.mse_loss),
    "binary_crossentropy": ("sigmoid", functional.binary_cross_entropy_with_logits),
    "sparse_categorical_crossentropy": ("softmax", lambda z, t: functional.cross_entropy(z, t[:, 0].long())),
    "huber": ("linear", functional.huber_loss),
    "poisson": (
        "softplus",
        lambda z, t: functional.poisson_nll_loss(functional.softplus(z), t, log_input=False, eps=1e-7),
    ),
    "poisson_deviance": ("exponential", functional.poisson_nll_loss),  # but for what does not depend on z
    "binary_focal_crossentropy": ("sigmoid", lambda z, t: binary_focal(torch.sigmoid(z), t)),
    "categorical_focal_crossentropy": ("softmax", lambda z, t: categorical_focal(torch.softmax(z, -1), t)),
}


def binary_focal(p, t):
    """Keras' formula with its gamma of 2."""
    p_t = t * p + (1 - t) * (1 - p)
    return ((1 - p_t) ** 2 * -(t * torch.log(p) + (1 - t) * torch.log(1 - p))).mean()


def categorical_focal(p, t):
    """Keras' formula with its alpha of 0.25 and gamma of 2."""
    return -(0.25 * t * (1 - p) ** 2 * torch.log(p)).sum(-1).mean()


OPTIMIZERS = {
    "sgd": (SGD(RATE), lambda w: torch.optim.SGD(w, RATE)),
    "momentum": (SGD(RATE, momentum=0.9), lambda w: torch.optim.SGD(w, RATE, momentum=0.9)),
    "nesterov": (
        SGD(RATE, momentum=0.9, nesterov=True),
        lambda w: torch.optim.SGD(w, RATE, momentum=0.9, nesterov=True),
    ),
    "adam": (Adam(RATE, epsilon=1e-4, form="paper"), lambda w: torch.optim.Adam(w, RATE, eps=1e-4)),
    "amsgrad": (
        Adam(RATE, epsilon=1e-4, amsgrad=True, form="paper"),
        lambda w: torch.optim.Adam(w, RATE, eps=1e-4, amsgrad=True),
    ),
    "adamw": (
        AdamW(RATE, epsilon=1e-4, weight_decay=0.1, form="paper"),
        lambda w: torch.optim.AdamW(w, RATE, eps=1e-4, weight_decay=0.1),
    ),
}
WIDTHS = ((5, 1, 3), (7, 9, 2), (3, 16, 17, 4), (1, 33, 5), (13, 8, 15, 31, 2), (20, 64, 32, 3), (6, 5))
DATA = ((50, 16), (33, 32), (70, 7), (17, 64), (40, 13))
CASES = [
    (activation, loss, tuple(OPTIMIZERS)[(i + j) % len(OPTIMIZERS)], i + 3 * j)
    for i, activation in enumerate(ACTIVATE)
    for j, loss in enumerate(LOSSES)
]


@cache
def case(activation, loss, optimizer, number):
    """Network, data and the parameters that PyTorch ends with."""
    rng = np.random.default_rng(number)
    widths, (n, batch_size) = WIDTHS[number % len(WIDTHS)], DATA[number % len(DATA)]
    net = dense(
        rng,
        widths,
        activation,
        LOSSES[loss][0],
        loss=loss,
        optimizer=OPTIMIZERS[optimizer][0],
        batch_size=batch_size,
        seed=number,
    )
    x, target = draw(rng, (n, widths[0])), draw(rng, (n, widths[-1]))
    if loss == "sparse_categorical_crossentropy":
        target = rng.integers(0, widths[-1], (n, 1)).astype(np.int32)
    elif loss in ("binary_crossentropy", "poisson", "poisson_deviance"):
        target = rng.integers(0, 2 if loss == "binary_crossentropy" else 5, target.shape) * 1.0
    elif "focal" in loss:
        target = draw_target(rng, losses.get(loss), n, (widths[-1],))
    return net, x, target, train_torch(net, x, target, activation, LOSSES[loss][1], OPTIMIZERS[optimizer][1])


def train_torch(net: Network, x, target, activation, loss, optimizer):
    """Train the network by PyTorch; returns parameters in the places of the plan."""
    variables = net.plan.layout.variables
    weights = [
        torch.tensor(net.params[v.offset : v.offset + v.size].reshape(v.parameter.shape), requires_grad=True)
        for v in variables
    ]
    inputs, targets, descent = torch.tensor(x), torch.tensor(target), optimizer(weights)
    order, batch = np.empty(len(x), np.int32), int(net.plan.header["batch_size"])
    for epoch in range(EPOCHS):
        random.fill_order(order, int(net.plan.header["seed"]), epoch)
        for first in range(0, len(x), batch):
            rows, z = order[first : first + batch], None
            for w, b in zip(weights[::2], weights[1::2], strict=True):
                z = (inputs[rows] if z is None else ACTIVATE[activation](z)) @ w + b
            descent.zero_grad()
            loss(z, targets[rows]).backward()
            descent.step()
    params = np.zeros_like(net.params)
    for v, w in zip(variables, weights, strict=True):
        params[v.offset : v.offset + v.size] = w.detach().numpy().ravel()
    return params


@pytest.mark.covering("dtype")
@pytest.mark.parametrize(("activation", "loss", "optimizer", "number"), CASES)
def test_training_ends_where_pytorch_ends(backend, dtype, activation, loss, optimizer, number):
    net, x, target, expected = case(activation, loss, optimizer, number)
    stage = Stage(backend, net, dtype)
    stage.train(x, target, epochs=EPOCHS, rate=RATE)
    moved = np.linalg.norm(expected - net.params)
    assert moved > 0
    assert np.linalg.norm(stage.params() - expected) < trajectory_limit(dtype) * moved
    stage.check()


def test_every_optimizer_meets_many_networks():
    assert {optimizer for _, _, optimizer, _ in CASES} == set(OPTIMIZERS)
    assert len({number % len(WIDTHS) for *_, number in CASES}) == len(WIDTHS)
