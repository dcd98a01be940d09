"""How a model's inputs and outputs are handed in and out: one array, a list of them, or a dict by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fastnn._base.arguments import nearest, shown
from fastnn._base.types import DataLike

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge
    from fastnn.models.graph import Graph

Made = TypeVar("Made")


@dataclass(frozen=True)
class Structure:
    """The ends of a graph, inputs or outputs.

    Attributes
    ----------
    kind : ``"inputs"`` or ``"outputs"``, for errors.
    names : of each, as in dicts: of the layer, or the key under which the user gave it.
    form : of what the model gives: ``"one"``, ``"list"`` or ``"dict"``.
    """

    kind: str
    names: tuple[str, ...]
    form: str

    def split(self, argument: str, came: object, optional: bool = False) -> list[DataLike]:
        """A user's arrays, one for each end; with ``optional``, None stands for missing ones.

        Raises
        ------
        ValueError, TypeError
            there are too few or too many, or under other names.
        """
        if came is None and optional:
            return [None] * len(self.names)
        if isinstance(came, Mapping):
            return self._by_name(argument, came, optional)
        if len(self.names) == 1:
            return [came]
        if not isinstance(came, list | tuple):
            raise TypeError(f"{argument} must be {self.wanted}, got {shown(type(came).__name__)}")
        if len(came) != len(self.names):
            raise ValueError(f"{argument} must be {self.wanted}, got {len(came)} of them")
        return list(came)

    def join(self, arrays: Sequence[Made]) -> Made | list[Made] | dict[str, Made]:
        """Arrays as the model hands them out."""
        if self.form == "one":
            return arrays[0]
        return dict(zip(self.names, arrays, strict=True)) if self.form == "dict" else list(arrays)

    def label(self, argument: str, number: int) -> str:
        """What one of a user's arrays is called in errors."""
        return argument if len(self.names) == 1 else f"{argument}[{self.names[number]!r}]"

    @property
    def wanted(self) -> str:
        """What has to be given, in words."""
        names = ", ".join(map(repr, self.names))
        return f"a list of {len(self.names)} arrays, or a dict of them by name, for the {self.kind} {names}"

    def _by_name(self, argument: str, came: Mapping[str, object], optional: bool) -> list[object]:
        unknown = [name for name in came if name not in self.names]
        missing = [name for name in self.names if name not in came]
        if unknown:
            hint = nearest(str(unknown[0]), self.names)
            raise ValueError(f"{argument} has {shown(unknown[0])}{hint}; the {self.kind} are {', '.join(self.names)}")
        if missing and not optional:
            raise ValueError(f"{argument} lacks {missing[0]!r}; the {self.kind} are {', '.join(self.names)}")
        return [came.get(name) for name in self.names]


def ends_of(graph: Graph, inputs: object, outputs: object) -> tuple[Structure, Structure]:
    """How inputs and outputs are handed in and out, as a user gave the edges."""
    sources = tuple(str(source.name) for source in graph.sources)
    makers = tuple(edge.name for edge in graph.outputs)
    return _structure("inputs", inputs, sources), _structure("outputs", outputs, makers)


def _structure(kind: str, given: object, names: tuple[str, ...]) -> Structure:
    if isinstance(given, Mapping):
        return Structure(kind, tuple(map(str, given)), "dict")
    return Structure(kind, names, "list" if isinstance(given, list | tuple) else "one")


def check_outputs(given: object, outputs: Sequence[Edge]) -> None:
    """``ValueError`` when two outputs would have the name of the layer that makes both."""
    makers = [edge.call.item for edge in outputs]
    names = [(id(item), edge.name) for item, edge in zip(makers, outputs, strict=True)]
    twice = next((item for i, item in enumerate(makers) if names[i] in names[:i]), None)
    if twice is not None and not isinstance(given, Mapping):
        raise ValueError(
            f"two outputs would have one name, that of {twice!r}, which makes both; give outputs as a dict "
            f"{{name: edge}}"
        )
