"""Parcels: what all tasks of a call read, in one file that every worker of this machine maps.

    magic (16 bytes), key (16), length of the pickle and number of buffers (two int64), for each buffer its place and
    length (two int64), the pickle; then the buffers, each at a multiple of 64 bytes

Design: a pickle of protocol 5 with its arrays beside it, and not safetensors (rejected): rows are also windows, sparse
rows and encoded tables, of which several models share some arrays; each array is in the file once, and workers see it
where it is mapped. One file of a folder that nobody else may enter, since what reads it trusts it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import struct
from typing import Any

import numpy as np

from fastnn._base.reprs import in_a_line
from fastnn._plan.memory import aligned
from fastnn._workers.pickling import dumps

MAGIC = b"fastnn parcel 1\0"
HEAD, PAIR = struct.Struct("<16s16sqq"), struct.Struct("<qq")
ALIGN = 64


class Parcel:
    """A file that holds ``what``, as it is now.

    Attributes
    ----------
    path, key : where it is, and 16 random bytes that tell it from all others.
    """

    def __init__(self, folder: str, what: object):
        self.key = os.urandom(16)
        self.path = os.path.join(folder, f"{self.key.hex()}.parcel")
        buffers: list[pickle.PickleBuffer] = []
        content = dumps(what, buffers.append)
        raw = [buffer.raw() for buffer in buffers]
        try:
            with open(self.path, "xb") as file:
                file.write(HEAD.pack(MAGIC, self.key, len(content), len(raw)))
                at = HEAD.size + PAIR.size * len(raw) + len(content)
                places = []
                for part in raw:
                    at += -at % ALIGN
                    places.append(at)
                    file.write(PAIR.pack(at, part.nbytes))
                    at += part.nbytes
                file.write(content)
                for place, part in zip(places, raw, strict=True):
                    file.seek(place)
                    file.write(part)
                file.truncate(max(at, file.tell()))
        except OSError as error:
            self.remove()
            raise OSError(
                f"data for the workers cannot be written to {folder}: {in_a_line(error)}; TMPDIR chooses another folder"
            ) from error

    def read(self) -> np.ndarray:
        """The file's bytes, mapped."""
        memory = mapped(self.path, self.key)
        if memory is None:
            raise FileNotFoundError(f"{self.path}, which holds the data for the workers, is not there any more")
        return memory

    def remove(self) -> None:
        """Have the file be no more; who has mapped it keeps its bytes."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def mapped(path: str, key: bytes) -> np.ndarray | None:
    """A parcel's bytes as the file has them; None where there is no such file here."""
    with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
        memory = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        if len(memory) >= HEAD.size and HEAD.unpack_from(memory.data)[:2] == (MAGIC, key):
            return memory
    return None


def contents(memory: np.ndarray) -> Any:
    """What a parcel holds; its arrays lie in ``memory`` and cannot be written to."""
    if memory.ctypes.data % 8:  # as a message came: kernels want numbers at multiples of their size
        memory, came = aligned(len(memory), memory.dtype), memory
        memory[...] = came
    view = memory.data.toreadonly()
    _, _, length, count = HEAD.unpack_from(view)
    begin = HEAD.size + PAIR.size * count
    places = [PAIR.unpack_from(view, HEAD.size + PAIR.size * i) for i in range(count)]
    buffers = [view[at : at + size] for at, size in places]
    return pickle.loads(view[begin : begin + length], buffers=buffers)
