"""A layer's weights as users see them, and whether they are trained; they stand where its place says."""

from __future__ import annotations

import numpy as np

from fastnn._base.arguments import flag
from fastnn._base.arrays import check_weights, read_only
from fastnn.errors import NotReadyError
from fastnn.layers import freezing
from fastnn.layers.called import Called
from fastnn.layers.place import Place


class Weighted(Called):
    """The weights of a layer; :class:`fastnn.layers.Layer` has them."""

    _trainable = True

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights; may be set at any time, and acts from the next call on."""
        return self._trainable

    @trainable.setter
    def trainable(self, came: bool) -> None:
        object.__setattr__(self, "_trainable", flag("trainable", came))
        freezing.note()

    @property
    def place(self) -> Place | None:
        """Where the layer's parameters are; None before a model with it is built."""
        return self._place

    def stand(self, place: Place | None) -> None:
        """Have parameters somewhere."""
        object.__setattr__(self, "_place", place)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the layer's parameters, none before its model is built.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> layer = Dense(1, kernel_initializer="ones", input_shape=(2,))
        >>> model = Sequential([layer])
        >>> [weights.tolist() for weights in layer.get_weights()]
        [[[1.0], [1.0]], [0.0]]
        """
        return [] if self._place is None else [weights.copy() for weights in self._place.own()]

    def set_weights(self, weights: object) -> None:
        """Set the layer's parameters, in the order and shapes of :meth:`get_weights`; all or none change.

        Parameters
        ----------
        weights : arrays in the order and shapes of :meth:`get_weights`.
        """
        if self._place is None:
            if isinstance(weights, list | tuple) and not weights:  # of a layer that has none, in a loop over layers
                return
            raise ValueError(f"{self!r} has no weights yet; build its model first, by build(input_shape) or fit")
        names = [f"{self.name}/{parameter.name}" for parameter in self._place.parameters]
        for view, array in zip(self._place.own(), check_weights(names, self._place.own(), weights), strict=True):
            view[...] = array

    @property
    def weights(self) -> list[np.ndarray]:
        """The layer's parameters as they are now, not to be written to; see :meth:`set_weights`."""
        return [] if self._place is None else [read_only(view) for view in self._place.own()]

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
        told = [parameter.trainable and self.trainable for parameter in (self._place.parameters if self._place else ())]
        return [weights for weights, is_trained in zip(self.weights, told, strict=True) if is_trained == trained]

    def parameter(self, name: str) -> np.ndarray:
        """The parameter of a name as it is now, not to be written to.

        Parameters
        ----------
        name : such as ``"kernel"``.
        """
        for parameter, array in zip(self._place.parameters if self._place else (), self.weights, strict=True):
            if parameter.name == name:
                return array
        raise NotReadyError(
            f"{self!r} has no {name} yet, or none at all; its model is built by build(input_shape) or fit"
        )

    def count_params(self) -> int:
        """Number of the layer's parameters, 0 before its model is built."""
        return sum(weights.size for weights in self.get_weights())
