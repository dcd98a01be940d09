"""Graphs drawn at random: layers that read any earlier edge, shared and frozen ones, some outputs; and in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastnn.layers import (
    Activation,
    Add,
    Average,
    Concatenate,
    Dense,
    Dot,
    Dropout,
    Maximum,
    Minimum,
    Multiply,
    Scale,
    Subtract,
)

ACTIVATIONS = ("linear", "tanh", "sigmoid", "softplus")
JOINS = (Add, Average, Multiply, Maximum, Minimum)


@dataclass
class Drawn:
    """The arguments of ``lay_out_graph``."""

    layers: list
    nodes: list
    shapes: list
    outputs: list
    frozen: set


class _Drawing:
    def __init__(self, rng):
        self.rng, self.layers, self.nodes = rng, [], []
        self.inputs = [self.shape() for _ in range(rng.integers(1, 4))]
        self.shapes = list(self.inputs)

    def shape(self):
        """Of few numbers, so that shapes meet."""
        return tuple(int(size) for size in self.rng.integers(1, 4, self.rng.integers(1, 3)))

    def pick(self, fits=lambda shape: True):
        """An edge, mostly one of the last."""
        found = [edge for edge, shape in enumerate(self.shapes) if fits(shape)]
        return int(self.rng.choice(found[-4:])) if found else None

    def use(self, layer, *edges):
        """A node of a new layer, or of one that is there."""
        if not isinstance(layer, int):
            self.layers.append(layer)
            layer = len(self.layers) - 1
        self.nodes.append((layer, edges))
        self.shapes.append(self.layers[layer].output_shape(*(self.shapes[edge] for edge in edges)))

    def node(self):
        kind = self.rng.choice(["dense", "dense", "shared", "join", "join", "concatenate", "dot", "one"])
        getattr(self, f"_{kind}")()

    def _dense(self):
        self.use(Dense(int(self.rng.integers(1, 4)), str(self.rng.choice(ACTIVATIONS))), self.pick())

    def _shared(self):
        known = {layer: self.shapes[edges[0]][-1] for layer, edges in self.nodes if self._is_dense(layer)}
        for layer, width in known.items():
            edge = self.pick(lambda shape, width=width: shape[-1] == width)
            if edge is not None:
                return self.use(layer, edge)
        return self._dense()

    def _is_dense(self, layer):
        return isinstance(self.layers[layer], Dense | Scale)

    def _join(self):
        first = self.pick()
        shape = self.shapes[first]

        def fits(other):
            return other[:-1] == shape[:-1] and (other[-1] in (1, shape[-1]))

        others = [self.pick(fits) for _ in range(self.rng.integers(1, 4))]
        layer = Subtract() if len(others) == 1 and self.rng.random() < 0.3 else self.rng.choice(JOINS)()
        edges = [first, *others]
        self.rng.shuffle(edges)
        self.use(layer, *map(int, edges))

    def _concatenate(self):
        first = self.pick()
        shape = self.shapes[first]
        at = int(self.rng.integers(len(shape)))

        def fits(other):
            return len(other) == len(shape) and other[:at] + other[at + 1 :] == shape[:at] + shape[at + 1 :]

        self.use(Concatenate(at + 1), *(self.pick(fits) for _ in range(self.rng.integers(1, 3))), first)

    def _dot(self):
        first = self.pick()
        at = int(self.rng.integers(len(self.shapes[first])))
        size = self.shapes[first][at]
        second = self.pick(lambda shape: size in shape)
        axes = (at + 1, self.shapes[second].index(size) + 1)
        self.use(Dot(axes, normalize=bool(self.rng.random() < 0.3)), first, second)

    def _one(self):
        choice = int(self.rng.integers(3))
        self.use((Scale(), Activation("tanh"), Dropout(0.0))[choice], self.pick())


def random_graph(rng) -> Drawn:
    """Three to twelve nodes, one to three outputs that depend on parameters or inputs, frozen layers."""
    drawing = _Drawing(rng)
    for _ in range(rng.integers(3, 13)):
        drawing.node()
    n_inputs, n_edges = len(drawing.inputs), len(drawing.shapes)
    outputs = [n_edges - 1, *map(int, rng.integers(n_inputs - 1, n_edges, rng.integers(0, 3)))]
    frozen = {layer for layer in range(len(drawing.layers)) if rng.random() < 0.2}
    return Drawn(drawing.layers, drawing.nodes, drawing.inputs, outputs, frozen)


def torch_step(torch, drawn, net, xs, targets, factors):
    """Loss, gradients of trained parameters and of inputs."""
    layout = net.plan.layout
    params = torch.tensor(net.params, dtype=torch.float64, requires_grad=True)
    inputs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in xs]
    edges = [x.reshape(-1, *shape) for x, shape in zip(inputs, drawn.shapes, strict=True)]
    for layer, read in drawn.nodes:
        own = [params[v.offset : v.offset + v.size].reshape(v.parameter.shape) for v in layout.of_layer(layer)]
        edges.append(_apply(torch, drawn.layers[layer], own, [edges[i] for i in read]))
    losses = [
        factor * ((edges[output].reshape(target.shape) - torch.tensor(target)) ** 2).mean()
        for output, target, factor in zip(drawn.outputs, targets, factors, strict=True)
    ]
    total = sum(losses)
    gradients = torch.autograd.grad(total, [params, *inputs], allow_unused=True)
    of_params, *of_inputs = (
        np.zeros(tuple(of.shape)) if gradient is None else gradient.numpy()
        for of, gradient in zip([params, *inputs], gradients, strict=True)
    )
    for variable in layout.variables:
        if not variable.trained:
            of_params[variable.offset : variable.offset + variable.size] = 0
    return float(total.detach()), of_params, of_inputs


def _apply(torch, layer, own, xs):
    x = xs[0]
    if isinstance(layer, Dense):
        return _activation(torch, layer.activation.name)(x @ own[0] + own[1])
    if isinstance(layer, Scale):
        return x * own[0]
    if isinstance(layer, Activation):
        return _activation(torch, layer.activation.name)(x)
    if isinstance(layer, Dropout):
        return x
    if isinstance(layer, Concatenate):
        return torch.cat(xs, layer.axis)
    if isinstance(layer, Dot):
        return _dot(torch, layer, xs)
    join = {Add: torch.add, Average: torch.add, Subtract: torch.sub, Multiply: torch.mul}
    join |= {Maximum: torch.maximum, Minimum: torch.minimum}
    for other in xs[1:]:
        x = join[type(layer)](x, other)
    return x / len(xs) if isinstance(layer, Average) else x


def _activation(torch, name):
    functions = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus}
    return functions.get(name, lambda z: z)


def _dot(torch, layer, xs):
    """By names of axes: the first one is the batch, and ``k`` is summed over."""
    sums = []
    for x, axis, free in zip(xs, layer.axes, "mn", strict=True):
        sums.append("b" + "".join("k" if i == axis else free for i in range(1, x.ndim)))
    if layer.normalize:
        xs = [x * torch.rsqrt((x * x).sum(axis, keepdim=True)) for x, axis in zip(xs, layer.axes, strict=True)]
    left = [letter for letter in sums[0] + sums[1] if letter in "mn"]
    y = torch.einsum(f"{sums[0]},{sums[1]}->b{''.join(left)}", *xs)
    return y.reshape(len(y), -1) if y.ndim == 1 else y
