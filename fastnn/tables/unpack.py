"""Compressed files, known by their first bytes whatever their names are: gzip, bzip2, xz, zip and zstd.

What comes out has a bound, so that a small file of a stranger cannot fill the memory.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from fastnn._base.reprs import counted, names_in_words
from fastnn.tables.reading import MAX_BYTES

CHUNK = 2**20
MOST_OF_XZ = 2**27  # bytes that xz may work in: its strongest setting wants half of that, a file may say 4 GiB


class Unreadable(ValueError):
    """A file is damaged, too large, or of no format that can be read; the message names it."""


@contextmanager
def reading(name: str, what: str) -> Iterator[None]:
    """A block that runs a parser on a stranger's bytes: whatever goes wrong becomes one error that names the file.

    Parsers promise little about what they raise for damaged input (``struct.error``, ``KeyError``, ``MemoryError``),
    so every exception is taken for damage.
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise Unreadable(f"{name} is no {what}, or is damaged or cut short ({' '.join(told.split())[:200]})") from None


def unpack(name: str, data: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes inside compressed ``data``; data that is not compressed comes back as it is.

    Raises
    ------
    ValueError
        the data is damaged, becomes longer than ``max_bytes``, needs a package that is missing, or is a zip archive
        of several files.
    """
    for magic, (kind, opener) in OPENERS.items():
        if data.startswith(magic):
            with reading(name, f"{kind} file"), opener(name, data) as file:
                return _bounded(name, file, max_bytes)
    return data


def _bounded(name: str, file: IO[bytes], max_bytes: int) -> bytes:
    parts, size = [], 0
    while part := file.read(CHUNK):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise too_large(name, max_bytes)
    return b"".join(parts)


def too_large(name: str, max_bytes: int) -> Unreadable:
    """The error for a file that becomes larger than the bound."""
    return Unreadable(
        f"{name} unpacks to more than {max_bytes:,} bytes; if you trust it, raise the bound: "
        "--max-bytes on the command line, max_bytes= in Python"
    )


def zip_names(data: bytes) -> list[str]:
    """The files of a zip archive; none where the bytes are no such archive."""
    if not data.startswith(b"PK"):
        return []
    try:
        return zipfile.ZipFile(io.BytesIO(data)).namelist()
    except Exception:  # damaged, which whoever reads it says
        return []


def _zip(name: str, data: bytes) -> BinaryIO:
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        listed = names_in_words([m.filename for m in members])
        raise Unreadable(
            f"{name} is a zip archive of {counted(len(members), 'file')} ({listed}); give one of them alone"
        )
    return archive.open(members[0])  # type: ignore[return-value]  # a file, for a name that is there


class _Xz(io.RawIOBase):
    """What xz has packed, one stream after another. ``lzma.LZMAFile`` takes as much memory as a file asks for."""

    def __init__(self, data: bytes):
        self._stream, self._rest = lzma.LZMADecompressor(memlimit=MOST_OF_XZ), data

    def read(self, size: int = -1) -> bytes:
        while True:
            if self._stream.eof:
                self._rest = self._stream.unused_data.lstrip(b"\0")  # streams are padded with zeros
                if not self._rest:
                    return b""
                self._stream = lzma.LZMADecompressor(memlimit=MOST_OF_XZ)
            elif self._stream.needs_input and not self._rest:
                raise EOFError("it ends before its end mark")
            part, self._rest = self._stream.decompress(self._rest, size), b""
            if part:
                return part


def _zstd(name: str, data: bytes) -> object:
    try:
        from compression import zstd  # Python 3.14

        return zstd.ZstdFile(io.BytesIO(data))
    except ImportError:
        pass
    try:
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    except ImportError:
        pass
    try:
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd")
    except ImportError:
        raise Unreadable(f"{name}: reading zstd needs pyarrow or zstandard; install fastnn-native[table]") from None


OPENERS: dict[bytes, tuple[str, Callable[[str, bytes], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda name, data: gzip.GzipFile(fileobj=io.BytesIO(data))),
    b"BZh": ("bzip2", lambda name, data: bz2.BZ2File(io.BytesIO(data))),
    b"\xfd7zXZ\0": ("xz", lambda name, data: _Xz(data)),
    b"PK\x03\x04": ("zip", _zip),
    b"PK\x05\x06": ("zip", _zip),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
}
