"""Types that stand in many signatures; they are for readers and type checkers, and no module runs with them."""

from __future__ import annotations

from typing import Any

Numbers = Any
"""What a formula works on: an array in NumPy, and a single number where Numba compiles the same text."""
