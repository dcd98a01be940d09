"""Weights of recurrent layers between the orders in which libraries keep their gates.

Ours are Keras': kernel ``(features, gates * units)``, recurrent kernel ``(units, gates * units)``, bias ``(gates *
units,)``, of a GRU that resets behind the product ``(2, 3 * units)``, those of the input and of the state. PyTorch and
ONNX keep the transposes, and a bias for the input and one for the state; ONNX has both behind each other, and an axis
of directions in front of everything.

========= ======== ======= =======
kind      ours     PyTorch ONNX
========= ======== ======= =======
SimpleRNN h        h       h
LSTM      i f g o  i f g o i o f g
GRU       z r g    r z g   z r g
========= ======== ======= =======

What is ``g`` here is called ``c`` by Keras and ONNX in an LSTM, ``h`` (Keras, ONNX) and ``n`` (PyTorch) in a GRU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ORDERS = {
    "SimpleRNN": {"ours": "h", "torch": "h", "onnx": "h"},
    "LSTM": {"ours": "ifgo", "torch": "ifgo", "onnx": "iofg"},
    "GRU": {"ours": "zrg", "torch": "rzg", "onnx": "zrg"},
}


def reordered(kind: str, array: npt.ArrayLike, source: str, target: str, axis: int = -1) -> np.ndarray:
    """An array whose ``axis`` holds the gates of a kind, in another library's order.

    Parameters
    ----------
    kind : ``"SimpleRNN"``, ``"LSTM"`` or ``"GRU"``.
    array : with ``gates * units`` numbers along ``axis``.
    source, target : ``"ours"`` (which is Keras' too), ``"torch"`` or ``"onnx"``.

    >>> reordered("GRU", [1, 2, 3], "ours", "torch").tolist()
    [2, 1, 3]
    """
    orders = ORDERS[kind]
    array = np.asarray(array)
    if array.shape[axis] % len(orders["ours"]):
        raise ValueError(
            f"{kind} has {len(orders['ours'])} gates, which do not divide axis {axis} of the shape {array.shape}"
        )
    parts = np.split(array, len(orders["ours"]), axis)
    return np.concatenate([parts[orders[source].index(gate)] for gate in orders[target]], axis)


def from_torch(
    kind: str,
    w_ih: npt.ArrayLike,
    w_hh: npt.ArrayLike,
    b_ih: npt.ArrayLike | None = None,
    b_hh: npt.ArrayLike | None = None,
) -> list[np.ndarray]:
    """Our kernel, recurrent kernel and, where there are biases, bias of one layer and direction of PyTorch's.

    Parameters
    ----------
    w_ih, w_hh : ``(gates * units, features)`` and ``(gates * units, units)``.
    b_ih, b_hh : ``(gates * units,)`` each, or None.

    >>> import numpy as np
    >>> [w.shape for w in from_torch("LSTM", np.ones((8, 3)), np.ones((8, 2)), np.ones(8), np.ones(8))]
    [(3, 8), (2, 8), (8,)]
    """
    return _from(kind, "torch", [w_ih, w_hh], None if b_ih is None else [b_ih, b_hh], reset_after=True)


def to_torch(kind: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray | None = None) -> list[np.ndarray]:
    """PyTorch's ``w_ih, w_hh`` and, where there is a bias, ``b_ih, b_hh`` of one direction of our weights.

    Raises
    ------
    ValueError
        a GRU that resets before the product: PyTorch has none.

    >>> import numpy as np
    >>> [w.shape for w in to_torch("GRU", np.ones((3, 6)), np.ones((2, 6)), np.ones((2, 6)))]
    [(6, 3), (6, 2), (6,), (6,)]
    """
    if kind == "GRU" and bias is not None and np.ndim(bias) == 1:
        raise ValueError("PyTorch's GRU resets behind the product; a GRU with reset_after=False has no counterpart")
    return _to(kind, "torch", [kernel, recurrent], bias)


def from_onnx(
    kind: str, w: npt.ArrayLike, r: npt.ArrayLike, b: npt.ArrayLike | None = None, reset_after: bool = True
) -> list[np.ndarray]:
    """Our kernel, recurrent kernel and, where there are biases, bias of one direction of an ONNX node.

    Parameters
    ----------
    w, r : ``(gates * units, features)`` and ``(gates * units, units)``, the node's at one direction.
    b : ``(2 * gates * units,)``, or None.
    reset_after : of a GRU, the node's ``linear_before_reset``.

    >>> import numpy as np
    >>> [w.shape for w in from_onnx("LSTM", np.ones((8, 3)), np.ones((8, 2)), np.ones(16))]
    [(3, 8), (2, 8), (8,)]
    """
    biases = None if b is None else np.split(np.asarray(b), 2)
    return _from(kind, "onnx", [w, r], biases, reset_after)


def to_onnx(kind: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray | None = None) -> list[np.ndarray]:
    """ONNX' ``W, R`` and, where there is a bias, ``B`` of one direction of our weights, without the axis of directions.

    >>> import numpy as np
    >>> [w.shape for w in to_onnx("LSTM", np.ones((3, 8)), np.ones((2, 8)), np.ones(8))]
    [(8, 3), (8, 2), (16,)]
    """
    w, r, *biases = _to(kind, "onnx", [kernel, recurrent], bias)
    return [w, r, np.concatenate(biases)] if biases else [w, r]


def _from(
    kind: str, source: str, kernels: list[npt.ArrayLike], biases: list[Any] | None, reset_after: bool
) -> list[np.ndarray]:
    made = [np.ascontiguousarray(reordered(kind, kernel, source, "ours", axis=0).T) for kernel in kernels]
    if biases is None:
        return made
    of_input, of_state = (reordered(kind, bias, source, "ours") for bias in biases)
    if kind == "GRU" and reset_after:
        return [*made, np.stack([of_input, of_state])]
    return [*made, of_input + of_state]


def _to(kind: str, target: str, kernels: list[np.ndarray], bias: np.ndarray | None) -> list[np.ndarray]:
    made = [np.ascontiguousarray(reordered(kind, kernel, "ours", target).T) for kernel in kernels]
    if bias is None:
        return made
    bias = np.asarray(bias)
    both = list(bias) if bias.ndim == 2 else [bias, np.zeros_like(bias)]
    return [*made, *(reordered(kind, part, "ours", target) for part in both)]
