"""Keras' place for :mod:`fastnn.schedules`."""

from fastnn.schedules import *  # noqa: F403
from fastnn.schedules import __all__ as __all__
