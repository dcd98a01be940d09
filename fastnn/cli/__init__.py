"""The command ``fastnn``, and how errors end it.

Exit codes: 0 done, 1 a user's error (one line on stderr: what is wrong and how to mend it), 2 usage,
130 interrupted. An error of fastnn itself shows its traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TextIO, cast

from fastnn.cli.arguments import parser

__all__ = ["main", "parser"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    _open_streams()
    if not (sys.argv[1:] if argv is None else argv):
        parser().print_help(sys.stderr)
        return 2
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        _hear_no_more()
        return 0
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))
    except MemoryError as error:
        return _fail(f"not enough memory ({error}); take fewer rows or columns, or narrower layers")
    except (ValueError, ImportError) as error:
        return _fail(str(error))


def _hear_no_more() -> None:
    """What reads our output has had enough; Python must not try to flush the rest at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Unheard:
    """Standard output of a command that makes a file, which ``fastnn train ... | head`` wants whole all the same."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except BrokenPipeError:
            _hear_no_more()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            _hear_no_more()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _open_streams() -> None:
    """Give the process the standard streams that a service may have closed, and let no sign stop a message."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 as long as the process
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: argparse.Namespace) -> int:
    from fastnn.errors import BackendError, DistributedError, DivergenceError

    stdout = sys.stdout
    try:
        if any(getattr(arguments, name, None) for name in ("out", "report")):
            sys.stdout = cast(TextIO, _Unheard(stdout))
        status: int = arguments.run(arguments)
        return status
    except (BackendError, DistributedError) as error:
        return _fail(str(error))
    except DivergenceError as error:
        return _fail(
            f"training diverged: the loss is not finite in epoch {error.epoch}; take a smaller --learning-rate "
            "(no model was written)"
        )
    finally:
        sys.stdout = stdout


def _fail(message: str, code: int = 1) -> int:
    print(f"fastnn: {' '.join(message.split())}", file=sys.stderr)
    return code
