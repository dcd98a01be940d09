"""Exchange with scikit-learn: its perceptrons, and pipelines of encoders before them, as models of ours, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from fastnn._base.arguments import shown
from fastnn.interop.libraries import needed

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from fastnn.models import Model, Sequential
    from fastnn.sklearn import MLPClassifier, MLPRegressor


@overload
def from_sklearn(
    estimator: BaseEstimator, *, as_estimator: Literal[False] = False, target: str = "target"
) -> Sequential: ...
@overload
def from_sklearn(
    estimator: BaseEstimator, *, as_estimator: Literal[True], target: str = "target"
) -> MLPClassifier | MLPRegressor: ...
@overload
def from_sklearn(
    estimator: BaseEstimator, *, as_estimator: bool, target: str = "target"
) -> Sequential | MLPClassifier | MLPRegressor: ...
def from_sklearn(
    estimator: BaseEstimator, *, as_estimator: bool = False, target: str = "target"
) -> Sequential | MLPClassifier | MLPRegressor:
    """A fitted perceptron of scikit-learn, or a pipeline that ends with one, as a model.

    Parameters
    ----------
    estimator : ``sklearn.neural_network.MLPClassifier`` or ``MLPRegressor``; or a ``Pipeline`` of ``SimpleImputer``,
        ``StandardScaler`` (also ``MinMaxScaler``, ``MaxAbsScaler``, ``RobustScaler``), ``OneHotEncoder`` and
        ``ColumnTransformer`` with one of them at the end.
    as_estimator : of a perceptron, an estimator of :mod:`fastnn.sklearn` in place of its model.
    target : name of the column that a pipeline predicts.

    Returns
    -------
    Sequential
        of float64 where the weights are, compiled as the estimator trains. A classifier's outputs are the probability
        of the second class, or one of each. The model of a pipeline carries its encoding: saved, ``fastnn predict``
        takes raw rows, whose columns have the names that the pipeline was fitted with (``x0``, ``x1``, ... without); in
        Python ``fastnn.tables.Encoding.of(model).features.encode(table)`` gives its inputs.
    MLPClassifier or MLPRegressor
        of :mod:`fastnn.sklearn`, fitted, with ``as_estimator``.

    Raises
    ------
    TypeError
        a step has no counterpart, which is named.
    ValueError
        the estimator is not fitted, or what it does has no counterpart.

    What a one-hot encoder refuses (``handle_unknown="error"``) counts as no category here, and a gap that nothing fills
    as the mean. Images of a category are texts, so that whole numbers stand for ``"1"``, ``"2"``, ...

    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> from fastnn.interop import from_sklearn
    >>> x = np.arange(20.0).reshape(10, 2) / 20
    >>> regressor = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0).fit(x, x[:, 0])
    >>> model = from_sklearn(regressor)
    >>> bool(np.allclose(model.predict(x)[:, 0], regressor.predict(x)))
    True
    """
    needed("sklearn", "from_sklearn")
    from fastnn.interop.sklearn import perceptrons, pipelines

    if perceptrons.is_perceptron(estimator):
        made = perceptrons.as_ours(estimator)
        return made if as_estimator else made.model_
    if hasattr(estimator, "steps"):
        if as_estimator:
            raise ValueError("a pipeline becomes a model with an encoding; as_estimator=True is for perceptrons alone")
        return pipelines.model_of(estimator, target)
    raise TypeError(f"from_sklearn takes a fitted MLPClassifier, MLPRegressor or Pipeline, got {shown(estimator)}")


def to_sklearn(model_or_estimator: Model | BaseEstimator) -> BaseEstimator:
    """A model of dense layers, or an estimator of :mod:`fastnn.sklearn`, as a fitted perceptron of scikit-learn.

    Parameters
    ----------
    model_or_estimator : a fitted ``MLPClassifier`` or ``MLPRegressor`` of :mod:`fastnn.sklearn`; or a Sequential of
        ``Dense`` layers (and what is idle in prediction) with one activation for all hidden layers: ``linear``,
        ``sigmoid``, ``tanh`` or ``relu``.

    Returns
    -------
    MLPClassifier or MLPRegressor of :mod:`sklearn.neural_network`
        a classifier where the last activation is ``sigmoid`` or ``softmax``; its classes are those of the encoding that
        the model carries, else 0, 1, ... Outputs of several sigmoids are labels each on its own.
    Pipeline
        where the model carries an encoding of a table: it reads its columns, in the order of the encoding, as an array
        of objects or a frame.

    Raises
    ------
    TypeError, ValueError
        the model is another one; the message says which part has no counterpart.
    """
    needed("sklearn", "to_sklearn")
    from fastnn.interop.sklearn import encoders, perceptrons
    from fastnn.models import Sequential
    from fastnn.tables.encoding import KEY

    if hasattr(model_or_estimator, "model_"):
        return perceptrons.as_theirs(model_or_estimator)
    if not isinstance(model_or_estimator, Sequential):
        raise TypeError(
            f"to_sklearn takes a Sequential or a fitted estimator of fastnn.sklearn, got {shown(model_or_estimator)}"
        )
    if KEY in model_or_estimator.metadata:
        return encoders.pipeline_of(model_or_estimator)
    return perceptrons.of_model(model_or_estimator)
