"""Names that type checkers complete are those that the tables have, and each of them is found."""

from __future__ import annotations

from typing import get_args

import pytest

from fastnn import activations, callbacks, constraints, initializers, losses, metrics, optimizers, regularizers
from fastnn._base.stored import conforms
from fastnn.activations.names import ActivationName
from fastnn.callbacks.monitor import Mode
from fastnn.constraints import ConstraintName
from fastnn.initializers.names import Distribution, Fan, InitializerName
from fastnn.layers import arguments, augmentation, windows, wrapping
from fastnn.losses import classes, known, of_classes
from fastnn.losses.base import REDUCTIONS
from fastnn.losses.names import LossName, ReductionName
from fastnn.metrics.names import Average, Curve, MetricName
from fastnn.optimizers.names import OptimizerName, SolverName
from fastnn.regularizers import RegularizerName
from fastnn.tabular.choices import PRESETS, Preset
from fastnn.tabular.samplers import SAMPLERS, SamplerName

LOSS_CLASSES = {name for module in (classes, of_classes) for name, made in vars(module).items() if known.is_ours(made)}
METRICS = {*metrics.METRICS, *metrics.ALIASES, *metrics.LOSS_ALIASES, *losses.LOSSES, *losses.ALIASES}
TABLES = [  # the literal type, how a name is found, and the names that must be among the type's
    (ActivationName, activations.get, {*activations.ACTIVATIONS, *activations.ALIASES}),
    (InitializerName, initializers.get, {*initializers.INITIALIZERS, *initializers.ALIASES, *initializers.CLASSES}),
    (
        RegularizerName,
        regularizers.get,
        {*regularizers.NAMED, *(c.__name__ for c in regularizers.REGULARIZERS.values())},
    ),
    (ConstraintName, constraints.get, {*constraints.CONSTRAINTS}),
    (LossName, losses.get, {*losses.LOSSES, *losses.ALIASES, *LOSS_CLASSES}),
    (OptimizerName, optimizers.get, {*optimizers.OPTIMIZERS, *(c.__name__ for c in optimizers.OPTIMIZERS.values())}),
    (MetricName, metrics.get, METRICS),
]


@pytest.mark.parametrize(("names", "get", "table"), TABLES)
def test_literal_names_are_those_of_the_table(names, get, table):
    told = get_args(names)
    assert len(told) == len(set(told))
    assert table <= set(told)
    for name in told:
        get(name)  # which a slip would not survive


SETS = [
    (ReductionName, {name for name in REDUCTIONS if name}),
    (arguments.PaddingName, set(windows.PADDINGS[:2])),
    (arguments.SignalPadding, set(windows.PADDINGS)),
    (arguments.FillMode, set(augmentation.FILLS)),
    (arguments.FlipMode, set(augmentation.FLIPS)),
    (arguments.Interpolation, set(augmentation.INTERPOLATIONS)),
    (arguments.MergeMode, set(wrapping.MERGE_MODES) - {None}),
    (SolverName, set(optimizers.OPTIMIZERS)),
    (Preset, set(PRESETS)),
    (SamplerName, set(SAMPLERS)),
]


@pytest.mark.parametrize(("names", "table"), SETS)
def test_literal_words_are_all_that_there_are(names, table):
    assert set(get_args(names)) == table


def test_words_that_no_table_has_are_taken_and_others_refused():
    for mode in get_args(Mode):
        callbacks.EarlyStopping(mode=mode)
    for fan in get_args(Fan):
        for distribution in get_args(Distribution):
            initializers.VarianceScaling(1.0, fan, distribution)
    for average in get_args(Average):
        metrics.F1Score(average)
    for curve in get_args(Curve):
        metrics.AUC(curve=curve)
    with pytest.raises(ValueError, match="curve"):
        metrics.AUC(curve="pro")
    with pytest.raises(ValueError, match="average"):
        metrics.F1Score("makro")


def test_a_stored_word_is_a_text_as_before():
    assert conforms("SAME", arguments.PaddingName)
    assert conforms(None, ReductionName | None)
    for value in (5, 1.5, ["same"], {"name": "same"}, True):
        assert not conforms(value, arguments.PaddingName)
        assert not conforms(value, ReductionName | None)
