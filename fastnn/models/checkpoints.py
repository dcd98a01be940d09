"""Checkpoints: model files that also tell where a fit stands. See :mod:`fastnn.models.resuming` for going on.

The file is of version 3 of the format: a model as the second version has it, and under ``fit`` all that the model does
not hold (:mod:`fastnn._engine.bookmark`), as JSON whose arrays stand beside the model's under ``fit.NUMBER``.
:func:`fastnn.load` reads it like any other.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn._base.arguments import integer, shown
from fastnn._base.packing import pack
from fastnn._base.stored import parse
from fastnn._base.tensor_file import check_name
from fastnn._base.types import Config, Stored, StrPath
from fastnn._base.writing import check_writable, write_atomically
from fastnn._engine.bookmark import VECTORS, validated
from fastnn._engine.saving import Every, Saving, check_every
from fastnn.callbacks import BackupAndRestore
from fastnn.models import compact
from fastnn.models.description import arrays
from fastnn.models.files import CHECKPOINT, FIT, FORMAT, check_kind, in_order, opened, take_marked, texts
from fastnn.models.texts import as_text_has, text_of

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting

RESUME = ("auto", True, False)


class Request(NamedTuple):
    """What a user asked for: a file, how often it is written, and whether to go on from one that is there."""

    path: str
    every: Every
    resume: bool | str


def check_request(checkpoint: Any, checkpoint_every: object, resume: Any) -> Request | None:
    """As ``fit`` takes them; ``ValueError``, ``TypeError`` or ``OSError`` for what is wrong."""
    if not any(resume is known or resume == known for known in RESUME) or type(resume) not in (bool, str):
        raise ValueError(f'resume must be "auto", True or False, got {shown(resume)}')
    every = check_every("checkpoint_every", checkpoint_every)
    if checkpoint is None:
        if resume is True:
            raise ValueError("resume=True needs checkpoint=, the file to go on from")
        return None
    path = check_name(checkpoint)
    check_writable(path)
    if resume is True and not os.path.exists(path):
        raise FileNotFoundError(
            f'no such file to resume from: {path}; with resume="auto" a fit without one begins anew'
        )
    return Request(path, every, resume)


def requested(callbacks: object, checkpoint: Any, checkpoint_every: object, resume: object) -> Request | None:
    """What the arguments of ``fit`` ask for, or a :class:`fastnn.callbacks.BackupAndRestore` among its callbacks."""
    asked = check_request(checkpoint, checkpoint_every, resume)
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    backups = [callback for callback in given if isinstance(callback, BackupAndRestore)]
    if not backups:
        return asked
    if asked or len(backups) > 1:
        raise ValueError("fit takes one BackupAndRestore, or checkpoint=; both name a file to go on from")
    backups[0].make_folder()
    return check_request(backups[0].path, backups[0].every, "auto")


class Found(NamedTuple):
    """A checkpoint that was read: what it says of the model, its arrays by name, and where its fit stood."""

    path: str
    described: Stored
    arrays: dict[str, np.ndarray]
    marked: Stored


def find(request: Request | None) -> Found | None:
    """The checkpoint to go on from, read whole; None to begin anew.

    Raises
    ------
    ValueError
        the file is damaged, or no checkpoint.
    """
    if request is None or request.resume is False or not os.path.exists(request.path):
        return None
    with opened(request.path) as file:
        if check_kind(file, FORMAT)[1] != CHECKPOINT:
            raise ValueError("it is a model without a fit to go on with; load it with fastnn.load, and train that")
        described = parse("model", file.metadata["model"])
        file.find_arrays()
        marked = validated(take_marked(file, file.array))
        for missing in {"backend", "began", "states"} - marked.keys():
            raise KeyError(missing)
        return Found(request.path, described["items"], {name: file.array(name) for name in file.entries}, marked)


def seed_of(path: StrPath) -> int:
    """The seed of the model in a checkpoint; raises as :func:`find`."""
    found = find(check_request(path, 1, True))
    assert found is not None
    return integer("seed", found.described[-1]["seed"], low=0)


def saving(model: Fitting, request: Request, began: object, is_first: bool = True) -> Saving:
    """What writes the checkpoints of a fit of the model, whose optimizer was as ``began`` says when it began.

    Of several ranks only the first writes.
    """

    def write(marked: dict[str, object]) -> None:
        if is_first:
            _write(model, request.path, {**marked, **_of_model(model), "began": began})

    return Saving(request.every, write)


def described_optimizer(model: Fitting) -> object:
    """The optimiser as a fit begins with it."""
    return as_text_has(model.compiled_optimizer.config())


def _of_model(model: Fitting) -> dict[str, object]:
    """What a file of the model does not hold of it."""
    layers = model.layout.layers
    states = [[state.layer, state.number, layers[state.layer].carried[state.number]] for state in model.layout.carried]
    return {"states": states, "backend": model.backend_}


def _write(model: Fitting, path: str, marked: Config) -> None:
    vectors = {name: compact.gathered(model.layout, rows) for name, rows in marked[VECTORS].items()}
    packed, beside = pack("what a checkpoint keeps", {**marked, VECTORS: vectors})
    stored = texts(model, CHECKPOINT, 2, model.metadata) | {"fit": text_of("fit", packed)}
    tensors = arrays(model, 2) | {f"{FIT}{i}": np.ascontiguousarray(array) for i, array in enumerate(beside)}
    write_atomically(path, in_order(tensors, stored))
