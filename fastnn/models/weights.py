"""The parameters of a model as arrays: how many, under which names, out and in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from fastnn._base import interrupts
from fastnn._base.arrays import check_weights, read_only
from fastnn._base.types import Policy, StrPath
from fastnn._plan.layout import Layout
from fastnn.models.attributes import Guarded

if TYPE_CHECKING:
    from fastnn.models.network import Network


class Weights(Guarded):
    """A layout and one flat vector ``params``, with what users ask of them."""

    dtype: np.dtype

    @property
    def dtype_policy(self) -> Policy:
        """The ``dtype`` that the model was made with: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``.

        Under ``"mixed_bfloat16"`` parameters, sums, the optimiser and all other layers are of float32, as
        :attr:`dtype` says, and dense products and convolutions, there and back, are of numbers that are rounded to
        bf16: :mod:`fastnn._ops.bf16` has the formula. A layer that is given ``dtype="float32"`` rounds nothing.
        Exports to other libraries have the weights of float32, and compute in it.
        """
        return cast("Policy", vars(self).get("_policy", self.dtype.name))

    @property
    def params(self) -> np.ndarray:
        """The vector that holds all parameters."""
        raise NotImplementedError

    @property
    def layout(self) -> Layout:
        """Shapes and places of the parameters."""
        raise NotImplementedError

    @property
    def built(self) -> bool:
        """Whether there are parameters."""
        raise NotImplementedError

    def frozen(self) -> frozenset[int]:
        """Which of the layout's layers are not trained now."""
        raise NotImplementedError

    @property
    def weights(self) -> list[np.ndarray]:
        """All parameters as they are now, not to be written to; none before the model is built."""
        return [read_only(view) for view in self._views()] if self.built else []

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Those of :attr:`weights` that training changes."""
        return self._weights_where(trained=True)

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """Those of :attr:`weights` that training leaves as they are."""
        return self._weights_where(trained=False)

    variables, trainable_variables, non_trainable_variables = weights, trainable_weights, non_trainable_weights

    def _weights_where(self, trained: bool) -> list[np.ndarray]:
        if not self.built:
            return []
        frozen = self.frozen()
        told = [v.layer not in frozen and v.parameter.trainable for v in self.layout.variables]
        return [weights for weights, is_trained in zip(self.weights, told, strict=True) if is_trained == trained]

    def _views(self) -> list[np.ndarray]:
        places = [(slice(v.offset, v.offset + v.size), v.parameter.shape) for v in self.layout.variables]
        return [self.params[place].reshape(shape) for place, shape in places]

    def count_params(self) -> int:
        """Number of parameters, those that are not trained too."""
        return sum(variable.size for variable in self.layout.variables)

    def weight_names(self) -> list[str]:
        """``"0.kernel"`` and so on for each array of :meth:`get_weights`: names in files of :meth:`save_weights`.

        Layers are counted without an InputLayer, those of models inside too. See :meth:`weight_paths`.
        """
        return [f"{v.layer}.{v.parameter.name}" for v in self.layout.variables]

    def weight_paths(self) -> list[str]:
        """``"model/layer/parameter"`` for each array of :meth:`get_weights`, by the names of layers and models inside.

        So weights are called in errors, in ``names`` of gradients and in an optimizer's factors.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> Sequential([Dense(1, input_shape=(2,))]).weight_paths()
        ['dense/kernel', 'dense/bias']
        """
        from fastnn.models.values import parameter_names

        return parameter_names(cast("Network", self).graph, self.layout)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters: kernel ``(n_in, n_out)`` and bias ``(n_out,)`` of each layer in turn."""
        return [view.copy() for view in self._views()]

    def set_weights(self, weights: Iterable[object]) -> None:
        """Set all parameters, in the order and shapes of :meth:`get_weights`; all or none change.

        Parameters
        ----------
        weights : arrays in the order and shapes of :meth:`get_weights`.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(1, input_shape=(2,))])
        >>> model.weight_names()
        ['0.kernel', '0.bias']
        >>> model.set_weights([[[1.0], [2.0]], [0.5]])
        >>> model.predict([[1.0, 1.0]]).tolist()
        [[3.5]]
        """
        self.set_weights_at(range(len(self.layout.variables)), weights)

    def set_weights_at(self, places: Sequence[int], weights: Iterable[object]) -> None:
        """Set the parameters at some places among those of :meth:`get_weights`; all of them change or none."""
        views, names = self._views(), self.weight_paths()
        chosen = [views[place] for place in places]
        arrays = check_weights([names[place] for place in places], chosen, weights)
        with interrupts.whole():
            for view, array in zip(chosen, arrays, strict=True):
                view[...] = array

    def save_weights(self, path: StrPath) -> None:
        """Write the weights alone to a safetensors file, for :meth:`load_weights`.

        Raises
        ------
        OSError
            the file cannot be written; what stands at ``path`` is as it was.
        ValueError
            the ending of its name is another format's, such as .h5.
        """
        from fastnn.models import weight_files

        weight_files.save_weights(cast("Network", self), path)

    def load_weights(self, path: StrPath, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Set weights from a file of :meth:`save_weights` or of :meth:`Model.save`; all or none change.

        Optimiser state and counters stay.

        Parameters
        ----------
        path : file name.
        skip_mismatch : leave layers as they are whose arrays in the file are others in number or shape; a warning
            names them. Without it that is an error.
        by_name : take the arrays of layers that have a name of the file's, and leave all other layers as they are; a
            model inside this one goes as one layer. Without it arrays go by their order, as in :meth:`set_weights`,
            whatever the layers are called.

        Raises
        ------
        FileNotFoundError, ValueError
            there is no such file; it is none of fastnn's, is damaged, or is of other shapes; no layer has a name of
            the file's.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> first, second = (Sequential([Dense(1, input_shape=(2,))], seed=seed) for seed in (1, 2))
        >>> first.save_weights("first.weights.safetensors")
        >>> second.load_weights("first.weights.safetensors")
        >>> bool((first.params == second.params).all())
        True
        """
        from fastnn.models import weight_files

        weight_files.load_weights(cast("Network", self), path, skip_mismatch, by_name)
