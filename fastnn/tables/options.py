"""How the columns of a table are to be encoded, where there is more than one way."""

from __future__ import annotations

from dataclasses import dataclass

from fastnn._base.arguments import flag, integer
from fastnn.tables.pieces import MOST_PIECES


@dataclass(frozen=True)
class FeatureOptions:
    """What :func:`fastnn.tables.fit_features` makes of columns.

    Parameters
    ----------
    pieces : numbers of more than two values become a robust number and at most so many pieces between quantiles
        (:class:`fastnn.tables.pieces.PieceFeature`); 0 standardises them.
    most_one_hot : columns of text with more categories become numbers for an ``Embedding``
        (:class:`fastnn.tables.columns.CodeFeature`); None has them all one-hot.
    dates : whether columns of text in which all are dates or times become elapsed time and cycles of the calendar
        (:class:`fastnn.tables.dates.DateFeature`).

    >>> FeatureOptions(pieces=32, most_one_hot=8, dates=True)
    FeatureOptions(pieces=32, most_one_hot=8, dates=True)
    """

    pieces: int = 0
    most_one_hot: int | None = None
    dates: bool = False

    def __post_init__(self) -> None:
        integer("pieces", self.pieces, low=0, high=MOST_PIECES)
        if self.most_one_hot is not None:
            integer("most_one_hot", self.most_one_hot, low=0)
        flag("dates", self.dates)
