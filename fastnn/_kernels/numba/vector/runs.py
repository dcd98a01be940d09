"""Short runs of numbers, some distance apart, as rows of windows and images have them: copied, added, compared.

Each is an intrinsic on ``times`` runs of ``count`` numbers side by side; beside an array stand where its first run
begins and how far its runs are apart. A run is walked in vectors of the largest power of two that it holds, the last
one flush with its end, so that no number beside a run is touched.

Design: LLVM vector code, because around plain loops LLVM tests every pair of short runs for overlap: 2 to 4 times
slower for runs of 5 to 50 numbers (measured with AVX2).
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fastnn._kernels.numba.vector.tile import INDEX, VECTOR_BYTES, Vectors, address

WHOLE = types.int64


def _each_vector(
    builder: ir.IRBuilder,
    element: types.Type,
    pointee: ir.Type,
    times: ir.Value,
    count: ir.Value,
    put: Callable[..., None],
) -> None:
    """Calls ``put(on, run, j, again)`` for the numbers of every run from the j-th on, as many as ``on`` has lanes.

    ``again`` are the lanes that the vector before has had; none where it is None.
    """
    lanes = most = VECTOR_BYTES // (element.bitwidth // 8)
    while lanes:
        holds = builder.icmp_signed(">=", count, INDEX(lanes))
        if lanes < most:
            holds = builder.and_(holds, builder.icmp_signed("<", count, INDEX(2 * lanes)))
        with builder.if_then(holds):
            on = Vectors(builder, element, pointee, None, lanes)
            rest = builder.srem(count, INDEX(lanes))
            again = on.lanes_below(builder.sub(INDEX(lanes), rest))
            with cgutils.for_range(builder, times) as loop:
                end = builder.sub(count, rest)
                with cgutils.for_range_slice(builder, INDEX(0), end, INDEX(lanes), inc=True) as (j, _):
                    put(on, loop.index, j, None)
                with builder.if_then(builder.icmp_signed("!=", rest, INDEX(0))):
                    put(on, loop.index, builder.sub(count, INDEX(lanes)), again)
        lanes //= 2


def _of_two(change: Callable[..., ir.Value]) -> Callable[..., object]:
    """The intrinsic that makes ``change(on, old, new, again)`` of a target's numbers and a source's."""

    def generate(context, builder, signature, arguments):
        target, source = (address(context, builder, signature, arguments, i) for i in (0, 3))
        _, to, target_step, _, at, source_step, times, count = arguments

        def put(on, run, j, again):
            place = builder.add(builder.add(to, builder.mul(run, target_step)), j)
            value = on.load(source, builder.add(builder.add(at, builder.mul(run, source_step)), j))
            on.store(change(on, on.load(target, place), value, again), target, place)

        _each_vector(builder, signature.args[0].dtype, target.type.pointee, times, count, put)
        return context.get_dummy_value()

    @intrinsic
    def on_runs(typing, target, to, target_step, source, at, source_step, times, count):
        return types.void(target, WHOLE, WHOLE, source, WHOLE, WHOLE, WHOLE, WHOLE), generate

    return on_runs


def _sum(on: Vectors, old: ir.Value, new: ir.Value, again: ir.Value | None) -> ir.Value:
    if again is not None:
        new = on.builder.select(again, ir.Constant(on.type, None), new)
    return on.builder.fadd(old, new)


def _larger(on: Vectors, old: ir.Value, new: ir.Value, again: ir.Value | None) -> ir.Value:
    """The larger one; not a number where one of the two is none."""
    is_larger = on.builder.fcmp_ordered(">", new, old)
    return on.builder.select(on.builder.or_(is_larger, on.builder.fcmp_unordered("uno", new, new)), new, old)


copy_runs = _of_two(lambda on, old, new, again: new)
add_runs = _of_two(_sum)
take_larger_runs = _of_two(_larger)


@intrinsic
def multiply_add_runs(typing, target, to, target_step, a, at, a_step, b, b_at, b_step, times, count):
    """``target += a * b``"""

    def generate(context, builder, signature, arguments):
        bases = [address(context, builder, signature, arguments, i) for i in (0, 3, 6)]
        firsts, steps = arguments[1:8:3], arguments[2:9:3]

        def put(on, run, j, again):
            starts = [builder.add(first, builder.mul(run, step)) for first, step in zip(firsts, steps, strict=True)]
            places = [builder.add(start, j) for start in starts]
            old, x, y = (on.load(base, place) for base, place in zip(bases, places, strict=True))
            new = on.multiply_add(x, y, old)
            on.store(new if again is None else builder.select(again, old, new), bases[0], places[0])

        times, count = arguments[9:]
        _each_vector(builder, signature.args[0].dtype, bases[0].type.pointee, times, count, put)
        return context.get_dummy_value()

    whole = [WHOLE, WHOLE]
    return types.void(target, *whole, a, *whole, b, *whole, *whole), generate


@intrinsic
def give_to_largest(typing, image, dx, at, image_step, y, left, to, step, times, count):
    """Where a number of ``image`` is that of ``y``, or none, ``dx`` gets what is ``left``, and nothing is left then."""

    def generate(context, builder, signature, arguments):
        x, dx, y, left = (address(context, builder, signature, arguments, i) for i in (0, 1, 4, 5))
        _, _, at, image_step, _, _, to, step, times, count = arguments

        def put(on, run, j, again):
            source = builder.add(builder.add(at, builder.mul(run, image_step)), j)
            place = builder.add(builder.add(to, builder.mul(run, step)), j)
            number, zero, share = on.load(x, source), ir.Constant(on.type, None), on.load(left, place)
            is_largest = builder.fcmp_ordered("==", number, on.load(y, place))
            takes = builder.or_(is_largest, builder.fcmp_unordered("uno", number, number))
            on.store(builder.fadd(on.load(dx, source), builder.select(takes, share, zero)), dx, source)
            on.store(builder.select(takes, zero, share), left, place)

        _each_vector(builder, signature.args[0].dtype, x.type.pointee, times, count, put)
        return context.get_dummy_value()

    arrays = types.void(image, dx, WHOLE, WHOLE, y, left, WHOLE, WHOLE, WHOLE, WHOLE)
    return arrays, generate
