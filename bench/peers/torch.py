"""PyTorch: eager, with the fused Adam and denormals flushed; predictions also as a frozen trace.

Images go through it with their channels first, and ("torch.nhwc") last: which is quicker depends on the sizes.
Sequences with masked steps are packed.
"""

import torch
from cases import BINARY, SQUARES
from layers import (
    EPSILON,
    MOMENTUM,
    Act,
    Attention,
    Average,
    Conv,
    Dense,
    Embedding,
    Flatten,
    MaxPool,
    Norm,
    Recurrent,
    Residual,
    channels_first,
    walk,
)
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

VERSION = torch.__version__
RECURRENT = {"lstm": (nn.LSTM, nn.LSTMCell), "gru": (nn.GRU, nn.GRUCell), "rnn": (nn.RNN, nn.RNNCell)}
LAYOUTS = {"torch": torch.contiguous_format, "torch.nhwc": torch.channels_last}


def setup(threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


class _Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class _LastState(nn.Module):
    """Of a recurrent layer."""

    def __init__(self, layer, features):
        super().__init__()
        self.inner, self.layer = RECURRENT[layer.kind][0](features, layer.n, batch_first=True), layer

    def forward(self, x):
        if self.layer.there and self.layer.even:
            x = pack_padded_sequence(x, torch.full((len(x),), self.layer.there), batch_first=True)
        elif self.layer.there:
            lengths = (x != 0).any(-1).sum(1)
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        last = self.inner(x)[1]
        return (last[0] if isinstance(last, tuple) else last)[-1]


class _SelfAttention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class _Mean(nn.Module):
    """Over the steps."""

    def forward(self, x):
        return x.mean(1)


def _modules(layers, shape):
    for layer in layers:
        yield _module(layer, shape)
        shape = layer.after(shape)


def _module(layer, shape):
    match layer:
        case Dense(n):
            return nn.Linear(shape[0], n)
        case Conv(n, k):
            return nn.Conv2d(shape[2], n, k, padding=layer.around, bias=layer.bias)
        case Norm():
            return nn.BatchNorm2d(shape[2], eps=EPSILON, momentum=1 - MOMENTUM)
        case Act(name):
            return nn.ReLU() if name == "relu" else nn.Tanh()
        case MaxPool(size):
            return nn.MaxPool2d(size)
        case Recurrent():
            return _LastState(layer, shape[1])
        case Attention(heads, width):
            return _SelfAttention(heads * width, heads, batch_first=True)
        case Embedding(n, width):
            return nn.Embedding(n, width)
        case Average() if len(shape) == 2:
            return _Mean()
        case Average():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case Flatten():
            return nn.Flatten()
        case Residual(layers):
            return _Residual(*_modules(layers, shape))


def _layouts(network, x):
    """``{label: (model, x)}``: both in each layout that the network's rows can have."""
    found = {}
    for label, layout in LAYOUTS.items() if len(network.shape) == 3 else [("torch", torch.contiguous_format)]:
        model = nn.Sequential(*_modules(network.layers, network.shape)).to(x.dtype)
        ids = isinstance(network.layers[0], Embedding)
        found[label] = model.to(memory_format=layout), x.long() if ids else _images(x, layout)
    return found


def _images(x, layout=torch.contiguous_format):
    """A view of images as PyTorch names their axes, in a layout; other rows as they are."""
    return x.movedim(-1, 1).contiguous(memory_format=layout) if x.ndim == 4 else x


def train(network, x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    if network.loss == BINARY:
        y = y[:, None].to(x.dtype)
    return {label: _epochs(network, model, x, y) for label, (model, x) in _layouts(network, x).items()}


def _epochs(network, model, x, y):
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss = {BINARY: nn.BCEWithLogitsLoss, SQUARES: nn.MSELoss}.get(network.loss, nn.CrossEntropyLoss)()

    def run(epochs):
        for _ in range(epochs):
            for rows in torch.randperm(network.rows).split(network.batch):
                optimizer.zero_grad(set_to_none=True)
                loss(model(x[rows]), y[rows]).backward()
                optimizer.step()

    return run


def predict(network, weights, x):
    calls = {}
    for label, (model, rows) in _layouts(network, torch.from_numpy(x)).items():
        _give(model, network, weights)
        calls[label] = _inference(model.eval(), rows)
        if label == "torch":
            calls["torch.jit"] = _inference(torch.jit.freeze(torch.jit.trace(model, rows)), rows)
    return calls


@torch.no_grad()
def _give(model, network, weights):
    """The layers' arrays to the modules that have any, in PyTorch's order of axes."""
    given, image = iter(weights), None
    modules = iter([m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.RNNBase))])
    for layer, shape in walk(network.layers, network.shape):
        if isinstance(layer, Flatten):
            image = shape
        if not layer.arrays(shape):
            continue
        if isinstance(layer, Recurrent):
            _give_recurrent(next(modules), layer, next(given))
            continue
        module, (w, *rest) = next(modules), map(torch.from_numpy, next(given))
        if isinstance(layer, Dense):
            w, image = (w if image is None else torch.from_numpy(channels_first(w.numpy(), image))).T, None
        elif isinstance(layer, Conv):
            w = w.permute(3, 2, 0, 1)
        places = [module.weight, module.bias, *(b for b in module.buffers() if b.ndim)]
        for place, array in zip(places, [w, *rest], strict=False):
            place.copy_(array)


@torch.no_grad()
def _give_recurrent(module, layer, arrays):
    """To a layer or a cell: r stands before z, and there are always two biases."""
    kernel, recurrent, bias = map(torch.from_numpy, arrays)
    both = bias if layer.kind == "gru" else torch.stack([bias, torch.zeros_like(bias)])
    for place, array in zip(module.parameters(), (kernel.T, recurrent.T, *both), strict=True):
        if layer.kind == "gru":
            z, r, g = array.chunk(3)
            array = torch.cat([r, z, g])
        place.copy_(array)


def step(layer, arrays, x):
    """A cell, called and traced; whole layers, called for one step, take longer."""
    x = torch.from_numpy(x)[None]
    cell = RECURRENT[layer.kind][1](x.shape[1], layer.n).to(x.dtype)
    _give_recurrent(cell, layer, arrays)
    h = torch.zeros(1, layer.n, dtype=x.dtype)
    first = (h, h) if layer.kind == "lstm" else h
    traced = torch.jit.freeze(torch.jit.trace(cell.eval(), (x, first)))
    return {"torch": _stepped(cell, x, first), "torch.jit": _stepped(traced, x, first)}


def _stepped(cell, x, state):
    def call():
        nonlocal state
        with torch.inference_mode():
            state = cell(x, state)
        return state[0]  # h of a pair, or the only row

    return call


def _inference(model, x):
    def call():
        with torch.inference_mode():
            return model(x)

    return call


def convolve(conv, part, arrays):
    """A convolution, or one of the two halves of its way back, in both layouts."""
    x, w, dy = map(torch.from_numpy, arrays)
    kernel = w.permute(2, 3, 0, 1) if conv.depthwise else w.permute(3, 2, 0, 1)
    around, strides, groups = [conv.around] * 2, [conv.strides] * 2, conv.n if conv.depthwise else 1
    back = torch.ops.aten.convolution_backward
    calls = {}
    for label, layout in LAYOUTS.items():
        x_in, dy_in, w_in = _images(x, layout), _images(dy, layout), kernel.contiguous(memory_format=layout)
        forward = (torch.conv2d, (x_in, w_in, None, strides, around, [1, 1], groups))
        rest = (None, strides, around, [1, 1], False, [0, 0], groups)
        way_back = (back, (dy_in, x_in, w_in, *rest, [part == "dx", part == "dW", False]))
        calls[label] = _quiet(*(forward if part == "forward" else way_back)), lambda y: _as_numpy(conv, part, y)
    return calls


def _quiet(function, given):
    def call():
        with torch.inference_mode():
            return function(*given)

    return call


def _as_numpy(conv, part, found):
    """Channels last, kernels as ``layers`` has them."""
    if part == "dW":
        return found[1].permute(2, 3, 0, 1) if conv.depthwise else found[1].permute(2, 3, 1, 0)
    return (found if part == "forward" else found[0]).movedim(1, -1)
