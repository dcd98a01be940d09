"""Files of Keras 3 (``.keras``): an archive of a configuration and an HDF5 file of weights. Nothing in it is executed.

Design: h5py reads the arrays, JSON is read as our own files are; nothing is unpacked to disk, no name of the archive is
used as a path, and no part may be larger than :data:`MOST_TIMES` the archive. Of the HDF5 file only whole arrays of
numbers that stand in it are taken: links to other files, arrays that are made of others, compressed ones and ones that
were never written are refused, so that a small file cannot become a large array.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn._base.reprs import in_a_line
from fastnn._base.stored import parse
from fastnn.interop.libraries import needed

if TYPE_CHECKING:
    import h5py

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
HDF5 = b"\x89HDF"
MOST_TIMES = 10
MOST_GROUPS = 100_000
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError, KeyError)


class Archive:
    """An open ``.keras`` file: ``config``, and the arrays of each layer.

    Raises
    ------
    OSError
        it cannot be read.
    ValueError
        it is no such file, or is damaged; the message does not name it.
    """

    def __init__(self, path: str):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError("it is no regular file")
        self.size = os.path.getsize(path)
        with open(path, "rb") as file, _in_words("archive"):
            if file.read(len(HDF5)) == HDF5:
                raise ValueError("it is an HDF5 file of an older version; load it in Keras and save it as .keras")
            whole = zipfile.ZipFile(file)
            self.config = parse("configuration", self._part(whole, CONFIG))
            content = self._part(whole, WEIGHTS)
        h5py = needed("h5py", "from_keras of a file")
        with _in_words("file of weights"):
            self.file = h5py.File(io.BytesIO(content), "r")
            self.arrays = self._found(h5py)

    def close(self) -> None:
        """Close it; arrays cannot be read any more."""
        self.file.close()

    def _part(self, whole: zipfile.ZipFile, name: str) -> bytes:
        found = [info for info in whole.infolist() if info.filename == name]
        if len(found) != 1:
            raise ValueError(f"it must have one part {name}, and has {len(found)}")
        most = found[0].file_size
        if most > MOST_TIMES * self.size:
            raise ValueError(f"its part {name} would have {most} bytes, and the whole file has {self.size}")
        with whole.open(found[0]) as part:
            content = part.read(most)
            if len(content) != most or part.read(1):
                raise ValueError(f"its part {name} has another size than it says")
        return content

    def _found(self, h5py: ModuleType) -> dict[str, object]:
        """All arrays by their paths; each group once, and no link to elsewhere."""
        found: dict[str, object] = {}
        waiting, seen = [("", self.file)], set[int]()
        while waiting:
            path, group = waiting.pop()
            token = group.id.__hash__()
            if token in seen or len(seen) > MOST_GROUPS:
                raise ValueError(f"its group {shown(path)} stands in two places, or there are too many")
            seen.add(token)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"{shown(f'{path}/{name}')} is a link to elsewhere")
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append((f"{path}/{name}", item))
                elif isinstance(item, h5py.Dataset):
                    found[f"{path}/{name}".lstrip("/")] = item
        return found

    @property
    def n_numbers(self) -> int:
        """How many numbers its arrays have together; each is checked to stand in the file."""
        return sum(_checked(path, item).size for path, item in self.arrays.items() if not _is_state(path))

    def layer(self, path: str) -> list[np.ndarray]:
        """The arrays ``vars/0``, ``vars/1``, ... of a group."""
        with _in_words("file of weights"):
            names = [name for name in self.arrays if name.startswith(f"{path}/vars/")]
            wanted = [f"{path}/vars/{i}" for i in range(len(names))]
            if set(names) != set(wanted):
                raise ValueError(f"{path}/vars must have arrays 0, 1, ..., got {', '.join(sorted(names))}")
            return [_numbers(_checked(name, self.arrays[name])) for name in wanted]

    def below(self, path: str) -> set[str]:
        """Paths of all arrays in a group and those in it, without states of random numbers."""
        return {name for name in self.arrays if name.startswith(f"{path}/") and not _is_state(name)}


def _is_state(path: str) -> bool:
    """Whether an array belongs to a generator of random numbers or to the optimiser."""
    parts = path.split("/")
    return "seed_generator" in parts or parts[0] == "optimizer"


def _is_brain_float(item: h5py.Dataset) -> bool:
    """Whether an array holds bfloat16, the upper halves of float32, which HDF5 does not know."""
    return bool(item.dtype == np.dtype("V2") and item.attrs.get("dtype") == "bfloat16")


def _numbers(item: h5py.Dataset) -> np.ndarray:
    found = np.asarray(item[()])
    if _is_brain_float(item):
        return (found.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return found


def _checked(path: str, item: h5py.Dataset) -> h5py.Dataset:
    """An array whose numbers all stand in the file, as they are."""
    if _is_brain_float(item):
        pass
    elif item.dtype.kind not in "fiu" or item.dtype.itemsize > 8:
        raise ValueError(f"array {shown(path)} must hold real numbers, got {shown(str(item.dtype))}")
    if item.external or item.is_virtual or item.id.get_create_plist().get_nfilters():
        raise ValueError(f"array {shown(path)} does not stand in the file as it is")
    if item.id.get_storage_size() != item.size * item.dtype.itemsize:
        raise ValueError(f"array {shown(path)} of the shape {shown(item.shape)} is not whole in the file")
    return item


@contextlib.contextmanager
def _in_words(what: str) -> Iterator[None]:
    """A block in which what a library says of a damaged file becomes a ``ValueError``."""
    try:
        yield
    except BROKEN as error:
        if isinstance(error, ModuleNotFoundError):
            raise
        raise ValueError(f"its {what} is damaged: {in_a_line(error, 300)}") from error
