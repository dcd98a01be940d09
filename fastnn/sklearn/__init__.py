"""scikit-learn's multi-layer perceptrons with fastnn's training: drop-ins for ``sklearn.neural_network``.

Parameters, fitted attributes, defaults and semantics are those of scikit-learn 1.9; parameters of fastnn's own come
after theirs and default to their behaviour. For raw tables there are :class:`TabularClassifier` and
:class:`TabularRegressor` besides. scikit-learn is needed here and nowhere else in fastnn.

>>> from sklearn.datasets import load_iris
>>> from fastnn.sklearn import MLPClassifier
>>> x, y = load_iris(return_X_y=True)
>>> classifier = MLPClassifier(max_iter=1000, random_state=1).fit(x, y)
>>> classifier.score(x, y) > 0.95
True
"""

try:
    from sklearn.callback import CallbackSupportMixin  # noqa: F401 (the youngest part that is needed)
except ImportError as error:
    raise ImportError(
        f"fastnn.sklearn needs scikit-learn 1.9 or newer ({error}); it comes with the extra fastnn-native[sklearn]"
    ) from error

from fastnn.sklearn.classifier import MLPClassifier
from fastnn.sklearn.ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from fastnn.sklearn.regressor import MLPRegressor
from fastnn.sklearn.table_encoder import TableEncoder
from fastnn.sklearn.tabular import TabularClassifier, TabularRegressor

__all__ = [
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "TableEncoder",
    "TabularClassifier",
    "TabularRegressor",
]
