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
from dataclasses import dataclass, field
from typing import Any

from fastnn.reprs import cut
from fastnn.tables.features import Features, features_from_config
from fastnn.tables.reading import Reading
from fastnn.tables.target import Classes, Target, target_from_config

KEY, VERSION = "table", 1


@dataclass(frozen=True)
class Encoding:
    """How raw rows become inputs and outputs become labels or values.

    ``trained`` is what ``fastnn info`` tells about the training, words by name.
    """

    features: Features
    target: Target
    trained: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return cut(f"<Encoding of {self.target!r} from {self.features!r}>")

    def reading(self, **known: Any) -> Reading:
        """How to read a table for this model, with what else is ``known`` of the file."""
        target, features = self.target, self.features
        labels = [target.name] if isinstance(target, Classes) else []
        numbers = features.number_columns()
        as_text = features.text_columns() + labels
        return Reading(as_text, numbers, [*as_text, *numbers, target.name], **known)

    def notes(self, table: Any) -> list[str]:
        """What a user should know about rows that this encoding takes."""
        return self.features.notes(table)

    def metadata(self) -> dict[str, str]:
        """What to hand to ``Sequential.save``."""
        stored = {
            "version": VERSION,
            "features": self.features.config(),
            "target": self.target.config(),
            "trained": self.trained,
        }
        return {KEY: json.dumps(stored)}

    @staticmethod
    def of(model: Any) -> Encoding:
        """The encoding that a loaded model carries.

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
        try:
            stored = json.loads(model.metadata[KEY])
            if stored["version"] > VERSION:
                raise ValueError("this model's encoding was written by a newer fastnn; update fastnn")
            features, target = features_from_config(stored["features"]), target_from_config(stored["target"])
            return Encoding(features, target, stored["trained"])
        except (KeyError, TypeError, IndexError, json.JSONDecodeError) as error:
            raise ValueError(f"this model's encoding is damaged ({error!r})") from None
