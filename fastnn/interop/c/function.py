"""One function of C from a program: who reads what from where, and the calls in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from fastnn._plan.records import POOLED_BEFORE
from fastnn.activations import ActivationCode
from fastnn.interop.c.constants import Constants, quantized
from fastnn.interop.c.places import Lived, packed
from fastnn.interop.c.text import identifier, real, remark
from fastnn.interop.program import Program, Step

IN_PLACE = frozenset(("activation", "rescale", "scale", "batch_norm", "standardize", "prelu"))
NOTHING = "0"
OWN_NAMES = frozenset(("r", "state", "work"))  # of functions, beside those of inputs, outputs and values


class Function:
    """The text in the making.

    Parameters
    ----------
    program : what it computes.
    constants : tables of the source.
    arguments : names in C of the program's inputs and outputs, by value.
    kept : of values that are kept for the next call, where to.
    memory : of a stateful model, the member of its struct by place; see ``recall`` and ``remember``.
    most : the largest input of a product that calibration has seen, by the value that the product writes.

    Attributes
    ----------
    needs : names of pieces. lines : the calls. joined : convolutions by the value of the pooling behind them.
    """

    def __init__(
        self,
        program: Program,
        constants: Constants,
        arguments: Mapping[int, str],
        kept: Mapping[int, str],
        memory: Mapping[int, str],
        most: Mapping[int, float],
    ):
        self.program, self.constants, self.kept, self.memory, self.most = program, constants, kept, memory, most
        self.names: dict[int, str] = dict(arguments)
        self.needs: set[str] = set()
        self.lines: list[str] = []
        self.at = 0
        self.joined: dict[int, Step] = {}
        self.steps = self._pooled(self._used())
        self._lived: dict[str, Lived] = {}
        self._what: dict[str, str] = {}
        self._name_values()

    def _used(self) -> list[Step]:
        """Steps that lead to an output, or leave something for the next call."""
        wanted, kept = set(self.program.outputs), []
        for step in reversed(self.program.steps):
            if step.output in wanted or step.op.remembers:
                kept.append(step)
                wanted.update(step.inputs)
        return kept[::-1]

    def _pooled(self, steps: list[Step]) -> list[Step]:
        """Convolutions of which a pooling reads the largest numbers as parts of it, which saves most of their room."""
        kept: list[Step] = []
        for step in steps:
            before = kept[-1] if kept else None
            if before and step.record["pooled"] & POOLED_BEFORE and step.inputs == (before.output,):
                self.joined[step.output] = kept.pop()
                step = replace(step, inputs=before.inputs)
            kept.append(step)
        return kept

    def _name_values(self) -> None:
        """A name for each value, one for those that take each other's place, and how long it is there."""
        last = {value: i for i, step in enumerate(self.steps) for value in step.inputs}
        self._taken = {*self.names.values(), *OWN_NAMES}
        for i, step in enumerate(self.steps):
            value, size = step.output, self.program.size(step.output)
            end = len(self.steps) if step.op.remembers or value in self.kept else last.get(value, i)
            if value in self.names:
                continue
            name = self.names[step.inputs[0]]
            own = self._lived.get(name)
            if step.op.name in IN_PLACE and own and (own.size, own.last) == (size, i):
                self.names[value] = name
                self._lived[name] = own._replace(last=end)
                continue
            name = self._name(label(step))
            self.names[value] = name
            self._lived[name], self._what[name] = Lived(size, i, end), label(step)

    def _name(self, wanted: str) -> str:
        """A name inside the function."""
        found = identifier(wanted, self._taken | self.constants.taken)
        self._taken.add(found)
        self.constants.local.add(found)
        return found

    def emit(self, emitters: Mapping[str, Callable[[Function, Step], None]]) -> None:
        """Write all steps."""
        for i, step in enumerate(self.steps):
            self.at = i
            parts = [*filter(None, [self.joined.get(step.output)]), step]
            self.lines.append(f"/* {remark(', '.join(f'{label(part)}: {part.op.name}' for part in parts))} */")
            if step.op.name not in emitters:
                raise TypeError(f"layer {label(step)!r} is an operation {step.op.name!r}, which exported C has not")
            emitters[step.op.name](self, step)

    def x(self, step: Step, i: int = 0) -> str:
        """What is read."""
        return self.names[step.inputs[i]]

    def y(self, step: Step) -> str:
        """What is written."""
        return self.names[step.output]

    def size(self, step: Step, i: int = 0) -> int:
        """Numbers of an input."""
        return self.program.size(step.inputs[i])

    def call(self, piece: str, *arguments: object) -> None:
        """A call of a piece."""
        self.needs.add(piece)
        self.lines.append(f"{piece}({', '.join(map(str, arguments))});")

    def room(self, step: Step, what: str, numbers: int) -> str:
        """Room for this step alone."""
        name = self._name(f"{label(step)}_{what}")
        self._lived[name], self._what[name] = Lived(numbers, self.at, self.at), f"room of {label(step)}"
        return name

    def table(self, step: Step, what: str, values: object) -> str:
        """A table of floats."""
        return self.constants.array(f"{label(step)}_{what}", np.asarray(values), f"{label(step)}: {what}")

    def bias(self, step: Step) -> str:
        """The op's bias, or none."""
        return self.table(step, "bias", step.arrays.b) if step.record["b"] >= 0 else NOTHING

    def weights(
        self, step: Step, what: str, w: np.ndarray, axis: int = -1, order: tuple[int, ...] = ()
    ) -> tuple[str, str]:
        """A table of weights and its scales, with the axes in another order; channels lie along ``axis``."""
        if self.constants.weights == "float32":
            return self.table(step, what, w.transpose(order) if order else w), NOTHING
        q, scale = quantized(w, axis)
        name = self.constants.array(
            f"{label(step)}_{what}", q.transpose(order) if order else q, f"{label(step)}: {what}, to be scaled"
        )
        return name, self.table(step, f"{what}_scale", scale)

    def struct(self, step: Step, kind: str, fields: Mapping[str, object]) -> str:
        """The address of a table of sizes."""
        self.needs.add(kind)
        return self.constants.struct(kind, f"{label(step)}_{kind}", fields, f"{label(step)}: sizes")

    def activation(self, step: Step) -> tuple[str, str]:
        """The piece of the op's activation, and its parameter."""
        return activation(int(step.record["activation"])), real(step.record["parameter"])

    def placed(self) -> tuple[dict[str, int], int]:
        """The offset of each name in the work buffer, and the size of that."""
        return packed(self._lived)

    def body(self) -> list[str]:
        """Declarations and calls."""
        offsets, _ = self.placed()
        declared = [
            f"float *const {name} = work + {offsets[name]}; /* {lived.size}: {remark(self._what[name])} */"
            for name, lived in self._lived.items()
        ]
        return [*declared, *self.lines, *self._endings()]

    def _endings(self) -> list[str]:
        """What is kept for the next call, once nothing is read any more."""
        kept = dict(self.kept)
        for step in self.steps:
            if step.op.remembers:
                kept[step.output] = self.memory[int(step.record["more"][0])]
        if kept:
            self.needs.add("copy_numbers")
        return [f"copy_numbers({self.names[v]}, {self.program.size(v)}, {to});" for v, to in kept.items()]


def label(step: Step) -> str:
    """The name of the step's layer, or of its kind where it has none."""
    return step.layer or step.op.name


def activation(code: int) -> str:
    """The piece of an activation; its name in fastnn but for what C's library has."""
    name = ActivationCode(code).name.lower()
    return "hyperbolic_tangent" if name == "tanh" else name
