"""``Sequential`` under the name that Keras users write: ``from fastnn.models import Sequential``."""

from fastnn.model import Sequential
from fastnn.serialization import load as load_model

__all__ = ["Sequential", "load_model"]
