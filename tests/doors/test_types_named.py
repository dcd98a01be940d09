"""What is our own is annotated as what it is: ``Any`` is for what a user, a file or another library may hand in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fastnn

ROOT = Path(fastnn.__file__).parent
OWN = {"model", "layer", "plan", "memory", "node", "edge", "state", "backend"}
HANDED_IN = {  # files, or rooms, and the names that may be anything there
    "schedules": {"state"},  # users keep whatever they like in schedules of their own
    "plot": {"model"},  # models of ours, and estimators of anybody's
    "_engine/standing.py": {"model"},  # whom callbacks are told of; the engine does not know models
    "interop/c/simulate.py": {"memory"},  # a memory, of which exports know the vectors alone
}


def annotated(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Parameters and attributes with their annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            target = node.target
            yield getattr(target, "id", getattr(target, "attr", "")), node.annotation


def untold(text: str) -> set[str]:
    """The names of :data:`OWN` that are annotated ``Any`` in a module."""
    found = {
        name.lstrip("_") for name, kind in annotated(ast.parse(text)) if ast.unparse(kind) in ("Any", "Any | None")
    }
    return found & OWN


def allowed(path: str) -> set[str]:
    parts = path.split("/")
    return set().union(*(HANDED_IN.get("/".join(parts[: n + 1]), set()) for n in range(len(parts))))


def test_what_is_our_own_is_never_any():
    files = {path.relative_to(ROOT).as_posix(): untold(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
    assert {path: names - allowed(path) for path, names in files.items() if names - allowed(path)} == {}
    used = {(key, name) for path, names in files.items() for key in HANDED_IN if path.startswith(key) for name in names}
    assert {(key, name) for key, names in HANDED_IN.items() for name in names} <= used, "leave out what is named now"


def test_it_is_found():
    assert untold("def f(model: Any, x: Any, *, plan: Any | None = None): ...") == {"model", "plan"}
    assert untold("class A:\n    layer: Any\n    def f(self, node: Node): self.memory: Any = 1") == {"layer", "memory"}
