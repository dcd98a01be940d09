"""The folder of a call on workers: its data, and a file that is there as long as the call is interested in results.

It is among the temporary files, and nobody else may enter it. Its caller holds a lock on it, which the system gives
back however that ends; what a killed one left is removed by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

fcntl: ModuleType | None
try:
    fcntl = import_module("fcntl")
except ImportError:  # Windows keeps what is in use from being removed by itself
    fcntl = None

PREFIX, LOCK = "fastnn-workers-", "lock"
FAREWELL = 1.0  # seconds that workers have to let go of files which the system keeps from being removed till then


class Folder:
    """A new folder.

    Attributes
    ----------
    path, flag : where it is; the file whose end calls tasks off.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _sweep(tempfile.gettempdir())
        self.path = tempfile.mkdtemp(prefix=PREFIX)
        self.handle = os.open(os.path.join(self.path, LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._raise_flag()

    def _raise_flag(self) -> None:
        self.flag = os.path.join(self.path, os.urandom(4).hex())
        with open(self.flag, "xb"):
            pass

    def call_off(self) -> None:
        """Have tasks end that were begun; others may follow."""
        with contextlib.suppress(OSError):
            os.unlink(self.flag)
        self._raise_flag()

    def remove(self) -> None:
        """Have tasks end, and be no more."""
        with contextlib.suppress(OSError):
            os.unlink(self.flag)
        os.close(self.handle)
        end = time.monotonic() + FAREWELL
        while os.path.exists(self.path) and time.monotonic() < end:
            shutil.rmtree(self.path, ignore_errors=True)
            if os.path.exists(self.path):  # Windows removes no file that a worker has mapped
                time.sleep(0.05)


def _sweep(parent: str) -> None:
    """Remove folders of this user's callers that are no more."""
    for path in _folders(parent):
        with contextlib.suppress(OSError):
            handle = os.open(os.path.join(path, LOCK), os.O_RDWR)
            try:
                if fcntl is not None:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(handle)
            shutil.rmtree(path, ignore_errors=True)


def _folders(parent: str) -> Iterator[str]:
    if fcntl is None:
        return
    with os.scandir(parent) as entries:
        found = [entry for entry in entries if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)]
        yield from (entry.path for entry in found if entry.stat(follow_symlinks=False).st_uid == os.geteuid())
