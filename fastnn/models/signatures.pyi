"""What :class:`fastnn.Model` gives, by what it is asked; the methods are those of ``fitting.py`` and its bases."""

from typing import Any, Literal, overload

import numpy as np

from fastnn._base.types import Verbose
from fastnn._engine.gradients import Gradients
from fastnn.callbacks.base import CallbacksLike
from fastnn.models.fitting import Fitting

class Typed(Fitting):
    @overload
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        sample_weight: Any = None,
        *,
        return_dict: Literal[True],
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: Any,
    ) -> dict[str, float]: ...
    @overload  # a number, or a list of several; which, no type checker can know
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        sample_weight: Any = None,
        return_dict: bool = False,
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: Any,
    ) -> Any: ...
    @overload
    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, *, return_dict: Literal[True]
    ) -> dict[str, float]: ...
    @overload
    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any: ...
    @overload
    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, *, return_dict: Literal[True]
    ) -> dict[str, float]: ...
    @overload
    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Any: ...
    @overload
    def gradients(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        *,
        dy: np.ndarray | list[Any] | dict[str, Any],
        wrt: Literal["weights"] = "weights",
        training: bool = True,
    ) -> Gradients: ...
    @overload  # shaped like x: an array, a list or a dict
    def gradients(
        self,
        x: Any,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        *,
        dy: np.ndarray | list[Any] | dict[str, Any],
        wrt: Literal["inputs"],
        training: bool = True,
    ) -> Any: ...
    @overload
    def gradients(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        *,
        dy: None = None,
        wrt: Literal["weights"] = "weights",
        training: bool = True,
    ) -> tuple[float, Gradients]: ...
    @overload
    def gradients(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        *,
        dy: None = None,
        wrt: Literal["inputs"],
        training: bool = True,
    ) -> tuple[float, Any]: ...
    @overload  # of slopes that may be None, or of a text that is not known: one of these
    def gradients(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        *,
        dy: Any = None,
        wrt: str = "weights",
        training: bool = True,
    ) -> Any: ...
