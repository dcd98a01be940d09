"""Writing a file: it is there whole or the old one is, and nothing that stands at its path is harmed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from models import model_of

from fastnn._base import temporary, writing
from fastnn._base.writing import append, check_writable, write_atomically

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes are those of POSIX")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
OLD, NEW = b"old content, which is longer", b"new content"


@pytest.fixture
def path(tmp_path) -> Path:
    """A file with the old content."""
    made = tmp_path / "file"
    made.write_bytes(OLD)
    return made


def only(folder: Path, *names: str) -> None:
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(names)


# -- what stands at the path ------------------------------------------------------------------------


def test_links_stay_and_what_they_lead_to_is_written(tmp_path, path):
    (tmp_path / "store").mkdir()
    real = path.rename(tmp_path / "store" / "real")
    (tmp_path / "second").symlink_to("store/real")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    write_atomically(tmp_path / "first", NEW)
    assert real.read_bytes() == NEW
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "second").is_symlink()
    only(tmp_path / "store", "real")


def test_a_link_to_nothing_makes_what_it_leads_to(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to("store/new")
    write_atomically(tmp_path / "link", NEW)
    assert (tmp_path / "store" / "new").read_bytes() == NEW
    assert (tmp_path / "link").is_symlink()


def test_a_link_goes_by_the_folder_it_stands_in(tmp_path):
    """``..`` behind a link to a folder is that folder's parent, not what the text says."""
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (tmp_path / "short").symlink_to("deep/inner")
    (tmp_path / "deep" / "inner" / "link").symlink_to("../target")
    write_atomically(tmp_path / "short" / "link", NEW)
    assert (tmp_path / "deep" / "target").read_bytes() == NEW


def test_a_ring_of_links_is_an_error_that_names_the_path(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for call in (lambda: write_atomically(tmp_path / "a", NEW), lambda: check_writable(tmp_path / "a")):
        with pytest.raises(OSError, match="a'") as told:
            call()
        assert told.value.errno == errno.ELOOP
    only(tmp_path, "a", "b")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_mode(path, mode):
    path.chmod(mode)
    write_atomically(path, NEW)
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (mode, NEW)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o007])
def test_a_new_file_has_the_mode_of_the_umask_which_is_never_changed(tmp_path, monkeypatch, umask):
    before = os.umask(umask)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "umask", lambda mask: pytest.fail("the umask is of the whole process"))
            write_atomically(tmp_path / "new", NEW)
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask
    finally:
        os.umask(before)


def test_nobody_else_may_open_what_will_be_private(path, monkeypatch):
    path.chmod(0o600)
    modes, real = [], os.write
    monkeypatch.setattr(
        os, "write", lambda handle, data: (modes.append(os.fstat(handle).st_mode), real(handle, data))[1]
    )
    created, make = [], os.open
    monkeypatch.setattr(
        os, "open", lambda name, flags, mode=0o777, **more: (created.append(mode), make(name, flags, mode, **more))[1]
    )
    write_atomically(path, NEW)
    assert [stat.S_IMODE(mode) for mode in modes] == [0o600]
    assert created[0] == 0o600


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the administrator gives files away")
def test_a_file_keeps_its_owner(path):
    os.chown(path, 12345, 23456)
    write_atomically(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid, path.read_bytes()) == (12345, 23456, NEW)


def test_attributes_stay(path):
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no attributes")
    write_atomically(path, NEW)
    assert os.getxattr(path, "user.note") == b"mine"


def test_a_device_gets_the_bytes_and_stays():
    before = os.stat("/dev/null")
    write_atomically("/dev/null", NEW)
    check_writable("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert os.stat("/dev/null").st_ino == before.st_ino


def test_a_device_that_is_full_is_an_error_that_names_it():
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="/dev/full") as told:
        write_atomically("/dev/full", NEW)
    assert told.value.errno == errno.ENOSPC


def test_a_pipe_gets_the_bytes_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_atomically(tmp_path / "pipe", NEW * 10000)
    reader.join(10)
    assert got == [NEW * 10000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="this system has no /dev/stdout")
def test_the_standard_output_is_written_behind_what_is_there(path):
    script = "from fastnn._base.writing import write_atomically; write_atomically('/dev/stdout', b'new')"
    with path.open("ab") as file:
        subprocess.run([sys.executable, "-c", script], stdout=file, check=True, timeout=60, env=ENVIRONMENT)
    assert path.read_bytes() == OLD + b"new"


def test_a_folder_and_a_socket_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    os.mkdir("folder")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, words in (("folder", "Is a directory"), ("socket", "this is a socket")):
            for call in (lambda name=name: write_atomically(name, NEW), lambda name=name: check_writable(name)):
                with pytest.raises(OSError, match=f"{words}.*'{name}'"):
                    call()
        assert stat.S_ISSOCK(os.stat("socket").st_mode)
    only(tmp_path, "folder", "socket")


def test_names_of_one_file_stay_names_of_one_file(tmp_path, path):
    os.link(path, tmp_path / "other")
    write_atomically(path, NEW)
    assert (tmp_path / "other").read_bytes() == NEW
    assert path.stat().st_nlink == 2


def test_a_file_that_may_not_be_written_to_is_refused(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    for call in (lambda: write_atomically(path, NEW), lambda: check_writable(path)):
        with pytest.raises(PermissionError, match="file'"):
            call()
    assert path.read_bytes() == OLD


@pytest.mark.parametrize("call", ["open", "replace", "fchown"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EBUSY])
def test_a_file_that_cannot_be_replaced_is_written_in_place(path, monkeypatch, call, number):
    """A folder that takes no new files, a file mounted by itself, an owner that cannot be kept."""
    inode, real = path.stat().st_ino, getattr(os, call)

    def fail(*given, **more):
        if call == "open" and not given[1] & os.O_CREAT:
            return real(*given, **more)
        raise OSError(number, os.strerror(number))

    if call == "fchown":
        os.chown(path, 12345, -1) if os.geteuid() == 0 else pytest.skip("only the administrator gives files away")
    monkeypatch.setattr(os, call, fail)
    write_atomically(path, NEW)
    assert (path.read_bytes(), path.stat().st_ino) == (NEW, inode)
    only(path.parent, "file")


def test_a_new_file_in_a_folder_that_takes_none_is_an_error_that_names_it(tmp_path, monkeypatch):
    real = os.open

    def fail(name, flags, *rest, **more):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)
        return real(name, flags, *rest, **more)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match=r"Read-only file system: .*new'$"):
        write_atomically(tmp_path / "new", NEW)


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "-", " ", "a\nb", "file.", "\udcff"])
def test_any_name_that_the_file_system_takes_can_be_written(tmp_path, kind, name):
    whole = kind(os.path.join(tmp_path, name))
    for content in (OLD, NEW):
        write_atomically(whole, content)
        assert (tmp_path / name).read_bytes() == content
    only(tmp_path, name)


@pytest.mark.parametrize("name", ["x" * 256, "missing/file", "file/file"])
def test_an_error_names_the_path_that_was_given(path, monkeypatch, name):
    monkeypatch.chdir(path.parent)
    for given in (name, os.fsencode(name)):
        with pytest.raises(OSError, match=name[-9:]) as told:
            write_atomically(given, NEW)
        assert (told.value.filename, told.value.filename2) == (name, None)
        assert ".fastnn-" not in str(told.value)
    only(path.parent, "file")
    assert path.read_bytes() == OLD


# -- what goes wrong --------------------------------------------------------------------------------

FAULTS = [OSError(errno.ENOSPC, "No space left"), OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()]


@pytest.mark.parametrize(
    ("call", "in_place"),
    [
        *((call, False) for call in ("write", "fsync", "replace", "fchmod")),
        *((call, True) for call in ("write", "fsync", "ftruncate")),
    ],
)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_what_goes_wrong_leaves_the_old_file_and_no_other(path, monkeypatch, call, in_place, fault):
    if in_place:
        os.link(path, path.parent / "other")
    names = [entry.name for entry in path.parent.iterdir()]
    real, calls = getattr(os, call), []

    def fail(*given):
        calls.append(given)
        if len(calls) > 1:  # what brings the old content back
            return real(*given)
        if call == "write":
            real(given[0], given[1][:5])
        raise fault

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(fault)) as told:
        write_atomically(path, NEW)
    assert calls
    assert path.read_bytes() == OLD
    only(path.parent, *names)
    if isinstance(fault, OSError):
        assert (told.value.errno, told.value.filename) == (fault.errno, str(path))


def test_an_interrupt_at_any_line_is_an_interrupt_and_leaves_one_whole_file(path):
    """Ctrl-C is thrown at each line of the writer in turn."""
    seen = 0
    for at in range(1, 400):
        count = 0

        def trace(frame, event, _, at=at):
            nonlocal count
            if frame.f_globals["__name__"] not in ("fastnn._base.writing", "fastnn._base.temporary"):
                return None
            if event == "line" and not _cleaning(frame):
                count += 1
                if count == at:
                    raise KeyboardInterrupt
            return trace

        path.write_bytes(OLD)
        sys.settrace(trace)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                write_atomically(path, NEW)
        finally:
            sys.settrace(None)
        assert path.read_bytes() in (OLD, NEW)
        only(path.parent, "file")
        if count < at:
            break
        seen += 1
    assert 30 < seen < 399


def _cleaning(frame) -> bool:
    """Whether a frame is in the ``finally`` that removes the file: a second Ctrl-C leaves it to the next save."""
    while frame is not None:
        if frame.f_code.co_name == "temporary_file" and frame.f_lineno >= _LAST:
            return True
        frame = frame.f_back
    return False


_LINES = Path(temporary.__file__).read_text().splitlines()
_LAST = next(i for i, line in enumerate(_LINES, 1) if line.strip() == "finally:")


def test_bytes_are_on_the_disk_before_the_name_points_to_them_and_the_name_after(monkeypatch, tmp_path):
    """What a power cut needs; only the order of the calls can be seen without one."""
    path, calls = tmp_path / "file", []

    def noted(name, of):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given: (calls.append((name, of(*given))), real(*given))[1])

    noted("fsync", lambda handle: "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else os.fstat(handle).st_size)
    noted("replace", lambda old, new: (os.path.getsize(old), new))
    write_atomically(path, [b"123", memoryview(b"45")])
    assert calls == [("fsync", 5), ("replace", (5, str(path))), ("fsync", "folder")]
    assert path.read_bytes() == b"12345"


@pytest.mark.parametrize(("number", "told"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synchronised_is_no_error_but_a_failing_disk_is(monkeypatch, tmp_path, number, told):
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(number)) if told else contextlib.nullcontext():
        write_atomically(tmp_path / "file", NEW)
    assert (tmp_path / "file").read_bytes() == NEW


# -- leftovers --------------------------------------------------------------------------------------

KILLED = """
import os, sys, time
from fastnn._base import writing
real = os.fsync
def stop(handle):
    print("here", flush=True)
    time.sleep(60)
os.fsync = stop
writing.write_atomically(sys.argv[1], b"never")
"""


def test_what_a_killed_writer_leaves_is_removed_by_the_next_save_and_a_living_ones_is_not(path):
    def writer() -> subprocess.Popen:
        made = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env=ENVIRONMENT)
        assert made.stdout.readline() == b"here\n"
        return made

    with writer() as killed, writer() as living:
        assert len(list(path.parent.iterdir())) == 3
        killed.send_signal(signal.SIGKILL)
        killed.wait(10)
        write_atomically(path, NEW)
        assert len(list(path.parent.iterdir())) == 2
        living.send_signal(signal.SIGKILL)
        living.wait(10)
    write_atomically(path, NEW)
    only(path.parent, "file")
    assert path.read_bytes() == NEW


def test_files_of_others_stay(path, monkeypatch):
    foreign = [".fastnn-0123.tmp", "fastnn-0123456789abcdef.tmp", ".fastnn-0123456789abcdef.tmp.txt", ".file.swp"]
    for name in foreign:
        (path.parent / name).write_bytes(b"mine")
    (path.parent / ".fastnn-0123456789abcdef.tmp").mkdir()
    (path.parent / ".fastnn-0123456789abcde0.tmp").symlink_to("file")
    names = [entry.name for entry in path.parent.iterdir()]
    write_atomically(path, NEW)
    only(path.parent, *names)
    (path.parent / ".fastnn-0123456789abcde1.tmp").write_bytes(b"of another user")
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    write_atomically(path, NEW)
    only(path.parent, *names, ".fastnn-0123456789abcde1.tmp")


def sweep_before_locks(path, monkeypatch, times):
    real, swept = temporary.fcntl.flock, []

    def flock(handle, how):
        if how == temporary.fcntl.LOCK_EX and len(swept) < times:
            swept.append(True)
            temporary.sweep(str(path.parent))
        return real(handle, how)

    monkeypatch.setattr(temporary.fcntl, "flock", flock)
    return swept


@pytest.mark.parametrize("times", [1, 7])
def test_sweeps_between_making_and_locking_a_file_are_survived(path, monkeypatch, times):
    swept = sweep_before_locks(path, monkeypatch, times)
    write_atomically(path, NEW)
    assert len(swept) == times
    assert path.read_bytes() == NEW
    only(path.parent, "file")


def test_a_file_that_is_always_swept_is_an_error(path, monkeypatch):
    sweep_before_locks(path, monkeypatch, 10**9)
    old = path.read_bytes()
    with pytest.raises(OSError, match="others remove what is written there"):
        write_atomically(path, NEW)
    assert path.read_bytes() == old
    only(path.parent, "file")


@pytest.mark.skipif(temporary.fcntl is None, reason="locks are for systems that remove open files")
def test_a_sweep_leaves_a_file_that_has_taken_a_leftovers_name_meanwhile(path, monkeypatch):
    leftover, lock = path.parent / f".fastnn-{'0' * 16}.tmp", temporary.fcntl.flock
    leftover.write_bytes(b"of a writer that is no more")

    def late(handle, how):
        leftover.unlink()
        leftover.write_bytes(NEW)
        lock(handle, how)

    monkeypatch.setattr(temporary.fcntl, "flock", late)
    temporary.sweep(str(path.parent))
    assert leftover.read_bytes() == NEW
    leftover.unlink()


def test_a_file_that_another_save_replaces_meanwhile_is_not_written_in_place(path, monkeypatch):
    other, real = path.parent / "other", os.lstat
    other.write_bytes(b"of the other save")
    inode = other.stat().st_ino

    def lstat(name):
        if not other.exists():
            return real(name)
        with open(name, "rb") as file:
            other.replace(name)
            return os.fstat(file.fileno())

    monkeypatch.setattr(os, "lstat", lstat)
    write_atomically(path, NEW)
    assert path.read_bytes() == NEW
    assert path.stat().st_ino != inode


def test_of_saves_at_the_same_time_one_whole_file_wins(tmp_path):
    contents = [bytes([i]) * (1000 + 5000 * i) for i in range(4)]
    seen, stop = set(), time.monotonic() + 0.3

    def save(content):
        while time.monotonic() < stop:
            write_atomically(tmp_path / "file", content)

    threads = [threading.Thread(target=save, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while time.monotonic() < stop:
        with contextlib.suppress(FileNotFoundError):
            seen.add((tmp_path / "file").read_bytes())
    for thread in threads:
        thread.join()
    assert seen <= set(contents)
    assert (tmp_path / "file").read_bytes() in contents
    only(tmp_path, "file")


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_what_is_appended_is_there_whole_or_not_at_all(path, monkeypatch, fault):
    (path.parent / "link").symlink_to(path)
    append(path.parent / "link", b"one")
    assert path.read_bytes() == OLD + b"one"
    real = os.write

    def fail(handle, data):
        real(handle, data[:2])
        raise fault

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(type(fault)):
        append(path, b"two")
    assert path.read_bytes() == OLD + b"one"


def test_what_can_be_foreseen_is_foreseen_without_a_trace(path):
    check_writable(path)
    check_writable(path.parent / "new")
    with pytest.raises(FileNotFoundError, match="its folder is not there"):
        check_writable(path.parent / "missing" / "new")
    only(path.parent, "file")
    assert path.read_bytes() == OLD


def test_a_model_is_written_that_way(path):
    path.chmod(0o600)
    (path.parent / "link").symlink_to(path)
    model_of().save(path.parent / "link")
    assert path.read_bytes() != OLD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert writing.check_writable(path) is None
