"""Operations without weights that PyTorch has no module for, on tensors with the batch as first axis."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def add(*xs: Tensor) -> Tensor:
    return reduce(torch.add, xs)


def subtract(first: Tensor, second: Tensor) -> Tensor:
    return first - second


def multiply(*xs: Tensor) -> Tensor:
    return reduce(torch.mul, xs)


def average(*xs: Tensor) -> Tensor:
    return reduce(torch.add, xs) / len(xs)


def maximum(*xs: Tensor) -> Tensor:
    return reduce(torch.maximum, xs)


def minimum(*xs: Tensor) -> Tensor:
    return reduce(torch.minimum, xs)


def concatenate(*xs: Tensor) -> Tensor:
    return torch.cat(xs, dim=-1)


def dot(first: Tensor, second: Tensor, turns_first: bool, turns_second: bool) -> Tensor:
    """Matrix products of two inputs, each perhaps transposed."""
    return (first.mT if turns_first else first) @ (second.mT if turns_second else second)


def unit_norm(x: Tensor) -> Tensor:
    """Length 1 along the middle one of the last three axes."""
    return F.normalize(x, dim=-2, eps=1e-7)


def narrow(x: Tensor, start: int, count: int) -> Tensor:
    """Some numbers of each sample, one behind the other."""
    return x[:, start : start + count]


def permute(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    return x.permute(0, *dims)


def padded(x: Tensor, around: tuple[int, ...]) -> Tensor:
    """Zeros around, or less than there was, below 0; pairs for each axis, the last one first."""
    return F.pad(x, around)


def repeated(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """A vector several times."""
    return x.unsqueeze(1).expand(-1, *sizes, -1)


def upsampled(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Each number several times along the axes behind the batch."""
    for axis, n in enumerate(sizes, 1):
        x = x.repeat_interleave(n, dim=axis)
    return x


def rescale(x: Tensor, scale: float, offset: float) -> Tensor:
    return x * scale + offset


def mask(x: Tensor, value: float) -> Tensor:
    """1 for rows that count, 0 for those whose numbers all are ``value``."""
    return (x != value).any(dim=-1).to(x.dtype)


def blank(x: Tensor, counts: Tensor) -> Tensor:
    """Zeros for the rows that do not count."""
    return torch.where(counts.unsqueeze(-1) != 0, x, 0.0)


def masked_mean(x: Tensor, counts: Tensor) -> Tensor:
    """The mean of the rows that count, zeros where none does."""
    there = counts.unsqueeze(-1) != 0
    return torch.where(there, x, 0.0).sum(dim=1) / there.sum(dim=1).clamp(min=1)


def cells(parts: Any) -> Tensor:
    """Outputs and last states of a sample, one behind the other."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)
