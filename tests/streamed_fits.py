"""Networks that train on streams: what their tests share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastnn.data import kept
from fastnn.tabular import Options
from fastnn.tabular.stream_fitting import fit_stream


def weights(fitted):
    return np.concatenate([each.ravel() for each in fitted.model.get_weights()])


def fitted_alike(monkeypatch, tables, learned, choice):
    """What a choice gives, once it was seen to have the same bits with rows kept or read anew, on any threads."""
    found = []
    for how in ({}, {"n_threads": 1}, {"executor": ThreadPoolExecutor(2)}):
        found.append(fit_stream(tables, learned, choice, Options(seed=1, **how)))
        monkeypatch.setattr(kept, "WINDOW_BYTES", 0)  # the others read anew for each pass
    assert all((weights(each) == weights(found[0])).all() for each in found)
    return found[0]
