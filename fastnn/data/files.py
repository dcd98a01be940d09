"""Which files a stream reads, and that they stay as they were."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastnn._base.arguments import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.dataset as ds

    from fastnn._base.types import StrPath

KINDS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow IPC",
    ".feather": "Arrow IPC",
    ".ipc": "Arrow IPC",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".npz": "NPZ",
    ".npy": "NPY",
}
WILD = "*?["


@dataclass(frozen=True)
class File:
    """A file as it was when the stream was made."""

    path: str
    size: int
    changed: int  # ns, of its content

    @staticmethod
    def at(path: str) -> File:
        """The file as it is now."""
        status = os.stat(path)
        return File(path, status.st_size, status.st_mtime_ns)

    @property
    def kind(self) -> str:
        """What its name says that it holds."""
        return KINDS[os.path.splitext(self.path)[1].lower()]

    def check(self) -> None:
        """``ValueError`` where it is no more what it was."""
        try:
            now = File.at(self.path)
        except FileNotFoundError:
            raise ValueError(f"{self.path} is gone since the stream was made; make the stream anew") from None
        if now != self:
            what = f"{self.size:,} bytes, now {now.size:,}" if now.size != self.size else "written to anew"
            raise ValueError(f"{self.path} has changed since the stream was made ({what}); make the stream anew")


def names_files(source: object) -> bool:
    """Whether a source is the names of files: a path, a pattern, or a list of them."""
    several = source if isinstance(source, list | tuple) else [source]
    return len(several) > 0 and all(isinstance(one, str | os.PathLike) for one in several)


def check_dataset(dataset: ds.Dataset) -> None:
    """``ValueError`` for a ``pyarrow.dataset`` of files elsewhere, or with columns that stand in no file."""
    if dataset.filesystem.type_name != "local":
        raise ValueError(f"a stream reads files of this machine, and the dataset is on {dataset.filesystem.type_name}")
    fragment = next(dataset.get_fragments(), None)
    there = [] if fragment is None else fragment.physical_schema.names
    absent = [name for name in dataset.schema.names if fragment is not None and name not in there]
    if absent:
        raise ValueError(
            f"the dataset has {listed(absent)}, which {dataset.files[0]} has not: a stream reads columns of files, not "
            f"those that names of folders hold; give the files"
        )


def find_files(source: StrPath | Sequence[StrPath], what: str = "source") -> list[File]:
    """The files of a path, a folder, a pattern or a list of them, each in the order of its names, all of one kind.

    Raises
    ------
    FileNotFoundError
        a path or pattern leads to no file.
    ValueError
        files are of kinds that no stream reads, of two kinds, or named twice.
    """
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths = [path for one in given for path in _paths(os.fspath(one), what)]
    if len(set(paths)) < len(paths):
        twice = next(path for place, path in enumerate(paths) if path in paths[:place])
        raise ValueError(f"{what} names {twice} twice")
    files = [File.at(path) for path in paths]
    others = [file for file in files if file.kind != files[0].kind]
    if others:
        raise ValueError(
            f"{what} has files of two kinds, {files[0].path} ({files[0].kind}) and {others[0].path} "
            f"({others[0].kind}); make a stream of each"
        )
    return files


def _paths(given: str, what: str) -> list[str]:
    if not os.path.exists(given) and any(sign in given for sign in WILD):
        found = sorted(path for path in glob.glob(given, recursive=True) if os.path.isfile(path))
        if not found:
            raise FileNotFoundError(f"no file for the {what} {given!r}")
        return [_known(path) for path in found]
    if os.path.isdir(given):
        found = sorted(str(path) for path in Path(given).rglob("*") if path.is_file() and _is_data(path, given))
        if not found:
            raise FileNotFoundError(f"the folder {given} has no file that ends in {', '.join(KINDS)}")
        return found
    if not os.path.exists(given):
        raise FileNotFoundError(f"no such file: {given}")
    return [_known(given)]


def _is_data(path: Path, folder: str) -> bool:
    """Whether a file in a folder is data; names that begin with a dot or underscore are marks of other programs."""
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return path.suffix.lower() in KINDS and not hidden


def _known(path: str) -> str:
    if os.path.splitext(path)[1].lower() not in KINDS:
        packed = ", unpacked" if path.lower().endswith((".gz", ".bz2", ".xz", ".zip", ".zst")) else ""
        raise ValueError(f"a stream reads files that end in {', '.join(KINDS)}{packed}, got {shown(path)}")
    return path


def listed(names: Sequence[str]) -> str:
    """Names of columns in an error."""
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
