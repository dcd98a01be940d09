"""A stack of layers with its parameters: structure and weights of a model, before any thought of training."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fastnn import checks, exclusive, interrupts, serialization
from fastnn.definitions import integer
from fastnn.layers.base import Layer, Shape, check_shape
from fastnn.plan import Layout, aligned, lay_out
from fastnn.stored import check_types
from fastnn.summary import summary

if TYPE_CHECKING:
    from fastnn.model import Sequential


class Stack:
    """Layers, their layout and one flat vector ``params``; :class:`fastnn.Sequential` adds training.

    Parameters
    ----------
    layers, dtype, seed : see :class:`fastnn.Sequential`.
    """

    def __init__(self, layers: Iterable[Layer] | None, dtype: Any, seed: int | None):
        self.dtype = checks.model_dtype(dtype)
        self.seed = int.from_bytes(os.urandom(8)) >> 1 if seed is None else integer("seed", seed, low=0)
        if self.seed >= 2**64:
            raise ValueError(f"seed must be below 2**64, got {seed}")
        self._layers: list[Layer] = []
        self._layout: Layout | None = None
        self._forget()
        self._stack(_layers(layers))

    @property
    def layers(self) -> list[Layer]:
        """The layers, a copy of the list."""
        return list(self._layers)

    @property
    def built(self) -> bool:
        """Whether the input's shape is known and parameters exist."""
        return self._layout is not None

    def add(self, layer: Layer) -> None:
        """Append a layer. Parameters that exist are drawn anew when the model is built again."""
        self._stack([*self._layers, *_layers([layer])])

    def pop(self) -> Layer:
        """Take the last layer off and return it."""
        if not self._layers:
            raise ValueError("the model has no layer to pop")
        layer = self._layers[-1]
        self._stack(self._layers[:-1])
        return layer

    def _stack(self, layers: list[Layer]) -> None:
        """Have these layers, built where the input's shape is known; an error changes nothing."""
        exclusive.check_idle(self, "add or pop")
        shape = layers[0].input_shape if layers else None
        if shape is None and layers and self._layout is not None:
            shape = self.input_shape
        drawn = None if shape is None else self._draw(layers, shape)
        self._layers = layers
        self._forget(drawn)

    def build(self, input_shape: Any = None) -> None:
        """Draw the initial parameters for samples of ``input_shape`` (without the batch axis). Not within a fit."""
        exclusive.check_idle(self, "build")
        self._build(input_shape)

    def _build(self, input_shape: Any) -> None:
        known = self._layers[0].input_shape if self._layers else None
        shape = known if input_shape is None else check_shape("input_shape", input_shape)
        if not self._layers:
            raise ValueError("the model has no layers")
        if shape is None:
            raise ValueError("the input's shape is not known; give input_shape to the first layer or to build()")
        if known is not None and shape != known:
            raise ValueError(f"input_shape {shape} differs from the first layer's {known}")
        self._forget(self._draw(self._layers, shape))

    def _draw(self, layers: list[Layer], shape: Shape) -> tuple[Layout, np.ndarray]:
        layout = lay_out(layers, shape)
        params = aligned(layout.n_params, self.dtype)
        for stream, variable in enumerate(layout.variables):
            parameter = variable.parameter
            drawn = parameter.initializer(parameter.shape, self.seed, stream)
            params[variable.offset : variable.offset + variable.size] = drawn.ravel()
        return layout, params

    def restore(self, layers: list[Layer], layout: Layout, params: np.ndarray) -> None:
        """Have layers with parameters that are there, from a file: nothing is drawn."""
        self._layers = layers
        self._forget((layout, params))

    @contextlib.contextmanager
    def built_for(self, x: Any) -> Iterator[None]:
        """A block in which the model is built, by the rows of ``x`` if need be; an error inside takes that back."""
        waiting = not self.built
        if waiting:
            self._build(checks.sample_shape("x", x))
        try:
            yield
        except BaseException:
            if waiting:
                self._forget()
            raise

    def _forget(self, drawn: tuple[Layout, np.ndarray] | None = None) -> None:
        """Start afresh, not built or with new parameters."""
        self._layout, self.params = drawn or (None, aligned(0, self.dtype))

    @property
    def layout(self) -> Layout:
        """Shapes and places of the parameters; builds the model when it can."""
        if self._layout is None:
            self._build(None)
        assert self._layout is not None
        return self._layout

    @property
    def input_shape(self) -> Shape:
        """Shape of one sample."""
        return self.layout.shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of one prediction."""
        return self.layout.shapes[-1]

    def count_params(self) -> int:
        """Number of trainable parameters."""
        return sum(variable.size for variable in self.layout.variables)

    def summary(self, print_fn: Any = print) -> None:
        """Print a table of the layers, their output shapes and parameters.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense, Dropout
        >>> Sequential([Dense(64, "relu", input_shape=(20,)), Dropout(0.25), Dense(1)]).summary()
        #  layer    output   params  settings
        --------------------------------------
        0  Dense    (n, 64)   1,344  relu
        1  Dropout  (n, 64)       0  rate=0.25
        2  Dense    (n, 1)       65
        --------------------------------------
        input (n, 20), 1,409 params in float32 (5.5 KiB)
        not compiled
        """
        print_fn(summary(cast("Sequential", self)))

    def __repr__(self) -> str:
        shapes = (
            f"{self.input_shape} -> {self.output_shape}, {self.count_params()} params" if self.built else "not built"
        )
        return f"<{type(self).__name__} of {len(self._layers)} layers, {shapes}>"

    def weight_names(self) -> list[str]:
        """``"layer.parameter"`` for each array of :meth:`get_weights`."""
        return [f"{v.layer}.{v.parameter.name}" for v in self.layout.variables]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters: kernel ``(n_in, n_out)`` and bias ``(n_out,)`` of each layer in turn."""
        return [
            self.params[v.offset : v.offset + v.size].reshape(v.parameter.shape).copy() for v in self.layout.variables
        ]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Set all parameters, in the order and shapes of :meth:`get_weights`; all or none change.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> model = Sequential([Dense(1, input_shape=(2,))])
        >>> model.weight_names()
        ['0.kernel', '0.bias']
        >>> model.set_weights([[[1.0], [2.0]], [0.5]])
        >>> model.predict([[1.0, 1.0]]).tolist()
        [[3.5]]
        """
        variables, weights = self.layout.variables, checks.listed("weights", weights, "arrays")
        if len(weights) != len(variables):
            raise ValueError(
                f"weights must hold {len(variables)} arrays ({', '.join(self.weight_names())}), got {len(weights)}"
            )
        checked = []
        for name, variable, came in zip(self.weight_names(), variables, weights, strict=True):
            array = checks.real_array(f"weights of {name}", came, self.dtype)
            if array.shape != variable.parameter.shape:
                raise ValueError(f"weights of {name} must have shape {variable.parameter.shape}, got {array.shape}")
            checks.check_finite(f"weights of {name}", array)
            checked.append(array)
        with interrupts.whole():
            for variable, array in zip(variables, checked, strict=True):
                self.params[variable.offset : variable.offset + variable.size] = array.ravel()

    def save_weights(self, path: Any) -> None:
        """Write the weights alone to a safetensors file, for :meth:`load_weights`.

        Raises
        ------
        OSError
            the file cannot be written; what stands at ``path`` is as it was.
        ValueError
            the ending of its name is another format's, such as .h5.
        """
        serialization.save_weights(self, path)

    def load_weights(self, path: Any) -> None:
        """Set all weights from a file of :meth:`save_weights` or of :meth:`Sequential.save`; all or none change.

        Arrays go by their order, as in :meth:`set_weights`, whatever the layers are called; each must have the shape
        that the model wants. Optimiser state and counters stay.

        Raises
        ------
        FileNotFoundError, ValueError
            there is no such file; it is none of fastnn's, is damaged, or is of other shapes.

        >>> from fastnn import Sequential
        >>> from fastnn.layers import Dense
        >>> first, second = (Sequential([Dense(1, input_shape=(2,))], seed=seed) for seed in (1, 2))
        >>> first.save_weights("first.weights.safetensors")
        >>> second.load_weights("first.weights.safetensors")
        >>> bool((first.params == second.params).all())
        True
        """
        serialization.load_weights(self, path)


def _layers(came: Any) -> list[Layer]:
    listed = checks.listed("layers", () if came is None else came, "layers of fastnn.layers")
    for layer in listed:
        if not isinstance(layer, Layer):
            raise TypeError(f"a model takes layers of fastnn.layers, got {layer!r}")
        check_types(layer)
    return listed
