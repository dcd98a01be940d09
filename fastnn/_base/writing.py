"""Writing a file at a path that a user named: the one way in which fastnn makes files.

What stands there is never harmed. A regular file is replaced as a whole or left as it was, whatever goes wrong: the
bytes are on the disk before the name points to them (that wait is most of what saving costs). It keeps its mode, owner
and access list; a new file gets what the process's umask leaves. Symbolic links stay, and the file they lead to is
written, also one that is not there yet. Devices and pipes get the bytes; directories, sockets and disks are refused, as
are files that may not be written to.

Design: a file with several names (hard links), in a folder that takes no new files, mounted by itself, or of an owner
that cannot be kept, is written in place, for replacing it would cut the other names off or change whose it is; an
error or Ctrl-C brings back what it held, and only a power cut or SIGKILL in those milliseconds can tear it. Replacing
such files (rejected) is safe in that case and wrong in all others.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastnn._base.temporary import FLAGS, fcntl, sweep, temporary_file

if TYPE_CHECKING:
    from fastnn._base.types import StrPath


MOST_LINKS = 40  # from one to the next, as in Linux
PIECE = 2**24  # bytes a call, so that Ctrl-C is heard in between
NOT_THROUGH_LINKS = getattr(os, "O_NOFOLLOW", 0)
NOT_REPLACEABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)

Buffer = bytes | memoryview
Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def write_atomically(path: StrPath, data: Buffer | Sequence[Buffer]) -> None:
    """Write a file; an error leaves the old one as it was.

    Parameters
    ----------
    path : str, bytes or path object.
    data : the content, in one piece or in several that follow each other.

    Raises
    ------
    OSError
        it cannot be written; ``filename`` is ``path``.

    >>> from fastnn._base.writing import write_atomically
    >>> write_atomically("notes.txt", b"42")
    >>> with open("notes.txt") as file:
    ...     file.read()
    '42'
    """
    name = os.fsdecode(path)
    parts = [data] if isinstance(data, bytes | memoryview) else data
    with _named(name):
        target, old = _resolve(name)
        if old is not None and _is_open_ended(target, old):
            _pour(target, parts)
        elif old is None:
            _replace(target, parts, None)
        else:
            _rewrite(target, parts, old)


def append(path: StrPath, data: bytes) -> None:
    """Write behind what a file holds; an error takes back what was written of ``data``.

    Raises
    ------
    OSError
        it cannot be written; ``filename`` is ``path``.

    >>> from fastnn._base.writing import append
    >>> for line in (b"1,2\\n", b"3,4\\n"):
    ...     append("rows.csv", line)
    >>> with open("rows.csv") as file:
    ...     file.read()
    '1,2\\n3,4\\n'
    """
    name = os.fsdecode(path)
    with _named(name):
        handle = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | (FLAGS & ~NOT_THROUGH_LINKS), 0o666)
        try:
            length = os.fstat(handle).st_size
            try:
                _write_all(handle, [data])
            except BaseException:
                if stat.S_ISREG(os.fstat(handle).st_mode):
                    os.ftruncate(handle, length)
                raise
        finally:
            os.close(handle)


def check_writable(path: StrPath) -> None:
    """Raise the ``OSError`` of :func:`write_atomically`, as far as it can be foreseen; nothing is made or changed."""
    name = os.fsdecode(path)
    with _named(name):
        target, old = _resolve(name)
        if old is None:
            folder = os.path.dirname(target) or os.curdir
            if not os.path.isdir(folder):
                raise FileNotFoundError(errno.ENOENT, "its folder is not there")
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "its folder cannot be written to")
        elif not _is_open_ended(target, old):
            _check_regular(target, old)


@contextlib.contextmanager
def _named(name: str) -> Any:
    """Let errors of the system name the path that the user gave."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, name) from None


def _resolve(path: str) -> tuple[str, os.stat_result | None]:
    """Follow the links at ``path``: the name to write, and what stands there."""
    for _ in range(MOST_LINKS):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return path, None
        if not stat.S_ISLNK(status.st_mode):
            return path, status
        if _is_descriptor(path):
            return path, os.stat(path)
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _is_descriptor(path: str) -> bool:
    """Whether a name stands for an open file, as that of /dev/stdout does in the end."""
    return os.path.realpath(os.path.dirname(path) or os.curdir).startswith(("/proc/", "/dev/fd"))


def _is_open_ended(path: str, status: os.stat_result) -> bool:
    """Whether bytes go into what stands there, which has no content of its own to replace."""
    return stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode) or _is_descriptor(path)


def _check_regular(target: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        kind = "a socket" if stat.S_ISSOCK(status.st_mode) else "a disk" if stat.S_ISBLK(status.st_mode) else "no file"
        raise OSError(errno.EINVAL, f"this is {kind}; name a file")
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _rewrite(target: str, parts: Sequence[Buffer], old: os.stat_result) -> None:
    """Give a regular file that is there a new content."""
    _check_regular(target, old)
    if old.st_nlink <= 1:  # 0: another save has replaced it meanwhile
        try:
            return _replace(target, parts, old)
        except OSError as error:
            if error.errno not in NOT_REPLACEABLE:
                raise
    _overwrite(target, parts)


def _replace(target: str, parts: Sequence[Buffer], old: os.stat_result | None) -> None:
    """Write a file beside ``target`` and rename it."""
    folder = os.path.dirname(target) or os.curdir
    sweep(folder)
    # Until it has the old one's mode nobody else may open it: a handle taken early could read what comes later.
    with temporary_file(folder, 0o666 if old is None else 0o600) as file:
        if old is not None:
            _take_over(file.handle, target, old)
        _write_all(file.handle, parts)
        os.fsync(file.handle)
        file.replace(target)
    _sync_folder(folder)


def _take_over(handle: int, target: str, old: os.stat_result) -> None:
    """Give a new file owner, access list, further attributes and mode of the old one."""
    if os.name != "posix":
        return
    new = os.fstat(handle)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(handle, old.st_uid, old.st_gid)
    for name in _attributes(target):
        try:
            os.setxattr(handle, name, os.getxattr(target, name))
        except OSError:
            if name.startswith("system."):  # without the access list the mode would let others in
                raise PermissionError(errno.EPERM, "its access list cannot be kept") from None
    os.fchmod(handle, stat.S_IMODE(old.st_mode))


def _attributes(target: str) -> list[str]:
    try:
        return os.listxattr(target) if hasattr(os, "listxattr") else []
    except OSError:  # a file system without attributes
        return []


def _overwrite(target: str, parts: Sequence[Buffer]) -> None:
    """Write over a file where it is; whatever goes wrong brings back what it held."""
    handle = os.open(target, os.O_RDWR | FLAGS)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        with os.fdopen(os.dup(handle), "rb") as file:
            before = file.read()
        try:
            _fill(handle, parts)
        except BaseException:
            _fill(handle, [before])
            raise
    finally:
        os.close(handle)


def _fill(handle: int, parts: Sequence[Buffer]) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    _write_all(handle, parts)
    os.ftruncate(handle, sum(len(part) for part in parts))
    os.fsync(handle)


def _pour(target: str, parts: Sequence[Buffer]) -> None:
    """Write into a device, a pipe or an open file, behind what is there."""
    handle = os.open(target, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOCTTY", 0))
    try:
        _write_all(handle, parts)
    finally:
        os.close(handle)


def _write_all(handle: int, parts: Sequence[Buffer]) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(handle, rest[:PIECE]) :]


def _sync_folder(folder: str) -> None:
    """Have the names in a folder on the disk, where the system can open a folder."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written to, and not be read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such thing
            raise
    finally:
        os.close(handle)
