"""Model files: one safetensors file with the arrays, and the description as JSON in its metadata.

Nothing in a file is ever executed, and nothing is made as large as a file says before its arrays agree with what it
says. ``format`` and ``version`` come first; a file of a newer version is refused. Optimiser state and counters are
stored too, so that training goes on where it stopped. The same model gives the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.packing import unpack
from fastnn._base.reprs import cut, in_a_line
from fastnn._base.stored import parse
from fastnn._base.tensor_file import TensorFile, check_name
from fastnn._base.types import Stored, StrPath
from fastnn._base.writing import write_atomically
from fastnn.models.description import arrays, describe, version_of
from fastnn.models.rebuilding import rebuild
from fastnn.models.texts import text_of

if TYPE_CHECKING:
    from fastnn.models.fitting import Fitting
    from fastnn.models.model import Model

FORMAT, VERSION, CHECKPOINT = "fastnn", 3, 3
FIT = "fit."  # before the numbers of arrays that tell where a fit stood
VERSIONS = re.compile("[1-9][0-9]*")
ENCODING = "table"  # the metadata's key under which fastnn.tables keeps how rows are encoded
DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def save(model: Model, path: StrPath, metadata: Mapping[str, Stored] | None = None) -> None:
    """Write a built model; the file at ``path`` changes only when all is written."""
    name, told = check_name(path), {**model.metadata, **(metadata or {})}
    _check_encoding(model, told)
    version = version_of(model)
    write_atomically(name, in_order(arrays(model, version), texts(model, version, version, told)))


def texts(model: Fitting, version: int, described: int, metadata: Mapping[str, Stored]) -> dict[str, str]:
    """The texts of a file of this version, the model in words of the version ``described``."""
    return {
        "format": FORMAT,
        "version": str(version),
        "model": text_of("model", describe(model, described)),
        "metadata": text_of("metadata", metadata),
    }


def in_order(tensors: dict[str, np.ndarray], stored: dict[str, str]) -> list[bytes | memoryview]:
    """The bytes of a safetensors file in pieces, its texts in their order; the package's own changes by chance."""
    from safetensors.numpy import save as to_bytes

    content = to_bytes(tensors)
    length = int.from_bytes(content[:8], "little")
    header = {"__metadata__": stored} | json.loads(content[8 : 8 + length])
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # as the format has it, so that the arrays are aligned
    return [len(text).to_bytes(8, "little") + text, memoryview(content)[8 + length :]]


def load(path: StrPath, custom_objects: Mapping[str, object] | None = None) -> Model:
    """Read a model that :meth:`Model.save` wrote: a :class:`Sequential`, or a :class:`Model`.

    Parameters
    ----------
    path : file name.
    custom_objects : functions by name, for a model that was trained with a custom loss; without them
        such a model is loaded for prediction and must be compiled again to train. Also functions and classes of
        metrics of your own; without them the model goes on with its other metrics, and a warning says so.

    Raises
    ------
    FileNotFoundError
        there is no such file.
    ValueError
        it is no fastnn model, is cut short, damaged, or was written by a newer version. No memory is taken for
        what it only claims to hold.

    >>> import fastnn
    >>> from fastnn.layers import Dense
    >>> model = fastnn.Sequential([Dense(1, input_shape=(2,))], seed=1)
    >>> model.compile("adam", "mse")
    >>> history = model.fit([[1.0, 2.0]], [3.0], epochs=4)
    >>> model.save("model.safetensors")
    >>> again = fastnn.load("model.safetensors")
    >>> again.epoch, again.optimizer, bool((again.params == model.params).all())
    (4, Adam(), True)
    """
    with opened(path) as file:
        version = check_kind(file, FORMAT)[1]
        described, metadata = parse("model", file.metadata["model"]), parse("metadata", file.metadata["metadata"])
        if not isinstance(metadata, dict):
            raise TypeError(f"the metadata must be an object, got {shown(metadata)}")
        file.find_arrays()
        if version == CHECKPOINT:  # of the fit nothing is wanted
            take_marked(file, file.entries.__getitem__)
        model = rebuild(described, min(version, 2), file, custom_objects or {})
        _check_encoding(model, metadata)
        model.metadata = metadata
    return model


def take_marked(file: TensorFile, read: Callable[[str], object]) -> object:
    """Where the fit stood that wrote a checkpoint; its arrays, which ``read`` gives, are the file's no more."""
    packed = parse("fit", file.metadata["fit"])
    entries = {name: entry for name, entry in file.entries.items() if name.startswith(FIT)}
    marked = unpack(packed, lambda number: read(f"{FIT}{number}"), len(entries))
    for name in entries:
        del file.entries[name]
    return marked


@contextlib.contextmanager
def opened(path: StrPath) -> Iterator[TensorFile]:
    """An open file for a block, in which whatever is wrong with its content becomes an error that names it."""
    name = os.fsdecode(path)
    try:
        file = TensorFile(name)
    except FileNotFoundError:
        raise FileNotFoundError(f"no such file: {name}") from None
    except ValueError as error:
        raise ValueError(f"{name} is no fastnn model, or is cut short: {in_a_line(error)}") from None
    with file:
        try:
            yield file
        except DAMAGED as error:
            raise ValueError(f"{name} cannot be loaded: {in_a_line(error)}") from error


def check_kind(file: TensorFile, *kinds: str) -> tuple[str, int]:
    """Format and version of a file, which must be one of ``kinds`` and of a version that is known here."""
    kind, version = file.metadata.get("format"), file.metadata.get("version", "")
    if kind not in kinds:
        raise ValueError("it is a safetensors file, but not of a fastnn model")
    if not VERSIONS.fullmatch(version):
        raise ValueError(f"its version must be a whole number of at least 1, got {shown(version)}")
    if len(version) > 9 or int(version) > VERSION:
        raise ValueError(
            f"it was written by a newer fastnn (file version {cut(version, 20)}, this one reads up to {VERSION}); "
            f"update fastnn"
        )
    return kind, int(version)


def _check_encoding(model: Model, metadata: Mapping[str, Stored]) -> None:
    """Raise ``ValueError`` when the encoding of rows of tables in metadata is damaged, or another network's."""
    if ENCODING in metadata:
        from fastnn.tables import Encoding

        Encoding.fitting(metadata[ENCODING], model.layout)
