"""All layers and models in a model, each once, whatever is shared: what is written down of it, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastnn._base.arguments import shown
from fastnn.layers.base import Layer

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting

MOST_REPEATS = 10_000  # uses of layers beyond ten for each that is listed; few lines could mean more than memory holds
MOST_LEVELS = 100  # of models in models, far from where Python's stack ends


def inventory(model: Fitting) -> list[Layer | Fitting]:
    """Each layer and model in a model, a model after all that is in it, so that the last is the model itself."""
    found: dict[int, Layer | Fitting] = {}

    def visit(item: Layer | Fitting) -> None:
        if id(item) not in found:
            for inner in () if isinstance(item, Layer) else item.items:
                visit(inner)
            found[id(item)] = item

    visit(model)
    return list(found.values())


def check_uses(items: Sequence[Layer | Fitting]) -> None:
    """``ValueError`` where models in models are very deep, or mean very many more uses of layers than are listed.

    A model that calls another one twice, which calls a third one twice, and so on: forty of them are 2**40 layers.
    """
    uses: dict[int, int] = {}
    depth: dict[int, int] = {}
    listed = len(items)
    for item in items:
        if isinstance(item, Layer):
            uses[id(item)], depth[id(item)] = 1, 0
            continue
        called = item.items if item.is_chain else [call.item for call in item.graph.calls]
        listed += len(called)
        uses[id(item)] = sum(uses[id(inner)] for inner in called)
        depth[id(item)] = 1 + max((depth[id(inner)] for inner in called), default=0)
        if depth[id(item)] > MOST_LEVELS:
            raise ValueError(f"models in files and configurations may be inside {MOST_LEVELS} others, got more")
        if uses[id(item)] > MOST_REPEATS + 10 * listed:
            raise ValueError(
                f"{shown(uses[id(item)])} uses of layers follow from {listed} that are listed; models in files and "
                f"configurations may have {MOST_REPEATS} more than ten for each"
            )
