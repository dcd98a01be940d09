"""Names of layers as PyTorch may have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastnn.layers.base import Layer

if TYPE_CHECKING:
    from fastnn.models.model import Model

TAKEN_WORDS = """
T_destination add_module apply bfloat16 bool buffers call_super_init children compile cpu cuda double dump_patches
eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad reset_states
"""
TAKEN = frozenset(TAKEN_WORDS.split())  # attributes of nn.Module, and of an exported network, that a child would hide


def paths_of(model: Model) -> dict[int, str]:
    """The path of each layer of a model's layout: its name, behind those of the models that it stands in."""
    found: dict[int, str] = {}
    taken: set[str] = set()

    def visit(items: Iterable[Any], prefix: str) -> None:
        for item in items:
            path = prefix + legal(item.name)
            if not isinstance(item, Layer):
                visit(item.graph.items, f"{path}.")
            elif not item.states_input and id(item) not in found:
                while path in taken or any(other.startswith(f"{path}.") for other in taken):
                    path += "_"
                taken.add(path)
                found[id(item)] = path

    visit(model.graph.items, "")
    return {i: found[id(layer)] for i, layer in enumerate(model.layout.layers)}


def legal(name: str) -> str:
    """A name that a module may have: no points, and none of what every module has."""
    name = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in name)
    if name in ("forward", "backward"):  # both halves of a Bidirectional
        return f"{name}_layer"
    return f"{name}_" if name in TAKEN or name.startswith("_") else name
