"""Names of optimisers as editors and type checkers know them; a test compares them with the table."""

from __future__ import annotations

from typing import Literal

# fmt: off
OptimizerName = Literal[
    "sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamw", "nadam", "adamax", "lion", "ftrl", "lbfgs",
    "SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Nadam", "Adamax", "Lion", "Ftrl", "LBFGS",
]  # A name that :func:`fastnn.optimizers.get` knows.
# fmt: on
