"""Functions of Keras that stand in a graph as layers do (``x + y``, ``keras.ops.relu``), as layers of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastnn import activations
from fastnn._base.arguments import shown
from fastnn._base.types import Stored
from fastnn.interop.keras.calls import is_tensor

JOINS = {"Add", "Subtract", "Multiply", "Maximum", "Minimum"}
WITH_NUMBERS = {"Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Negative"}
ACTIVATIONS = {
    **{name.title().replace("_", ""): name for name in activations.ACTIVATIONS},
    "Exp": "exponential",
    "Silu": "silu",
    "LogSoftmax": "log_softmax",
    "HardSilu": "hard_swish",
}


def is_operation(entry: Mapping[str, Stored]) -> bool:
    """Whether an entry of a configuration is a function and no layer."""
    return str(entry.get("module", "")).startswith(("keras.src.ops", "keras.ops"))


def layer_of(entry: Mapping[str, Stored]) -> tuple[dict[str, object], list[Stored]]:
    """The class and arguments of our layer, and the edges of each call.

    Raises
    ------
    ValueError
        no layer computes that.
    """
    kind, name = entry["class_name"], entry["config"].get("name")
    config, found = dict(entry["config"]), None
    calls = [[*call["args"], *(call.get("kwargs") or {}).values()] for call in entry["inbound_nodes"]]
    for args in calls:
        made = _known(kind, config, args)
        if made is None or (found is not None and made[0] != found):
            raise ValueError(f"{name!r} is keras' {kind} of {_words(args)}, which has no counterpart here")
        found, args[:] = made[0], made[1]
    if found is None:
        raise ValueError(f"{name!r} is keras' {kind}, which nothing calls")
    return found | {"name": name}, calls


def _known(
    kind: str, config: Mapping[str, Stored], args: Sequence[Stored]
) -> tuple[dict[str, object], list[object]] | None:
    """A class with its arguments, and the edges."""
    if kind == "Concatenate" and isinstance(args[0], list | tuple):
        return {"class_name": "Concatenate", "axis": config.get("axis", -1)}, [list(args[0])]
    edges = [came for came in args if is_tensor(came)]
    numbers = [came for came in args if type(came) in (int, float)]
    if len(edges) == 2 and not numbers and kind in JOINS and _ranks(edges):
        return {"class_name": kind}, [edges]
    if len(edges) != 1 or len(edges) + len(numbers) < len(args):
        return None
    if kind in WITH_NUMBERS and len(args) == 1 + (kind != "Negative"):
        made = _rescaled(kind, numbers[0] if numbers else -1.0, is_tensor(args[0]))
        return made if made is None else (made, edges)
    if numbers:
        return None
    if kind in ACTIVATIONS and config.get("axis", -1) == -1:
        return _activation(kind, config), edges
    if kind == "Reshape":
        return {"class_name": "Reshape", "target_shape": config["newshape"][1:]}, edges
    return None


def _ranks(edges: Sequence[Stored]) -> bool:
    """Whether both edges have as many axes, equal or 1 long, so that a join means the same."""
    first, second = (edge["config"]["shape"] for edge in edges)
    return len(first) == len(second) and all(a == b or 1 in (a, b) for a, b in zip(first, second, strict=True))


def _rescaled(kind: str, number: float, edge_is_first: bool) -> dict[str, object] | None:
    if kind == "Add":
        scale, offset = 1.0, float(number)
    elif kind == "Subtract":
        scale, offset = (1.0, -float(number)) if edge_is_first else (-1.0, float(number))
    elif kind in ("Multiply", "Negative"):
        scale, offset = float(number), 0.0
    elif edge_is_first and number:
        scale, offset = 1 / number, 0.0
    else:
        return None
    return {"class_name": "Rescaling", "scale": scale, "offset": offset}


def _activation(kind: str, config: Mapping[str, object]) -> dict[str, object]:
    name = "gelu_tanh" if kind == "Gelu" and config.get("approximate") else ACTIVATIONS[kind]
    parameter = activations.ACTIVATIONS[name].parameter_name
    told: object = {"name": name, parameter: config[parameter]} if parameter and parameter in config else name
    return {"class_name": "Activation", "activation": told}


def _words(args: Sequence[Stored]) -> str:
    return ", ".join(f"an edge {tuple(came['config']['shape'])}" if is_tensor(came) else shown(came) for came in args)
