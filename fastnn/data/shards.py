"""Arrays in files, NPY and NPZ: blocks of their rows, of which each is mapped into memory alone.

Design: a block is mapped while it is read, never a whole file, so that a limit of the address space holds, too. What is
compressed in an archive has no places to begin at; such a file is one block.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np

from fastnn._base.reprs import names_in_words
from fastnn.data.files import File
from fastnn.data.sources import Arrays, Source, check_numbers

GROUP_BYTES = 2**22  # of a block of rows
LOCAL_HEADER = 30  # bytes of a member's in a zip archive, before name and extra field
WEIGHTS = ("sample_weight", "weight")


@dataclass(frozen=True)
class Stored:
    """An array in a file: where its numbers begin; ``member`` is that of an archive where it is compressed."""

    file: File
    what: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    member: str | None = None

    def rows(self, first: int, count: int) -> np.ndarray:
        """Some rows, copied out of the file."""
        if self.member is not None:
            with zipfile.ZipFile(self.file.path) as archive, archive.open(self.member) as opened:
                found: np.ndarray = np.lib.format.read_array(opened, allow_pickle=False)
            return found[first : first + count]
        size = self.dtype.itemsize * math.prod(self.shape[1:])
        mapped = np.memmap(self.file.path, self.dtype, "r", self.offset + first * size, (count, *self.shape[1:]))
        return np.array(mapped)


def stored_array(file: File, what: str, opened: IO[bytes], start: int, member: str | None = None) -> Stored:
    """The array whose header an open file stands before; ``ValueError`` for one that no rows can be taken from."""
    version = np.lib.format.read_magic(opened)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, is_fortran, dtype = read_header(opened)
    if dtype.kind not in "fiub":
        raise ValueError(f"{what} holds {dtype}, which is no number")
    if not shape or not shape[0]:
        raise ValueError(f"{what} has no rows")
    if is_fortran and len(shape) > 1 and member is None:
        raise ValueError(f"{what} is stored column by column; save np.ascontiguousarray of it")
    if member is None and start + opened.tell() + math.prod(shape) * dtype.itemsize > file.size:
        raise ValueError(f"{what} is damaged: an array of shape {shape} and {dtype} has more bytes than the file")
    return Stored(file, what, shape, dtype, start + opened.tell(), member)


def npy_arrays(files: Sequence[File]) -> list[Stored]:
    """The array in each NPY file."""
    found = []
    for file in files:
        try:
            with open(file.path, "rb") as opened:
                found.append(stored_array(file, file.path, opened, 0))
        except ValueError as error:
            raise ValueError(
                str(error) if file.path in str(error) else f"{file.path} is no NPY file: {error}"
            ) from None
    return found


def npz_arrays(file: File) -> dict[str, Stored]:
    """The arrays of an NPZ archive, by their names."""
    found = {}
    try:
        with zipfile.ZipFile(file.path) as archive, open(file.path, "rb") as raw:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                name = member.filename.removesuffix(".npy")
                what = f"{name} of {file.path}"
                if member.compress_type == zipfile.ZIP_STORED:
                    raw.seek(member.header_offset + LOCAL_HEADER - 4)
                    start = member.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", raw.read(4)))
                    with archive.open(member) as opened:
                        found[name] = stored_array(file, what, opened, start)
                else:
                    with archive.open(member) as opened:
                        found[name] = stored_array(file, what, opened, 0, member.filename)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{file.path} is no NPZ archive: {error}") from None
    return found


class Shards(Source):
    """Rows of arrays that stand in files, those of each file behind those of the one before.

    Parameters
    ----------
    files : of each shard, the arrays of inputs, of the target and of weights (None without) that belong together.
    dtype : of inputs, weights and targets with fractions; whole numbers of a target stay such.
    """

    def __init__(
        self, files: Sequence[tuple[Sequence[Stored], Stored | None, Stored | None]], dtype: np.dtype, name: str
    ):
        self.files, self.dtype, self.name = list(files), dtype, name
        self.places: list[tuple[int, int, int]] = []
        first = [stored for stored in (*files[0][0], *files[0][1:]) if stored is not None]
        for number, (inputs, target, weight) in enumerate(self.files):
            there = [stored for stored in (*inputs, target, weight) if stored is not None]
            self._check(there, first)
            n = there[0].shape[0]
            size = sum(stored.dtype.itemsize * math.prod(stored.shape[1:]) for stored in there)
            a_group = n if any(stored.member for stored in there) else max(1, GROUP_BYTES // size)
            self.places += [(number, begin, min(a_group, n - begin)) for begin in range(0, n, a_group)]
        self.rows = np.array([count for _, _, count in self.places], np.int64)
        self.row_bytes = sum(dtype.itemsize * math.prod(stored.shape[1:]) for stored in first)

    @staticmethod
    def _check(there: Sequence[Stored], first: Sequence[Stored]) -> None:
        for stored, before in zip(there, first, strict=True):
            if stored.shape[0] != there[0].shape[0]:
                raise ValueError(
                    f"{stored.what} has {stored.shape[0]:,} rows and {there[0].what} has {there[0].shape[0]:,}"
                )
            kinds = [each.dtype.kind in "iub" for each in (stored, before)]
            if stored.shape[1:] != before.shape[1:] or kinds[0] != kinds[1]:
                raise ValueError(
                    f"{stored.what} has rows of shape {stored.shape[1:]} and dtype {stored.dtype}, and {before.what} "
                    f"of {before.shape[1:]} and {before.dtype}; all must be alike"
                )

    @property
    def has_targets(self) -> bool:
        return self.files[0][1] is not None

    @property
    def marks(self) -> list[object]:
        names = [[os.path.basename(s.what), s.shape, s.dtype.str] for s in self._all()]
        return [names, self.dtype.str]

    def _all(self) -> list[Stored]:
        return [s for inputs, target, weight in self.files for s in (*inputs, target, weight) if s is not None]

    def where(self, group: int) -> str:
        number, first, count = self.places[group]
        return f"{self.files[number][0][0].file.path}, rows {first:,} to {first + count - 1:,}"

    def read(self, group: int, mask: np.ndarray | None = None) -> Arrays:
        number, first, count = self.places[group]
        inputs, target, weight = self.files[number]
        where, taken = self.where(group), slice(None) if mask is None else mask
        made = []
        for stored in (*inputs, target, weight):
            if stored is None:
                continue
            stored.file.check()
            values = stored.rows(first, count)[taken]
            is_whole = stored is target and stored.dtype.kind in "iub"
            values = np.ascontiguousarray(values, np.int64 if is_whole else self.dtype)
            check_numbers(where, stored.what, values)
            made.append(values)
        n, rest = len(inputs), made[len(inputs) :]
        y = rest.pop(0) if target is not None else None
        return Arrays(tuple(made[:n]), y, rest.pop(0) if weight is not None else None)


def npz_shards(
    files: Sequence[File],
    columns: Sequence[str] | None,
    target: str | Literal[False] | None,
    weight: str | None,
    dtype: np.dtype,
) -> Shards:
    """Rows of NPZ archives: arrays ``x`` (or those named), ``y`` and ``sample_weight``, where they are there."""
    shards = []
    for file in files:
        arrays = npz_arrays(file)
        inputs = ["x"] if columns is None else [columns] if isinstance(columns, str) else list(columns)
        y = target if target is not None else "y" if "y" in arrays else None
        w = weight if weight is not None else next((name for name in WEIGHTS if name in arrays), None)
        absent = [name for name in (*inputs, y, w) if name is not None and name not in arrays]
        if absent:
            raise ValueError(f"{file.path} has no array {absent[0]!r}; it has {names_in_words(list(arrays))}")
        shards.append(([arrays[n] for n in inputs], arrays[y] if y else None, arrays[w] if w else None))
        if shards[0][1:] != (None, None) and [s is None for s in shards[0][1:]] != [s is None for s in shards[-1][1:]]:
            raise ValueError(f"{file.path} and {files[0].path} have not the same arrays y and sample_weight")
    return Shards(shards, dtype, os.path.basename(files[0].path) if len(files) == 1 else f"{len(files)} NPZ files")


def npy_shards(
    files: Sequence[File], targets: list[File] | None, weights: list[File] | None, dtype: np.dtype
) -> Shards:
    """Rows of NPY files of inputs, with as many files of targets and weights where there are some."""
    columns: list[list[Stored]] = [npy_arrays(files)]
    for what, given in (("target", targets), ("weight", weights)):
        found: list[Any] = [None] * len(files) if given is None else npy_arrays(given)
        if len(found) != len(files):
            raise ValueError(f"there are {len(files)} files of inputs and {len(found)} of the {what}; give as many")
        columns.append(found)
    shards = [([x], y, w) for x, y, w in zip(*columns, strict=True)]
    return Shards(shards, dtype, os.path.basename(files[0].path) if len(files) == 1 else f"{len(files)} NPY files")
