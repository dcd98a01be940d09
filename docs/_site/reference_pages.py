"""The reference: a page for each group of public names, written from the objects themselves when a build begins."""

from __future__ import annotations

import argparse
import contextlib
import enum
import importlib
import inspect
import os
import re
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path

import curves
import docstrings
import formulas
import groups
from docutils import nodes
from sphinx.util.inspect import stringify_signature

from fastnn.activations import Activation

FOLDER = Path(__file__).resolve().parents[1] / "reference"
OF_CLASSES = ("object", "ABC", "Protocol")


def entry(full: str, others: list[str], page: groups.Page) -> list[str]:
    """The directives of one public name."""
    thing = groups.thing_of(full)
    name = full.removeprefix(f"{page.module}.")
    if isinstance(thing, Activation):
        lines = _activation(full, thing)
    elif isinstance(thing, type) and issubclass(thing, enum.Enum):
        lines = _data(full, ", ".join(f"``{member.name} = {member.value}``" for member in thing))
    elif isinstance(thing, type):
        lines = [f".. autoclass:: {name}", *_members(thing, page)]
    elif callable(thing) and not isinstance(thing, type(list[int])):
        lines = [f".. autofunction:: {full if '.' in name else name}"]
    else:
        lines = _data(full, _value(thing))
    if others:
        known = ", ".join(f"``{other}``" for other in others)
        lines += ["", f"   Also as {known}."] if "auto" not in lines[0] else ["", f"Also as {known}."]
    return [*lines, ""]


def _is_record(named: tuple[str, list[str]]) -> bool:
    """Whether a name is a table or its record, which come last on a page."""
    thing = groups.thing_of(named[0])
    return not callable(thing) or thing is Activation or (isinstance(thing, type) and issubclass(thing, enum.Enum))


def _members(thing: type, page: groups.Page) -> list[str]:
    names = groups.methods(thing, page.inherited)
    return [f"   :members: {', '.join(names)}"] if names else []


def _data(full: str, text: str) -> list[str]:
    return [f".. py:data:: {full.rpartition('.')[2]}", "", f"   {text}"]


def _value(thing: object) -> str:
    if isinstance(thing, Mapping):
        return f"A dictionary of {len(thing)}: {_listed([str(key) for key in thing])}."
    if isinstance(thing, tuple):
        return f"{len(thing)} names: {_listed([str(getattr(value, 'name', value)) for value in thing])}."
    return f"``{thing}``"


def _listed(names: list[str]) -> str:
    shown = [f"``{name}``" for name in names[:60]]
    return ", ".join(shown) + (" ..." if len(names) > 60 else "")


def _activation(full: str, record: Activation) -> list[str]:
    """An activation: its formula, its slope's graph, its parameter."""
    own = f"{record.parameter_name}={record.parameter:g}" if record.parameter_name else ""
    lines = [f".. py:function:: {record.name}(z{', ' + own if own else ''})", ""]
    for line in formulas.of(full):
        lines += ["   .. math::", "", f"      {line}", ""]
    shape = "Each row ``(..., n)`` for itself." if record.rowwise else "Each number for itself: an array of any shape."
    lines += [f"   {shape} Of floats the dtype stays, of whole numbers float64 comes."]
    if own:
        lines += ["", f"   ``{record.parameter_name}`` is a number{' above 0' if record.positive else ' from 0 on'}; "]
        lines[-1] += "another one is a ``ValueError``."
    if not record.rowwise:
        lines += ["", "   .. raw:: html", "", *(f"      {line}" for line in curves.activation(record).splitlines())]
    return lines


def page_text(page: groups.Page, named: list[tuple[str, list[str]]]) -> str:
    """A page of the reference."""
    lines = [page.title, "=" * len(page.title), "", f".. py:currentmodule:: {page.module}", ""]
    module = importlib.import_module(page.module)
    text = docstrings.read(module.__doc__ or "").text
    if page.names is None and text:
        lines += [text[0], ""]
    lines += [f"Import {'it' if len(named) == 1 else 'them'} from ``{page.module}``.", ""]
    for full, others in sorted(named, key=_is_record):
        lines += entry(full, others, page)
    return "\n".join(lines)


def command_text() -> str:
    """The page of the command, from its own parser."""
    from fastnn.cli import parser

    with _columns(88):
        whole = parser()
        parts = next(part for part in whole._actions if isinstance(part, argparse._SubParsersAction)).choices
        lines = ["The command fastnn", "==================", "", *_literal(whole.format_help())]
        for name, part in parts.items():
            lines += [f"fastnn {name}", "-" * (7 + len(name)), "", *_literal(part.format_help())]
    return "\n".join(lines)


def _literal(text: str) -> list[str]:
    return [".. code-block:: text", "", *(f"   {line}".rstrip() for line in text.splitlines()), ""]


@contextlib.contextmanager
def _columns(width: int):
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    yield
    os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


def index_text(found: dict[groups.Page, list[tuple[str, list[str]]]]) -> str:
    """All names, page by page, each with the first sentence that is said of it."""
    lines = ["Reference", "=========", "", "Every public name, made from the docstrings of this very version.", ""]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {page.file}" for page in found), "   command", ""]
    for page, named in found.items():
        lines += [f":doc:`{page.title} <{page.file}>`", "   " + " · ".join(_link(full) for full, _ in named), ""]
    return "\n".join(
        [*lines, ":doc:`The command fastnn <command>`", "   train, tune, predict, evaluate, info, bench, export"]
    )


def _link(full: str) -> str:
    return f":py:obj:`{full.rpartition('.')[2]} <{full}>`"


def write(app) -> None:
    """Write all pages, and touch those alone that have changed."""
    found = groups.entries()
    texts = {page.file: page_text(page, named) for page, named in found.items()}
    texts |= {"command": command_text(), "index": index_text(found)}
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.rst"):
        if old.stem not in texts:
            old.unlink()
    for file, text in texts.items():
        page = FOLDER / f"{file}.rst"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def complete(app, what: str, name: str, thing: object, options, lines: list[str]) -> None:
    """Give numpydoc a docstring in its own form, with formula and all parameters."""
    if not lines or what == "module":
        return
    made = docstrings.complete(thing, what in ("class", "function", "exception"))
    shown = [line for formula in formulas.of(name) for line in ("", ".. math::", "", f"   {formula}", "")]
    made.text[1:1] = shown
    lines[:] = made.lines()


def signature(app, what: str, name: str, thing: object, options, arguments: str, returns: str) -> tuple | None:
    """A class's own signature, where a constructor of a base class takes anything and hands it on."""
    if what == "class" and "*" in (arguments or ""):
        with contextlib.suppress(TypeError, ValueError):
            found = inspect.signature(thing).replace(return_annotation=inspect.Signature.empty)
            arguments, returns = stringify_signature(found, unqualified_typehints=True), ""
            arguments = re.sub(r"~?(?:dataclasses\.)?InitVar\[([^=]*)\](?= = )", r"\1", arguments)
    if not arguments:
        return None
    return re.sub(r"(?<![.\w])Activation\b(?!\()", "fastnn.activations.Activation", arguments), returns  # not the layer


def find(app, env, node, content) -> nodes.Node | None:
    """What a text names and no page has: other names of the same thing, inner names of fastnn, types of others."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    domain = env.get_domain("py")
    for full in (
        target,
        f"{node.get('py:module')}.{target}",
        f"{node.get('py:module')}.{node.get('py:class')}.{target}",
    ):
        documented = env.fastnn_names.get(full)
        if documented in domain.objects:
            made = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", documented, node, content)
            if made is not None:
                return made
    if node.source in (None, "<unknown>") or exists(target, node.get("py:module"), node.get("py:class")):
        return content  # types in signatures, and what is there and has no page
    return None


def exists(target: str, module: str | None, within: str | None) -> bool:
    """Whether fastnn, Python or a library has something of this name, so that a text may speak of it."""
    if module and within:
        owner = _imported(f"{module}.{within}")
        sources = [inspect.getsource(base) for base in getattr(owner, "__mro__", ())[:-1]]
        if any(re.search(rf"\b{re.escape(target)}\b", source) for source in sources):
            return True
    return _imported(target) is not None or (module is not None and _imported(f"{module}.{target}") is not None)


def _imported(place: str) -> object | None:
    """What stands under a dotted name; None where nothing does."""
    parts = place.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            return (
                attrgetter(".".join(parts[cut:]))(module)
                if (module := _module(parts[:cut])) and parts[cut:]
                else module
            )
        except (ImportError, AttributeError):
            continue
    return None


def _module(parts: list[str]) -> object:
    return importlib.import_module(".".join(parts))


def _names(app) -> None:
    found = {other: full for named in groups.entries().values() for full, others in named for other in (full, *others)}
    app.env.fastnn_names = found
    for full in list(found.values()):  # also under the module in which it is written
        thing = groups.thing_of(full)
        if isinstance(thing, type) or inspect.isfunction(thing):
            found.setdefault(f"{thing.__module__}.{thing.__qualname__}", full)


def setup(app) -> dict:
    app.connect("builder-inited", write)
    app.connect("builder-inited", _names)
    app.connect("autodoc-process-docstring", complete, priority=100)
    app.connect("autodoc-process-signature", signature)
    app.connect("missing-reference", find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
