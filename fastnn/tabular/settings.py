"""How one network for a table is built and trained: the numbers of the recipe, by the size of the table.

Source of most of them: RealMLP (Holzmüller, Grinsztajn and Steinwart 2024); the others, and what each part brings on
tables that are at hand, stand in bench/tabular.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastnn._base.arguments import integer, number, shown

BATCH_SIZES = ((1_024, 64), (8_192, 128), (30_000, 256), (100_000, 512))  # rows up to which a batch has so many
LARGEST_BATCH = 1_024


@dataclass(frozen=True)
class Settings:
    """One network's hyperparameters.

    Parameters
    ----------
    activation : name of that behind each hidden layer.
    dropout : share of each hidden layer's outputs that is dropped in training, from 0 to less than 1.
    cycles : of the schedule :class:`fastnn.schedules.CosineLog`, from 1 on.
    epochs : passes over the rows, of which the best one is kept.

    Attributes
    ----------
    hidden : widths of the dense layers, each with ``activation`` and ``dropout`` behind it.
    learning_rate : of a unit whose inputs are one; a layer's is divided by the root of the widest layer's width.
    weight_decay : decoupled, ``w -= rate * decay * w``, in the same measure as ``learning_rate``.
    beta_2 : of Adam.   cycles : of the schedule :class:`fastnn.schedules.CosineLog`.
    batch_size : rows an update.   epochs : passes over the rows, of which the best one is kept.
    patience : epochs without a better score after which training ends; None trains all.
    starts_from_rows : whether the first weights follow from the rows, or are those of plain layers.
    """

    hidden: tuple[int, ...] = (128, 128, 128)
    activation: str = "silu"
    dropout: float = 0.15
    learning_rate: float = 0.04
    weight_decay: float = 0.02
    beta_2: float = 0.95
    cycles: int = 4
    batch_size: int = 128
    epochs: int = 64
    patience: int | None = None
    starts_from_rows: bool = True

    def check(self) -> None:
        """Raise ``ValueError`` or ``TypeError`` for what cannot be trained with."""
        if not self.hidden:
            raise ValueError(f"hidden must name at least one width, got {shown(self.hidden)}")
        for width in self.hidden:
            integer("hidden", width, low=1)
        number("dropout", self.dropout, low=0.0, high=1.0, open_high=True)
        number("learning_rate", self.learning_rate, low=0.0, open_low=True)
        number("weight_decay", self.weight_decay, low=0.0)
        number("beta_2", self.beta_2, low=0.0, high=1.0, open_high=True)
        for name in ("cycles", "batch_size", "epochs"):
            integer(name, getattr(self, name), low=1)
        if self.patience is not None:
            integer("patience", self.patience, low=1)

    @property
    def cycle_ends(self) -> list[int]:
        """After how many epochs each cycle of the rate ends: each has about twice as many as the one before.

        >>> Settings(epochs=150).cycle_ends
        [10, 30, 70, 150]
        """
        last = 2**self.cycles - 1
        return [round(self.epochs * (2**cycle - 1) / last) for cycle in range(1, self.cycles + 1)]

    @property
    def scale(self) -> float:
        """The root of the widest layer's width, by which rates of plain weights differ from those of unit inputs."""
        found: float = float(max(self.hidden)) ** 0.5
        return found


def batch_size(n_rows: int) -> int:
    """Rows of a batch for so many training rows.

    >>> [batch_size(n) for n in (500, 3_000, 20_000, 1_000_000)]
    [64, 128, 256, 1024]
    """
    return next((size for rows, size in BATCH_SIZES if n_rows <= rows), LARGEST_BATCH)
