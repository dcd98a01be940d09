"""Modules that draw random numbers in training, and else hand on what they read: noise, dropout, augmentation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastnn._ops import warp


class SharedDropout(nn.Module):
    """Dropout of ``(n, groups, rows, columns)`` in which the rows of a group share what is drawn."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * F.dropout(torch.ones_like(x[:, :, :1]), self.p, self.training)


class AlphaDropout(nn.Module):
    """Dropout that keeps mean and variance of what SELU gives, likewise (Klambauer et al. 2017)."""

    def __init__(self, p: float, factor: float, shift: float, dropped: float):
        super().__init__()
        self.p, self.factor, self.shift, self.dropped = p, factor, shift, dropped

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        stays = torch.rand_like(x[:, :, :1]) >= self.p
        return torch.where(stays, x * self.factor + self.shift, self.dropped)


class Noise(nn.Module):
    """Normal noise added, or multiplied as ``x * (1 + noise)``."""

    def __init__(self, deviation: float, multiplies: bool):
        super().__init__()
        self.deviation, self.multiplies = deviation, multiplies

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        noise = torch.randn_like(x) * self.deviation
        return x * (1 + noise) if self.multiplies else x + noise


class Warp(nn.Module):
    """Images read at places of a map that is drawn for each in training; else their middle. See ``_ops/warp.py``."""

    def __init__(self, geometry: tuple[int, ...], numbers: tuple[float, ...], draws: bool):
        super().__init__()
        self.geometry, self.numbers, self.draws = geometry, (*numbers, *(0.0,) * (5 - len(numbers))), draws

    def forward(self, x: Tensor) -> Tensor:
        h, w, _, oh, ow, *_ = self.geometry
        if not self.training or not self.draws:
            top, left = (h - oh) // 2, (w - ow) // 2
            return x[:, top : top + oh, left : left + ow]
        return self._read(x, *self._drawn(torch.rand(2, len(x), 1, 1, dtype=x.dtype, device=x.device)))

    def _drawn(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Places ``(n, oh, ow)`` along both axes, which may lie outside."""
        h, w, _, oh, ow, move, *_ = self.geometry
        u, v = draws
        i = torch.arange(oh, dtype=u.dtype, device=u.device).view(1, oh, 1)
        j = torch.arange(ow, dtype=u.dtype, device=u.device).view(1, 1, ow)
        low, high, left, right = self.numbers[:4]
        first, second = low + (high - low) * u, left + (right - left) * v
        middle_y, middle_x = (h - 1) / 2, (w - 1) / 2
        if move == warp.TRANSLATE:
            return i - first * h + 0 * j, j - second * w + 0 * i
        if move == warp.CROP:
            return i + torch.floor(u * (h - oh + 1)) + 0 * j, j + torch.floor(v * (w - ow + 1)) + 0 * i
        if move == warp.ROTATE:
            angle = 2 * math.pi * first
            s, c = torch.sin(angle), torch.cos(angle)
            y, x = i - middle_y, j - middle_x
            return c * y + s * x + middle_y, c * x - s * y + middle_x
        if move == warp.ZOOM_EQUALLY:
            second = first
        if move == warp.FLIP:
            first, second = torch.where(u < 0.5, high, low), torch.where(v < 0.5, right, left)
        return first * (i - middle_y) + middle_y + 0 * j, second * (j - middle_x) + middle_x + 0 * i

    def _read(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        if not self.geometry[7]:
            return self._at(x, torch.round(rows), torch.round(columns))
        top, left = torch.floor(rows), torch.floor(columns)
        down, right = (rows - top).unsqueeze(-1), (columns - left).unsqueeze(-1)
        upper = self._at(x, top, left) * (1 - right) + self._at(x, top, left + 1) * right
        lower = self._at(x, top + 1, left) * (1 - right) + self._at(x, top + 1, left + 1) * right
        return upper * (1 - down) + lower * down

    def _at(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        h, w = self.geometry[:2]
        fill = self.geometry[6]
        sample = torch.arange(len(x), device=x.device).view(-1, 1, 1)
        found = x[sample, _inside(rows.long(), h, fill), _inside(columns.long(), w, fill)]
        if fill != warp.CONSTANT:
            return found
        there = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
        return torch.where(there.unsqueeze(-1), found, self.numbers[warp.VALUE])


def _inside(at: Tensor, n: int, fill: int) -> Tensor:
    """The place along an axis that stands for one outside."""
    if fill == warp.WRAP:
        return at % n
    if fill == warp.REFLECT:
        again = at % (2 * n)
        return torch.where(again < n, again, 2 * n - 1 - again)
    return at.clamp(0, n - 1)
