"""Files of weights alone, and weights alone from files of models: by their order, or by the names of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fastnn._base import users_line
from fastnn._base.arguments import shown
from fastnn._base.arrays import listed
from fastnn._base.stored import parse
from fastnn._base.tensor_file import TensorFile, check_name
from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn._plan.layout import Layout
from fastnn.layers.base import Layer
from fastnn.models.files import FORMAT, check_kind, in_order, opened
from fastnn.models.graph import flatten
from fastnn.models.naming import name_items
from fastnn.models.rebuilding import draft
from fastnn.models.texts import text_of

if TYPE_CHECKING:
    from fastnn.models.graph import Item
    from fastnn.models.network import Network

WEIGHTS, VERSION = "fastnn weights", 1
Groups = dict[str, list[str]]  # of each layer, or model as one, by its name: the names of its arrays


class Pairs(NamedTuple):
    """What goes where: places among the model's arrays, and arrays of the file; and why others stay as they are."""

    places: list[int]
    names: list[str]
    skipped: list[str]


def save_weights(model: Network, path: StrPath) -> None:
    """Write the arrays of :meth:`Model.get_weights` alone, with the names of their layers."""
    name, known = check_name(path), model.weight_names()
    stored = {
        "format": WEIGHTS,
        "version": str(VERSION),
        "order": text_of("order", known),
        "layers": text_of("layers", _groups(model.layers, model.layout, known)),
    }
    write_atomically(name, in_order(dict(zip(known, model.get_weights(), strict=True)), stored))


def load_weights(model: Network, path: StrPath, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Set weights from a file of weights or of a whole model; all change or none."""
    with opened(path) as file:
        order, groups = _stored(file)
        file.find_arrays()
        ours = _groups(model.layers, model.layout, model.weight_names())
        if by_name:
            pairs = _by_name(ours, model, groups, file)
        elif skip_mismatch:
            pairs = _by_order(model, order, file)
        else:
            pairs = _all_by_order(model, order, file)
        if pairs.skipped and not skip_mismatch:
            raise ValueError(f"{pairs.skipped[0]}; skip_mismatch=True leaves such layers as they are")
        model.set_weights_at(pairs.places, [file.array(name) for name in pairs.names])
    if pairs.skipped:
        users_line.warn(f"load_weights left layers as they were: {'; '.join(pairs.skipped)}")


def _groups(items: Sequence[Item], layout: Layout, known: Sequence[str]) -> Groups:
    """Names of the arrays of each item, under the name that it has in its model."""
    own: dict[int, list[str]] = {}
    for variable, name in zip(layout.variables, known, strict=True):
        own.setdefault(id(layout.layers[variable.layer]), []).append(name)
    layers = {id(item): [item] if isinstance(item, Layer) else flatten(item.graph).layers for item in items}
    found = {str(item.name): [name for layer in layers[id(item)] for name in own.get(id(layer), ())] for item in items}
    return {name: arrays for name, arrays in found.items() if arrays}


def _stored(file: TensorFile) -> tuple[list[str], Groups | None]:
    """Names of the weights in a file in the order of ``get_weights``, and by their layers."""
    kind, version = check_kind(file, WEIGHTS, FORMAT)
    if kind == WEIGHTS:
        order = listed("order", parse("order", file.metadata["order"]), "names")
        return order, parse("layers", file.metadata["layers"]) if "layers" in file.metadata else None
    made = draft(parse("model", file.metadata["model"]), version)
    items = list(made.layout.layers) if version == 1 else made.whole.layers
    name_items(items)
    return made.names, _groups(items, made.layout, made.names)


def _all_by_order(model: Network, order: Sequence[str], file: TensorFile) -> Pairs:
    wanted = model.layout.variables
    if len(order) != len(wanted):
        raise ValueError(f"it has {len(order)} arrays of weights, and the model takes {len(wanted)}")
    for place, (name, variable) in enumerate(zip(order, wanted, strict=True)):
        came, shape = file.entries[name].shape, variable.parameter.shape
        if came != shape:
            raise ValueError(f"its {name} has the shape {came}, and {model.weight_paths()[place]} of the model {shape}")
    return Pairs(list(range(len(wanted))), list(order), [])


def _by_order(model: Network, order: Sequence[str], file: TensorFile) -> Pairs:
    """Layer by layer in their order, where all arrays of a layer have the shapes of the file's."""
    theirs: dict[str, list[str]] = {}
    for name in order:
        theirs.setdefault(name.rpartition(".")[0], []).append(name)
    ours: dict[int, list[int]] = {}
    for place, variable in enumerate(model.layout.variables):
        ours.setdefault(variable.layer, []).append(place)
    matched = list(theirs.values())
    pairs = Pairs([], [], [])
    for i, (layer, places) in enumerate(ours.items()):
        label = repr(model.layout.layers[layer].name)
        _match(label, places, matched[i] if i < len(matched) else None, model, file, pairs)
    return pairs


def _by_name(ours: Groups, model: Network, theirs: Groups | None, file: TensorFile) -> Pairs:
    if not isinstance(theirs, dict):
        raise ValueError("it does not hold the names of layers, as files of older versions; load it by order")
    place = {name: i for i, name in enumerate(model.weight_names())}
    pairs = Pairs([], [], [])
    for name, arrays in ours.items():
        if name in theirs:
            came = listed(f"the arrays of layer {name!r}", theirs[name], "names")
            _match(repr(name), [place[array] for array in arrays], came, model, file, pairs)
    if not set(ours) & set(theirs):
        raise ValueError(
            f"no layer has a name of the model's: it has {shown(', '.join(theirs))}, the model {', '.join(ours)}"
        )
    return pairs


def _match(
    label: str, places: list[int], came: list[str] | None, model: Network, file: TensorFile, pairs: Pairs
) -> None:
    """Pair the arrays of one layer, or say why they do not fit."""
    wanted = [model.layout.variables[place].parameter.shape for place in places]
    shapes = None if came is None else [file.entries[name].shape for name in came]
    if came is None or shapes != wanted:
        had, want = ("none" if some is None else ", ".join(map(str, some)) for some in (shapes, wanted))
        pairs.skipped.append(f"layer {label} wants arrays of the shapes {want}, and it has {had}")
        return
    pairs.places.extend(places)
    pairs.names.extend(came)
