"""Recurrent modules: those of ``torch.nn``, and for what they cannot do (masks, other activations) a walk over steps.

Parameters have PyTorch's names and layouts in both cases; a GRU that resets before its product has no second bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fastnn.activations import ActivationCode
from fastnn.activations.records import ACTIVATIONS, Activation
from fastnn.interop.torch.activations import activation_module
from fastnn.interop.torch.functions import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

BY_CODE = {int(record.code): record for record in ACTIVATIONS.values()}
Flags = tuple[tuple[str, bool], ...]


class Recurrent(nn.Module):
    """What the three kinds have in common: they are mixed with the kind of ``torch.nn``.

    ``forward(x, *mask and states, masked, flags)`` takes ``(n, steps, features)``, and gives the outputs of all steps
    or of the last one; with ``states`` among the flags, flat and with the last states behind.
    """

    n_states = 1
    hidden_size: int
    weight_ih_l0: Tensor
    weight_hh_l0: Tensor

    def have(self, activation: Activation, gate: tuple[int, float], rate: float) -> None:
        """Have activations of the cell and of its gates, and a rate of dropout between steps."""
        self.rate = rate
        self.is_plain = activation.code == ActivationCode.TANH and gate[0] == ActivationCode.SIGMOID and not rate
        self.squash = activation_module(activation)
        record = BY_CODE[gate[0]]
        named = {record.parameter_name: gate[1]} if record.parameter_name else {}
        self.gate = activation_module(record.bind(**named) if named else record)

    def forward(self, x: Tensor, *more: Any) -> Tensor:
        *tensors, masked, told = more
        flags = dict(told)
        mask, states = (tensors[0], tensors[1:]) if masked else (None, tensors)
        x = x.flip(1) if flags["reads_back"] else x
        if mask is not None and flags["reads_back"]:
            mask = mask.flip(1)
        if mask is None and self.is_plain:
            y, last = self._whole(x, states)
        else:
            y, last = self._walk(x, states, mask, flags["zeros"])
        if flags["writes_back"] and flags["sequences"]:
            y = y.flip(1)
        y = y if flags["sequences"] else y[:, -1]
        return cells([y, *last]) if flags["states"] else y

    def _whole(self, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, Any]:
        """All steps by PyTorch itself."""
        came = [state.unsqueeze(0) for state in states]
        begin = None if not came else tuple(came) if self.n_states > 1 else came[0]
        y, last = self.by_torch(x, begin)
        return y, [state.squeeze(0) for state in (last if self.n_states > 1 else (last,))]

    def _walk(self, x: Tensor, states: Sequence[Tensor], mask: Tensor | None, zeros: bool) -> tuple[Tensor, Any]:
        """Step by step; masked steps leave the states and repeat the output, or give zeros."""
        states = list(states) or [x.new_zeros(len(x), self.hidden_size) for _ in range(self.n_states)]
        factors = F.dropout(torch.ones_like(states[0]), self.rate, self.training)
        y, made = torch.zeros_like(states[0]), []
        of_x = F.linear(x, self.weight_ih_l0, getattr(self, "bias_ih_l0", None))
        for t in range(x.shape[1]):
            new = self.step(of_x[:, t], states[0] * factors, states)
            if mask is not None:
                there = mask[:, t, None] != 0
                y = torch.where(there, new[0], 0.0 if zeros else y)
                states = [torch.where(there, after, before) for after, before in zip(new, states, strict=True)]
            else:
                y, states = new[0], new
            made.append(y)
        return torch.stack(made, dim=1), states

    def by_torch(self, x: Tensor, begin: Tensor | tuple[Tensor, ...] | None) -> tuple[Tensor, Any]:
        """What the kind of ``torch.nn`` gives."""
        raise NotImplementedError

    def of_state(self, read: Tensor) -> Tensor:
        """The state's part of all gates."""
        return F.linear(read, self.weight_hh_l0, getattr(self, "bias_hh_l0", None))

    def step(self, z: Tensor, read: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """The states behind a step, from the input's part of the gates and what is read of the state."""
        raise NotImplementedError


class RNN(Recurrent, nn.RNN):
    """``h' = tanh(W x + b + U h + b')``, or with another activation."""

    def __init__(self, activation: Activation, gate: tuple[int, float], dropout: float, **told: object):
        nn.RNN.__init__(self, batch_first=True, **told)
        self.have(activation, (ActivationCode.SIGMOID, 0.0), dropout)

    def by_torch(self, x: Tensor, begin: Tensor | tuple[Tensor, ...] | None) -> Any:
        return nn.RNN.forward(self, x, begin)

    def step(self, z: Tensor, read: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        return [self.squash(z + self.of_state(read))]


class LSTM(Recurrent, nn.LSTM):
    """Gates in the order i, f, g, o."""

    n_states = 2

    def __init__(self, activation: Activation, gate: tuple[int, float], dropout: float, **told: object):
        nn.LSTM.__init__(self, batch_first=True, **told)
        self.have(activation, gate, dropout)

    def by_torch(self, x: Tensor, begin: Tensor | tuple[Tensor, ...] | None) -> Any:
        return nn.LSTM.forward(self, x, begin)

    def step(self, z: Tensor, read: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        i, f, g, o = (z + self.of_state(read)).chunk(4, dim=-1)
        c = self.gate(f) * states[1] + self.gate(i) * self.squash(g)
        return [self.gate(o) * self.squash(c), c]


class GRU(Recurrent, nn.GRU):
    """Gates in the order r, z, n; with ``reset_after=False`` the state is reset before its product."""

    def __init__(
        self, activation: Activation, gate: tuple[int, float], dropout: float, reset_after: bool, **told: object
    ):
        nn.GRU.__init__(self, batch_first=True, **told)
        self.have(activation, gate, dropout)
        self.reset_after = reset_after
        if not reset_after:
            self.is_plain = False
            if "bias_hh_l0" in self._parameters:
                kept: list[str] = [name for name in vars(self)["_flat_weights_names"] if name != "bias_hh_l0"]
                self._flat_weights_names, self._flat_weights = kept, [getattr(self, name) for name in kept]
                del self.bias_hh_l0

    def by_torch(self, x: Tensor, begin: Tensor | tuple[Tensor, ...] | None) -> Any:
        return nn.GRU.forward(self, x, begin)

    def step(self, z: Tensor, read: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        r, u, n = z.chunk(3, dim=-1)
        if self.reset_after:
            r_h, u_h, n_h = self.of_state(read).chunk(3, dim=-1)
            r, u = self.gate(r + r_h), self.gate(u + u_h)
            g = self.squash(n + r * n_h)
        else:
            r_w, u_w, n_w = self.weight_hh_l0.chunk(3)
            r, u = self.gate(r + F.linear(read, r_w)), self.gate(u + F.linear(read, u_w))
            g = self.squash(n + F.linear(r * read, n_w))
        return [u * states[0] + (1 - u) * g]
