"""What stateful layers have in common: states that a batch leaves, and the next one begins with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Carrying:
    """The states of a layer between batches, where it is stateful.

    Row ``i`` of a batch goes on from row ``i`` of the one before, whether that was trained, evaluated or predicted.
    Gradients do not go back beyond the beginning of a batch (truncated back-propagation through time). Copies of a
    layer begin with zeros, and files hold no states.
    """

    _carried: Sequence[np.ndarray] = ()

    @property
    def states(self) -> list[np.ndarray]:
        """What the next batch begins with, a copy ``(rows, units)`` of each state; nothing before the first batch."""
        return [array.copy() for array in self._carried]

    def carry(self, arrays: Sequence[np.ndarray]) -> None:
        """Have states in these arrays from now on."""
        object.__setattr__(self, "_carried", tuple(arrays))

    @property
    def carried(self) -> Sequence[np.ndarray]:
        """The arrays themselves."""
        return self._carried

    def reset_states(self) -> None:
        """Have the next batch begin with zeros; it may have another number of rows.

        >>> import numpy as np
        >>> from fastnn import Sequential
        >>> from fastnn.layers import SimpleRNN
        >>> ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
        >>> model = Sequential([SimpleRNN(1, "linear", stateful=True, input_shape=(2, 1), **ones)])
        >>> [model.predict(np.ones((1, 2, 1))).item() for _ in range(3)]
        [2.0, 4.0, 6.0]
        >>> model.layers[0].reset_states()
        >>> model.predict(np.ones((1, 2, 1))).item()
        2.0
        """
        for array in self._carried:
            array[...] = 0

    reset_state = reset_states
