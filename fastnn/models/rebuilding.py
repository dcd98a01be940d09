"""Models from what files say, see :mod:`fastnn.models.description`.

Nothing is drawn, and no array is made before the shapes that the layers have agree with those of the arrays in the
file. What was made must mean, word for word, what the file says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from fastnn import layers as layer_definitions
from fastnn._base.arguments import integer, shown
from fastnn._base.arrays import MIXED, check_finite, listed
from fastnn._base.stored import check_types, difference
from fastnn._base.tensor_file import TensorFile
from fastnn._base.types import Config, Stored
from fastnn._engine.bookmark import MOST
from fastnn._plan.layout import Layout, lay_out
from fastnn.layers.base import Layer
from fastnn.layers.parameter import check_shape
from fastnn.models import compact
from fastnn.models.blueprint import checked, graph_from, number
from fastnn.models.description import describe, names, slot_names
from fastnn.models.instruction import as_stored, train_as
from fastnn.models.inventory import check_uses
from fastnn.models.structure import Structure
from fastnn.models.texts import as_text_has

if TYPE_CHECKING:
    from fastnn._base.types import Config, DtypeLike
    from fastnn.models.graph import Item
    from fastnn.models.model import Model

_Named = TypeVar("_Named", bound="Item")
NOTHING: Mapping[str, object] = {}
FORMS = ("one", "list", "dict")


class Draft(NamedTuple):
    """Models without parameters, as a file describes them.

    Attributes
    ----------
    items, stored : layers and models, the last of which is the ``whole``, and what the file says of each.
    layout, names : of the parameters of the whole, and of their arrays in the file.
    """

    items: list[Item]
    stored: list[Config]
    layout: Layout
    names: list[str]
    whole: Model

    @property
    def models(self) -> list[tuple[int, Model, Config]]:
        """Models with their number and what the file says of them."""
        pairs = enumerate(zip(self.items, self.stored, strict=True))
        return [(i, item, stored) for i, (item, stored) in pairs if not isinstance(item, Layer)]


def draft(described: object, version: int, custom: Mapping[str, object] = NOTHING) -> Draft:
    """Models that can be given their parameters; no array is made. Layers of a user's own are among ``custom``."""
    if not isinstance(described, dict):
        raise TypeError(f"the model must be an object, got {shown(described)}")
    return _drafted_chain(described, custom) if version == 1 else _drafted_graph(described, custom)


def rebuild(described: Stored, version: int, file: TensorFile, custom: Mapping[str, object]) -> Model:
    """The model of a file, with its parameters, and as far trained."""
    made = draft(described, version, custom)
    for _, model, stored in made.models:
        if "compile" in stored:
            train_as(model, stored["compile"], custom)
    slots = _check_arrays(file, made)
    if version == 1:
        made.whole.draft(list(made.layout.layers), made.layout.input_shape)  # type: ignore[arg-type]  # a Sequential's
    made.whole.settle_in(_parameters(file, made))
    for i, model, stored in made.models:
        if model is not made.whole:
            model.settle_in()
        model.slots = _slots(file, model, slots[i])
        model.epoch, model.step = (_count(name, stored[name]) for name in ("epoch", "step"))
    for item, stored in zip(made.items, made.stored, strict=True):
        _named(item, stored)  # again, for models that share layers give each other's their names
    _check_meaning(described, version, made)
    return made.whole


# -- what a file describes ------------------------------------------------------------------------------


def _drafted_chain(described: Config, custom: Mapping[str, object]) -> Draft:
    from fastnn.models.sequential import Sequential

    layers = [_layer_of(stored, custom) for stored in listed("layers", described["layers"], "layers")]
    shape = check_shape("input_shape", described["input_shape"], may_be_open=True)
    known = layers[0].input_shape if layers else None
    if known not in (None, shape):
        raise ValueError(f"input_shape is {shape}, and the first layer's {known}")
    if "compile" in described and not isinstance(described["compile"]["loss"], dict):
        raise TypeError(f"loss must be an object, got {shown(described['compile']['loss'])}")
    layout = lay_out(layers, shape)
    model = Sequential(dtype=_dtype(described), seed=_seed(described), name=described.get("name"))
    return Draft([model], [described], layout, names(layout), model)


def _drafted_graph(described: dict[str, object], custom: Mapping[str, object]) -> Draft:
    items: list[Item] = []
    kept = listed("items", described["items"], "items")
    for stored in kept:
        is_model = isinstance(stored, dict) and stored.get("class") in ("Model", "Sequential")
        layer = None if is_model else _named(_layer_of(stored, custom), stored)
        items.append(layer or _model_of(stored, items, _dtype(described)))
    check_uses(items)
    if not items or isinstance(items[-1], Layer):
        raise ValueError("the last of its items must be the model")
    layout = items[-1].sketch()
    return Draft(items, kept, layout, names(layout), items[-1])


def _layer_of(stored: object, custom: Mapping[str, object]) -> Layer:
    if not isinstance(stored, dict):
        raise TypeError(f"a layer must be an object, got {shown(stored)}")
    found: Layer = check_types(
        layer_definitions.from_config({k: v for k, v in stored.items() if k != "called"}, custom)
    )
    return found


def _named(item: _Named, stored: dict[str, object]) -> _Named:
    if "called" in stored:
        if not (isinstance(stored["called"], str) and stored["called"]):
            raise TypeError(f"a name must be a text, got {shown(stored['called'])}")
        item.rename(stored["called"])
    return item


def _model_of(stored: Config, before: Sequence[Item], dtype: DtypeLike) -> Model:
    from fastnn.models.model import Model
    from fastnn.models.sequential import Sequential

    numbers = [number("items", i, len(before)) for i in listed("items", stored["items"], "numbers")]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"items of a model must be there once, got {shown(numbers)}")
    items, seed, name = [before[i] for i in numbers], _seed(stored), stored.get("name")
    if stored["class"] == "Sequential":
        chain = _named(Sequential(dtype=dtype, seed=seed, name=name), stored)
        chain.mark(stored.get("trainable", True))
        chain.draft(items, check_shape("input_shape", stored["input_shape"], may_be_open=True))
        return chain
    drawn = checked(items, stored["sources"], stored["calls"], stored["outputs"])
    ends = _ends("inputs", stored, len(drawn.sources)), _ends("outputs", stored, len(drawn.outputs))
    model: Model = _named(Model.waiting(dtype, seed, name=name), stored)
    model.mark(stored.get("trainable", True))
    model.draft(graph_from(items, drawn), ends)
    return model


def _ends(kind: str, stored: Config, count: int) -> Structure:
    form, known = (stored[f"{kind[:-1]}_{what}"] for what in ("form", "names"))
    texts = [name for name in listed(f"{kind[:-1]}_names", known, "texts") if isinstance(name, str)]
    if form not in FORMS or len(texts) != len(known) or len(set(texts)) != count or (form == "one" and count > 1):
        raise ValueError(f"{kind} must have a form and a name for each of the {count}, got {shown((form, known))}")
    return Structure(kind, tuple(texts), form)


def _dtype(described: Config) -> Any:
    dtype = described["dtype"]
    return dtype if dtype in ("float32", "float64", MIXED) else repr(dtype)


def _seed(stored: dict[str, object]) -> int:
    return integer("seed", stored["seed"], low=0)


def _count(name: str, came: object) -> int:
    if (count := integer(name, came, low=0)) > MOST:
        raise ValueError(f"{name} must be at most {MOST}, got {shown(came)}")
    return count


# -- the arrays of a file -------------------------------------------------------------------------------


def _check_arrays(file: TensorFile, made: Draft) -> dict[int, list[str]]:
    """Raise when the arrays of a file are not just those of the models and optimisers; names of the slots of each."""
    shapes = [v.parameter.shape for v in made.layout.variables]
    wanted: dict[str, tuple[int, ...]] = dict(zip(made.names, shapes, strict=True))
    slots: dict[int, list[str]] = {}
    found = Counter(name.rpartition(".")[0] for name in file.entries)
    for i, model, _ in made.models:
        count = found[slot_names(i, model is made.whole, 1)[0].rpartition(".")[0]]
        if count and model.optimizer is not None:
            count = model.optimizer.n_slots
        slots[i] = slot_names(i, model is made.whole, count)
        if count:
            layout = made.layout if model is made.whole else model.sketch()
            wanted |= dict.fromkeys(slots[i], (layout.n_params,))
    if file.entries.keys() != wanted.keys():
        odd = min(file.entries.keys() ^ wanted.keys())
        raise ValueError(f"the array {shown(odd)} {'is missing' if odd in wanted else 'belongs to nothing'}")
    for name, shape in wanted.items():
        entry = file.entries[name]
        if (entry.shape, entry.dtype) != (shape, made.whole.dtype):
            raise ValueError(f"{name} must be {shape} {made.whole.dtype}, got {entry.shape} {entry.dtype}")
    return slots


def _parameters(file: TensorFile, made: Draft) -> list[np.ndarray]:
    weights = []
    for name, v in zip(made.names, made.layout.variables, strict=True):
        weights.append(np.empty(v.parameter.shape, made.whole.dtype))
        file.read(name, weights[-1].reshape(-1))
        check_finite(f"weights of {name}", weights[-1])
    return weights


def _slots(file: TensorFile, model: Model, stored: Sequence[str]) -> np.ndarray | None:
    if model.optimizer is None or not stored:
        return None
    rows = np.empty((len(stored), file.entries[stored[0]].shape[0]), model.dtype)
    for name, row in zip(stored, rows, strict=True):
        file.read(name, row)
    return compact.spread(model.layout, rows, model.dtype)


def _check_meaning(described: dict[str, object], version: int, made: Draft) -> None:
    """Raise when the model that was made is not the one that is described, word for word."""
    means = as_text_has(describe(made.whole, version))
    for i, _, stored in made.models:
        meant = means if version == 1 else means["items"][i]
        if "compile" in stored:
            meant["compile"] = as_stored(meant.get("compile"), stored["compile"])
    differs = difference(described, means)
    if differs:
        raise ValueError(differs)
