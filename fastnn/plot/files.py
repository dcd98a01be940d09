"""Pictures written to files, for the command line."""

from __future__ import annotations

import io
import os

from fastnn._base.types import StrPath
from fastnn._base.writing import write_atomically
from fastnn.plot import curves, style


def save_history(fitted: object, path: StrPath) -> None:
    """Write the curves of the loss and of each metric of a fit to a picture file, or that it had no whole epoch.

    Parameters
    ----------
    fitted : what ``fit`` returned, or its dict.
    path : the file; its ending says which kind.
    """
    with style.styled():
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        if getattr(fitted, "history", fitted):
            curves.draw_panels(figure, curves.Curves(fitted), "auto")
        else:  # stopped within the first epoch
            figure.subplots().set(title="no whole epoch was trained", xlabel="epoch", ylabel="loss")
        ending = os.path.splitext(os.fsdecode(path))[1].lower().lstrip(".")
        picture = io.BytesIO()
        figure.savefig(picture, dpi=120, format=ending or None)
    write_atomically(path, picture.getvalue())


def check_picture(path: StrPath) -> None:
    """Raise ``ImportError`` when matplotlib is missing, ``ValueError`` when it cannot write that kind of file.

    Parameters
    ----------
    path : name of a picture that is to be written; its ending says in which format.
    """
    with style.styled():
        from matplotlib.figure import Figure

        kinds = Figure().canvas.get_supported_filetypes()
    ending = os.path.splitext(os.fsdecode(path))[1].lower().lstrip(".")
    if ending not in kinds:
        raise ValueError(f"{os.fsdecode(path)}: the name of a picture must end in .{', .'.join(sorted(kinds))}")
