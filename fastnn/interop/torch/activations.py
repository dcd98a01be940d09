"""Each activation as a module of ``torch.nn``, or as one of ours where that has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastnn.activations.records import Activation


class Exponential(nn.Module):
    """``exp(z)``."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.exp(z)


class SparsePlus(nn.Module):
    """0 up to -1, ``(z + 1)**2 / 4`` up to 1, then ``z``."""

    def forward(self, z: Tensor) -> Tensor:
        bent = torch.clamp(z, -1, 1) + 1
        return torch.where(z >= 1, z, 0.25 * bent * bent)


class SparseSigmoid(nn.Module):
    """``clip((z + 1) / 2, 0, 1)``."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.clamp(0.5 * z + 0.5, 0, 1)


class Squareplus(nn.Module):
    """``(z + sqrt(z**2 + b)) / 2``, without cancelling below zero."""

    def __init__(self, b: float):
        super().__init__()
        self.b = b

    def forward(self, z: Tensor) -> Tensor:
        root = torch.sqrt(z * z + self.b)
        fits = root < torch.inf  # else it is |z| but for its rounding
        left = torch.where(fits, 0.5 * self.b, 0.25 * self.b) / torch.where(fits, root + z.abs(), z.abs())
        return torch.where(z > 0, torch.where(fits, 0.5 * (z + root), z), left)


class Softplus(nn.Module):
    """``log(1 + exp(z))``, which ``nn.Softplus`` gives up beyond a threshold."""

    def forward(self, z: Tensor) -> Tensor:
        return -F.logsigmoid(-z)


MODULES: dict[str, Callable[[float], nn.Module]] = {
    "linear": lambda p: nn.Identity(),
    "sigmoid": lambda p: nn.Sigmoid(),
    "tanh": lambda p: nn.Tanh(),
    "relu": lambda p: nn.ReLU(),
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": lambda p: nn.SELU(),
    "gelu": lambda p: nn.GELU(),
    "silu": lambda p: nn.SiLU(),
    "softplus": lambda p: Softplus(),
    "softsign": lambda p: nn.Softsign(),
    "hard_sigmoid": lambda p: nn.Hardsigmoid(),
    "hard_swish": lambda p: nn.Hardswish(),
    "exponential": lambda p: Exponential(),
    "softmax": lambda p: nn.Softmax(dim=-1),
    "log_softmax": lambda p: nn.LogSoftmax(dim=-1),
    "relu6": lambda p: nn.ReLU6() if p == 6 else nn.Hardtanh(0.0, p),
    "hard_tanh": lambda p: nn.Hardtanh(),
    "celu": nn.CELU,
    "log_sigmoid": lambda p: nn.LogSigmoid(),
    "gelu_tanh": lambda p: nn.GELU(approximate="tanh"),
    "mish": lambda p: nn.Mish(),
    "tanh_shrink": lambda p: nn.Tanhshrink(),
    "hard_shrink": nn.Hardshrink,
    "soft_shrink": nn.Softshrink,
    "sparse_plus": lambda p: SparsePlus(),
    "sparse_sigmoid": lambda p: SparseSigmoid(),
    "squareplus": Squareplus,
}


def activation_module(activation: Activation) -> nn.Module:
    """The module of an activation, with its parameter."""
    made: Any = MODULES[activation.name]
    return made(activation.parameter)
