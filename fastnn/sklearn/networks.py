"""From an estimator's parameters to a compiled ``Sequential`` with scikit-learn's initial weights.

Design: what a network looks like is worked out anew at each fit and compared with the model that is there, so that
``set_params`` between warm starts takes effect, as it does in scikit-learn, and weights stay.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import activations, optimizers
from fastnn._base.sparse import from_scipy
from fastnn._base.types import DataLike
from fastnn.layers import Dense, Dropout, InputLayer, Layer
from fastnn.losses import LossRecord
from fastnn.models.sequential import Sequential
from fastnn.optimizers import LBFGS, SGD, Adam, Optimizer
from fastnn.regularizers import L1L2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastnn._base.sparse import AnyRows
    from fastnn.sklearn.base import BaseMLP


@dataclass(frozen=True)
class Output:
    """The last layer and what is minimised there.

    Attributes
    ----------
    units, activation : of the last layer.
    loss : with its mean over the outputs.
    scale : factor of the loss's gradient, the number of outputs where scikit-learn adds their gradients up.
    reported : factor of the loss in ``loss_``, which for regression is the mean over the outputs.
    """

    units: int
    activation: str
    loss: LossRecord
    scale: float = 1.0
    reported: float = 1.0


def hidden_sizes(came: int | Iterable[int]) -> list[int]:
    """``hidden_layer_sizes`` as a list."""
    sizes = list(came) if isinstance(came, Iterable) else [came]
    if any(np.asarray(size) <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def make_layers(estimator: BaseMLP, shape: tuple[int, ...], output: Output) -> tuple[Layer, ...]:
    """The layers of an estimator's network: those it lists, or Dense ones by its sizes, and the last one."""
    penalty = L1L2(l2=0.5 * float(estimator.alpha))
    last = Dense(output.units, activations.get(output.activation), kernel_regularizer=penalty)
    if estimator.layers is not None:
        return (InputLayer(shape), *_penalized(estimator.layers, penalty), last)
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    chosen = _for_each("activation", estimator.activation, sizes)
    rates = _for_each("dropout", estimator.dropout, sizes)
    layers: list[Layer] = [InputLayer(shape)]
    for size, activation, rate in zip(sizes, chosen, rates, strict=True):
        layers.append(Dense(int(size), activation, kernel_regularizer=penalty))
        if rate:
            layers.append(Dropout(float(rate)))
    return (*layers, last)


def _penalized(came: Iterable[Layer], penalty: L1L2) -> list[Layer]:
    """Copies of a user's layers, which a fit must not train; Dense ones without a penalty get the estimator's."""
    layers = list(came)
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"layers must hold layers of fastnn.layers, got {layer!r}")
    return [
        replace(layer, kernel_regularizer=penalty)
        if isinstance(layer, Dense) and layer.kernel_regularizer == L1L2()
        else copy.copy(layer)
        for layer in layers
    ]


def _for_each(name: str, came: Any, sizes: list[int]) -> list[Any]:
    """One value for all hidden layers, or one for each."""
    if isinstance(came, str | float | int | activations.Activation):
        return [came] * len(sizes)
    if len(came) != len(sizes):
        raise ValueError(f"{name} must be one value or one for each of the {len(sizes)} hidden layers, got {came!r}")
    return list(came)


def make_optimizer(estimator: BaseMLP) -> Optimizer:
    """The optimiser that ``solver`` names, with the estimator's numbers; an object is taken with its own."""
    solver, rate = estimator.solver, float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        return solver
    if solver == "lbfgs":
        return LBFGS()
    if solver == "sgd":
        return SGD(rate, momentum=float(estimator.momentum), nesterov=bool(estimator.nesterovs_momentum))
    if solver == "adam":
        return Adam(rate, float(estimator.beta_1), float(estimator.beta_2), float(estimator.epsilon), form="keras")
    optimizer = optimizers.get(solver)
    optimizer.learning_rate = rate
    return optimizer


def draw(model: Sequential, estimator: BaseMLP, random_state: np.random.RandomState) -> None:
    """Initial weights and biases as scikit-learn draws them, in its order (Glorot and Bengio 2010).

    A user's own layers keep their initialisers, seeded by ``random_state``.
    """
    if estimator.layers is not None:
        model.draw_anew(int(random_state.randint(2**31)))
        return
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    chosen = _for_each("activation", estimator.activation, hidden)
    chosen += chosen[-1:] or [estimator.activation]
    for (kernel, bias), activation in zip(dense_views(model), chosen, strict=True):
        factor = 2.0 if activations.get(activation).name == "sigmoid" else 6.0
        bound = np.sqrt(factor / sum(kernel.shape))
        kernel[...] = random_state.uniform(-bound, bound, kernel.shape)
        bias[...] = random_state.uniform(-bound, bound, bias.shape)


def dense_views(model: Sequential) -> list[list[np.ndarray]]:
    """Kernel and bias (where there is one) of each Dense layer, as views of the model's parameters."""
    views: dict[int, list[np.ndarray]] = {}
    for variable in model.layout.variables:
        if isinstance(model.layout.layers[variable.layer], Dense):
            place = slice(variable.offset, variable.offset + variable.size)
            views.setdefault(variable.layer, []).append(model.params[place].reshape(variable.parameter.shape))
    return list(views.values())


def take_weights(
    model: Sequential, coefs: Sequence[object], intercepts: Sequence[object], before: Sequential | None
) -> None:
    """Copy a user's weights into a model, with the optimiser's state of the model before where it fits."""
    views = dense_views(model)
    wanted = [*(view[0] for view in views), *(view[1] for view in views if len(view) > 1)]
    given = [np.asarray(array) for array in (*coefs, *intercepts)]
    if [a.shape for a in given] != [w.shape for w in wanted]:
        raise ValueError(
            f"the weights have shapes {[a.shape for a in given]}, but the parameters ask for "
            f"{[w.shape for w in wanted]}; set warm_start=False to begin anew"
        )
    for array, place in zip(given, wanted, strict=True):
        place[...] = array
    if before is not None and before.layout.n_params == model.layout.n_params and before.loss is not None:
        model.compile(before.optimizer, before.loss)
        model.reduction = before.reduction
        model.seed, model.epoch, model.step, model.slots = before.seed, before.epoch, before.step, before.slots


def rows_of(model: Sequential, X: DataLike) -> AnyRows:
    """Rows that scikit-learn has checked as backends take them."""
    if hasattr(X, "tocsr"):
        return from_scipy("X", X, model.dtype)
    wanted = model.layout.input_shape
    if X.shape[1:] != wanted:
        raise ValueError(f"X must have the shape (n, {', '.join(map(str, wanted))}) of the fit, got {X.shape}")
    return np.require(X, model.dtype, ("C", "A")).reshape(len(X), -1)
