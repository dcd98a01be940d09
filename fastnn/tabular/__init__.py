"""The recipe for tables: encodings, several networks side by side, and one model of them all."""

from __future__ import annotations

from fastnn.tabular.bag import Bag, Member, Rows
from fastnn.tabular.choices import PRESETS, Choice, choose
from fastnn.tabular.fitting import Fitted, Options, Ready, fit_table, make_ready, train
from fastnn.tabular.settings import Settings

__all__ = [
    "PRESETS",
    "Bag",
    "Choice",
    "Fitted",
    "Member",
    "Options",
    "Ready",
    "Rows",
    "Settings",
    "choose",
    "fit_table",
    "make_ready",
    "train",
]
