"""Operations of a layer while they are listed, by the numbers under which others read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict, Unpack

from fastnn._ops import Operation

if TYPE_CHECKING:
    from fastnn.regularizers import L1L2

    class Changes(TypedDict, total=False):
        """What a layer says of an operation of another one's, or of a function's."""

        activity: L1L2
        inputs: tuple[int, ...]
        part: int
        seed: int | None


class Parts:
    """Operations behind ``n_known`` inputs and masks, which have the first numbers.

    >>> from fastnn._ops import activation
    >>> parts = Parts(2)
    >>> parts.add(Operation(activation.OP, 3, 3, inputs=(1,)))
    2
    """

    def __init__(self, n_known: int):
        self.n_known = n_known
        self.made: list[Operation] = []

    def add(self, operation: Operation, **told: Unpack[Changes]) -> int:
        """Add an operation; returns its number."""
        self.made.append(replace(operation, **told) if told else operation)
        return self.n_known + len(self.made) - 1

    def give(self, numbers: list[int]) -> tuple[Operation, ...]:
        """All operations, these being the outputs of the layer."""
        for place, number in enumerate(numbers):
            at = number - self.n_known
            self.made[at] = replace(self.made[at], gives=place)
        return tuple(self.made)

    def __repr__(self) -> str:
        return f"<Parts: {len(self.made)} behind {self.n_known}>"
