"""Files of estimators for raw tables: a model with its encoding, and what of the estimator these do not tell.

A file is that of a model, as ``fastnn train`` writes it, for ``fastnn predict`` and ``fastnn.load``. One text more in
the model's metadata has the parameters, the columns that rows must have, and what type the classes are; files of
``fastnn train`` have none, so that their classes are texts and rows need no columns but those the model reads.

Design: plain words and numbers alone are kept, and nothing in a file is executed. What is of the rows of ``fit``, such
as the report, is not in it: it would be as large as they are; a pickle has all.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from fastnn._base.reprs import in_a_line
from fastnn._base.stored import check_types, parse
from fastnn._base.types import StrPath
from fastnn.models.files import DAMAGED, load
from fastnn.tables.encoding import KEY as TABLE
from fastnn.tables.encoding import Encoding
from fastnn.tables.features import TableFeatures
from fastnn.tables.target import Classes, Quantity, Target

if TYPE_CHECKING:
    from fastnn.models.model import Model

KEY = "estimator"  # of the model's metadata
VERSION = 1
KINDS = "biufUOM"  # of the types that classes may have, NumPy's letters
OF_ROWS = ("report_", "out_of_fold_rows_", "out_of_fold_proba_", "out_of_fold_prediction_")
PREDICTS = {Classes: ("classes", "TabularClassifier"), Quantity: ("numbers", "TabularRegressor")}
_PLACE = re.compile("x(0|[1-9][0-9]{0,8})")  # what a column without a name is called

Plain = bool | int | float | str | None


@dataclass(frozen=True)
class Kept:
    """What is told of an estimator.

    ``names`` are of all columns, none where they had none; ``classes`` is their type as NumPy writes it, empty where
    labels are texts as they stand in the target; ``lost`` are names of parameters that no text tells.
    """

    version: int
    parameters: dict[str, Plain]
    lost: list[str]
    n_features: int
    names: list[str]
    classes: str = ""
    n_members: int = 1
    notes: list[str] = field(default_factory=list)


class InFiles(BaseEstimator):
    """An estimator that is written to files and read from them."""

    _predicts: type[Target]

    model_: Model
    encoding_: Encoding
    target_: Target
    n_members_: int
    notes_: list[str]
    n_features_in_: int

    def save(self, path: StrPath) -> None:
        """Write the model with its encoding, as ``fastnn train`` does: ``fastnn predict`` reads it, and :meth:`load`.

        Parameters
        ----------
        path : name of the file, which is replaced only when all is written.
        """
        check_is_fitted(self)
        encoding = replace(self.encoding_, trained={"training": repr(self)})
        self.model_.save(path, {**encoding.metadata(), KEY: json.dumps(vars(_kept(self)))})

    @classmethod
    def load(cls, path: StrPath) -> Self:
        """A fitted estimator from a file of :meth:`save`, or of ``fastnn train`` on a table.

        It predicts to the same bits. The report and the rows out of fold are not in files: ``pickle`` keeps them.
        Parameters that are no number, word or None (a choice, weights by class, a generator) are as by default again,
        and ``notes_`` names them. Classes of ``fastnn train`` are texts.

        Parameters
        ----------
        path : name of the file.

        Raises
        ------
        FileNotFoundError
            there is no such file.
        ValueError
            it is no model of a table, predicts something else than this estimator, is damaged, or was written by a
            newer version.
        """
        name = os.fsdecode(path)
        model = load(path)
        try:
            found: Self = _restored(cls, model)
        except DAMAGED as error:
            raise ValueError(f"{name} cannot be loaded by {cls.__name__}: {in_a_line(error)}") from None
        return found

    if not TYPE_CHECKING:  # for a checker of types every attribute would be there

        def __getattr__(self, name: str) -> Any:
            if name in OF_ROWS and "_from_file" in self.__dict__:
                raise AttributeError(
                    f"{name} is of the rows of fit, and files do not have them; pickle the fitted estimator to keep it"
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _kept(estimator: Any) -> Kept:
    parameters, lost = {}, []
    for name, value in estimator.get_params(deep=False).items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, Plain) and not (isinstance(value, float) and not math.isfinite(value)):
            parameters[name] = value
        else:
            lost.append(name)
    names = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    classes, n_members, notes = _type_of_classes(estimator), estimator.n_members_, list(estimator.notes_)
    return Kept(VERSION, parameters, lost, estimator.n_features_in_, names, classes, n_members, notes)


def _type_of_classes(estimator: Any) -> str:
    """NumPy's name of it; empty where labels would not come back by it."""
    classes, target = getattr(estimator, "classes_", None), estimator.target_
    if classes is None or classes.dtype.kind not in KINDS:
        return ""
    try:
        again = _classes(target.labels, classes.dtype.str)
    except ValueError:
        return ""
    same = [*map(type, again.tolist())] == [*map(type, classes.tolist())] and np.array_equal(again, classes)
    return str(classes.dtype.str) if same else ""


def _classes(labels: Any, stored: str) -> np.ndarray:
    """Labels in their type."""
    dtype = np.dtype(stored) if stored else np.dtype("U")
    if dtype.kind not in KINDS or (dtype.kind not in "U" and dtype.itemsize > 8):
        raise ValueError(f"classes are of no known type, {stored!r}")
    if dtype.kind == "b":
        known = {"False": False, "True": True}
        return np.array([known[label] for label in labels], bool)
    if dtype.kind == "O":
        return np.array([str(label) for label in labels], object)
    if dtype.kind in "iu":
        return np.array([int(label) for label in labels], dtype)
    texts = np.array(list(labels), "U")
    return texts if dtype.kind == "U" else texts.astype(dtype)


def _restored(kind: Any, model: Model) -> Any:
    if TABLE not in model.metadata:
        raise ValueError("it carries no encoding of raw rows; fastnn.load reads it, and its predict takes encoded ones")
    encoding = Encoding.of(model)
    if not isinstance(encoding.features, TableFeatures) or not isinstance(encoding.target, Classes | Quantity):
        raise ValueError(f"it is of {encoding.features!r} and no model of a table's rows; fastnn.load reads it")
    if not isinstance(encoding.target, kind._predicts):
        what, other = PREDICTS[type(encoding.target)]
        raise ValueError(f"it predicts {what}; {other}.load reads it")
    kept = _told(model.metadata, encoding)
    estimator = kind(**{name: value for name, value in kept.parameters.items() if name in kind().get_params()})
    estimator.model_, estimator.encoding_, estimator.target_ = model, encoding, encoding.target
    estimator.n_members_, estimator.n_features_in_ = kept.n_members, kept.n_features
    if kept.names:
        estimator.feature_names_in_ = np.array(kept.names, object)
    lost = [f"files do not keep {name}: it is as by default" for name in kept.lost]
    estimator.notes_, estimator._from_file = kept.notes + lost, True
    if isinstance(encoding.target, Classes):
        estimator.classes_ = _classes(encoding.target.labels, kept.classes)
        if len(set(estimator.classes_.tolist())) < len(encoding.target.labels):
            raise ValueError(f"two of its classes are one as {kept.classes!r}")
    return estimator


def _told(metadata: dict[str, str], encoding: Encoding) -> Kept:
    """What the metadata say of the estimator; of a file of ``fastnn train`` what the encoding does."""
    read = [feature.name for feature in encoding.features.features]  # type: ignore[union-attr]
    if KEY not in metadata:
        return Kept(VERSION, {}, [], len(read), read)
    stored = parse(KEY, metadata[KEY])
    if isinstance(stored, dict) and isinstance(stored.get("version"), int) and stored["version"] > VERSION:
        raise ValueError("it was written by a newer fastnn; update fastnn")
    kept: Kept = check_types(Kept(**stored))
    named = len(kept.names) == len(set(kept.names)) == kept.n_features and set(read) <= set(kept.names)
    places = [_PLACE.fullmatch(name) for name in read]
    if not named and (kept.names or not all(place and int(place[1]) < kept.n_features for place in places)):
        raise ValueError(f"its columns are not those of its estimator, of which there are {kept.n_features}")
    return kept
