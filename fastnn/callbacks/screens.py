"""Where the progress of a fit is shown: a terminal (through tqdm where it is installed), a notebook, or a file.

Each screen decides how often it is drawn and what fits. On a terminal a line never reaches the last column, so that it
does not wrap; what there is no room for goes in the order bar, speed, values from the last to the first, time.

Design: tqdm draws the bar where it is installed, so that a fit inside a user's own tqdm loop takes its place below
that; the words are ours in every case. In a notebook one HTML display is updated in place: widgets (rejected) need
another package on both sides, and are gone from a saved notebook.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO


LEAST_BAR, MOST_BAR = 8, 40  # columns
BLOCKS = " ▏▎▍▌▋▊▉█"  # eighths of a column


@dataclass(frozen=True)
class Status:
    """What there is to show: the share of the fit that is done, None where nobody knows it, and words."""

    share: float | None
    head: str
    clock: str
    values: tuple[str, ...]
    speed: str

    def parts(self) -> list[str]:
        """All words, without what is empty."""
        return [part for part in (self.head, " ".join(self.values), self.speed, self.clock) if part]

    def line(self) -> str:
        """All words in a line."""
        return "  ".join(self.parts())

    def fitted(self, columns: int) -> tuple[str, int, str]:
        """Words before the bar, its width (0 without), and words after it, in ``columns`` together."""
        for count in (len(self.values) + 1, *range(len(self.values), -1, -1)):
            speed = self.speed if count > len(self.values) else ""
            words = [part for part in (self.clock, " ".join(self.values[:count]), speed) if part]
            right = "  ".join(words)
            free = columns - len(self.head) - len(right) - 2 * bool(words)
            if free >= 0:
                room = free - 2 >= LEAST_BAR and speed and self.share is not None
                return self.head, min(MOST_BAR, free - 2) if room else 0, right
        return self.head[:columns], 0, ""


class Screen:
    """Base of all screens: a line in a file."""

    def interval(self, elapsed: float) -> float:
        """Seconds between two pictures after ``elapsed`` seconds: in a file up to a minute."""
        return min(60.0, max(1.0, elapsed / 10))

    def draw(self, status: Status) -> None:
        """Show the status."""
        print(status.line(), file=stream(), flush=True)

    def clear(self) -> None:
        """Make room for a line of somebody else."""

    def end(self) -> None:
        """Nothing comes after the last picture."""


class Terminal(Screen):
    """One line that is written over."""

    def __init__(self) -> None:
        self.length = 0

    def interval(self, elapsed: float) -> float:
        return 0.1

    def draw(self, status: Status) -> None:
        left, width, right = status.fitted(columns() - 1)
        line = "  ".join(part for part in (left, bar(status.share or 0.0, width), right) if part)
        self._write("\r" + line + " " * min(self.length - len(line), columns() - 1 - len(line)))
        self.length = len(line)

    def clear(self) -> None:
        self._write("\r" + " " * min(self.length, columns() - 1) + "\r")
        self.length = 0

    def end(self) -> None:
        self._write("\n")

    def _write(self, text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)


class TqdmTerminal(Screen):
    """The same line, its bar drawn by tqdm."""

    def __init__(self, tqdm: Any):
        self.bar = tqdm(total=1.0, file=sys.stderr, bar_format=" ", delay=1e9)  # nothing before the first picture
        self.bar.delay, self.bar.ncols = 0, columns() - 1

    def interval(self, elapsed: float) -> float:
        return 0.1

    def draw(self, status: Status) -> None:
        left, width, right = status.fitted(columns() - 1)
        parts = (_literal(left), f"{{bar:{width}}}" if width else "", _literal(right))
        self.bar.bar_format = "  ".join(part for part in parts if part)
        if self.bar.ncols != columns() - 1:
            self.bar.ncols = columns() - 1
            self.bar.sp = self.bar.status_printer(self.bar.fp)  # else it blanks out the old, wider line, which wraps
        self.bar.n = status.share or 0.0
        self.bar.refresh()

    def clear(self) -> None:
        self.bar.clear()

    def end(self) -> None:
        self.bar.close()


def _literal(words: str) -> str:
    return words.replace("{", "{{").replace("}", "}}")


class Notebook(Screen):
    """One display that is updated in place."""

    def __init__(self) -> None:
        self.handle: Any = None

    def interval(self, elapsed: float) -> float:
        return 0.25

    def draw(self, status: Status) -> None:
        from html import escape

        from IPython.display import display

        value = "" if status.share is None else f'value="{status.share:.4f}" '
        meter = f'<progress {value}max="1" style="width: 20em; vertical-align: middle"></progress>'
        words = "&ensp;".join(escape(part) for part in status.parts())
        shown = {"text/plain": status.line(), "text/html": f"<div>{meter}&ensp;{words}</div>"}
        show: Any = display  # which has no types
        if self.handle is None:
            self.handle = show(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)


def choose() -> Screen:
    """The screen for where this program's stderr goes."""
    if in_notebook():
        return Notebook()
    if not on_terminal():
        return Screen()
    try:
        from tqdm import tqdm
    except ImportError:
        return Terminal()
    return TqdmTerminal(tqdm)


def watched() -> bool:
    """Whether somebody sees what is drawn."""
    return in_notebook() or on_terminal()


def on_terminal() -> bool:
    """Whether stderr is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # None under pythonw; closed
        return False


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel, of which IPython's shell is a sign."""
    found = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return found is not None and any(kind.__name__ == "ZMQInteractiveShell" for kind in type(found()).__mro__)


def stream() -> TextIO:
    """Where lines go."""
    return sys.stdout if in_notebook() else sys.stderr


def columns() -> int:
    """Width of the terminal now; it may be resized at any time."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, AttributeError, ValueError):
        return 80


def bar(share: float, width: int) -> str:
    """A bar of ``width`` columns, in eighths of a column where stderr's encoding has them."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        full = int(share * width)
        return "#" * full + "." * (width - full)
    full, part = divmod(int(share * width * 8), 8)
    drawn = BLOCKS[8] * full + (BLOCKS[part] if full < width else "")
    return drawn[:width].ljust(width)
