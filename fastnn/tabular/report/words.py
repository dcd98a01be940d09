"""What the figures of a report mean, in a sentence each, for readers who do not work with models every day."""

from __future__ import annotations

LEAST = 1e-12  # what rounding leaves of a 0

TITLES = {
    "auc": "AUC",
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "ece": "calibration error",
    "rmse": "RMSE",
    "mae": "mean error",
    "median_error": "median error",
    "bias": "bias",
    "r2": "R²",
    "squared_error": "squared error",
}
MEANINGS = {
    "auc": "how often a row of a class is given a higher probability of it than a row of another class is: 0.5 is "
    "chance, 1 is perfect (area under the ROC curve; of several classes their mean)",
    "log_loss": "how surprised the model was by what came, on average: 0 is perfect, and being sure of the wrong class "
    "costs most",
    "accuracy": "share of the rows whose most probable class is the right one",
    "balanced_accuracy": "share of right rows within each class, averaged over the classes: all classes count alike, "
    "rare ones too",
    "f1": "precision and recall in one number, their harmonic mean: 1 is perfect (of several classes the mean)",
    "ece": "how far probabilities are from what comes true, on average: 0.02 means that they are off by two percentage "
    "points (expected calibration error)",
    "rmse": "typical error in the target's unit, in which large errors count more (root of the mean square)",
    "mae": "mean distance between prediction and value, in the target's unit",
    "median_error": "half of the rows are closer to their value than this",
    "bias": "mean of prediction minus value: above 0 the model says too much on the whole",
    "r2": "share of the target's variance that the model explains: 0 is always the mean, 1 is perfect",
}
CURVES_OF_MANY = (
    "Each class against all others, the most frequent ones where there are many. Of several classes the calibration "
    "error among the scores is that of the class that is predicted."
)
ROC = (
    "How many rows of the class are found (true positives), against how many others are flagged with them (false "
    "positives), for every threshold. The more the curve bends to the upper left, the better; the dashed diagonal is "
    "chance."
)
PRECISION_RECALL = (
    "Recall is the share of the class that is found, precision the share of what is flagged that is right. The dashed "
    "line is the precision of flagging everyone. For rare classes this says more than the ROC curve."
)
CALIBRATION = (
    "Of rows that were given some probability, how many were of the class? On the dashed diagonal probabilities can be "
    "taken at their word; below it they are too high. Each point is about a tenth of the rows."
)
THRESHOLDS = (
    "Flag a row when its probability reaches the threshold, and this is what follows. A low threshold finds more and "
    "cries wolf more often; which one is right depends on what a miss and a false alarm cost. The threshold of the "
    "highest F1 is marked."
)
CONFUSION = (
    "Rows of each class (down) by the class that was predicted (across). Right ones stand on the diagonal; the "
    "stronger the colour, the larger the share of the row."
)
RESIDUALS = (
    "Each point is a row; on the dashed diagonal the prediction is right. The line is the mean value of tenths of the "
    "rows by prediction: where it leaves the diagonal, predictions are too high or too low on the whole."
)
IMPORTANCE = (
    "The values of one column are shuffled among the rows, and the model predicts again: the more its {0} rises, the "
    "more it relies on that column. Columns that say the same share what they are worth. This says what the model "
    "uses, not what causes the target."
)
DEPENDENCE = (
    "What the model says on average when one column has another value and all else stays as it is (thick line); thin "
    "lines are single rows. Values that cannot occur together may be among them."
)
DRIFT = (
    "How far these rows are from those of training. The stability index (PSI) is usually called a moderate shift from "
    "0.1 and a large one from 0.25; a shift is told only where it is more than chance. KS is the largest distance of "
    "both distributions (0 to 1). A model is to be trusted less where its columns have shifted."
)
WORST = (
    "The rows that the model was most wrong about, the worst first, by their number in the file. They are where to "
    "look for mistakes in the data, for columns that are missing, and for cases that the model has not learned."
)
BASELINES = (
    "A model is worth having when it beats plain ones: a constant answer, a linear model, and gradient boosting with "
    "scikit-learn's defaults, which learn from the same rows."
)


def in_figures(value: float) -> str:
    """A score, in as many digits as are worth reading.

    >>> in_figures(0.123456), in_figures(1234567.8), in_figures(float("nan")), in_figures(-0.00001234)
    ('0.1235', '1,234,568', '-', '-1.2e-05')
    """
    if value != value:
        return "-"
    size = abs(value) if abs(value) >= LEAST else 0.0
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10 or not size:
        return f"{value:.4g}" if size else "0"
    return f"{value:.4f}" if size >= 0.001 else f"{value:.2g}"


def in_percent(share: float) -> str:
    """A share of rows.

    >>> in_percent(0.1234), in_percent(float("nan"))
    ('12.3 %', '-')
    """
    return "-" if share != share else f"{100 * share:.1f} %"
