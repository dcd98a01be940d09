"""The check of ``make lint`` finds what it is for, and finds nothing here."""

from __future__ import annotations

from pathlib import Path

import house
import pytest


@pytest.fixture
def root(tmp_path) -> Path:
    """A package of three modules that are all in use."""
    for name, text in {
        "__init__.py": "from fastnn import first",
        "first.py": "def later():\n    from .inner import deep\n",
        "inner/__init__.py": "",
        "inner/deep.py": "NAMES = {'cython': 'fastnn.inner.named'}",
        "inner/named.py": "",
        "cli.py": "",
        "__main__.py": "",
    }.items():
        path = tmp_path / "fastnn" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path


def test_no_module_here_is_hidden_or_without_a_use():
    assert house.faults() == []


def test_a_package_in_order_has_no_faults(root):
    assert house.faults(root) == []


def test_a_module_that_a_package_hides_is_found(root):
    (root / "fastnn" / "inner.py").write_text("")
    assert house.faults(root) == ["fastnn/inner.py: hidden by what has its name; remove one of the two"]


def test_a_module_that_nothing_imports_is_found_and_so_is_what_it_alone_imports(root):
    (root / "fastnn" / "old.py").write_text("from fastnn import older")
    (root / "fastnn" / "older.py").write_text("")
    (root / "fastnn" / "inner" / "orphan.py").write_text("import fastnn.first")
    assert house.faults(root) == [f"fastnn/{name}.py: nothing imports it" for name in ("inner/orphan", "old", "older")]
