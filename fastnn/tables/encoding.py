"""What a model file knows about its data: features, target, and what it was trained on.

Stored as JSON under one key of the model's metadata.

>>> from fastnn import tables
>>> with open("people.csv", "w") as file:
...     written = file.write("age,city\\n30,Bern\\n50,Oslo\\n40,Bern\\n")
>>> table = tables.read_table("people.csv")
>>> features, notes = tables.fit_features(table.without("city"))
>>> encoding = tables.Encoding(features, tables.fit_classes("city", table.columns["city"]))
>>> [round(float(value), 4) for value in encoding.features.encode(table)[:, 0]]
[-1.2247, 1.2247, 0.0]
>>> encoding.target.encode(table.columns["city"]).tolist()
[0, 1, 0]
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastnn._base.arguments import integer
from fastnn._base.reprs import cut
from fastnn._base.stored import check_types, parse
from fastnn._base.types import Config
from fastnn.tables.features import Features, TableFeatures, features_from_config
from fastnn.tables.reading import Reading
from fastnn.tables.series import Forecast, SeriesFeatures
from fastnn.tables.target import Classes, Quantity, Target, target_from_config
from fastnn.tables.texts import TextFeatures, texts_from_config

KEY = "table"
VERSION, LATER_VERSION, LAST_VERSION = 1, 2, 3  # the second has series or texts; the third pieces, dates and codes


class Carrier(Protocol):
    """A model, of which this is what carries an encoding and a summary."""

    @property
    def metadata(self) -> dict[str, str]: ...


class Layout(Protocol):
    """The shapes of a network's inputs and outputs."""

    @property
    def input_shapes(self) -> Sequence[tuple[int, ...]]: ...

    @property
    def output_shape(self) -> tuple[int, ...]: ...

    @property
    def n_ids(self) -> Sequence[int | None]: ...


class Built(Carrier, Protocol):
    """The same, with the shapes of its inputs and outputs."""

    @property
    def layout(self) -> Layout: ...


@dataclass(frozen=True)
class Encoding:
    """How raw rows become inputs and outputs become labels or values.

    Attributes
    ----------
    features : how the columns that a model reads become numbers.
    target : how the column that it predicts does, and back.
    trained : what ``fastnn info`` tells about the training, words by name.
    """

    features: Features | SeriesFeatures | TextFeatures
    target: Target | Forecast
    trained: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return cut(f"<Encoding of {self.target!r} from {self.features!r}>")

    @property
    def row_target(self) -> Target:
        """The target of an encoding of single rows."""
        assert not isinstance(self.target, Forecast)
        return self.target

    def reading(self, **known: Any) -> Reading:
        """How to read a table for this model, with what else is ``known`` of the file."""
        target, features = self.target, self.features
        labels = [target.name] if isinstance(target, Classes) else []
        numbers = features.number_columns()
        as_text = features.text_columns() + labels
        kept = [*as_text, *numbers, target.name]
        if isinstance(features, SeriesFeatures):
            labels += [] if features.group is None else [features.group]
            kept += [] if features.time is None else [features.time]
        if isinstance(features, TextFeatures):
            labels += features.verbatim_columns()
        return Reading(as_text, numbers, kept, verbatim=labels, **known)

    def notes(self, table: Any) -> list[str]:
        """What a user should know about rows that this encoding takes.

        Parameters
        ----------
        table : a :class:`fastnn.tables.Table` of raw rows.
        """
        return self.features.notes(table)

    def metadata(self) -> dict[str, str]:
        """What to hand to ``Sequential.save``."""
        stored = {
            "version": _version(self.features, self.target),
            "features": self.features.config(),
            "target": self.target.config(),
            "trained": self.trained,
        }
        return {KEY: json.dumps(stored)}

    @staticmethod
    def of(model: Built) -> Encoding:
        """The encoding that a loaded model carries.

        Parameters
        ----------
        model : a model that was saved with an encoding.

        Raises
        ------
        ValueError
            it carries none, or one of a newer version.
        """
        if KEY not in model.metadata:
            raise ValueError(
                "this model carries no encoding of raw rows, for it was not made by `fastnn train`; "
                "use fastnn.load(path).predict(x) in Python"
            )
        return Encoding.fitting(model.metadata[KEY], model.layout)

    @staticmethod
    def fitting(text: str, layout: Layout) -> Encoding:
        """The encoding in a model's metadata, as :meth:`read` reads it for a network of this layout.

        Parameters
        ----------
        text : what :meth:`metadata` gave.
        layout : of the network.
        """
        n_in = [math.prod(shape) for shape in layout.input_shapes]
        return Encoding.read(text, n_in, math.prod(layout.output_shape), layout.n_ids)

    @staticmethod
    def read(text: str, n_in: int | Sequence[int], n_out: int, n_ids: Sequence[int | None] = (None,)) -> Encoding:
        """The encoding in a model's metadata, which must be whole and fit the network.

        Parameters
        ----------
        text : what :meth:`metadata` wrote.
        n_in : numbers of a sample, of each input where there are several.   n_out : of its output.
        n_out : numbers of the network's output.
        n_ids : how many vectors the ``Embedding`` behind each input has, None for other inputs.

        Raises
        ------
        ValueError
            it is damaged, does not fit the network, or is one of a newer version.
        """
        try:
            stored = parse("encoding", text)
            newer = integer("version", stored["version"], low=1) > LAST_VERSION
            encoding = None if newer else _made(stored, [n_in] if isinstance(n_in, int) else n_in, n_out, n_ids)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise ValueError(f"this model's encoding is damaged ({cut(repr(error))})") from None
        if encoding is None:
            raise ValueError("this model's encoding was written by a newer fastnn; update fastnn")
        return encoding


def _made(stored: Config, n_in: Sequence[int], n_out: int, n_ids: Sequence[int | None]) -> Encoding:
    features, target = _features(stored["features"]), _target(stored["target"])
    encoding = check_types(Encoding(features, target, stored["trained"]))
    unread = stored.keys() - {"version", "features", "target", "trained"}
    if unread:
        raise ValueError(f"nothing reads {', '.join(sorted(unread))}")
    features.check()
    target.check()
    if isinstance(features, SeriesFeatures):
        features.check_target(target)
    elif isinstance(target, Forecast):
        raise ValueError("steps ahead are told from a series, not from rows alone")
    wanted: tuple[Sequence[int], Sequence[int | None]] = (features.width,), (None,)
    if isinstance(features, TableFeatures | TextFeatures):
        wanted = features.widths, features.n_ids
    if (list(wanted[0]), target.n_out) != (list(n_in), n_out):
        made, has = f"{_listed(wanted[0])} inputs and {target.n_out} outputs", f"{_listed(n_in)} and {n_out}"
        raise ValueError(f"it makes {made}, and the network has {has}")
    if list(wanted[1]) != list(n_ids):
        raise ValueError(f"it makes {_listed(wanted[1])} numbers for embeddings, and the network has {_listed(n_ids)}")
    found: Encoding = encoding
    return found


def _version(features: Features | SeriesFeatures | TextFeatures, target: Target | Forecast) -> int:
    """The first version of files that have such features and such a target."""
    if isinstance(target, Quantity) and target.limits:
        return LAST_VERSION
    columns = features.columns if isinstance(features, SeriesFeatures | TextFeatures) else features
    if isinstance(columns, TableFeatures) and not columns.is_first_kind:
        return LAST_VERSION
    return LATER_VERSION if isinstance(features, SeriesFeatures | TextFeatures) else VERSION


def _features(stored: Config) -> Features | SeriesFeatures | TextFeatures:
    if stored["kind"] == "series":
        return SeriesFeatures.from_config(stored)
    return texts_from_config(stored) if stored["kind"] == "text" else features_from_config(stored)


def _target(stored: Config) -> Target | Forecast:
    return Forecast.from_config(stored) if stored["kind"] == "forecast" else target_from_config(stored)


def _listed(numbers: Sequence[int | None]) -> str:
    """Numbers of each input."""
    return " and ".join("no" if number is None else str(number) for number in numbers)
