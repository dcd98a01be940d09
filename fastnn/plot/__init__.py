"""Pictures of training, models and predictions, drawn with matplotlib (the extra ``plot``).

Every function draws into ``ax``, or into a new figure without one, and returns the Axes; none calls ``plt.show()``.
matplotlib is imported when a picture is made, and no setting of the user's is changed.

>>> from fastnn import plot
>>> ax = plot.history({"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.7]})
>>> ax.figure.savefig("curves.png")  # doctest: +SKIP
"""

from fastnn.plot.channels import feature_maps, filters
from fastnn.plot.classes import confusion_matrix
from fastnn.plot.curves import history
from fastnn.plot.diagram import network
from fastnn.plot.files import check_picture, save_history
from fastnn.plot.graph import graph
from fastnn.plot.images import first_layer_images, weights
from fastnn.plot.mistakes import misclassified
from fastnn.plot.phases import phases
from fastnn.plot.predictions import calibration, residuals
from fastnn.plot.rates import learning_rate
from fastnn.plot.regions import decision_regions
from fastnn.plot.slopes import saliency

__all__ = [
    "calibration",
    "check_picture",
    "confusion_matrix",
    "decision_regions",
    "feature_maps",
    "filters",
    "first_layer_images",
    "graph",
    "history",
    "learning_rate",
    "misclassified",
    "network",
    "phases",
    "residuals",
    "saliency",
    "save_history",
    "weights",
]
