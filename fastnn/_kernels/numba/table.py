"""The kernels that plans name by code: each compiled alone when a plan first needs it, and called by its address.

A ``Family`` has one kernel for each code of an enum, all with the same arguments. The families stand one behind the
other in a table of addresses, int64; ``call(table, code, arguments)`` of a family calls the kernel of a code. A kernel
that was not compiled is address 0: ``backend.py`` fills in what a plan needs before it calls.

Design: a network uses about six of the kernels. With 66 of them inside one function (rejected) the first step waited
18 s for the compiler, now 7 to 9 s; through addresses, the walk over the plan is compiled without its kernels and once
for all networks. The product stands here too, because LLVM compiles a function again in each that calls it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, from_dtype, typeof, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from fastnn._kernels.numba import activations as jit_activations
from fastnn._kernels.numba import depthwise, losses, optimizers, statistics, windows
from fastnn._kernels.numba.compile import OPTIONS, inlined, uncollected
from fastnn._kernels.numba.vector import products
from fastnn._plan.records import OP, OPTIMIZER, SPAN

INTEGER, DOUBLE, LABELS, SUMS = types.int64, types.float64, types.int32[::1], types.float64[::1]


class Family:
    """Kernels with the same arguments, by code; ``first`` is their place in the table.

    ``types_of(number)`` gives the types of the arguments for models of a dtype; numbers among the arguments of a call
    are converted to them.
    """

    def __init__(
        self,
        name: str,
        kernels: Mapping[Any, object],
        arguments: str,
        result: types.Type,
        types_of: Callable[[types.Float], Any],
    ):
        self.name, self.arguments, self.result, self.types_of = name, arguments, result, types_of
        self.kernels = {int(code): kernel for code, kernel in kernels.items()}
        self.first = 0

    def size(self) -> int:
        return max(self.kernels) + 1

    def compile(self, code: int, number: types.Float, digest: str) -> Any:
        """The kernel of a code for models of a dtype, compiled or from the cache on disk; it has an ``address``.

        Numba's cache finds a function by its name and its signature alone; the digest of all sources is in the name.
        """
        text = f"def run({self.arguments}):\n    return kernel({self.arguments})"
        names: dict[str, Any] = {"kernel": self.kernels[code], "__name__": __name__}
        exec(compile(text, __file__, "exec"), names)
        named = renamed(names["run"], f"{self.name}_{code}_{digest}")
        with uncollected():
            return cached(lambda **more: cfunc(self.result(*self.types_of(number)), **OPTIONS, **more)(named))

    def caller(self) -> Callable[..., Any]:
        """The intrinsic ``call(table, code, arguments)``, with the arguments as a tuple."""

        def generate(context, builder, signature, given):
            kinds = [context.get_value_type(kind) for kind in signature.args[2]]
            kernel = ir.FunctionType(context.get_value_type(self.result), kinds).as_pointer()
            table = context.make_array(signature.args[0])(context, builder, given[0]).data
            place = builder.gep(table, [builder.add(given[1], ir.IntType(64)(self.first))])
            address = builder.inttoptr(builder.load(place), kernel)
            return builder.call(address, cgutils.unpack_tuple(builder, given[2]))

        @intrinsic
        def call(typing, table, code, arguments):
            number = next(_numbers(arguments), None)  # None where the arguments are the same for both dtypes
            wanted = self.types_of(number)
            for came, kind in zip(arguments, wanted, strict=True):
                if came != kind and isinstance(kind, types.Array):
                    raise TypingError(f"{self.name} takes {kind}, got {came}")
            return self.result(table, INTEGER, types.Tuple(wanted)), generate

        return call


def _numbers(kinds: Iterable[types.Type]) -> Iterator[types.Float]:
    """The types of the floating-point numbers in arrays among these types, also inside tuples."""
    for kind in kinds:
        if isinstance(kind, types.BaseTuple):
            yield from _numbers(kind)
        elif isinstance(kind, types.Array) and isinstance(kind.dtype, types.Float):
            yield kind.dtype


def renamed(function: Any, name: str) -> FunctionType:
    """The same function under another name, which is the name of its files in the cache."""
    copy = FunctionType(function.__code__, function.__globals__, name)
    copy.__qualname__ = name
    return copy


def cached(make: Callable[..., Any]) -> Any:
    """``make(cache=True)``, or ``make()`` where no folder can be written: compile in every process."""
    try:
        return make(cache=True)
    except RuntimeError:
        return make()


def _activate(number):
    return number[::1], INTEGER, number


def _activation_gradient(number):
    return number[::1], number[::1], number[::1], INTEGER, number


def _loss(number):
    vector = number[::1]
    return vector, LABELS, vector, vector, vector, INTEGER, INTEGER, DOUBLE, SUMS


def _statistic(number):
    vector = number[::1]
    return vector, LABELS, vector, vector, INTEGER, INTEGER, SUMS, DOUBLE


def _update(number):
    spans, optimizer = typeof(np.zeros(1, SPAN)), typeof(np.zeros((), OPTIMIZER))
    return number[::1], number[::1], number[:, ::1], spans, optimizer, INTEGER, DOUBLE, DOUBLE


def _product(number):
    vector = number[::1]
    return vector, vector, INTEGER, INTEGER, vector, vector, INTEGER, INTEGER, INTEGER, INTEGER


def _rows(number):
    return from_dtype(OP), number[::1], INTEGER, INTEGER, INTEGER, number[::1]


def _by_channel(number):
    vector = number[::1]
    return from_dtype(OP), vector, vector, vector, INTEGER, INTEGER


ACTIVATE = Family("activate", jit_activations.KERNELS, "y, width, p", types.void, _activate)
GRADIENT = Family(
    "activation_gradient", jit_activations.GRADIENTS, "z, y, dy, width, p", types.void, _activation_gradient
)
LOSS = Family("loss", losses.KERNELS, losses.ARGUMENTS, DOUBLE, _loss)
STATISTIC = Family("statistic", statistics.KERNELS, statistics.ARGUMENTS, types.void, _statistic)
UPDATE = Family("update", optimizers.KERNELS, optimizers.ARGUMENTS, types.void, _update)
PRODUCT = Family("product", {0: products.product_of_columns}, products.ARGUMENTS, types.void, _product)
ROWS = Family("rows", windows.KERNELS, windows.ARGUMENTS, types.void, _rows)
BY_CHANNEL = Family("by_channel", depthwise.KERNELS, depthwise.ARGUMENTS, types.void, _by_channel)
FAMILIES = ACTIVATE, GRADIENT, LOSS, STATISTIC, UPDATE, PRODUCT, ROWS, BY_CHANNEL
for _before, _after in itertools.pairwise(FAMILIES):
    _after.first = _before.first + _before.size()
SIZE = BY_CHANNEL.first + BY_CHANNEL.size()

activate, activation_gradient, block_loss, block_statistic, update, product_of_columns, move_rows, add_by_channel = (
    family.caller() for family in FAMILIES
)


@inlined
def product(kernels, code, arguments):
    """The product of whole matrices, whose rows are as long as they are apart."""
    product_of_columns(kernels, code, arguments + (arguments[8],))
