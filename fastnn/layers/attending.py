"""What layers of attention have in common: inputs, masks, options of their uses, and the operation on heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastnn._base.arguments import flag
from fastnn._ops import Operation, attention, blank, copy, merge
from fastnn._ops.merge import Join
from fastnn.layers.described import Described
from fastnn.layers.parameter import Shape
from fastnn.layers.parts import Parts
from fastnn.layers.windows import no_sequence

if TYPE_CHECKING:
    from fastnn.layers.edges import Edge


class Attending(Described):
    """What layers of attention have in common: they read a query, a value, and may read a key and a mask.

    Their uses have the options ``"key"`` and ``"mask"`` where these are read, ``"causal"`` and ``"weights"``.
    """

    n_inputs: int | None = None
    takes_masks = hands_on_masks = True
    options = ("key", "mask", "causal", "weights")
    dropout: float
    seed: int | None

    def n_outputs_of(self, options: tuple[str, ...]) -> int:
        return 1 + ("weights" in options)

    def _called(self, edges: list[object], mask: object, causal: object, weights: object) -> Edge | list[Edge]:
        told = {
            "key": len(edges) == 3,
            "mask": mask is not None,
            "causal": flag("use_causal_mask", causal),
            "weights": flag("return_attention_scores", weights),
        }
        options = tuple(word for word, is_on in told.items() if is_on)
        made = self.called([*edges, *([] if mask is None else [mask])], options)
        return made if "weights" in options else made[0]

    def _check(self, shapes: tuple[Shape, ...], options: tuple[str, ...]) -> None:
        """``ValueError`` where the inputs do not fit each other."""
        wanted = 2 + ("key" in options) + ("mask" in options)
        told = " and ".join(str((None, *shape)) for shape in shapes)
        if len(shapes) != wanted:
            raise ValueError(f"{self!r} reads a query and a value, and may read a key and a mask, got {told}")
        if any(len(shape) != 2 for shape in shapes):
            raise no_sequence(self, *shapes)
        if "key" in options and shapes[2][0] != shapes[1][0]:
            raise ValueError(f"{self!r} needs as many keys as values, got {told}")
        if "mask" in options and shapes[-1] not in ((shapes[0][0], shapes[1][0]), (1, shapes[1][0])):
            raise ValueError(
                f"attention_mask of {self!r} must have the shape (rows, {shapes[0][0]} queries, {shapes[1][0]} keys), "
                f"got {(None, *shapes[-1])}"
            )

    def _there(self, parts: Parts, shapes: tuple[Shape, ...], masks: tuple[bool, ...], i: int) -> int:
        """The number of an input, with zeros for steps that are not there, whatever stands in them."""
        if not (masks and masks[i]):
            return i
        steps, n = shapes[i]
        return parts.add(Operation(blank.OP, n, n, steps, inputs=(i, len(shapes) + sum(masks[:i]))))

    def _mask(
        self, parts: Parts, shapes: tuple[Shape, ...], masks: tuple[bool, ...], options: tuple[str, ...]
    ) -> tuple[int | None, int]:
        """The number of what says which keys count, None where all do, and how many rows it has."""
        keys, at = shapes[1][0], {i: len(shapes) + sum(masks[:i]) for i, there in enumerate(masks) if there}
        of_keys = [at[i] for i in (1, 2) if i in at and (i == 1 or "key" in options)]
        mask = of_keys[0] if of_keys else None
        if len(of_keys) > 1:
            mask = parts.add(_product(keys, 1, *of_keys))
        if "mask" not in options:
            return mask, 1 if of_keys else 0
        own, rows = len(shapes) - 1, shapes[-1][0]
        if mask is None:
            return own, rows
        if rows > 1:
            geometry = (1, 1, 1, rows, keys, 0, 0, 0, 0, 1, 0, rows, 0, keys, 0)
            mask = parts.add(Operation(copy.OP, keys, keys, rows, inputs=(mask,), geometry=geometry))
        return parts.add(_product(keys, rows, own, mask)), rows

    def _attention(
        self,
        parts: Parts,
        sizes: tuple[int, int, int, int, int],
        reads: list[int],
        mask: tuple[int | None, int],
        options: tuple[str, ...],
        scale: float,
    ) -> tuple[int, list[int]]:
        """The operation on heads, ``sizes`` being heads, queries, keys and their widths; and that of its weights."""
        heads, queries, keys, d, e = sizes
        gives, width = "weights" in options, queries * heads * e
        inputs = (*reads, *([] if mask[0] is None else [mask[0]]))
        n_weights = heads * queries * keys
        whole = parts.add(
            Operation(
                attention.OP,
                heads * d,
                heads * e,
                queries,
                rate=self.dropout,
                seed=self.seed,
                inputs=inputs,
                geometry=(*sizes, mask[1], int("causal" in options), int(gives)),
                numbers=(scale,),
                size=width + n_weights if gives else 0,
                part=1,
            )
        )
        if not gives:
            return whole, []
        size = width + n_weights
        return (
            parts.add(copy.part_of(size, 0, queries, heads * e, whole)),
            [parts.add(copy.part_of(size, width, heads * queries, keys, whole))],
        )


def _product(n: int, rows: int, *inputs: int) -> Operation:
    return Operation(merge.OP, n, n, rows, inputs=inputs, geometry=(Join.MULTIPLY,))
