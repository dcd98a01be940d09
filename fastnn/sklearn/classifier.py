"""``MLPClassifier``: targets that are classes or labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import Tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from fastnn import losses
from fastnn._base.foreign import plain
from fastnn._base.types import ClassWeights, DataLike, DtypeLike
from fastnn.activations.names import ActivationName
from fastnn.optimizers.names import SolverName
from fastnn.sklearn import parameters
from fastnn.sklearn.base import BaseMLP
from fastnn.sklearn.labels import check_kind, distinct
from fastnn.sklearn.networks import Output
from fastnn.sklearn.typed import Random, fit_context, if_stochastic

if TYPE_CHECKING:
    from os import PathLike

    from fastnn.activations import Activation
    from fastnn.callbacks import Callback
    from fastnn.layers import Layer
    from fastnn.optimizers import Optimizer


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier: ``sklearn.neural_network.MLPClassifier``, trained by fastnn.

    All parameters up to ``max_fun`` mean what they mean in scikit-learn 1.9, with the same defaults; the same
    ``random_state`` gives the same initial weights and the same validation split. The order of rows in an epoch comes
    from fastnn's generator, so with ``shuffle=True`` trained weights differ as those of two seeds do.

    Parameters
    ----------
    hidden_layer_sizes : units of each hidden layer.
    activation : of the hidden layers: "identity", "logistic", "tanh", "relu" or any of :mod:`fastnn.activations`; a
        list gives each hidden layer its own.
    solver : "lbfgs" (SciPy's), "sgd", "adam", another name of :mod:`fastnn.optimizers` (with ``learning_rate_init``),
        or an optimiser object, which keeps its own numbers.
    alpha : L2 penalty, divided by the batch's rows (or weights) as in scikit-learn.
    batch_size : "auto" is ``min(200, n_samples)``.
    learning_rate : "constant", "invscaling" (``power_t``) or "adaptive"; for "sgd".
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon : of the optimiser.
    max_iter : epochs, or iterations of "lbfgs".   max_fun : calls of the loss by "lbfgs".
    shuffle, random_state, verbose, warm_start : as everywhere in scikit-learn.
    tol, n_iter_no_change : training ends when the loss (or with ``early_stopping`` the validation score) has not
        improved by ``tol`` for more than ``n_iter_no_change`` epochs.
    early_stopping, validation_fraction : hold out a share of the rows, keeping the shares of classes, and go back to
        the weights that scored best on it.
    max_fun : of ``lbfgs``, calls of the loss at most.
    dropout : share of each hidden layer's outputs that is dropped in training; a list gives each layer its own.
    class_weight : weight of each class, ``{class: weight}`` or "balanced" (``n / (n_classes * count)``).
    loss : "log_loss" or "focal" (Lin et al. 2017), which with ``gamma`` counts certain rows less.
    gamma : of the loss ``"focal"``: how much rows that are told well count less.
    layers : layers of :mod:`fastnn.layers` in place of ``hidden_layer_sizes``, ``activation`` and ``dropout``; the
        output layer is added. X may then have more axes, such as ``(n, steps, features)`` for a GRU.
    dtype : "float32", "float64" or "mixed_bfloat16"; None trains in the dtype of X, as scikit-learn does.
    callbacks : of :mod:`fastnn.callbacks`; logs hold ``loss``, and ``val_loss`` and ``val_score`` of held-out rows.
        scikit-learn's own callbacks are set by ``set_callbacks``.
    time_limit : seconds after which training ends.
    n_threads : threads of this estimator; None leaves it to fastnn, and to one in a joblib worker thread.
    backend : backend of fastnn, None for the best.
    checkpoint, checkpoint_every, resume : a file from which the same ``fit`` on the same rows goes on when it was
        broken off, see :meth:`fastnn.Model.fit`; ``partial_fit`` writes none, and with the solver ``"lbfgs"`` it is an
        error. In a search each fit wants a file of its own.

    Attributes
    ----------
    classes_, loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_, n_iter_, t_, n_layers_, \
n_outputs_, out_activation_, n_features_in_, feature_names_in_ : as in scikit-learn.
    coefs_, intercepts_ : weights ``(n_in, n_out)`` and biases ``(n_out,)`` of the layers, views of what trains.
    validation_loss_curve_ : loss on the held-out rows after each epoch (empty without any).
    model_ : the trained :class:`fastnn.Sequential`, which can be saved and loaded without scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from fastnn.sklearn import MLPClassifier
    >>> x, y = make_classification(n_samples=100, random_state=1)
    >>> classifier = MLPClassifier(random_state=1, max_iter=300).fit(x, y)
    >>> classifier.predict_proba(x[:1]).shape
    (1, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = parameters.CLASSIFIER

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: ActivationName | Activation | Sequence[ActivationName | Activation] = "relu",
        *,
        solver: SolverName | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Random = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        class_weight: ClassWeights | Literal["balanced"] = None,
        loss: Literal["log_loss", "focal"] = "log_loss",
        gamma: float = 2.0,
        layers: Sequence[Layer] | None = None,
        dtype: DtypeLike | None = None,
        callbacks: Sequence[Callback] | None = None,
        time_limit: float | None = None,
        n_threads: int | None = None,
        backend: str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: str | int = "1 epoch",
        resume: bool | Literal["auto"] = "auto",
    ) -> None:
        parameters.keep(self, locals())

    # -- training -------------------------------------------------------------------------------

    @fit_context(nested=False)
    def fit(
        self,
        X: DataLike,
        y: DataLike,
        sample_weight: DataLike = None,
        *,
        X_val: DataLike = None,
        y_val: DataLike = None,
        sample_weight_val: DataLike = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array, frame or sparse matrix ``(n, n_features)``; sparse rows are made dense block by block.
        y : classes ``(n,)``, or a label indicator ``(n, n_labels)``.
        sample_weight : ``(n,)``; a weight of zero is the row's absence.
        X_val, y_val, sample_weight_val : rows to watch (``validation_loss_curve_``), and with ``early_stopping`` to
            decide by, in place of a share of X.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    @if_stochastic
    @fit_context(nested=False)
    def partial_fit(self, X: DataLike, y: DataLike, sample_weight: DataLike = None, classes: DataLike = None) -> Self:
        """Train for one epoch on the rows given, going on from where training stands.

        Parameters
        ----------
        X, y, sample_weight : as in :meth:`fit`.
        classes : all classes there will ever be; needed in the first call.

        Returns
        -------
        self
        """
        if _check_partial_fit_first_call(self, classes):
            y = plain("y", y, dates=True)
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def _validate_y(self, y: np.ndarray, learn: bool, exact: bool) -> np.ndarray:
        check_kind(y)
        if learn or not hasattr(self, "classes_"):
            self._label_binarizer = LabelBinarizer().fit(distinct(y))
            self.classes_ = self._label_binarizer.classes_
            return y
        self._check_classes(unique_labels(distinct(y)), exact)
        return y

    def _check_classes(self, classes: np.ndarray, exact: bool) -> None:
        if exact:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    f"warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    @property
    def _kind(self) -> str:
        """ "binary", "multiclass" or "multilabel-indicator"; one class alone is binary."""
        return str(self._label_binarizer.y_type_)

    def _output(self) -> Output:
        n = 1 if self._kind == "binary" else len(self.classes_)
        self.n_outputs_ = n
        focal = {"gamma": float(self.gamma)} if self.loss == "focal" else {}
        middle = "_focal" if focal else ""
        if self._kind == "multiclass":
            alpha = {"alpha": 1.0} if focal else {}
            return Output(n, "softmax", losses.get(f"sparse_categorical{middle}_crossentropy", **focal, **alpha))
        return Output(n, "sigmoid", losses.get(f"binary{middle}_crossentropy", **focal), scale=n, reported=n)

    def _target(self, y: np.ndarray, dtype: np.dtype) -> np.ndarray:
        if self._kind == "multiclass":
            return np.searchsorted(self.classes_, y).astype(np.int32).reshape(-1, 1)
        if self._kind == "binary":
            found: np.ndarray = (y == self.classes_[-1]).astype(dtype).reshape(-1, 1) * (len(self.classes_) > 1)
            return found
        return np.ascontiguousarray(y.toarray() if hasattr(y, "toarray") else y, dtype)

    def _class_weights(self, y: np.ndarray, incremental: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if self._kind not in ("binary", "multiclass"):
            raise ValueError("class_weight is for one class a row; for multi-label targets use sample_weight")
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' cannot be used in partial_fit, which sees only a part of the rows; "
                "give the weights as a dict {class: weight}"
            )
        found: np.ndarray | None = compute_sample_weight(self.class_weight, y)
        return found

    def _stratify(self, y: np.ndarray) -> np.ndarray | None:
        """As documented by scikit-learn; of three classes or more it holds only where there are rows enough."""
        if self._kind == "multilabel-indicator":
            return None
        if self._kind == "binary":
            found: np.ndarray | None = (y == self.classes_[-1]).reshape(-1, 1)
            return found
        counts = np.unique(y, return_counts=True)[1]
        return y if counts.min() >= 2 and len(y) * self.validation_fraction >= len(counts) else None

    def _score_outputs(self, y: np.ndarray, outputs: np.ndarray, weight: np.ndarray | None) -> float:
        """Accuracy; of labels the share of rows without a fault."""
        if not np.isfinite(outputs).all():
            return np.nan
        right = self._decode(outputs) == (y.toarray() if hasattr(y, "toarray") else y)
        return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=weight))

    # -- prediction -----------------------------------------------------------------------------

    def score(self, X: DataLike, y: DataLike, sample_weight: DataLike = None) -> float:
        """The share of rows whose class is predicted; of labels, that of rows without a fault.

        ``X`` is as of :meth:`predict`, ``y`` the classes ``(n,)``, ``sample_weight`` None or ``(n,)``.
        """
        found: float = super().score(X, plain("y", y, dates=True), sample_weight)
        return found

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """Classes of a model's outputs."""
        if self._kind == "multiclass":
            made: np.ndarray = self.classes_[outputs.argmax(axis=1)]
            return made
        yes = (outputs > 0.5).astype(int)
        if self._kind != "binary":
            return yes
        found: np.ndarray = self.classes_[yes[:, 0] if len(self.classes_) > 1 else np.zeros(len(yes), int)]
        return found

    def predict(self, X: DataLike) -> np.ndarray:
        """Classes ``(n,)``, or a label indicator ``(n, n_labels)``, for rows ``X`` ``(n, n_features)``."""
        return self._decode(self._outputs(X))

    def predict_proba(self, X: DataLike) -> np.ndarray:
        """Probabilities ``(n, n_classes)`` of ``classes_``; of labels each on its own; ``X`` as of :meth:`predict`."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: DataLike) -> np.ndarray:
        """Logarithms of :meth:`predict_proba`, for ``X`` as there."""
        with np.errstate(divide="ignore"):
            found: np.ndarray = np.log(self.predict_proba(X))
            return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
