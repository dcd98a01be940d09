"""PyTorch: eager, with the fused Adam and denormals flushed; predictions also as a frozen trace."""

import torch
from cases import BINARY, SQUARES
from torch import nn

VERSION = torch.__version__


def setup(threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def _model(network):
    layers = []
    for n_in, n_out in network.sizes:
        layers += [nn.Linear(n_in, n_out), nn.ReLU() if network.hidden == "relu" else nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def train(network, x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    if network.loss == BINARY:
        y = y[:, None].to(x.dtype)
    model = _model(network).to(x.dtype)
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
    x = torch.from_numpy(x)
    model = _model(network).to(x.dtype).eval()
    with torch.no_grad():
        for linear, (w, b) in zip(model[::2], weights, strict=True):
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
    frozen = torch.jit.freeze(torch.jit.trace(model, x))
    return {"torch": _inference(model, x), "torch.jit": _inference(frozen, x)}


def _inference(model, x):
    def call():
        with torch.inference_mode():
            return model(x)

    return call
