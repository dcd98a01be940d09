"""The innermost loop of products, written as LLVM vector code: a tile of ``c`` in registers while ``k`` runs.

``tile(rows, vectors)`` gives an intrinsic that writes ``rows x (vectors * lanes)`` numbers of ``start + a @ b`` to
``c``: for every ``k``, each of ``rows`` numbers of ``a`` times ``vectors`` vectors of a row of ``b``. ``masked`` keeps
to the first ``width`` numbers of a row, for the right edge.

Design: Numba has no arrays on the stack that LLVM would keep in registers, and around plain loops LLVM tests every
pair of rows for overlap before each short run: 2 to 3 times slower for rows of 32 to 128 numbers (measured with
AVX-512). Sums go over ``k`` in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from numba.core.base import BaseContext
    from numba.core.typing import Signature

VECTOR_BYTES = 64 if binding.get_host_cpu_features().get("avx512f") else 32
INDEX, PLACE, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)


class Vectors:
    """Writes loads, stores and arithmetic on vectors of one type; ``width`` lanes where it is given."""

    def __init__(
        self, builder: ir.IRBuilder, dtype: types.Type, element: ir.Type, width: ir.Value | None, lanes: int = 0
    ):
        self.builder, self.size = builder, dtype.bitwidth // 8
        self.lanes = lanes or VECTOR_BYTES // self.size
        self.type = ir.VectorType(element, self.lanes)
        self.mask = None if width is None else self.lanes_below(width)

    def lanes_below(self, count: ir.Value) -> ir.Value:
        lanes = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", lanes, self.splat(count))

    def splat(self, value: ir.Value) -> ir.Value:
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, value, PLACE(0))
        everywhere = ir.Constant(ir.VectorType(PLACE, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def load(self, base: ir.Value, index: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        place = self._place(base, index)
        if mask is None:
            return self.builder.load(place, align=self.size)
        arguments = [place, PLACE(self.size), mask, ir.Constant(self.type, None)]
        return self._call("masked.load", ".p0", self.type, arguments)

    def store(self, value: ir.Value, base: ir.Value, index: ir.Value, mask: ir.Value | None = None) -> None:
        place = self._place(base, index)
        if mask is None:
            self.builder.store(value, place, align=self.size)
        else:
            self._call("masked.store", ".p0", ir.VoidType(), [value, place, PLACE(self.size), mask])

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """``a * b + c``, fused where the processor can."""
        return self._call("fmuladd", "", self.type, [a, b, c])

    def transposed(self, rows: list[ir.Value]) -> list[ir.Value]:
        """As many rows as lanes, transposed: bit by bit, the number of a row and of a lane change places."""
        bit = 1
        while bit < self.lanes:
            for i in (i for i in range(self.lanes) if not i & bit):
                low, high = rows[i], rows[i + bit]
                lanes = range(self.lanes)
                rows[i] = self._shuffle(low, high, [j if not j & bit else self.lanes + j - bit for j in lanes])
                rows[i + bit] = self._shuffle(low, high, [j + bit if not j & bit else self.lanes + j for j in lanes])
            bit *= 2
        return rows

    def _shuffle(self, low: ir.Value, high: ir.Value, lanes: list[int]) -> ir.Value:
        return self.builder.shuffle_vector(low, high, ir.Constant(ir.VectorType(PLACE, self.lanes), lanes))

    def _place(self, base: ir.Value, index: ir.Value) -> ir.Value:
        return self.builder.bitcast(self.builder.gep(base, [index]), self.type.as_pointer())

    def _call(self, name: str, suffix: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        full_name = f"llvm.{name}.v{self.lanes}f{8 * self.size}{suffix}"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, full_name), arguments)


def tile(rows: int, vectors: int, *, masked: bool = False) -> Callable[..., object]:
    """An intrinsic ``fill(start, each, a, row_stride, k_stride, b, c, n, k, width)`` for ``rows`` rows of ``c``.

    Arrays begin at the tile's first numbers. ``start`` may be shorter than the tile, which stands for zeros behind it;
    it is the same for all rows, or ``each`` numbers further on for every next one.
    """

    def generate(context, builder, signature, arguments):
        start, a, b, c = (address(context, builder, signature, arguments, i) for i in (0, 2, 5, 6))
        _, each, _, row_stride, k_stride, _, _, n, k, width = arguments
        given = cgutils.unpack_tuple(builder, array(context, builder, signature, arguments, 0).shape)[0]
        on = Vectors(builder, signature.args[2].dtype, a.type.pointee, width if masked else None)
        steps = [INDEX(v * on.lanes) for v in range(vectors)]
        first = [on.load(start, step, on.lanes_below(builder.sub(given, step))) for step in steps]
        sums = [[cgutils.alloca_once_value(builder, value) for value in first] for _ in range(rows)]
        with builder.if_then(builder.icmp_signed("!=", each, INDEX(0))):
            for r, row in enumerate(sums[1:], 1):
                for step, total in zip(steps, row, strict=True):
                    place = builder.add(builder.mul(INDEX(r), each), step)
                    builder.store(on.load(start, place, on.lanes_below(builder.sub(given, place))), total)
        with cgutils.for_range(builder, k) as loop:
            b_row, a_column = builder.mul(loop.index, n), builder.mul(loop.index, k_stride)
            values = [on.load(b, builder.add(b_row, step), on.mask) for step in steps]
            for r, row in enumerate(sums):
                place = builder.add(a_column, builder.mul(INDEX(r), row_stride))
                factor = on.splat(builder.load(builder.gep(a, [place])))
                for value, total in zip(values, row, strict=True):
                    builder.store(on.multiply_add(factor, value, builder.load(total)), total)
        for r, row in enumerate(sums):
            for step, total in zip(steps, row, strict=True):
                on.store(builder.load(total), c, builder.add(builder.mul(INDEX(r), n), step), on.mask)
        return context.get_dummy_value()

    @intrinsic
    def fill(typing, start, each, a, row_stride, k_stride, b, c, n, k, width):
        whole = types.int64
        return types.void(start, whole, a, whole, whole, b, c, whole, whole, whole), generate

    return fill


@intrinsic
def square_transpose(typing, w, w_width, out, out_width, rows, columns):
    """The first ``lanes x lanes`` numbers of ``w``, or the ``rows x columns`` that there are, transposed to ``out``.

    Rows are ``w_width`` and ``out_width`` apart.
    """

    def generate(context, builder, signature, arguments):
        source, target = (address(context, builder, signature, arguments, i) for i in (0, 2))
        _, w_width, _, out_width, rows, columns = arguments
        on = Vectors(builder, signature.args[0].dtype, source.type.pointee, None)

        def mask(i, n_rows, width):
            return on.lanes_below(builder.select(builder.icmp_signed("<", INDEX(i), n_rows), width, INDEX(0)))

        places = range(on.lanes)
        values = [on.load(source, builder.mul(INDEX(i), w_width), mask(i, rows, columns)) for i in places]
        for i, row in enumerate(on.transposed(values)):
            on.store(row, target, builder.mul(INDEX(i), out_width), mask(i, columns, rows))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(w, whole, out, whole, whole, whole), generate


def array(
    context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value], i: int
) -> ir.Value:
    return context.make_array(signature.args[i])(context, builder, arguments[i])


def address(
    context: BaseContext, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value], i: int
) -> ir.Value:
    return array(context, builder, signature, arguments, i).data
