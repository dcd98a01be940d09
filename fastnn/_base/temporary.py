"""Files that are being written: made beside the file they will be, and removed by a later save if their writer died.

Their names do not depend on the file's, so that a name as long as the file system allows can be written, and are
known again. While it lives, the writer holds a lock on its file, which the system gives back however it ends; a file
of such a name that belongs to this user and is not locked is a leftover.

Design: a lock and not the writer's process number in the name (rejected): numbers are used again, and mean another
process in another container or on another machine that shares the folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

fcntl: ModuleType | None
try:
    fcntl = import_module("fcntl")
except ImportError:  # Windows keeps open files from being removed by itself
    fcntl = None

NAME = re.compile(r"\.fastnn-[0-9a-f]{16}\.tmp")
MOST_TRIES = 100  # of making a file: many threads that save at the same time sweep, too
FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Temporary:
    """A file that is being written: its name, and its handle while it is open."""

    def __init__(self, folder: str):
        self.name, self.handle = os.path.join(folder, f".fastnn-{os.urandom(8).hex()}.tmp"), -1

    def replace(self, target: str) -> None:
        """Be the file ``target`` from now on."""
        if fcntl is None:  # Windows renames no open file; elsewhere the lock is kept as long as the name
            self.close()
        os.replace(self.name, target)

    def close(self) -> None:
        """Close the handle, once."""
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)


@contextlib.contextmanager
def temporary_file(folder: str, mode: int) -> Iterator[Temporary]:
    """A new file in ``folder``, which is gone after the block unless it has replaced another.

    ``mode`` is cut by the umask, as the system cuts it when it makes any file.
    """
    file = Temporary(folder)
    try:
        file.handle = _create(file.name, mode)
        yield file
    finally:
        with contextlib.suppress(OSError):  # by the name, for Ctrl-C may come before the handle is known
            os.unlink(file.name)
        file.close()


def _create(name: str, mode: int) -> int:
    for _ in range(MOST_TRIES):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FLAGS, mode)
        if fcntl is None:
            return handle
        with contextlib.suppress(OSError):  # a file system without locks: nobody takes it for a leftover there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if _is_named(handle, name):
            return handle
        os.close(handle)  # a sweep came between the two
    raise OSError(errno.EAGAIN, "others remove what is written there, again and again")


def _is_named(handle: int, name: str) -> bool:
    """Whether a file has still its name; some file systems do not count names."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), os.stat(name))
    return False


def sweep(folder: str) -> None:
    """Remove what writers that are no more left in a folder; says nothing of what cannot be removed."""
    with contextlib.suppress(OSError):
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if NAME.fullmatch(entry.name)]
        for name in names:
            _remove_leftover(os.path.join(folder, name))


def _remove_leftover(path: str) -> None:
    with contextlib.suppress(OSError):
        if fcntl is None:
            return os.unlink(path)
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | FLAGS)
        try:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_named(handle, path):  # else another sweep was first, and a writer has the name again
                    os.unlink(path)
        finally:
            os.close(handle)
