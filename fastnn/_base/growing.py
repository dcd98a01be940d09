"""A file that is written part by part, and takes its name when it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from fastnn._base import writing
from fastnn._base.temporary import sweep, temporary_file

if TYPE_CHECKING:
    from fastnn._base.temporary import Temporary
    from fastnn._base.types import StrPath


@contextlib.contextmanager
def growing_file(path: StrPath) -> Iterator[BinaryIO]:
    """A binary file that becomes the file at ``path`` at the end of the block; an error leaves what stands there.

    A device or pipe gets what is written at once.

    Raises
    ------
    OSError
        it cannot be written; ``filename`` is ``path``.

    >>> from fastnn._base.growing import growing_file
    >>> with growing_file("notes.txt") as file:
    ...     sizes = file.write(b"4"), file.write(b"2")
    >>> with open("notes.txt") as file:
    ...     file.read()
    '42'
    """
    name = os.fsdecode(path)
    with writing._named(name):
        target, old = writing._resolve(name)
        if old is not None and not writing._is_open_ended(target, old):
            writing._check_regular(target, old)
    if old is not None and writing._is_open_ended(target, old):
        with open(target, "ab") as opened:
            yield opened
        return
    folder = os.path.dirname(target) or os.curdir
    with contextlib.ExitStack() as stack:
        with writing._named(name):
            sweep(folder)
            file = stack.enter_context(temporary_file(folder, 0o666 if old is None else 0o600))
        with os.fdopen(os.dup(file.handle), "wb") as opened:
            yield opened
        with writing._named(name):
            _finish(file, target, old)


def _finish(file: Temporary, target: str, old: os.stat_result | None) -> None:
    """Have the file be ``target``; where that cannot be replaced, write over it."""
    os.fsync(file.handle)
    if old is None or old.st_nlink <= 1:
        try:
            if old is not None:
                writing._take_over(file.handle, target, old)
            file.replace(target)
            return writing._sync_folder(os.path.dirname(target) or os.curdir)
        except OSError as error:
            if old is None or error.errno not in writing.NOT_REPLACEABLE:
                raise
    with open(file.name, "rb") as whole:
        writing._overwrite(target, iter(lambda: whole.read(writing.PIECE), b""))  # type: ignore[arg-type]
