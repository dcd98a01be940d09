"""The innermost loop of products, written as LLVM vector code: a tile of ``c`` in registers while ``k`` runs.

``tile(rows, vectors)`` gives an intrinsic that adds ``rows x (vectors * lanes())`` numbers of ``a @ b`` to ``c``: for
every ``k``, each of ``rows`` numbers of ``a`` times ``vectors`` vectors of a row of ``b``. ``masked`` keeps to the
first ``width`` numbers of a row, for the right edge.

Design: Numba has no arrays on the stack that LLVM would keep in registers, and around plain loops LLVM tests every
pair of rows for overlap before each short run: 2 to 3 times slower for rows of 32 to 128 numbers (measured with
AVX-512). Sums go over ``k`` in order.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

VECTOR_BYTES = 64 if binding.get_host_cpu_features().get("avx512f") else 32
INDEX, PLACE, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)


class _Vectors:
    """Writes loads, stores and arithmetic on vectors of one type; ``width`` lanes where it is given."""

    def __init__(self, builder: Any, dtype: Any, element: Any, width: Any):
        self.builder, self.size = builder, dtype.bitwidth // 8
        self.lanes = VECTOR_BYTES // self.size
        self.type = ir.VectorType(element, self.lanes)
        self.mask = None
        if width is not None:
            lanes = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
            self.mask = builder.icmp_signed("<", lanes, self.splat(width))

    def splat(self, value: Any) -> Any:
        undefined = ir.Constant(ir.VectorType(value.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(undefined, value, PLACE(0))
        everywhere = ir.Constant(ir.VectorType(PLACE, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, everywhere)

    def load(self, base: Any, index: Any) -> Any:
        place = self._place(base, index)
        if self.mask is None:
            return self.builder.load(place, align=self.size)
        arguments = [place, PLACE(self.size), self.mask, ir.Constant(self.type, None)]
        return self._call("masked.load", ".p0", self.type, arguments)

    def store(self, value: Any, base: Any, index: Any) -> None:
        place = self._place(base, index)
        if self.mask is None:
            self.builder.store(value, place, align=self.size)
        else:
            self._call("masked.store", ".p0", ir.VoidType(), [value, place, PLACE(self.size), self.mask])

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """``a * b + c``, fused where the processor can."""
        return self._call("fmuladd", "", self.type, [a, b, c])

    def _place(self, base: Any, index: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(base, [index]), self.type.as_pointer())

    def _call(self, name: str, suffix: str, result: Any, arguments: list) -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        full_name = f"llvm.{name}.v{self.lanes}f{8 * self.size}{suffix}"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, full_name), arguments)


def tile(rows: int, vectors: int, *, masked: bool = False) -> Any:
    """An intrinsic ``add(a, row_stride, k_stride, b, c, n, k, width)``; arrays begin at the tile's first numbers."""

    def generate(context, builder, signature, arguments):
        arrays = (0, 3, 4)
        a, b, c = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in arrays
        )  # their addresses
        _, row_stride, k_stride, _, _, n, k, width = arguments
        dtype = signature.args[0].dtype
        on = _Vectors(builder, dtype, context.get_value_type(dtype), width if masked else None)
        steps = [INDEX(v * on.lanes) for v in range(vectors)]
        starts = [[builder.add(builder.mul(INDEX(r), n), step) for step in steps] for r in range(rows)]
        sums = [[cgutils.alloca_once_value(builder, on.load(c, start)) for start in row] for row in starts]
        with cgutils.for_range(builder, k) as loop:
            b_row, a_column = builder.mul(loop.index, n), builder.mul(loop.index, k_stride)
            values = [on.load(b, builder.add(b_row, step)) for step in steps]
            for r, row in enumerate(sums):
                place = builder.add(a_column, builder.mul(INDEX(r), row_stride))
                factor = on.splat(builder.load(builder.gep(a, [place])))
                for value, total in zip(values, row, strict=True):
                    builder.store(on.multiply_add(factor, value, builder.load(total)), total)
        for row, places in zip(sums, starts, strict=True):
            for total, place in zip(row, places, strict=True):
                on.store(builder.load(total), c, place)
        return context.get_dummy_value()

    @intrinsic
    def add(typing, a, row_stride, k_stride, b, c, n, k, width):
        whole = types.int64
        return types.void(a, whole, whole, b, c, whole, whole, whole), generate

    return add
