"""Pages lead where they say, on a code host too, and show drawings and code as they are."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs" / "_site"))
drawings = importlib.import_module("drawings")

MADE = ("reference", "gallery", "programs", "repository")  # by a build of the site
PAGES = [*ROOT.glob("*.md"), *(ROOT / "bench").glob("*.md")]
PAGES += [page for page in (ROOT / "docs").rglob("*.md") if page.relative_to(ROOT / "docs").parts[0] not in MADE]
INCLUDE = re.compile(r"```\{literalinclude\} (\S+)\n(?::pyobject: (\S+)\n)?")


def text_of(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """The anchor of a heading as code hosts and the site make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_to_files_and_headings():
    faults = [f"{page.relative_to(ROOT)}: {fault}" for page in PAGES for fault in broken(page)]
    assert not faults, "\n".join(faults)


def broken(page: Path) -> list[str]:
    """Links of a page that lead nowhere."""
    faults = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        to = page if not path else page.parent / path
        if not to.exists():
            faults.append(f"{target} is not there")
        elif anchor and anchor not in map(slug, re.findall(r"^#+ (.*)$", text_of(to), re.MULTILINE)):
            faults.append(f"{target}: no heading is called so")
    return faults


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_drawings_are_those_that_the_script_makes(name):
    kept = (drawings.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert kept == drawings.DRAWINGS[name]().svg(), "python docs/_site/drawings.py"


def test_code_that_pages_include_is_there():
    found = 0
    for page in PAGES:
        for path, name in INCLUDE.findall(page.read_text(encoding="utf-8")):
            tree = ast.parse((page.parent / path).read_text(encoding="utf-8"))
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            found += 1
    assert found >= 5
