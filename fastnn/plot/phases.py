"""Where the time of a training step goes: stacked bars of a profile, one for each operation and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import shown
from fastnn._kernels.laps import Stage
from fastnn.models.profiles import COLUMNS, OF_STAGE, Profile
from fastnn.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def phases(profile: object, ax: Axes | None = None) -> Axes:
    """Draw a profile as stacked bars: a bar for each operation of the model, then what is no operation's own.

    Milliseconds are those of all threads together. The parts of a bar are the columns of the profile's table: forward,
    activation, backward, statistics of the batch, gradients of parameters (dw), update.

    Parameters
    ----------
    profile : what :func:`fastnn.utils.profile` gives.
    ax : Axes to draw into; None makes a figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    TypeError
        it is no profile.

    Examples
    --------
    >>> from fastnn import Sequential, plot, utils
    >>> from fastnn.layers import Dense
    >>> model = Sequential([Dense(8, "relu", input_shape=(4,)), Dense(1)])
    >>> model.compile("adam", "mse")
    >>> ax = plot.phases(utils.profile(model, batch_size=32))
    >>> [label.get_text() for label in ax.get_yticklabels()][:2]
    ['dense', 'dense_1']
    """
    if not isinstance(profile, Profile):
        raise TypeError(f"phases draws what fastnn.utils.profile gives, got {shown(profile)}")
    names, bars = _bars(profile)
    with style.drawing(ax, (6.2, 1.2 + 0.26 * len(names))) as ax:
        places, left = np.arange(len(names)), np.zeros(len(names))
        for k, column in enumerate([*COLUMNS, "rest"]):
            if bars[column].any():
                ax.barh(places, bars[column], 0.75, left, color=style.COLOURS[k], label=column)
            left += bars[column]
        ax.set_yticks(places, names)
        ax.invert_yaxis()
        ax.set_xlabel("milliseconds of a step" + (", all threads together" if profile.threads > 1 else ""))
        ax.legend(loc="lower right")
    return ax


def _bars(profile: Profile) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the bars, and milliseconds of each of their parts."""
    stages = [stage for stage in Stage if profile.stage_seconds[:, stage].any()]
    names = [*(op.layer for op in profile.ops), *(OF_STAGE[stage] for stage in stages)]
    bars = {name: np.zeros(len(names)) for name in (*COLUMNS, "rest")}
    for i in range(len(profile.ops)):
        for name, seconds in profile.columns(i).items():
            bars[name][i] = 1e3 * seconds.sum()
    for i, stage in enumerate(stages, len(profile.ops)):
        bars["rest"][i] = 1e3 * profile.stage_seconds[:, stage].sum()
    return names, bars
