"""What the parts of a report are: dicts whose keys are known; for readers and type checkers alone."""

from __future__ import annotations

from typing import NotRequired, TypedDict

import numpy as np


class RocCurve(TypedDict):
    """As :func:`fastnn.tabular.report.curves.roc_curve` says."""

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray
    auc: float


class PrecisionRecallCurve(TypedDict):
    """As :func:`fastnn.tabular.report.curves.precision_recall_curve` says."""

    precision: np.ndarray
    recall: np.ndarray
    thresholds: np.ndarray
    average_precision: float


class CalibrationCurve(TypedDict):
    """As :func:`fastnn.tabular.report.curves.calibration_curve` says."""

    predicted: np.ndarray
    observed: np.ndarray
    rows: np.ndarray
    ece: float


class ThresholdTable(TypedDict):
    """As :func:`fastnn.tabular.report.curves.threshold_table` says."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    flagged: np.ndarray
    best: float


class Spread(TypedDict):
    """As :func:`fastnn.tabular.report.scoring.spread_of` says of one score."""

    mean: float
    std: float
    folds: np.ndarray


class Bins(TypedDict):
    """Means and rows of tenths of the rows."""

    predicted: np.ndarray
    actual: np.ndarray
    rows: np.ndarray


class Residuals(TypedDict):
    """As :func:`fastnn.tabular.report.mistakes.residuals` says."""

    actual: np.ndarray
    predicted: np.ndarray
    residual: np.ndarray
    within: dict[float, float]
    bins: Bins


class WorstRows(TypedDict):
    """As :func:`fastnn.tabular.report.mistakes.worst_rows` says."""

    number: np.ndarray
    row: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    loss: np.ndarray
    probability: NotRequired[np.ndarray]
    confidence: NotRequired[np.ndarray]


class Imbalance(TypedDict):
    """As :func:`fastnn.tabular.report.balance.imbalance` says."""

    counts: np.ndarray
    shares: np.ndarray
    rare: list[str]
    note: str


class Importance(TypedDict):
    """As :func:`fastnn.tabular.report.importance.permutation_importance` says."""

    names: list[str]
    loss: np.ndarray
    score: np.ndarray
    loss_name: str
    score_name: str
    base_loss: float
    base_score: float
    rows: int


class Dependence(TypedDict):
    """As :func:`fastnn.tabular.report.dependence.partial_dependence` says of one column."""

    grid: np.ndarray | list[str | None]
    mean: np.ndarray
    individual: np.ndarray


class ColumnDrift(TypedDict):
    """As :func:`fastnn.tabular.report.drift.drift` says of one column."""

    psi: float
    chance: float
    ks: float
    ks_chance: float
    gaps: tuple[float, float]
    mean: tuple[float, float]
    outside: float
    new: list[str]
    dated: bool
    shift: str


class Drift(TypedDict):
    """As :func:`fastnn.tabular.report.drift.drift` says."""

    columns: dict[str, ColumnDrift]
    predictions: ColumnDrift | None
    rows: int
    training_rows: int
