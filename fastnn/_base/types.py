"""Types that stand in many signatures; they are for readers and type checkers, and no module runs with them."""

from __future__ import annotations

from os import PathLike
from typing import Any, Literal

import numpy as np

Numbers = Any
"""What a formula works on: an array in NumPy, and a single number where Numba compiles the same text."""

Policy = Literal["float32", "float64", "mixed_bfloat16"]
"""What the policy of a model may be."""

DtypeLike = Policy | type[np.float32] | type[np.float64] | np.dtype[Any]
"""What the dtype of a model may be."""

StrPath = str | PathLike[str]
"""A name of a file or folder."""

Verbose = int | Literal["auto"]
"""How much a call prints: 0, 1, 2 or ``"auto"``."""

Precision = Literal["float32", "bfloat16", "int8"]
"""As what a predictor multiplies."""
