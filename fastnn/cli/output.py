"""What the command line may write to, found out before the work whose result goes there."""

from __future__ import annotations

import os

from fastnn._base.writing import check_writable


def check_output(path: str, *inputs: str) -> None:
    """Refuse a file that cannot be written, or that would overwrite one of ``inputs``, which the command reads."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise ValueError(f"no such folder: {folder}")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; name a file")
    try:
        check_writable(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror})") from None
    for name in inputs:
        if os.path.abspath(name) == os.path.abspath(path) or (
            os.path.exists(name) and os.path.exists(path) and os.path.samefile(name, path)
        ):
            raise ValueError(f"{path} would be overwritten; name another file to write to")
