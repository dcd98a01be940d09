"""Folders of pictures: a folder for each class, PNG, JPEG and what else Pillow reads (extra ``image``).

``FOLDER/cat/1.png, FOLDER/dog/7.jpg ...``; where there are folders ``train`` and ``test`` (or ``val``, ``valid``,
``validation``) with such folders, rows to train on and to test on. A folder of pictures alone has no classes. Hidden
files are left out, and pictures stand as EXIF notes say.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastnn._base.arguments import integer, lookup, shown
from fastnn._base.reprs import counted
from fastnn._base.types import StrPath
from fastnn.tables.reading import MAX_BYTES

if TYPE_CHECKING:
    from types import ModuleType

    from PIL import Image

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
PARTS = {"train": ("train",), "test": ("test", "val", "valid", "validation")}
ORIENTATION = 0x0112  # EXIF's tag, and what brings a picture upright, by Pillow's names
UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
GREY = ("1", "L", "LA", "I", "I;16", "F")  # Pillow's modes without colours


@dataclass(frozen=True)
class Pictures:
    """What was read.

    Attributes
    ----------
    x : uint8 ``(n, height, width)`` or, in colours, ``(n, height, width, 3)``.
    classes : names, ``(n,)``; None where pictures stand in no folder of a class.
    damaged : files that could not be read.
    """

    x: np.ndarray
    classes: np.ndarray | None
    damaged: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Pictures {self.x.shape}, {counted(len(self.damaged), 'file')} left out>"


def is_picture_folder(folder: StrPath) -> bool:
    """Whether there is a picture in a folder or in a folder in it, two deep at most."""
    top = Path(folder)
    places = itertools.chain([top], _folders(top), (inner for each in _folders(top) for inner in _folders(each)))
    return any(_is_picture(file) for place in places for file in place.iterdir())


def read_image_folder(
    folder: StrPath,
    part: str = "train",
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    damaged: str = "error",
    max_bytes: int = MAX_BYTES,
) -> Pictures:
    """The pictures of a folder, in the order of the names of classes and files.

    Parameters
    ----------
    folder : with a folder of pictures for each class.
    part : ``"train"`` or ``"test"``, where the folder has both.
    size : ``(height, width)`` to which pictures are made; None where all have one size.
    channels : 3 for colours, 1 for grey; None for colours where some picture has them.
    damaged : ``"error"``, or ``"skip"`` to leave out what cannot be read.
    max_bytes : what all pictures together may take.

    Raises
    ------
    ModuleNotFoundError
        Pillow is missing.
    ValueError
        there is no picture, one cannot be read, or sizes differ; it names the files.
    """
    lookup("part", part, PARTS)
    lookup("damaged", damaged, dict.fromkeys(("error", "skip")))
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colours), got {shown(channels)}")
    if size is not None:
        came: object = size
        if not isinstance(came, tuple | list) or len(came) != 2:
            raise ValueError(f"size must be (height, width), got {shown(size)}")
        size = (integer("height", size[0], low=1), integer("width", size[1], low=1))
    top = _part(Path(folder), part)
    named: list[tuple[str | None, Path]] = [(each.name, file) for each in _folders(top) for file in _files(each)]
    loose: list[tuple[str | None, Path]] = [(None, file) for file in _files(top)]
    if named:
        _check_depth(top)
    if not named and not loose:
        raise ValueError(f"{folder} has no picture ({', '.join(ENDINGS)}), and no folder of pictures")
    found, bad = _opened(named or loose, size, channels, damaged, max_bytes)
    arrays = _of_one_kind([array for _, _, array in found])
    check_same_size([(file, array) for (_, file, _), array in zip(found, arrays, strict=True)])
    classes = None if not named else np.array([name for name, _, _ in found])
    return Pictures(np.stack(arrays), classes, tuple(bad))


def _check_depth(top: Path) -> None:
    """``ValueError`` where a folder beside those of classes has pictures a folder deeper alone, and would be lost."""
    for each in _folders(top):
        inner = None if _files(each) else next((inner for inner in _folders(each) if _files(inner)), None)
        if inner is not None:
            raise ValueError(
                f"{each} has no picture and {inner} has; a class is a folder with its pictures directly in it: "
                f"move them up, or {each.name} elsewhere"
            )


def check_same_size(arrays: list[tuple[Path, np.ndarray]]) -> None:
    """``ValueError`` with two files whose pictures differ in size."""
    first, (file, array) = arrays[0], next((each for each in arrays if each[1].shape != arrays[0][1].shape), arrays[0])
    if array.shape != first[1].shape:
        sizes = " and ".join(f"{name} is {a.shape[0]} x {a.shape[1]}" for name, a in (first, (file, array)))
        raise ValueError(f"pictures must have one size, and {sizes}; give a size to which all are made")


def _opened(
    files: list[tuple[str | None, Path]],
    size: tuple[int, int] | None,
    channels: int | None,
    damaged: str,
    max_bytes: int,
) -> tuple[list[tuple[str | None, Path, np.ndarray]], list[str]]:
    """Class, file and bytes of each picture, and the names of files that are none."""
    pillow = _pillow()
    found, bad, taken = [], [], 0
    for name, file in files:
        try:
            with pillow.open(file) as picture:
                array = _array(picture, size, channels)
        except (OSError, SyntaxError, ValueError, EOFError, pillow.DecompressionBombError) as error:  # it is damaged
            if damaged == "error":
                raise ValueError(
                    f"{file} cannot be read as a picture: {error}; damaged='skip' (--skip-damaged on the command "
                    f"line) leaves it out"
                ) from error
            bad.append(str(file))
            continue
        found.append((name, file, array))
        taken += array.nbytes
        if taken > max_bytes:
            raise ValueError(f"the pictures up to {file} take more than {max_bytes:,} bytes; give a smaller size")
    if not found:
        raise ValueError(f"none of {counted(len(files), 'picture')} can be read; the first is {shown(bad[0])}")
    return found, bad


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ModuleNotFoundError("pictures need Pillow: install the extra fastnn-native[image]") from error
    return Image


def _array(picture: Image.Image, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """The bytes of one of Pillow's pictures, in colours where it has them or ``channels`` wants them."""
    mode = {None: "L" if picture.mode in GREY else "RGB", 1: "L", 3: "RGB"}[channels]
    made = _upright(picture, _in_bytes(picture).convert(mode))
    return np.array(made if size is None else made.resize(size[::-1], _pillow().BILINEAR), np.uint8)


def _of_one_kind(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """All in colours where one is."""
    if all(array.ndim == 2 for array in arrays):
        return arrays
    return [array if array.ndim == 3 else np.repeat(array[..., np.newaxis], 3, axis=2) for array in arrays]


def _in_bytes(picture: Image.Image) -> Image.Image:
    """A picture of 16 bits with its upper eight, which Pillow would cut off at 255."""
    if not picture.mode.startswith("I"):
        return picture
    made: Image.Image = _pillow().fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return made


def _upright(picture: Image.Image, made: Image.Image) -> Image.Image:
    """What was made of a picture, turned as viewers show it; cameras write how they were held beside what they saw."""
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error):
        return made  # notes that cannot be read
    return made if turn is None else made.transpose(_pillow().Transpose[turn])


def _part(folder: Path, part: str) -> Path:
    """The folder of a part, or the folder itself where it has no parts."""
    inside = {each.name.lower(): each for each in _folders(folder)}
    if "train" not in inside:
        return folder
    name = next((name for name in PARTS[part] if name in inside), None)
    if name is None:
        raise ValueError(f"{folder} has a folder train and none of {', '.join(PARTS[part])}")
    return inside[name]


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _is_picture(file: Path) -> bool:
    """Hidden files are none: macOS leaves a ``._1.png``, which is no picture, beside each ``1.png``."""
    return file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if _is_picture(each))
