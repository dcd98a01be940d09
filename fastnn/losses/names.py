"""Names of losses as editors and type checkers know them; a test compares them with the table."""

from __future__ import annotations

from typing import Literal

# fmt: off
LossName = Literal[
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "poisson_deviance",
    "binary_focal_crossentropy", "categorical_focal_crossentropy", "sparse_categorical_focal_crossentropy",
    "mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "poisson", "kl_divergence", "hinge",
    "pinball", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "squared_hinge",
    "categorical_hinge", "cosine_similarity", "mse", "mae", "mape", "msle", "kld", "bce", "MSE", "MAE",
    "MAPE", "MSLE", "KLD", "BCE", "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError", "CosineSimilarity", "Huber", "LogCosh", "Poisson", "PoissonDeviance",
    "KLDivergence", "Hinge", "SquaredHinge", "CategoricalHinge", "Pinball", "BinaryCrossentropy",
    "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy", "SparseCategoricalFocalCrossentropy",
]  # A name that :func:`fastnn.losses.get` knows.
# fmt: on

ReductionName = Literal["sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"]
"""How losses of rows become one number; see :class:`fastnn.losses.Loss`."""
