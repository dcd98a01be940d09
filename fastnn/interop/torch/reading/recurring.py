"""``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` with their layers, directions and states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from fastnn.interop import gates
from fastnn.interop.channels_first import Value
from fastnn.interop.torch.reading.building import Builder, Zeros, numbers, value

if TYPE_CHECKING:
    import numpy as np

KINDS = {nn.RNN: "SimpleRNN", nn.LSTM: "LSTM", nn.GRU: "GRU"}


def recurrent(b: Builder, module: nn.Module, input: object, hx: object = None) -> tuple[Value, object]:
    """The outputs of all steps, and the last states ``(layers * directions, batch, units)``."""
    if getattr(module, "proj_size", 0):
        raise ValueError("proj_size has no counterpart here")
    kind, name, x = KINDS[type(module)], b.module_name, value(input)
    how = {"activation": module.nonlinearity} if kind == "SimpleRNN" else {}
    x = x if module.batch_first else b.transpose(x, (1, 0, 2))
    starts, last = _starts(b, module, hx), list[list[Value]]()
    n = 1 + module.bidirectional
    for layer in range(module.num_layers):
        directions = [_weights(module, kind, layer, suffix) for suffix in ("", "_reverse")[:n]]
        begin = [state for d in range(n) for state in starts[layer * n + d]] if starts else None
        own = name if module.num_layers == 1 else f"{name}_l{layer}"
        x, states = b.recurrent(kind, x, directions, starts=begin, name=own, **how)
        count = len(states) // n
        last += [states[d * count : (d + 1) * count] for d in range(n)]
        if module.dropout and layer + 1 < module.num_layers:
            x = b.dropout(x, module.dropout)
    y = x if module.batch_first else b.transpose(x, (1, 0, 2))
    stacked = tuple(_stacked(b, [states[k] for states in last]) for k in range(len(last[0])))
    return y, (stacked if kind == "LSTM" else stacked[0])


def _weights(module: nn.Module, kind: str, layer: int, suffix: str) -> list[np.ndarray]:
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if module.bias else ()))
    return gates.from_torch(kind, *(numbers(getattr(module, f"{word}_l{layer}{suffix}")) for word in names))


def _starts(b: Builder, module: nn.Module, hx: object) -> list[list[Value]]:
    """The states that each layer and direction begins with; none where they are zeros."""
    came = list(hx) if isinstance(hx, tuple | list) else [hx]
    given = [state for state in came if state is not None and not isinstance(state, Zeros)]
    if not given:
        return []
    if len(given) < len(came):
        raise ValueError("a state that follows from the inputs beside one of zeros has no counterpart here")
    count = module.num_layers * (1 + module.bidirectional)
    return [[b.squeeze(b.slice(value(state), 0, i, i + 1), [0]) for state in given] for i in range(count)]


def _stacked(b: Builder, states: list[Value]) -> Value:
    parts = [b.unsqueeze(state, [0]) for state in states]
    return parts[0] if len(parts) == 1 else b.concatenate(parts, 0)
