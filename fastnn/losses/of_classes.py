"""The losses over classes under the names that Keras gives them; see :mod:`fastnn.losses.classes`."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.losses.base import MEAN
from fastnn.losses.binding import made
from fastnn.losses.names import ReductionName
from fastnn.losses.records import LossRecord


def BinaryCrossentropy(
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """Yes/no outputs, each on its own: mean of ``-(t log y + (1-t) log(1-y))``.

    Parameters
    ----------
    from_logits : whether predictions are logits, to which the sigmoid is applied, else probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("binary_crossentropy", locals())


def CategoricalCrossentropy(
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """One of n classes, target one-hot: ``-sum(t log(y / sum y))``.

    Parameters
    ----------
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.

    >>> from fastnn import losses
    >>> loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    >>> round(loss([[0.0, 1.0]], [[0.25, 0.75]]), 4)
    0.3426
    """
    return made("categorical_crossentropy", locals())


def SparseCategoricalCrossentropy(
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """One of n classes, target a class index: ``-log(y[t] / sum y)``.

    Parameters
    ----------
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    ignore_class : None; for rows that shall not count give ``sample_weight`` 0.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.
    """
    if ignore_class is not None:
        raise ValueError("ignore_class must be None; give the rows of that class the sample_weight 0")
    given = {"from_logits": from_logits, "axis": axis, "reduction": reduction, "name": name, "dtype": dtype}
    return made("sparse_categorical_crossentropy", given)


def BinaryFocalCrossentropy(
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """Cross-entropy of yes/no outputs times ``(1 - p_t)**gamma``, which leaves out what is easy (Lin et al. 2017).

    ``p_t = t y + (1-t) (1-y)``; 0 for ``gamma`` is the plain cross-entropy. With ``apply_class_balancing`` a yes
    counts ``alpha`` and a no ``1 - alpha``.

    Parameters
    ----------
    apply_class_balancing : whether a yes has the weight ``alpha`` and a no ``1 - alpha``.
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which the sigmoid is applied, else probabilities.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("binary_focal_crossentropy", locals())


def CategoricalFocalCrossentropy(
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """One of n classes, target one-hot or soft: ``-sum(alpha t (1-p)**gamma log p)`` with ``p = y / sum y``.

    ``alpha`` is one number for all classes or, of up to 30 classes, one for each.

    Parameters
    ----------
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    label_smoothing : targets go that share of the way towards equal shares; 0 to 1.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("categorical_focal_crossentropy", locals())


def SparseCategoricalFocalCrossentropy(
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
    reduction: ReductionName | None = MEAN,
    name: str | None = None,
    dtype: None = None,
) -> LossRecord:
    """:func:`CategoricalFocalCrossentropy` whose target is a class index: ``-alpha (1-p[t])**gamma log p[t]``.

    Parameters
    ----------
    alpha : weight of the classes: of a yes, or one for each class.
    gamma : how much rows that are told well count less, from 0, the plain cross-entropy, on.
    from_logits : whether predictions are logits, to which softmax is applied, else shares.
    axis : -1, along which classes lie; another one is a ``ValueError``.
    reduction, name, dtype : as of :class:`Loss`.
    """
    return made("sparse_categorical_focal_crossentropy", locals())
