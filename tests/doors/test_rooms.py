"""Imports point one way: from the rooms above to those below, never back (docs/design.md, section 2)."""

from __future__ import annotations

import ast
from pathlib import Path

import fastnn

ROOT = Path(fastnn.__file__).parent
FLOORS = (
    ("_base", "errors", "_version"),
    ("activations", "initializers", "regularizers", "constraints", "schedules", "metrics", "losses", "optimizers"),
    ("_ops",),
    ("layers", "callbacks", "datasets", "tables"),
    ("data",),
    ("_plan",),
    ("_kernels",),
    ("_engine",),
    ("_workers",),
    ("models",),
    ("plot", "watch", "config", "utils", "backend"),
    ("tabular",),
    ("sklearn",),
    ("interop", "distributed"),
    ("cli", "__init__", "__main__"),
)
FOR_TYPES = {
    ("callbacks/base.py", "models")
}  # no program does: what the model of a callback has, type checkers are to tell
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> set[str]:
    """Modules of fastnn that a file names, also inside functions and for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "fastnn" else {node.module}
    return {name for name in found if name.split(".")[0] == "fastnn"}


def arrows() -> set[tuple[str, str, str]]:
    """(file, its room, the room it imports), of every import from one room into another."""
    found = set()
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).with_suffix("")
        for module in imports(path):
            found.add((str(path.relative_to(ROOT)), place.parts[0], room_of(module)))
    return {(file, here, there) for file, here, there in found if here != there}


def test_every_room_has_its_floor():
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms == set(FLOOR)


def test_no_import_runs_back_up():
    up = {(file, there) for file, here, there in arrows() if FLOOR.get(there, len(FLOORS)) > FLOOR[here]}
    assert up == FOR_TYPES
