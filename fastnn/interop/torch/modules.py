"""Modules of exported networks, on tensors with channels last: those of ``torch.nn`` where there are some, turned.

Design: an image with its channels last, seen with its axes in PyTorch's order, is what PyTorch calls the memory format
``channels_last``, so that no number moves. Padding comes as an argument of the call, because a layer that is called on
images of two sizes is one module and may pad them differently.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastnn.activations.records import Activation
from fastnn.interop.torch.activations import activation_module


def _first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def _padded(x: Tensor, around: tuple[int, ...], value: float = 0.0) -> Tensor:
    return F.pad(x, around, value=value) if any(around) else x


class Conv1d(nn.Conv1d):
    """``(n, steps, channels)``; ``around`` is what is added before and behind."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0)) -> Tensor:
        return _last(super().forward(_padded(_first(x), around)))


class Conv2d(nn.Conv2d):
    """``(n, height, width, channels)``; ``around`` is what is added left, right, above and below."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0, 0, 0)) -> Tensor:
        return _last(super().forward(_padded(_first(x), around)))


class ConvTranspose1d(nn.ConvTranspose1d):
    """``(n, steps, channels)``; ``around`` is what is cut off (below zero) or added."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0)) -> Tensor:
        y = F.conv_transpose1d(_first(x), self.weight, None, self.stride, dilation=self.dilation)
        return _biased(_last(_padded(y, around)), self.bias)


class ConvTranspose2d(nn.ConvTranspose2d):
    """``(n, height, width, channels)``; ``around`` is what is cut off (below zero) or added."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0, 0, 0)) -> Tensor:
        y = F.conv_transpose2d(_first(x), self.weight, None, self.stride, dilation=self.dilation)
        return _biased(_last(_padded(y, around)), self.bias)


def _biased(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias


class MaxPool1d(nn.MaxPool1d):
    """What is padded is no largest number."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0)) -> Tensor:
        return _last(super().forward(_padded(_first(x), around, -torch.inf)))


class MaxPool2d(nn.MaxPool2d):
    """What is padded is no largest number."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0, 0, 0)) -> Tensor:
        return _last(super().forward(_padded(_first(x), around, -torch.inf)))


class AvgPool1d(nn.AvgPool1d):
    """What is padded is no part of a mean."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0)) -> Tensor:
        return _last(_mean(super().forward, _first(x), around))


class AvgPool2d(nn.AvgPool2d):
    """What is padded is no part of a mean."""

    def forward(self, x: Tensor, around: tuple[int, ...] = (0, 0, 0, 0)) -> Tensor:
        return _last(_mean(super().forward, _first(x), around))


def _mean(pool: Any, x: Tensor, around: tuple[int, ...]) -> Tensor:
    """Means over windows; with padding, divided by the share of each window that lies inside."""
    if not any(around):
        return pool(x)
    inside = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device)
    return pool(_padded(x, around)) / pool(_padded(inside, around))


class BatchNorm1d(nn.BatchNorm1d):
    """Of each column of rows; with a mask, the rows for which it is not 0 are measured alone."""

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        if counts is None or not self.training:
            return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)
        there = x[counts != 0]
        if len(there):
            variance, mean = torch.var_mean(there, dim=0, correction=0)
        else:
            variance = mean = x.new_zeros(x.shape[-1])
        with torch.no_grad():
            for kept, new in ((self.running_mean, mean), (self.running_var, variance)):
                assert kept is not None
                assert self.momentum is not None
                kept.lerp_(new, self.momentum)
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class BatchNorm2d(nn.BatchNorm2d):
    """Of each channel of images."""

    def forward(self, x: Tensor) -> Tensor:
        return _last(super().forward(_first(x)))


class GroupNorm(nn.GroupNorm):
    """Of runs of channels over all positions."""

    def forward(self, x: Tensor) -> Tensor:
        return _last(super().forward(_first(x)))


class PReLU(nn.PReLU):
    """A slope for each number of a row, which are the last axis."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, x * self.weight)


class Scale(nn.Module):
    """``x * weight``, a factor for each column."""

    def __init__(self, n: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class ParametricActivation(nn.Module):
    """``x + weight * (f(x) - x)``, a weight for each column."""

    def __init__(self, n: int, activation: Activation):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.activation = activation_module(activation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight * (self.activation(x) - x)


class Periodic(nn.Module):
    """Each number of a row as waves, mixed to ``units`` numbers and itself."""

    def __init__(self, n: int, frequencies: int, units: int, include_input: bool):
        super().__init__()
        self.include_input = include_input
        self.frequency = nn.Parameter(torch.randn(n, frequencies))
        self.phase = nn.Parameter(torch.zeros(n, frequencies))
        self.weight = nn.Parameter(torch.zeros(n, units, frequencies))
        self.bias = nn.Parameter(torch.zeros(n, units))

    def forward(self, x: Tensor) -> Tensor:
        x = x[..., None]
        waves = torch.cos(2 * torch.pi * self.frequency * x + self.phase)
        mixed = torch.einsum("...jk,juk->...ju", waves, self.weight) + self.bias
        return (torch.cat([mixed, x], -1) if self.include_input else mixed).flatten(-2)


class Standardize(nn.Module):
    """``(x - mean) / max(sqrt(variance), 1e-7)``, or back again."""

    mean: Tensor
    variance: Tensor

    def __init__(self, n: int, inverts: bool):
        super().__init__()
        self.inverts = inverts
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        deviation = torch.clamp(torch.sqrt(self.variance), min=1e-7)
        return x * deviation + self.mean if self.inverts else (x - self.mean) / deviation


class Embedding(nn.Embedding):
    """Rows of a table by whole numbers, which may come as real ones."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.long())


class Position(nn.Module):
    """The first of its numbers for every sample, whatever it reads."""

    def __init__(self, n: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        n = x[0].numel()
        return self.weight[:n].reshape(1, *x.shape[1:]).expand(x.shape[0], *x.shape[1:])


class Gather(nn.Module):
    """Numbers of a sample by their places; behind the last one stands a zero."""

    places: Tensor

    def __init__(self, places: object):
        super().__init__()
        self.register_buffer("places", torch.as_tensor(places), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 1))[:, self.places]


class State(nn.Module):
    """What a batch leaves to the next one, zeros at first and where the next has another number of rows."""

    def __init__(self, n: int):
        super().__init__()
        self.n = n
        self.kept: Tensor | None = None

    def forward(self, x: Tensor, keeps: bool) -> Tensor:
        if keeps:
            self.kept = x.detach()
            return x
        if self.kept is None or len(self.kept) != len(x):
            return x.new_zeros(len(x), self.n)
        return self.kept


class Attend(nn.Module):
    """``softmax(scale * q @ k.T) @ v`` of each head; a query for which no key counts gets zeros."""

    def __init__(self, scale: float, dropout: float, is_causal: bool, gives_weights: bool):
        super().__init__()
        self.scale, self.dropout, self.is_causal, self.gives_weights = scale, dropout, is_causal, gives_weights

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        counts = None if mask is None else mask.unsqueeze(1) != 0
        if self.is_causal:
            below = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
            counts = below if counts is None else counts & below
        if not self.gives_weights and counts is None:
            rate = self.dropout if self.training else 0.0
            y = F.scaled_dot_product_attention(query, key, value, dropout_p=rate, scale=self.scale)
            return y.transpose(1, 2).flatten(2)
        logits = query @ key.mT * self.scale
        if counts is None:
            weights = logits.softmax(dim=-1)
        else:
            weights = logits.masked_fill(~counts, torch.finfo(logits.dtype).min).softmax(dim=-1)
            weights = weights.masked_fill(~counts, 0.0)
        y = (F.dropout(weights, self.dropout, self.training) @ value).transpose(1, 2).flatten(2)
        return torch.cat([y.flatten(1), weights.flatten(1)], dim=1) if self.gives_weights else y
