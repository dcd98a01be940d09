"""Reading safetensors files: a checked header first, then each array straight into the memory that wants it.

The format: 8 bytes with the length of the header (little-endian), the header as JSON, then the arrays one behind the
other. ``{"__metadata__": {name: text}, name: {"dtype", "shape", "data_offsets"}}`` is the header.

Design: the package ``safetensors`` writes our files and does not read them. It maps them into memory, and a mapped file
that is cut short meanwhile kills the process; each array would be copied once more; and of two keys of one name it
takes the last.
"""

from __future__ import annotations

import math
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import call_of, counted
from fastnn._base.stored import parse
from fastnn._base.types import Stored, StrPath

LENGTH = 8  # bytes in front of the header
MOST_HEADER = 100_000_000  # bytes, as the format has it
OTHER_FORMATS = (
    *("h5", "hdf5", "keras", "tf", "pb", "tflite", "json"),
    *("pkl", "pickle", "joblib", "pt", "pth", "ckpt", "npz", "npy"),
    *("onnx", "pmml", "mat", "zip", "csv", "txt", "parquet", "xlsx"),
)
DTYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


def check_name(path: StrPath, read_by: str = "fastnn.load") -> str:
    """A name for a model file, or ``ValueError`` when its ending promises a format that is another's."""
    name = os.fsdecode(path)
    stem, ending = os.path.splitext(name)
    if ending[1:].lower() in OTHER_FORMATS:
        raise ValueError(
            f"{name}: model files are in the format safetensors and in no other; name it {stem}.safetensors, "
            f"which {read_by} reads"
        )
    return name


@dataclass(frozen=True, repr=False)
class Entry:
    """An array in the file: its dtype, its shape, and where its first byte stands."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return call_of(self)


class TensorFile:
    """An open safetensors file: ``metadata``, the ``entries`` by name, and :meth:`read`. Close it after use.

    Raises
    ------
    OSError
        it cannot be read.
    ValueError
        it is no such file, or is cut short; the message does not name it.
    """

    def __init__(self, path: str):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("it is no regular file")
        self.file: BinaryIO = open(path, "rb")  # noqa: SIM115 (closed by the block that this object is used in)
        try:
            self.size = os.fstat(self.file.fileno()).st_size
            self.header, self.first = self._header()
            self.metadata = _metadata(self.header.pop("__metadata__", {}))
        except BaseException:
            self.file.close()
            raise
        self.entries: dict[str, Entry] = {}

    def __enter__(self) -> TensorFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def __repr__(self) -> str:
        return f"<TensorFile of {counted(len(self.header), 'array')}>"

    def _header(self) -> tuple[dict[str, Stored], int]:
        length = int.from_bytes(self._bytes(LENGTH), "little")
        if length > min(MOST_HEADER, self.size - LENGTH):
            begin = self._bytes(min(16, self.size - LENGTH))
            is_one = begin[:1] == b"{" and length < MOST_HEADER
            told = f"its header would have {length} bytes" if is_one else "it does not begin as a safetensors file"
            raise ValueError(told)
        header = parse("header", self._bytes(length))
        if not isinstance(header, dict):
            raise ValueError(f"its header must be an object of JSON, got {shown(header)}")
        return header, LENGTH + length

    def _bytes(self, count: int) -> bytes:
        came = self.file.read(count)
        if len(came) < count:
            raise ValueError("it ends in its header")
        return came

    def find_arrays(self, dtypes: Mapping[str, np.dtype] = DTYPES) -> None:
        """Read ``entries`` from the header: arrays of these dtypes that fill the file without a gap."""
        found = {name: _entry(name, stored, self.first, dtypes) for name, stored in self.header.items()}
        end = self.first
        for name, entry in sorted(found.items(), key=lambda item: (item[1].start, item[1].n_bytes)):
            if entry.start != end:
                raise ValueError(f"array {shown(name)} begins at byte {entry.start}, and the one before ends at {end}")
            end += entry.n_bytes
        if end != self.size:
            raise ValueError(f"its arrays end at byte {end}, and it has {self.size}")
        self.entries = found

    def read(self, name: str, out: np.ndarray) -> None:
        """Read an array into ``out``, C-contiguous, of its size and dtype."""
        entry = self.entries[name]
        self.file.seek(entry.start)
        into = memoryview(out.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # NumPy arrays are buffers
        if self.file.readinto(into) != entry.n_bytes:  # type: ignore[attr-defined]  # a raw file has it
            raise ValueError(f"it was cut short while array {shown(name)} was read")
        if sys.byteorder == "big":
            out.byteswap(inplace=True)

    def array(self, name: str) -> np.ndarray:
        """An array of its own with the content of one in the file."""
        entry = self.entries[name]
        out = np.empty(entry.shape, entry.dtype.newbyteorder("="))
        self.read(name, out)
        return out


def _metadata(came: object) -> dict[str, str]:
    if not isinstance(came, dict) or not all(isinstance(value, str) for value in came.values()):
        raise ValueError("its metadata must be texts by name")
    return came


def _entry(name: str, stored: object, first: int, dtypes: Mapping[str, np.dtype]) -> Entry:
    if not isinstance(stored, dict) or stored.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"array {shown(name)} needs dtype, shape and data_offsets, got {shown(stored)}")
    dtype, shape, offsets = stored["dtype"], stored["shape"], stored["data_offsets"]
    if not isinstance(dtype, str) or dtype not in dtypes:
        known = list(dtypes)
        raise ValueError(f"array {shown(name)} must be of {', '.join(known[:-1])} or {known[-1]}, got {shown(dtype)}")
    if not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"array {shown(name)} needs whole sizes, got {shown(shape)} at {shown(offsets)}")
    entry = Entry(dtypes[dtype], tuple(shape), first + offsets[0])
    if offsets[1] - offsets[0] != entry.n_bytes:
        raise ValueError(f"array {shown(name)} of shape {shown(shape)} cannot stand at {shown(offsets)}")
    return entry


def _sizes(came: object) -> bool:
    return isinstance(came, list) and all(type(size) is int and size >= 0 for size in came)
