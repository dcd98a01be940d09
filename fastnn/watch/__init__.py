"""A live page in the browser while a model trains: curves, speed, and what a network of two inputs or of
images has learned.

>>> from fastnn.watch import Watch
>>> model.fit(x, y, epochs=1000, callbacks=Watch())                                        # doctest: +SKIP
watch the training at http://127.0.0.1:8470/

``fastnn train DATA --watch`` does the same. The page is served to this machine only, loads nothing from elsewhere,
and keeps what it shows when the training has ended and the server is gone.
"""

from fastnn.watch.callback import Watch
from fastnn.watch.plane import Plane

__all__ = ["Plane", "Watch"]
