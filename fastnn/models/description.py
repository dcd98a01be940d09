"""What a model file says of a model, in words: :func:`describe` writes it.

A chain of layers that are all trained is described as the first version of the format has it, one layer behind the
other. Everything else is the second version: all layers and models, each once, whose numbers stand for them. A model
lists its items by number, and is itself behind them, so that nothing is nested and the last item is the whole.
:mod:`fastnn.models.rebuilding` reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.types import Config
from fastnn._plan.layout import Layout
from fastnn.layers.base import Layer
from fastnn.layers.input import InputLayer
from fastnn.layers.parameter import stated
from fastnn.models import compact
from fastnn.models.blueprint import blueprint
from fastnn.models.instruction import described_training
from fastnn.models.inventory import check_uses, inventory

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting


def version_of(model: Fitting) -> int:
    """The oldest version of the format that can hold a model."""
    plain = model.is_chain and all(isinstance(item, Layer) and item.trainable for item in model.items)
    return 1 if plain and model.trainable and (model.optimizer is None or model.has_loss) else 2


def describe(model: Fitting, version: int) -> Config:
    """The model as JSON can hold it."""
    if version == 1:
        return _described_chain(model)
    items = inventory(model)
    check_uses(items)
    number = {id(item): i for i, item in enumerate(items)}
    described = [_layer(item) if isinstance(item, Layer) else _model(item, number) for item in items]
    return {"dtype": model.dtype_policy, "items": described}


def _described_chain(model: Fitting) -> dict[str, object]:
    described: dict[str, object] = {} if model.given_name is None else {"name": model.given_name}
    described |= {
        "layers": [layer.config() for layer in model.items if isinstance(layer, Layer)],
        "input_shape": list(stated(model.layout.input_shape)),
        "dtype": model.dtype_policy,
        "seed": model.seed,
        "epoch": model.epoch,
        "step": model.step,
    }
    compiled = described_training(model)
    return described if compiled is None else {**described, "compile": compiled}


def _layer(layer: Layer) -> dict[str, object]:
    return layer.config() | _chosen_name(layer)


def _chosen_name(item: Layer | Fitting) -> dict[str, str]:
    """A name that no user gave; models that take the layer keep it, and outputs go by it."""
    return {"called": item.name} if item.given_name is None and item.name else {}


def _model(model: Fitting, number: dict[int, int]) -> Config:
    described: dict[str, object] = {"class": model.stored_as}
    described |= _chosen_name(model) if model.given_name is None else {"name": model.given_name}
    described |= {} if model.trainable else {"trainable": False}
    described |= {"seed": model.seed, "epoch": model.epoch, "step": model.step}
    described["items"] = [number[id(item)] for item in model.items]
    if model.is_chain:
        described["input_shape"] = list(stated(model.layout.input_shape))
    else:
        drawn, ends = blueprint(model.graph), model.ends
        described |= {"sources": drawn.sources, "calls": [list(call) for call in drawn.calls], "outputs": drawn.outputs}
        described |= {f"{end.kind[:-1]}_form": end.form for end in ends}
        described |= {f"{end.kind[:-1]}_names": list(end.names) for end in ends}
    compiled = described_training(model)
    return described if compiled is None else {**described, "compile": compiled}


def arrays(model: Fitting, version: int) -> dict[str, np.ndarray]:
    """The arrays of a file: parameters, and what optimisers remember."""
    first = sum(isinstance(item, InputLayer) for item in model.items) if version == 1 else 0
    made = dict(zip(names(model.layout, first), model.get_weights(), strict=True))
    for i, item in enumerate(inventory(model) if version > 1 else [model]):
        if isinstance(item, Layer) or item.slots is None or item.optimizer is None:
            continue
        if len(item.slots) == item.optimizer.n_slots:  # else the optimiser's arguments were changed since
            rows = compact.gathered(item.layout, item.slots)
            made |= zip(slot_names(i, item is model, len(rows)), rows, strict=True)
    return made


def names(layout: Layout, first: int = 0) -> list[str]:
    """``"layer.parameter"`` for each array of ``get_weights``; layers are counted from ``first`` on."""
    return [f"{v.layer + first}.{v.parameter.name}" for v in layout.variables]


def slot_names(number: int, is_root: bool, n_slots: int) -> list[str]:
    """Names of the arrays that a model's optimiser remembers; of models inside, by their number."""
    return [f"optimizer.{i}" if is_root else f"{number}.optimizer.{i}" for i in range(n_slots)]
