"""The header and the source of a model: its functions, their documentation, and what they need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fastnn._version import __version__
from fastnn.interop.c.constants import Constants
from fastnn.interop.c.function import OWN_NAMES, Function
from fastnn.interop.c.kinds import EMITTERS
from fastnn.interop.c.pieces import needed
from fastnn.interop.c.text import WIDTH, folded, identifier, remark, shape_text
from fastnn.interop.program import Program

LIBRARY = {  # and the words that need it
    "math.h": re.compile(r"\b(?:expf|tanhf|sqrtf?|logf|expm1f|log1pf|erfcf|fabsf|cosf|floorf|sin|cos|INFINITY|NAN)\b"),
    "stdint.h": re.compile(r"\bint(?:8|32|64)_t\b"),
    "string.h": re.compile(r"\bstrcmp\b"),
}


@dataclass
class Entry:
    """A function of the header.

    Attributes
    ----------
    verb : the end of its name, ``predict`` or ``step``.
    function : its text.
    inputs, outputs : names in C, what they are, and how many numbers.
    state : name of the struct it changes, none where it has none.
    members : of that struct, names and sizes.
    """

    verb: str
    function: Function
    inputs: list[tuple[str, str, int]]
    outputs: list[tuple[str, str, int]]
    state: str = ""
    members: list[tuple[str, int]] = field(default_factory=list)

    @property
    def work(self) -> int:
        """Numbers of the work buffer; C has no arrays of none."""
        return max(1, self.function.placed()[1])


def entry(verb: str, program: Program, constants: Constants, most: Mapping[int, float]) -> Entry:
    """The function of a program, whose states are the last inputs and outputs."""
    n_states = len(program.states)
    taken: set[str] = set()
    ends = []
    for values, names, shapes, alone in (
        (program.inputs, program.input_names, program.input_shapes, "x"),
        (program.outputs, program.output_names, program.output_shapes, "y"),
    ):
        count = len(values) - n_states
        found = []
        for value, name, shape in list(zip(values, names, shapes, strict=True))[:count]:
            own = identifier(alone if count == 1 else name, taken | OWN_NAMES | constants.taken)
            taken.add(own)
            found.append((value, own, f"{name}, {shape_text(shape)}", program.size(value)))
        ends.append(found)
    members, arguments, kept, memory = _states(program, n_states)
    arguments |= {value: name for end in ends for value, name, *_ in end}
    constants.local |= taken
    function = Function(program, constants, arguments, kept, memory, most)
    function.emit(EMITTERS)
    inputs, outputs = ([part[1:] for part in end] for end in ends)
    return Entry(verb, function, inputs, outputs, f"{verb}_state" if members else "", members)


def _states(
    program: Program, n_states: int
) -> tuple[list[tuple[str, int]], dict[int, str], dict[int, str], dict[int, str]]:
    """Members of the struct; which values are read from them and which go there; and those of a stateful model."""
    members: list[tuple[str, int]] = []
    read, kept, memory = {}, {}, {}
    for i, (name, _) in enumerate(program.states):
        value, after = (ends[len(ends) - n_states + i] for ends in (program.inputs, program.outputs))
        member = identifier(name, {member for member, _ in members})
        members.append((member, program.size(value)))
        read[value] = kept[after] = f"state->{member}"
    for state in program.plan.layout.carried:
        layer = program.plan.layout.layers[state.layer].name or "layer"
        member = identifier(f"{layer}_{state.number}", {member for member, _ in members})
        members.append((member, state.size))
        memory[state.place] = f"state->{member}"
    return members, read, kept, memory


def signature(name: str, entry: Entry) -> str:
    """``void NAME_predict(const float *x, float *y, float *work)``."""
    state = [f"{name}_{entry.state} *state"] if entry.state else []
    arguments = [
        *state,
        *(f"const float *{own}" for own, *_ in entry.inputs),
        *(f"float *{own}" for own, *_ in entry.outputs),
        "float *work",
    ]
    return f"void {name}_{entry.verb}({', '.join(arguments)})"


def size_name(name: str, entry: Entry, what: str) -> str:
    """The constant of a size."""
    verb = "" if entry.verb == "predict" else f"{entry.verb}_"
    return f"{name}_{verb}{what}_size".upper()


def declared(name: str, entry: Entry) -> str:
    """What the header says of a function."""
    sizes = [(own, number) for own, _, number in (*entry.inputs, *entry.outputs)]
    lines = [f"#define {size_name(name, entry, own)} {number}" for own, number in [*sizes, ("work", entry.work)]]
    parts = [f" * {own}: {remark(what)}" for own, what, _ in (*entry.inputs, *entry.outputs)]
    told = {
        "predict": "Predicts for one sample.",
        "step": "Predicts for the next step of a sequence, and keeps its states.",
    }[entry.verb]
    made = ["\n".join(lines)]
    if entry.state:
        made += [
            _struct(name, entry),
            f"/* Begin anew. */\nvoid {name}_{entry.verb}_reset({name}_{entry.state} *state);",
        ]
    work = f" * work: {size_name(name, entry, 'work')} numbers of the caller's, free again afterwards"
    made.append("\n".join([f"/* {told}", *parts, f"{work}. */", f"{signature(name, entry)};"]))
    return "\n\n".join(made)


def _struct(name: str, entry: Entry) -> str:
    members = [f"    float {member}[{size}];" for member, size in entry.members]
    told = f"/* What is kept between calls; {name}_{entry.verb}_reset first. */"
    return "\n".join([told, "typedef struct {", *members, f"}} {name}_{entry.state};"])


def defined(name: str, entry: Entry) -> str:
    """Its definition."""
    body = entry.function.body()
    words = set(re.findall(r"\w+", "\n".join(body)))
    unused = [f"(void){own};" for own in (*(own for own, *_ in entry.inputs), "work") if own not in words]
    made = [f"{signature(name, entry)} {{", *(_indented(line) for line in (*unused, *body)), "}"]
    if entry.state:
        resets = [f"    zero_numbers({size}, state->{member});" for member, size in entry.members]
        entry.function.needs.add("zero_numbers")
        made += ["", f"void {name}_{entry.verb}_reset({name}_{entry.state} *state) {{", *resets, "}"]
    return "\n".join(made)


def _indented(line: str) -> str:
    """A statement of a function; a long call goes on in further lines."""
    return folded(line, "    ", " " * 8) if len(line) + 4 > WIDTH and '"' not in line else f"    {line}"


def header(name: str, told: str, parts: Sequence[str]) -> str:
    """The text of the header."""
    guard = f"{name}_h".upper()
    head = [f"/* {remark(told)}\n * Made by fastnn {__version__}. */", f"#ifndef {guard}\n#define {guard}"]
    includes = [f"#include <{file}>" for file, words in LIBRARY.items() if any(map(words.search, parts))]
    head += ["\n".join(includes)] if includes else []
    plus = '#ifdef __cplusplus\nextern "C" {\n#endif', "#ifdef __cplusplus\n}\n#endif"
    return "\n\n".join([*head, plus[0], *parts, plus[1], "#endif"]) + "\n"


def source(
    name: str,
    told: str,
    constants: Constants,
    entries: Sequence[Entry],
    more: Sequence[str] = (),
    needs: Iterable[str] = (),
) -> str:
    """The text of the source: pieces, tables, functions; ``more`` are further definitions, which need pieces."""
    functions = [defined(name, entry) for entry in entries]
    used = set(needs).union(*(entry.function.needs for entry in entries))
    parts = [needed(sorted(used), constants.weights), constants.text(), *more, *functions]
    text = "\n\n".join(part for part in parts if part) + "\n"
    includes = [f"#include <{file}>" for file, words in LIBRARY.items() if words.search(text)]
    top = f'/* {remark(told)}\n * Made by fastnn {__version__}. */\n#include "{name}.h"\n'
    return "\n".join([top, *includes, "", text]) if includes else f"{top}\n{text}"
