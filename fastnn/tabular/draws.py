"""Settings drawn at random around the recipe's: what `best` and `fastnn.tune` choose from.

The first settings of a draw are the recipe itself, so that a search is never without it. The others are drawn one
after another from one seed: a longer draw begins with the shorter one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastnn.tabular.settings import Settings

WIDTHS = (64, 96, 128, 192, 256)
DEPTHS = (2, 3, 4)
DROPOUTS = (0.0, 0.4)  # uniform
RATES = (0.3, 2.0)  # times the recipe's, log-uniform
DECAYS = (0.2, 5.0)  # times the recipe's, log-uniform
BATCHES = (0.5, 1.0, 2.0)  # times the recipe's
ACTIVATIONS = ("silu", "selu", "mish", "relu")


def drawn(recipe: Settings, n: int, seed: int) -> tuple[Settings, ...]:
    """The recipe and ``n - 1`` settings around it.

    Width and depth are uniform over :data:`WIDTHS` and :data:`DEPTHS` (all layers of one width), dropout uniform over
    :data:`DROPOUTS`, rate and decay log-uniform over :data:`RATES` and :data:`DECAYS` times the recipe's, the
    activation uniform over :data:`ACTIVATIONS`, the batch one of :data:`BATCHES` times the recipe's.

    >>> drawn(Settings(), 3, 0)[0] == Settings(), drawn(Settings(), 3, 0) == drawn(Settings(), 5, 0)[:3]
    (True, True)
    """
    random = np.random.default_rng([seed, 0xD4A3])
    return (recipe, *(_draw(recipe, random) for _ in range(n - 1)))[:n]


def _draw(recipe: Settings, random: np.random.Generator) -> Settings:
    width, depth = int(random.choice(WIDTHS)), int(random.choice(DEPTHS))
    dropout = round(float(random.uniform(*DROPOUTS)), 3)
    rate, decay = (float(np.exp(random.uniform(*np.log(ends)))) for ends in (RATES, DECAYS))
    activation, batch = str(random.choice(ACTIVATIONS)), float(random.choice(BATCHES))
    return around(recipe, width, depth, dropout, rate, decay, activation, batch)


def around(
    recipe: Settings, width: int, depth: int, dropout: float, rate: float, decay: float, activation: str, batch: float
) -> Settings:
    """The recipe with these in place of its own; ``rate``, ``decay`` and ``batch`` are factors."""
    return replace(
        recipe,
        hidden=(width,) * depth,
        dropout=dropout,
        learning_rate=recipe.learning_rate * rate,
        weight_decay=recipe.weight_decay * decay,
        activation=activation,
        batch_size=max(8, int(recipe.batch_size * batch)),
    )
