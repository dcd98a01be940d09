"""Denormals count as zero while kernels run, as in the native backend: they make operations many times slower.

``flush_denormals`` sets the control register of the calling thread and returns what it was, for ``restore``; within,
``allow_denormals`` does the opposite for Python's code. On other processors than x86 none does anything.

Design: nothing between the two may raise, because an error leaves compiled code without passing ``restore``
(``try`` and ``finally`` in Numba, rejected, make a second copy of all that stands between).
"""

from __future__ import annotations

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

DENORMALS_ARE_ZERO, FLUSH_TO_ZERO = 1 << 6, 1 << 15  # bits of MXCSR
HAS_MXCSR = binding.get_default_triple().split("-")[0] in ("x86_64", "i686")
WORD, BYTES = ir.IntType(32), ir.IntType(8).as_pointer()


def _call(builder, name, place):
    kind = ir.FunctionType(ir.VoidType(), [BYTES])
    instruction = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(instruction, [builder.bitcast(place, BYTES)])


def _set(change):
    """The intrinsic that stores another control word and returns what it was."""

    def generate(context, builder, signature, arguments):
        place = cgutils.alloca_once_value(builder, WORD(0))
        if HAS_MXCSR:
            _call(builder, "stmxcsr", place)
            changed = change(builder, builder.load(place))
            _call(builder, "ldmxcsr", cgutils.alloca_once_value(builder, changed))
        return builder.load(place)

    return types.uint32(), generate


@intrinsic
def flush_denormals(typing):
    return _set(lambda builder, word: builder.or_(word, WORD(DENORMALS_ARE_ZERO | FLUSH_TO_ZERO)))


@intrinsic
def allow_denormals(typing):
    return _set(lambda builder, word: builder.and_(word, WORD(~(DENORMALS_ARE_ZERO | FLUSH_TO_ZERO) & 0xFFFFFFFF)))


@intrinsic
def restore(typing, control):
    def generate(context, builder, signature, arguments):
        if HAS_MXCSR:
            _call(builder, "ldmxcsr", cgutils.alloca_once_value(builder, arguments[0]))
        return context.get_dummy_value()

    return types.void(types.uint32), generate
