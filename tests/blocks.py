"""Runs the code of a page of Markdown, from top to bottom, as a reader would who types it in.

``python tests/blocks.py [--long] PAGE...`` runs pages with whatever fastnn is imported, from a clone or a wheel, and
says how long each took; ``tests/doors/test_blocks.py`` runs them all. How a page is written stands in CONTRIBUTING.md.

Design: blocks of Python share one module, those of shell one folder, which is also Python's. What a block needs and no
reader wants to see stands in comments of HTML, which neither a code host nor the site shows; so the page is the only
file that an author has to keep right.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import types
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)")
MARKER = re.compile(r" *<!-- *(?P<name>not run|long from here|long|output|file|needs) *(?:: *(?P<value>.*?))? *--> *")
HIDDEN = re.compile(r"<!-- *(?P<language>python|sh) *")
VALUED = ("not run", "file", "needs")  # markers that say something
RUN = ("python", "sh")
SHOWN = ("text", "c", "cython", "csv", "html", "ini", "json", "make", "toml", "yaml")
PATIENCE = 600  # seconds for a command


@dataclass(frozen=True)
class Block:
    """A piece of a page: its language, text and first line, and the markers above it with their values."""

    language: str
    text: str
    line: int
    markers: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        return self.language in RUN and "not run" not in self.markers

    @property
    def long(self) -> bool:
        return "long" in self.markers


class BlockError(Exception):
    """A block is written in a way that cannot be run, or did not give what the page says."""


def blocks_of(text: str) -> list[Block]:
    """All fenced and hidden blocks of a page in their order, each with the markers right above it."""
    lines, found, markers, number, rest = text.splitlines(), [], {}, 0, False
    while number < len(lines):
        line = lines[number]
        number += 1
        if marker := MARKER.fullmatch(line):
            rest |= marker["name"] == "long from here"
            markers[marker["name"]] = _value(marker, number)
            continue
        fence, hidden = FENCE.match(line), HIDDEN.fullmatch(line)
        if fence or hidden:
            end = _end(lines, number, fence["fence"] if fence else None)
            body = textwrap.dedent("\n".join(lines[number:end]) + "\n")
            markers |= {"long": ""} if rest else {}
            found.append(Block((fence or hidden)["language"], body, number + 1, markers))
            number = end + 1
        if line.strip():
            markers = {}
    return found


def _value(marker: re.Match, line: int) -> str:
    value = marker["value"] or ""
    if bool(value) != (marker["name"] in VALUED):
        wanted = f"<!-- {marker['name']}: ... -->" if not value else f"<!-- {marker['name']} -->"
        raise BlockError(f"line {line}: {marker[0].strip()} is written {wanted}")
    return value


def _end(lines: list[str], start: int, fence: str | None) -> int:
    """The number of the line that ends a block."""
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if line == "-->" if fence is None else line.startswith(fence) and not line.strip(fence[0]):
            return number
    raise BlockError(f"line {start}: the block that begins here has no end")


def needs(page: Path) -> list[str]:
    """Packages and programs that a page names as needed, and that are not there."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"^ *<!-- *needs: *(.*?) *-->", text, re.MULTILINE)
    words = [word.strip() for words in named for word in words.split(",")]
    return [word for word in words if importlib.util.find_spec(word) is None and shutil.which(word) is None]


class Reader:
    """Runs blocks of a page one after the other in a folder, which must be the current one."""

    def __init__(self, page: Path):
        self.page = page
        self.module = types.ModuleType("page")
        self.module.__file__ = str(page)
        self.printed = ""
        self._bin = Path(tempfile.mkdtemp())
        for name, words in {"python": [], "python3": [], "fastnn": ["-m", "fastnn"]}.items():
            command = shlex.join([sys.executable, *words])
            (self._bin / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (self._bin / name).chmod(0o755)

    def __enter__(self) -> Reader:
        sys.modules["page"] = self.module  # dataclasses and pickle look there
        return self

    def __exit__(self, *error: object) -> None:
        sys.modules.pop("page", None)
        shutil.rmtree(self._bin)

    def read(self, block: Block) -> None:
        """Does what a block says: runs it, writes its file, or compares it with what the block before printed."""
        try:
            if "file" in block.markers:
                Path(block.markers["file"]).parent.mkdir(parents=True, exist_ok=True)
                Path(block.markers["file"]).write_text(block.text, encoding="utf-8")
            elif "output" in block.markers:
                _compare(block.text, self.printed)
            elif block.runs:
                {"python": self._python, "sh": self._shell}[block.language](block)
        except Exception as error:
            error.add_note(f"in {self.page.name}, line {block.line}")
            raise

    def _python(self, block: Block) -> None:
        names = self.module.__dict__
        if re.search(r"^>>> ", block.text, re.MULTILINE):
            self._doctest(block)
            return
        # Empty lines in front, so that the lines in tracebacks are the page's.
        code = compile("\n" * (block.line - 1) + block.text, str(self.page), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        self.printed = printed.getvalue()

    def _doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, {}, self.page.name, str(self.page), block.line - 1)
        test.globs, reports = self.module.__dict__, []
        doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(
            test, out=reports.append, clear_globs=False
        )
        if reports:
            raise BlockError("".join(reports))

    def _shell(self, block: Block) -> None:
        if re.search(r"^\$ ", block.text, re.MULTILINE):
            raise BlockError("a shell block has no prompts, so that it can be copied; what is printed stands behind it")
        paths = [str(Path(importlib.util.find_spec("fastnn").origin).parents[1]), os.environ.get("PYTHONPATH", "")]
        named = {"PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(paths)}
        made = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", block.text],
            env={**os.environ, **named},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        if made.returncode:
            raise BlockError(f"a command ended with {made.returncode}:\n{block.text}\n{made.stdout}")
        self.printed = made.stdout


def _compare(wanted: str, got: str) -> None:
    """``...`` in what a page shows stands for anything, and spaces at the end of lines do not count."""
    wanted, got = ("\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n" for text in (wanted, got))
    if not doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS):
        raise BlockError(f"the page says\n{wanted}\nand what was printed is\n{got}")


def run(page: Path, long: bool = False) -> None:
    """Run a page's blocks in the current folder, with ``long`` those that are marked so, too."""
    with Reader(page) as reader:
        left_out = False
        for block in blocks_of(page.read_text(encoding="utf-8")):
            if "output" in block.markers and left_out:
                continue  # of a block that was not run
            left_out = block.long and not long
            if not left_out:
                reader.read(block)


def main(arguments: list[str]) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")
    for name in (argument for argument in arguments if argument != "--long"):
        page, began = Path(name).resolve(), time.perf_counter()
        if missing := needs(page):
            print(f"{name}: not run, {', '.join(missing)} is missing")
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            run(page, "--long" in arguments)
        print(f"{name}: {time.perf_counter() - began:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
