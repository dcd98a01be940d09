"""The Numba backend, "numba": the functions of ``contract.py``, in the order of ``reference.py``.

One compiled function, ``execute``, does every task on the plan's tables; codes are read at run time, so that it is
compiled once a dtype (float32, float64) and then comes from Numba's cache on disk. The GIL is free inside.

Design: one entry instead of one for each function of the contract, because Numba compiles everything below an
entry again: six entries take twice as long, and the same step could be rounded differently in two of them. The
entry point of the one signature is called directly: Numba's own dispatch looks at each of the 18 arrays for longer
than a small network takes. Nothing checks types there; the contract makes them certain.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types, typeof

from fastnn import activations, loss_formulas, losses, metrics, optimizers, random, updates
from fastnn._kernels import contract, tables
from fastnn._kernels.jit_compile import OPTIONS
from fastnn._kernels.jit_walk import KINDS, Data, Memory, Tables, evaluate, predict_rows, pull, push, train
from fastnn._kernels.jit_update import CLIPS, update_params
