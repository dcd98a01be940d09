"""The order of the house, which ``make lint`` asks for: no module is hidden by a package, without a use, or too large.

A module ``x.py`` beside a package ``x/`` is never imported, and reads as if it were. A module that nothing reaches from
what users import or run is dead, whatever tests say of it. A file or a function that has outgrown its limit decides
several things, and is to be split by them (docs/design.md, section 8).
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "fastnn"
BY_NAME = {"fastnn._ops": "fastnn._kernels.numba.ops"}  # files of the second are found by names of the first
DOORS = ("fastnn", "fastnn.__main__", "fastnn.distributed.__main__", "fastnn.cli")  # the package, -m, the command
ALSO_PUBLIC = (
    "fastnn.models",
    "fastnn.plot",
    "fastnn.sklearn",
    "fastnn.watch",
    "fastnn.tables",
    "fastnn.datasets",
    "fastnn.interop",
    "fastnn.interop.program",
    "fastnn.interop.gates",
    "fastnn.interop.channels_first",
)
MOST_LINES = {**dict.fromkeys((".py", ".pyx", ".pxi", ".pxd"), 300), **dict.fromkeys((".c", ".h", ".def"), 400)}
MOST_OF_BODY = 40  # lines of a function, its docstring left out


def modules(root: Path) -> dict[str, Path]:
    """Files of the package by the names they are imported under."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def twins(root: Path) -> list[str]:
    """Modules that a package, or a compiled module, of the same name hides."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        package, compiled = path.with_suffix(""), path.with_suffix(".pyx")
        if (package.is_dir() and any(package.glob("*.py"))) or compiled.exists():
            found.append(str(path.relative_to(root)))
    return found


def unreferenced(root: Path) -> list[str]:
    """Modules that nothing reaches from what users import or run."""
    known = modules(root)
    waiting = [name for name in (*DOORS, *ALSO_PUBLIC) if name in known]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            package, _, file = name.rpartition(".")
            twin = [f"{BY_NAME[package]}.{file}"] if package in BY_NAME else []
            waiting += [other for other in (*_named_in(known[name], name), *twin) if other in known]
    return sorted(known.keys() - reached)


def _named_in(path: Path, name: str) -> list[str]:
    """Modules that a file imports or, as who imports by a name does, names in a text; with their packages."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*up, *([node.module] if node.module else [])])
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(f"{package}.{node.value}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return sorted(found | {other.rpartition(".")[0] for other in found})


def long_files(root: Path) -> list[str]:
    """Source files of the package with more lines than their language's limit; what Cython generates is none."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*")):
        most = MOST_LINES.get(path.suffix)
        if most is None or (path.suffix == ".c" and path.with_suffix(".pyx").exists()):
            continue
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > most:
            found.append(f"{path.relative_to(root)}: {count} lines, of at most {most}; split it by what it decides")
    return found


def long_bodies(root: Path) -> list[str]:
    """Functions of the package whose body has more lines than the limit."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (count := _body(node)) > MOST_OF_BODY:
                at = f"{path.relative_to(root)}:{node.lineno}"
                found.append(f"{at}: the body of {node.name} has {count} lines, of at most {MOST_OF_BODY}")
    return found


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement behind the docstring to the end."""
    statements = function.body[ast.get_docstring(function) is not None :]
    if not statements:
        return 0
    decorated = getattr(statements[0], "decorator_list", [])
    return (statements[-1].end_lineno or 0) - min(node.lineno for node in (statements[0], *decorated)) + 1


def faults(root: Path = ROOT) -> list[str]:
    """What is not in order, a line each."""
    hidden = [f"{path}: hidden by what has its name; remove one of the two" for path in twins(root)]
    dead = [f"{modules(root)[name].relative_to(root)}: nothing imports it" for name in unreferenced(root)]
    return hidden + dead + long_files(root) + long_bodies(root)


if __name__ == "__main__":
    told = faults()
    print("\n".join(told), file=sys.stderr)
    sys.exit(bool(told))
