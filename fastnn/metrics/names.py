"""Names of metrics as editors and type checkers know them; a test compares them with the table."""

from __future__ import annotations

from typing import Literal

# fmt: off
MetricName = Literal[
    "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "top_k",
    "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "precision", "recall", "f1",
    "f1_score", "fbeta_score", "true_positives", "false_positives", "true_negatives", "false_negatives",
    "auc", "pr_auc", "average_precision", "mse", "mae", "rmse", "r2", "cosine_similarity", "acc",
    "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "r2_score", "f_beta_score",
    "f_score", "FalseNegatives", "SparseTopKCategoricalAccuracy", "FalsePositives", "AUC", "Precision",
    "CategoricalAccuracy", "TruePositives", "TopKCategoricalAccuracy", "BinaryAccuracy", "F1Score",
    "MeanSquaredError", "SparseCategoricalAccuracy", "Recall", "CosineSimilarity", "FBetaScore", "TopK",
    "AveragePrecision", "MeanAbsoluteError", "R2Score", "TrueNegatives", "RootMeanSquaredError",
    "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCoshError", "Poisson", "KLDivergence",
    "Hinge", "SquaredHinge", "CategoricalHinge", "BinaryCrossentropy", "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy", "Accuracy", "binary_crossentropy", "categorical_crossentropy",
    "sparse_categorical_crossentropy", "poisson_deviance", "binary_focal_crossentropy",
    "categorical_focal_crossentropy", "sparse_categorical_focal_crossentropy", "huber", "log_cosh", "poisson",
    "kl_divergence", "hinge", "pinball", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "squared_hinge", "categorical_hinge", "mape", "msle", "kld", "bce", "log_cosh_error",
]  # A name that :func:`fastnn.metrics.get` knows; a loss's is the loss as a metric.
# fmt: on

Average = Literal["micro", "macro", "weighted"]
Curve = Literal["ROC", "PR"]
