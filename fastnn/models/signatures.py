"""Methods whose results depend on their arguments: ``signatures.pyi`` says how, to editors and type checkers.

Design: overloads beside the methods (rejected) would stand between a signature and its text five times over. When a
program runs, ``Typed`` is the class that has the methods.
"""

from fastnn.models.fitting import Fitting as Typed

__all__ = ["Typed"]
