"""How ``train`` trains where the command line does not say: by the number of rows.

Without ``--epochs`` training goes on until the loss of the held-out rows has stopped improving, and the best epoch is
kept. With ``--epochs`` alone it is that many epochs, the rate on half a cosine down to 0, and the last one is kept.

Design: the numbers count updates, not epochs, for an epoch of 100 rows is a handful of them. On few rows two weight
decays are tried, none and one that grows as rows get fewer, and the held-out rows choose. Either alone is foolish
somewhere: without decay r2 on diabetes is 0.09 lower, with it an exact function of 150 rows loses 0.13.
bench/small_tables.md has the comparisons.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from fastnn import optimizers
from fastnn._base.reprs import counted

SHARE = 0.2  # of the rows held out
FEWEST_HELD_OUT = 5  # rows whose mean loss says anything about when to stop
BATCHES = 64  # of an epoch, as far as LEAST_BATCH and MOST_BATCH let it
LEAST_BATCH, MOST_BATCH, FIXED_BATCH = 16, 256, 32
PATIENCE = 500  # updates without improvement before the rate falls
LEAST_PATIENCE = 5  # epochs
LEAST_UPDATES = 1000  # before the first fall counts
MOST_UPDATES, LEAST_BOUND = 30_000, 100  # updates, and epochs, that bound a training in any case
FALLS = 2  # of the rate, before the third wait ends the training
BLIND_UPDATES, BLIND_EPOCHS = 4000, 20  # without held-out rows: at least so many of each
FEW_ROWS = 5000  # up to which two weight decays are tried
DECAY_ROWS, MOST_DECAY = 600.0, 3.0  # the decay is DECAY_ROWS / rows, at most MOST_DECAY
LBFGS_PATIENCE = 30  # updates, of which each is a pass over all rows


@dataclass(frozen=True)
class Recipe:
    """How to train ``batch_size`` rows an update, for at most ``epochs``.

    Attributes
    ----------
    patience : epochs without a better loss before the rate falls or training ends; None trains all epochs.
    least : epochs before the first such wait may end.   falls : how often the rate falls before the end.
    decays : weight decays to try; None leaves the optimiser's own.
    """

    batch_size: int
    epochs: int
    patience: int | None
    least: int = 0
    falls: int = 0
    decays: tuple[float | None, ...] = (None,)

    def in_words(self) -> str:
        """For the line that describes the network."""
        if self.patience is None:
            return f"batches of {self.batch_size}, {counted(self.epochs, 'epoch')}"
        bound = counted(self.epochs, "epoch")
        return f"batches of {self.batch_size}, until the validation loss stops improving (at most {bound})"


def choose_recipe(arguments: argparse.Namespace, n_rows: int, held_out: bool) -> Recipe:
    """The recipe for ``n_rows`` training rows and the options that were given."""
    optimizer = optimizers.get(arguments.optimizer or "adam")
    fixed = arguments.epochs is not None and arguments.patience is None
    if arguments.patience is not None and not held_out:
        raise ValueError("--patience needs held-out rows, whose loss says when to stop; there are none")
    batch = n_rows if optimizer.full_batch else arguments.batch_size or (FIXED_BATCH if fixed else batch_size(n_rows))
    steps = -(-n_rows // batch)
    decays: tuple[float | None, ...] = (arguments.weight_decay,)
    if fixed or not held_out:
        blind = max(BLIND_EPOCHS, -(-BLIND_UPDATES // steps))
        return Recipe(batch, arguments.epochs or blind, None, decays=decays)
    if arguments.weight_decay is None and type(optimizer) is optimizers.Adam and n_rows <= FEW_ROWS:
        decays = (0.0, min(MOST_DECAY, DECAY_ROWS / n_rows))
    wait, least = (LBFGS_PATIENCE, 0) if optimizer.full_batch else (PATIENCE, LEAST_UPDATES)
    return Recipe(
        batch,
        arguments.epochs or max(LEAST_BOUND, -(-MOST_UPDATES // steps)),
        arguments.patience or max(LEAST_PATIENCE, -(-wait // steps)),
        0 if arguments.patience else -(-least // steps),
        0 if optimizer.full_batch else FALLS,
        decays,
    )


def batch_size(n_rows: int) -> int:
    """A power of two that makes about :data:`BATCHES` updates of an epoch."""
    return min(MOST_BATCH, max(LEAST_BATCH, 1 << max(0, (n_rows // BATCHES).bit_length() - 1)))
