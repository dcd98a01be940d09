"""``y = activation(what windows hand back to an image + b)``: the way back of a convolution, going forward.

The geometry is that of the convolution: its image ``(h, w, c)`` is ``y``, its windows' numbers ``(oh, ow, n)`` are
``x``. The kernel is ``(kh, kw, filters, channels)``, with the channels of ``x``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._ops.activation import activate, activation_gradient
from fastnn._ops.base import Op, Operation, When, always, of_products
from fastnn._ops.conv import GEOMETRY, convolved, image_gradient, kernel_gradient, rows_of_kernel

if TYPE_CHECKING:
    from fastnn._ops.base import Wants, Work
    from fastnn._ops.views import Views


def forward(op: np.void, a: Views, when: When) -> None:
    z = image_gradient(a.x, a.w, a.sizes).reshape(a.y.shape) + a.b
    a.keep(z)
    a.y[...] = activate(op, z)


def backward(op: np.void, a: Views, when: When) -> None:
    dz = activation_gradient(op, a)
    image = dz.reshape(a.n_samples, -1)
    if a.dw:
        a.dw.take(kernel_gradient(image, a.x.reshape(-1, int(op["n_in"])), a.sizes))
    if a.db:
        a.db.take(dz.sum(axis=0))
    if a.dx:
        a.dx.take(convolved(image, a.w, a.sizes).reshape(a.x.shape))


def kernel_shape(op: np.void) -> tuple[int, ...]:
    size = OP.sizes(op)
    return size.kh, size.kw, size.c, int(op["n_in"])


def kernel_size(operation: Operation) -> int:
    return rows_of_kernel(operation) * operation.n_in


def work(op: np.void, wants: Wants) -> Work:
    """Each number of the input is handed to the taps of its window; rows are those of the output."""
    size = OP.sizes(op)
    taps = size.kh * size.kw * (size.c // size.groups)
    return of_products(size.oh * size.ow * int(op["n_in"]) * taps, op, wants)


OP = Op(
    15,
    "conv_transpose",
    forward,
    backward,
    weights=kernel_size,
    work=work,
    geometry=GEOMETRY,
    shape=kernel_shape,
    units=rows_of_kernel,
    by_sample=True,
    activates=always,
    multiplies=True,
)
