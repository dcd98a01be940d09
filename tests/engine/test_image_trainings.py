"""Trainings of networks of images and signals end with PyTorch's weights: LeNet-5, normalised batches, residual blocks.

Each network is one program over a library: ours makes edges of it, PyTorch computes it on its tape, from the same
weights and rows in the same order.
"""

from __future__ import annotations

import numpy as np
import pytest
from convolutions import forward, pytorch
from models import EVERY_BACKEND
from tolerance import trajectory_limit

from fastnn import Input, Model, layers
from fastnn._base import random
from fastnn.optimizers import SGD, Adam

DOUBLE = np.dtype("float64")
EPOCHS, BATCH, ROWS, RATE = 3, 16, 42, 0.02
MOMENTUM, EPSILON = 0.9, 1e-3


class Ours:
    """Layers called on edges, with the number of the call as their name."""

    def __init__(self):
        self.calls = 0

    def __getattr__(self, kind):
        """What applies the layer of this name."""

        def call(x, *arguments, **named):
            self.calls += 1
            return getattr(layers, kind)(*arguments, **named, name=f"call_{self.calls}")(x)

        return call


class Theirs:
    """The same calls in PyTorch, on tensors; normalisation as in training, its statistics moved."""

    def __init__(self, torch, weights):
        self.torch, self.weights, self.calls = torch, weights, 0

    def __getattr__(self, kind):
        """What does as the layer of this name."""

        def call(x, *arguments, **named):
            self.calls += 1
            layer, own = getattr(layers, kind)(*arguments, **named), self.weights.get(f"call_{self.calls}", ())
            activate = getattr(layer, "activation", None)
            y = self.apply(kind, layer, x, own)
            return y if activate is None else self.activate(activate.name, y)

        return call

    def activate(self, name, z):
        known = {"relu": self.torch.relu, "tanh": self.torch.tanh, "linear": lambda z: z, "softmax": lambda z: z}
        return known[name](z)  # the loss is PyTorch's of logits

    def apply(self, kind, layer, x, own):
        if "Conv" in kind:
            return forward(self.torch, layer, x, own)
        if "Normalization" in kind:
            return self.normalized(kind, layer, x, own)
        if kind.startswith("Global"):
            axes = tuple(range(1, x.dim() - 1))
            return x.mean(axes) if "Average" in kind else x.amax(axes)
        if "Pooling" in kind:
            return self.pooled(kind, layer, x)
        return {
            "Flatten": lambda: x.flatten(1),
            "Activation": lambda: x,
            "Dense": lambda: x @ own[0] + own[1],
            "Add": lambda: x[0] + x[1],
        }[kind]()

    def pooled(self, kind, layer, x):
        rank = x.dim() - 2
        pool = getattr(self.torch.nn.functional, f"{'avg' if 'Average' in kind else 'max'}_pool{rank}d")
        return pool(x.movedim(-1, 1), layer.pool_size, layer.strides).movedim(1, -1)

    def normalized(self, kind, layer, x, own):
        functional, gamma, beta = self.torch.nn.functional, own[0], own[1]
        if kind == "LayerNormalization":
            return functional.layer_norm(x, gamma.shape, gamma, beta, EPSILON)
        if kind == "GroupNormalization":
            return functional.group_norm(x.movedim(-1, 1), layer.groups, gamma, beta, EPSILON).movedim(1, -1)
        mean, variance = own[2:]
        with self.torch.no_grad():  # PyTorch itself moves the variance divided by one number less
            axes = tuple(range(x.dim() - 1))
            mean.mul_(MOMENTUM).add_((1 - MOMENTUM) * x.mean(axes))
            variance.mul_(MOMENTUM).add_((1 - MOMENTUM) * x.var(axes, correction=0))
        return functional.batch_norm(x.movedim(-1, 1), None, None, gamma, beta, True, 0.0, EPSILON).movedim(1, -1)


# -- networks, each from an image to what comes before the softmax ----------------------------------


def lenet5(of, x):
    """LeCun et al. 1998."""
    x = of.AveragePooling2D(of.Conv2D(x, 6, 5, padding="same", activation="tanh"), 2)
    x = of.MaxPooling2D(of.Conv2D(x, 16, 5, activation="relu"), 2)
    x = of.Dense(of.Dense(of.Flatten(x), 120, activation="tanh"), 84, activation="relu")
    return of.Dense(x, 10, activation="softmax")


def normalized_batches(of, x):
    """Ioffe and Szegedy 2015."""
    for filters, strides in ((5, 1), (7, 2)):
        x = of.Conv2D(x, filters, 3, strides, "same", use_bias=False)
        x = of.Activation(of.BatchNormalization(x, momentum=MOMENTUM, epsilon=EPSILON), "relu")
    x = of.Dense(of.Flatten(of.MaxPooling2D(x, 2)), 9)
    x = of.Activation(of.BatchNormalization(x, momentum=MOMENTUM, epsilon=EPSILON), "tanh")
    return of.Dense(x, 4, activation="softmax")


def residual(of, x):
    """He et al. 2016: a block of the same size, one of half of it whose way around is a convolution, and means."""
    norm = {"momentum": MOMENTUM, "epsilon": EPSILON}
    x = of.Activation(of.BatchNormalization(of.Conv2D(x, 6, 3, padding="same", use_bias=False), **norm), "relu")
    for filters, strides in ((6, 1), (9, 2)):
        around = x if strides == 1 else of.Conv2D(x, filters, 1, strides, use_bias=False)
        inner = of.Conv2D(x, filters, 3, strides, "same", use_bias=False)
        inner = of.Activation(of.BatchNormalization(inner, **norm), "relu")
        inner = of.BatchNormalization(of.Conv2D(inner, filters, 3, padding="same", use_bias=False), **norm)
        x = of.Activation(of.Add([around, inner]), "relu")
    return of.Dense(of.GlobalAveragePooling2D(x), 5, activation="softmax")


def separable(of, x):
    """Channels by themselves, samples normalised by themselves."""
    x = of.Conv2D(x, 8, 3, 2, "same", activation="relu")
    x = of.GroupNormalization(of.DepthwiseConv2D(x, 3, padding="same", depth_multiplier=2), 4, epsilon=EPSILON)
    x = of.SeparableConv2D(of.Activation(x, "relu"), 12, 2, activation="relu")
    return of.Dense(of.GlobalMaxPooling2D(x), 3, activation="softmax")


def signal(of, x):
    """Windows that see the past alone."""
    x = of.Conv1D(x, 6, 3, padding="causal", dilation_rate=2, activation="tanh")
    x = of.MaxPooling1D(of.LayerNormalization(x, epsilon=EPSILON), 2)
    x = of.AveragePooling1D(of.Conv1DTranspose(x, 7, 3, 2, activation="relu"), 3, 2)
    return of.Dense(of.Flatten(x), 4, activation="softmax")


def momentum(torch, weights):
    return torch.optim.SGD(weights, RATE, momentum=0.9)


def adam(torch, weights):
    return torch.optim.Adam(weights, RATE, eps=1e-4)


MOVING = SGD(RATE, momentum=0.9), momentum
PAPER = Adam(RATE, epsilon=1e-4, form="paper"), adam
NETWORKS = {
    "LeNet-5": (lenet5, (28, 28, 1), MOVING),
    "normalised batches": (normalized_batches, (7, 6, 3), PAPER),
    "residual": (residual, (9, 8, 2), MOVING),
    "separable": (separable, (9, 8, 3), PAPER),
    "signal": (signal, (14, 3), MOVING),
}


def trained_by_torch(torch, network, model, x, y, optimizer):
    """The weights of all layers, by name, that PyTorch ends with."""
    kept = {layer.name: [torch.tensor(w) for w in layer.get_weights()] for layer in model.layers}
    places = [(layer.name, len(layer.trainable_weights)) for layer in model.layers]
    trained = [w.requires_grad_() for name, n in places for w in kept[name][:n]]
    descent, order = optimizer(torch, trained), np.empty(len(x), np.int32)
    for epoch in range(EPOCHS):
        random.fill_order(order, model.seed, epoch)
        for first in range(0, len(x), BATCH):
            rows = order[first : first + BATCH]
            z = network(Theirs(torch, kept), torch.tensor(x[rows]))
            descent.zero_grad()
            torch.nn.functional.cross_entropy(z, torch.tensor(y[rows])).backward()
            descent.step()
    return {name: [w.detach().numpy() for w in own] for name, own in kept.items()}


@EVERY_BACKEND
@pytest.mark.parametrize("case", NETWORKS)
def test_three_epochs_end_with_the_weights_of_pytorch(rng, case, name):
    torch = pytorch()
    network, shape, (ours, theirs) = NETWORKS[case]
    image = Input(shape)
    model = Model(image, network(Ours(), image), seed=4, dtype="float64", backend=name)
    model.compile(ours, "sparse_categorical_crossentropy")
    x, y = rng.normal(size=(ROWS, *shape)), rng.integers(0, model.output_shape[-1], ROWS)
    before = {layer.name: [w.copy() for w in layer.get_weights()] for layer in model.layers}
    right = trained_by_torch(torch, network, model, x, y, theirs)
    model.fit(x, y, BATCH, EPOCHS, verbose=0)
    for layer in model.layers:
        for start, got, expected in zip(before[layer.name], layer.get_weights(), right[layer.name], strict=True):
            moved = np.linalg.norm(expected - start)
            assert moved > 0, layer.name
            assert np.linalg.norm(got - expected) < trajectory_limit(DOUBLE) * max(moved, 1), layer.name
