"""Fashion-MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels in ten classes, from a copy on this machine."""

from __future__ import annotations

from fastnn._base.types import StrPath
from fastnn.datasets.local import Parts, load_local

FILES = ("fashion_mnist.npz", "fashion-mnist", "fashion_mnist")


def load_data(path: StrPath | None = None) -> Parts:
    """The images as Keras gives them: ``(x_train, y_train), (x_test, y_test)``, uint8.

    Parameters
    ----------
    path : an NPZ file with x_train, y_train, x_test and y_test, or a folder of the four IDX files; without it,
        the working folder and Keras' own folder (``~/.keras/datasets``, or below ``KERAS_HOME``) are looked through.

    Raises
    ------
    FileNotFoundError
        there is no copy; nothing is downloaded.
    """
    return load_local("Fashion-MNIST", FILES, path)
