"""What :class:`fastnn.Model` gives, by what it is asked; the methods are those of ``fitting.py`` and its bases."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from fastnn._base.types import ClassWeights, DataLike, Outputs, Scores, Verbose
from fastnn._engine.gradients import Gradients
from fastnn.callbacks.base import CallbacksLike
from fastnn.models.fitting import Fitting

class Typed(Fitting):
    @overload
    def evaluate(
        self,
        x: DataLike,
        y: DataLike = None,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        sample_weight: DataLike = None,
        *,
        return_dict: Literal[True],
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: object,
    ) -> dict[str, float]: ...
    @overload  # a number, or a list of several; which, no type checker can know
    def evaluate(
        self,
        x: DataLike,
        y: DataLike = None,
        batch_size: int | None = None,
        verbose: Verbose = 0,
        sample_weight: DataLike = None,
        return_dict: bool = False,
        backend: str | None = None,
        callbacks: CallbacksLike = None,
        steps: int | None = None,
        **unknown: object,
    ) -> Scores: ...
    @overload
    def train_on_batch(
        self,
        x: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...
    @overload
    def train_on_batch(
        self,
        x: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        return_dict: bool = False,
    ) -> Scores: ...
    @overload
    def test_on_batch(
        self, x: DataLike, y: DataLike, sample_weight: DataLike = None, *, return_dict: Literal[True]
    ) -> dict[str, float]: ...
    @overload
    def test_on_batch(
        self, x: DataLike, y: DataLike, sample_weight: DataLike = None, return_dict: bool = False
    ) -> Scores: ...
    @overload
    def gradients(
        self,
        x: DataLike,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        *,
        dy: np.ndarray | Sequence[ArrayLike] | Mapping[str, ArrayLike],
        wrt: Literal["weights"] = "weights",
        training: bool = True,
    ) -> Gradients: ...
    @overload  # shaped like x: an array, a list or a dict
    def gradients(
        self,
        x: DataLike,
        y: None = None,
        sample_weight: None = None,
        class_weight: None = None,
        *,
        dy: np.ndarray | Sequence[ArrayLike] | Mapping[str, ArrayLike],
        wrt: Literal["inputs"],
        training: bool = True,
    ) -> Outputs: ...
    @overload
    def gradients(
        self,
        x: DataLike,
        y: DataLike = None,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        *,
        dy: None = None,
        wrt: Literal["weights"] = "weights",
        training: bool = True,
    ) -> tuple[float, Gradients]: ...
    @overload
    def gradients(
        self,
        x: DataLike,
        y: DataLike = None,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        *,
        dy: None = None,
        wrt: Literal["inputs"],
        training: bool = True,
    ) -> tuple[float, Outputs]: ...
    @overload  # of slopes that may be None, or of a text that is not known: one of these
    def gradients(
        self,
        x: DataLike,
        y: DataLike = None,
        sample_weight: DataLike = None,
        class_weight: ClassWeights = None,
        *,
        dy: DataLike = None,
        wrt: str = "weights",
        training: bool = True,
    ) -> Any: ...
