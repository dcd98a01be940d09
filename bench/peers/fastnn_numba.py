"""fastnn's own Numba backend, beside the one that it chooses by itself."""

import functools

from fastnn import _kernels
from peers import fastnn

if reason := _kernels.why_not("numba"):
    raise ImportError(reason)
VERSION = fastnn.VERSION.replace(fastnn.fastnn.get_backend(), "numba")
setup = fastnn.setup
train = functools.partial(fastnn.train, label="fastnn-numba", backend="numba")
