"""What the arguments of layers may be, for editors and type checkers, and what their attributes are then.

``Dense(8, activation="relu").activation`` is a record: arguments are settled when a layer is made. For type checkers
the fields of layers are therefore descriptors, which take one type and give another; when a program runs, they are
plain fields of dataclasses, and nothing here is called but ``default``. Names are literal, so that a slip in one is
an error of types; one that a program computes is looked up first: ``Dense(8, activations.get(name))``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from fastnn._base.types import Argument as Argument
from fastnn._base.types import default as default
from fastnn.activations import Activation
from fastnn.activations.names import ActivationName
from fastnn.initializers import Initializer
from fastnn.initializers.names import InitializerName
from fastnn.layers.base import Layer
from fastnn.regularizers import L1L2, RegularizerName

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fastnn.constraints import Constraint, ConstraintName

Config = Mapping[str, object]
ActivationLike = Argument[ActivationName | Activation | Layer | Config | None, Activation]
GivenInitializer = InitializerName | Initializer | type[Initializer] | Config
GivenRegularizer = RegularizerName | L1L2 | type[L1L2] | Config | None
InitializerLike = Argument[GivenInitializer, Initializer]
RegularizerLike = Argument[GivenRegularizer, L1L2]
ShapeLike = Argument[int | Sequence[int | None] | None, tuple[int, ...] | None]
TargetShape = Argument[int | Sequence[int | None], tuple[int, ...]]
Sizes = Argument[int | Sequence[int], tuple[int, ...]]
StridesLike = Argument[int | Sequence[int] | None, tuple[int, ...]]  # None for those of the windows
MaybeSizes = Argument[int | Sequence[int] | None, tuple[int, ...] | None]
Axes = Argument[int | Sequence[int], int | tuple[int, ...]]
Factor = Argument[float | Sequence[float], float | tuple[float, float]]
InnerLayer = Argument[Layer | Config, Layer]

DataFormat = Literal["channels_last"]
PaddingName = Literal["valid", "same"]
SignalPadding = Literal["valid", "same", "causal"]
FillMode = Literal["reflect", "wrap", "nearest", "constant"]
FlipMode = Literal["horizontal", "vertical", "horizontal_and_vertical"]
Interpolation = Literal["bilinear", "nearest"]
MergeMode = Literal["concat", "sum", "mul", "ave"]

if TYPE_CHECKING:
    GivenConstraint = ConstraintName | Constraint | type[Constraint] | Config | None
    ConstraintLike = Argument[GivenConstraint, Constraint | None]
    Statistic = Argument[ArrayLike | None, tuple[float, ...] | None]
else:  # without names that only type checkers see: typing.get_type_hints, which checks of files ask, finds all hints
    ConstraintLike = Statistic = Argument[object, object]  # few programs load constraints
