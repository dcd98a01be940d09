"""What every layer is: its name and dtype, beside its uses in graphs (``called.py``) and its weights (``weighted.py``).

What it computes is said elsewhere: layers that come with fastnn are descriptions (``described.py``), those of a user's
own are classes with ``call`` and ``backward`` (``own.py``). Both answer the same questions of the plan: the output's
shape, the parameters and the operations for an input's shape, without the batch axis.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastnn._base.arguments import flag, shown
from fastnn._base.arrays import of_policy, policy_of, rows_dtype
from fastnn._base.reprs import cut
from fastnn._base.types import DtypeLike
from fastnn.layers import words
from fastnn.layers.composing import Composing
from fastnn.layers.place import Place


class Layer(Composing):
    """Base of all layers, and of a layer of your own: ``call(x)`` of layers, or of NumPy and with ``backward(dy)``.

    Called on edges, a layer gives an edge; called twice, it has the same weights in both places. Models that have a
    layer in common share its weights, which stand where its ``place`` says.

    Parameters
    ----------
    *arguments : none; a subclass has those of its constructor.
    **given : those of every layer: ``name``, ``trainable``, ``dtype``, ``input_shape``, ``activity_regularizer``.
    name : shown in summaries and files.
    trainable : whether training changes its weights.
    dtype : None, or the dtype that its model has to have, ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``; in a
        model of the last, one of ``"float32"`` rounds nothing. Of an ``Input``, that of the rows, which become the
        model's.
    input_shape : shape of one sample, for the first layer.
    activity_regularizer : name or object of :mod:`fastnn.regularizers`, of the layer's output.

    A class without ``backward`` is composed of layers: attributes, also in lists and dicts, that its ``call`` calls.
    That is asked once, on edges, and the layer becomes a model inside the model that it stands in.

    >>> from fastnn import Sequential
    >>> from fastnn.layers import Dense, Layer
    >>> class Residual(Layer):
    ...     def __init__(self, units, **given):
    ...         super().__init__(**given)
    ...         self.first, self.second = Dense(units, "relu"), Dense(units)
    ...     def call(self, x):
    ...         return x + self.second(self.first(x))
    >>> Sequential([Dense(8, input_shape=(4,)), Residual(8), Dense(1)]).count_params()
    193

    A layer in NumPy has these methods, of which ``call`` and ``backward`` have to be there:

    ``build(input_shape)`` makes weights by :meth:`add_weight`; shapes have None for the rows, as in Keras.
    ``call(x)`` or ``call(x, training)`` gives ``y`` ``(rows, ...)`` for rows ``x``; several inputs come as a list.
    ``backward(dy)`` is told the gradient of the loss by ``y``, right after ``call`` of the same rows. It returns
    ``dx``, a list of them for several inputs, and with weights the pair ``dx, [dw, ...]`` in the order of
    :meth:`add_weight`, without those that are not trainable.
    ``compute_output_shape(input_shape)`` may say what ``call`` gives; else ``call`` is asked once with two rows of
    zeros.

    Rows pass in blocks, so gradients are of the block at hand: sums over its rows. Arrays that come are views of the
    model's memory, not to be written to. Where the layer is called, a copy of it works: what ``call`` sets on ``self``
    is there for the ``backward`` of these rows alone. See docs/own_layers.md.

    >>> import numpy as np
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")
    ...     def call(self, x):
    ...         self.x = x
    ...         return x * self.scale
    ...     def backward(self, dy):
    ...         return dy * self.scale, [(dy * self.x).sum(axis=0)]
    >>> model = Sequential([Dense(8, "relu", input_shape=(4,)), Scale(), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> history = model.fit(np.ones((10, 4)), np.ones(10), epochs=2, verbose=0)
    >>> model.layers[1].scale.shape
    (8,)
    """

    states_input = False  # whether the layer only says what the model's input is
    stored_as: str | None = None  # in files, where that is not the class's name
    _place: Place | None = None
    _dtype: DtypeLike | None = None
    _batch_rows: int | None = None
    _name_is_chosen = False  # by a model

    def settle_common(self, given: Mapping[str, object]) -> None:
        """Take the arguments that all layers have."""
        name: object = self.name
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"name must be a text, got {shown(self.name)}")
        if given.get("dtype") is not None:
            (rows_dtype if self.states_input else policy_of)(given["dtype"])
            object.__setattr__(self, "_dtype", of_policy(given["dtype"]))
        if (rows := words.batch_rows(given)) is not None:
            object.__setattr__(self, "_batch_rows", rows)
        if not given.get("trainable", True):
            self.trainable = flag("trainable", given["trainable"])

    def keep_name(self) -> None:
        """Keep the name that a model chose as if the user had given it."""
        object.__setattr__(self, "_name_is_chosen", False)

    def rename(self, name: str) -> None:
        """Have a name that a model chose."""
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_name_is_chosen", True)

    @property
    def dtype(self) -> DtypeLike | None:
        """The dtype that the layer was given, None without; what its model has to have is said above."""
        return self._dtype

    @property
    def batch_rows(self) -> int | None:
        """Rows of a batch by default, as a layer that states the input was told; None where it was not."""
        return self._batch_rows

    @property
    def given_name(self) -> str | None:
        """The name that the user gave, None where a model chose one."""
        return None if self._name_is_chosen else self.name

    def __repr__(self) -> str:
        """The call that makes the layer, without arguments at their defaults."""
        inside = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return cut(f"{type(self).__name__}({inside})")
