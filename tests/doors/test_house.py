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


@pytest.mark.long
def test_no_module_here_is_hidden_or_without_a_use_or_large():
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


@pytest.mark.parametrize(("ending", "most"), house.MOST_LINES.items())
def test_a_file_of_more_lines_than_its_limit_is_found(root, ending, most):
    path = root / "fastnn" / f"__main__{ending}"
    path.write_text("\n" * most)
    assert house.long_files(root) == []
    path.write_text("\n" * (most + 1))
    assert house.long_files(root) == [
        f"fastnn/__main__{ending}: {most + 1} lines, of at most {most}; split it by what it decides"
    ]


def test_python_and_cython_files_have_the_limit_of_the_design_and_c_files_a_higher_one():
    assert {house.MOST_LINES[ending] for ending in (".py", ".pyx", ".pxi", ".pxd")} == {300}
    assert {house.MOST_LINES[ending] for ending in (".c", ".h", ".def")} == {400}


def test_c_that_cython_generates_may_be_long(root):
    (root / "fastnn" / "walk.pyx").write_text("")
    (root / "fastnn" / "walk.c").write_text("\n" * 1000)
    assert house.faults(root) == []


def test_a_body_that_is_longer_than_the_limit_is_found_and_its_docstring_counts_as_nothing(root):
    path, docstring = root / "fastnn" / "first.py", ['"""First line.', *[""] * 50, '"""']
    path.write_text(_function("short", [*docstring, *["x = 1"] * 40]))
    assert house.long_bodies(root) == []
    path.write_text(_function("long", [*docstring, *["x = 1"] * 41]))
    assert house.long_bodies(root) == ["fastnn/first.py:1: the body of long has 41 lines, of at most 40"]


def test_what_is_defined_and_said_inside_a_body_counts_to_it(root):
    inner = ["@cache", "def inner():", *["    # why"] * 38, "    return 1"]
    (root / "fastnn" / "first.py").write_text(f"class Any:\n    async {_function('long', inner, indent=8)}")
    assert house.long_bodies(root) == ["fastnn/first.py:2: the body of long has 41 lines, of at most 40"]


def _function(name: str, lines: list[str], indent: int = 4) -> str:
    return "".join([f"def {name}():\n", *(f"{' ' * indent}{line}\n" for line in lines)])
