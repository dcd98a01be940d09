"""Folders of pictures: what is read of them, what is refused, and training on them from the command line."""

from __future__ import annotations

import numpy as np
import pytest

from fastnn import load
from fastnn.cli import main
from fastnn.datasets import read_image_folder

Image = pytest.importorskip("PIL.Image", reason="Pillow is missing")


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


@pytest.fixture
def bars(tmp_path):
    """Pictures of 12 x 10 pixels with a bar that stands or lies, 30 of each."""
    rng = np.random.default_rng(0)
    for i in range(60):
        made = rng.integers(0, 40, (12, 10))
        made[(slice(None), i % 7 + 1) if i % 2 else (i % 9 + 1, slice(None))] = 255
        picture(tmp_path / "bars" / ("standing" if i % 2 else "lying") / f"{i:02}.png", made)
    return tmp_path / "bars"


def test_pictures_come_in_the_order_of_names_with_the_names_of_their_folders(bars):
    found = read_image_folder(bars)
    assert found.x.shape == (60, 12, 10)
    assert found.x.dtype == np.uint8
    assert found.classes.tolist() == ["lying"] * 30 + ["standing"] * 30
    np.testing.assert_array_equal(found.x[0], np.asarray(Image.open(bars / "lying" / "00.png")))


def test_colours_stay_where_one_picture_has_them(bars):
    picture(bars / "lying" / "99.png", np.full((12, 10, 3), (1, 2, 3)))
    assert read_image_folder(bars).x.shape == (61, 12, 10, 3)
    assert read_image_folder(bars).x[30, 0, 0].tolist() == [1, 2, 3]
    assert read_image_folder(bars, channels=1).x.shape == (61, 12, 10)


def test_parts_are_folders(tmp_path):
    for part in ("train", "test"):
        picture(tmp_path / part / "a" / "1.png", np.zeros((2, 2)))
    picture(tmp_path / "train" / "b" / "1.jpg", np.full((2, 2), 255))
    assert read_image_folder(tmp_path, "train").classes.tolist() == ["a", "b"]
    assert read_image_folder(tmp_path, "test").classes.tolist() == ["a"]


def test_a_folder_of_pictures_alone_has_no_classes(tmp_path):
    picture(tmp_path / "1.png", np.zeros((2, 3)))
    found = read_image_folder(tmp_path)
    assert found.classes is None
    assert found.x.shape == (1, 2, 3)


def test_a_damaged_picture_is_named_or_left_out(bars):
    bad = bars / "lying" / "04.png"
    bad.write_bytes(bad.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"04\.png cannot be read"):
        read_image_folder(bars)
    found = read_image_folder(bars, damaged="skip")
    assert len(found.x) == 59
    assert found.damaged == (str(bad),)


def test_hidden_files_are_no_pictures(bars, tmp_path):
    (bars / "lying" / "._04.png").write_bytes(b"\0\5\x16\7")  # as macOS leaves them
    picture(bars / ".hidden" / "1.png", np.zeros((12, 10)))
    assert set(read_image_folder(bars).classes) == {"lying", "standing"}
    assert len(read_image_folder(bars).x) == 60
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "._1.png").write_bytes(b"\0\5\x16\7")
    with pytest.raises(ValueError, match="has no picture"):
        read_image_folder(tmp_path / "alone")


def test_a_class_whose_pictures_stand_deeper_is_not_lost(bars):
    picture(bars / "leaning" / "left" / "1.png", np.zeros((12, 10)))
    with pytest.raises(ValueError, match=r"leaning has no picture and .*left has; .* move them up"):
        read_image_folder(bars)
    picture(bars / "leaning" / "1.png", np.zeros((12, 10)))  # folders beside pictures are nobody's business
    assert len(read_image_folder(bars).x) == 61


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_pictures_stand_as_cameras_say(tmp_path, orientation, ending):
    ops = pytest.importorskip("PIL.ImageOps")
    seen = np.zeros((16, 32, 3), np.uint8)
    seen[:8, :8], seen[8:, :8], seen[:8, 24:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    notes = Image.Exif()
    notes[0x0112] = orientation
    Image.fromarray(seen).save(tmp_path / f"1.{ending}", exif=notes)
    with Image.open(tmp_path / f"1.{ending}") as saved:
        right = np.asarray(ops.exif_transpose(saved).convert("RGB"))
    np.testing.assert_array_equal(read_image_folder(tmp_path).x[0], right)
    assert right.shape == ((32, 16, 3) if 5 <= orientation <= 8 else (16, 32, 3))


def test_notes_that_cannot_be_read_turn_nothing(tmp_path):
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "1.png", exif=b"Exif\0\0II*\0\x08")
    assert read_image_folder(tmp_path).x[0].ravel().tolist() == list(range(64))


def test_sizes_that_differ_are_named_or_made_one(bars):
    picture(bars / "lying" / "99.png", np.zeros((7, 8)))
    with pytest.raises(ValueError, match=r"00.png is 12 x 10 and .*99.png is 7 x 8"):
        read_image_folder(bars)
    assert read_image_folder(bars, size=(6, 5)).x.shape == (61, 6, 5)


def test_a_picture_of_sixteen_bits_keeps_its_upper_eight(tmp_path):
    Image.fromarray(np.array([[0, 256, 65535]], np.uint16)).save(tmp_path / "1.png")
    assert read_image_folder(tmp_path).x.tolist() == [[[0, 1, 255]]]
    np.testing.assert_array_equal(read_image_folder(tmp_path, size=(2, 3)).x, [[[0, 1, 255]] * 2])


def test_grey_ones_among_colours_are_grey(bars):
    grey = read_image_folder(bars).x
    picture(bars / "lying" / "99.png", np.zeros((12, 10, 3)))
    np.testing.assert_array_equal(read_image_folder(bars).x[:30], np.repeat(grey[:30, ..., np.newaxis], 3, axis=3))


def test_no_more_is_read_than_may_be_taken(bars, monkeypatch):
    opened = []
    monkeypatch.setattr(Image, "open", lambda file, open=Image.open: opened.append(file) or open(file))
    with pytest.raises(ValueError, match=r"up to .*04\.png take more than 300 bytes; give a smaller size"):
        read_image_folder(bars, max_bytes=300)
    assert len(opened) == 3


def test_a_picture_that_is_a_bomb_is_damaged(bars, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"00\.png cannot be read .*bomb"):
        read_image_folder(bars)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"channels": 2}, "channels must be 1 .grey. or 3 .colours., got 2"),
        ({"size": 28}, "size must be .height, width., got 28"),
        ({"size": (28, 0)}, "width must be"),
        ({"size": (2, 2, 3)}, "size must be"),
    ],
)
def test_arguments_that_fit_no_picture_are_refused(bars, given, match):
    with pytest.raises(ValueError, match=match):
        read_image_folder(bars, **given)


@pytest.mark.parametrize("network", ["mlp", "lenet", "cnn", "gru", pytest.param("lstm", marks=pytest.mark.long)])
def test_a_network_learns_from_a_folder_and_predicts_pictures(bars, tmp_path, capsys, network):
    out = str(tmp_path / "m.safetensors")
    given = ["--network", network, "--epochs", "30", "--batch-size", "8", "--seed", "1", "--out", out]
    assert main(["train", str(bars), *given]) == 0
    told = capsys.readouterr().out
    assert "pictures are 12 x 10, grey" in told
    assert main(["evaluate", out, str(bars)]) == 0
    accuracy = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) > 0.9
    assert main(["predict", out, str(bars / "lying")]) == 0
    assert capsys.readouterr().out.split().count("lying") > 26


def test_grey_images_with_a_channel_are_those_without_one(bars, tmp_path, capsys):
    found, out = read_image_folder(bars), str(tmp_path / "m.safetensors")
    np.savez(tmp_path / "bars.npz", x=found.x[..., np.newaxis], y=found.classes == "lying")
    assert main(["train", str(tmp_path / "bars.npz"), "--epochs", "3", "--seed", "1", "--out", out]) == 0
    assert main(["predict", out, str(bars / "lying")]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 30


def test_networks_for_images_refuse_tables(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    assert main(["train", str(tmp_path / "t.csv"), "--target", "b", "--network", "lenet"]) != 0
    assert "--network lenet is for images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "kinds"), [(("--augment",), 3), (("--augment", "flip"), 4), pytest.param((), 0, marks=pytest.mark.long)]
)
def test_images_are_augmented_where_that_is_asked_for(bars, tmp_path, capsys, given, kinds):
    out = str(tmp_path / "m.safetensors")
    common = ["--network", "cnn", "--epochs", "1", "--seed", "1", "--out", out, "--backend", "numpy"]
    assert main(["train", str(bars), *common, *given]) == 0
    assert ("cnn on images of 12 x 10, augmented" in capsys.readouterr().out) == bool(given)
    made = [type(layer).__name__ for layer in load(out).layers]
    assert made[1 : 1 + kinds] == ["RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom"][4 - kinds :]
    assert sum(name.startswith("Random") for name in made) == kinds
    assert main(["predict", out, str(bars / "lying")]) == 0


def test_augmentation_refuses_what_is_no_network_of_images(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    for given in (["t.csv", "--target", "b"], ["t.csv", "--target", "b", "--network", "cnn"], ["digits"]):
        source = str(tmp_path / given[0]) if given[0].endswith("csv") else given[0]
        assert main(["train", source, *given[1:], "--augment"]) == 1
        told = capsys.readouterr().err
        assert "for images" in told or "--augment is for the networks of images" in told
        assert len(told.splitlines()) == 1


def test_the_bundled_digits_are_images_for_such_networks(tmp_path, capsys):
    out = str(tmp_path / "m.safetensors")
    assert main(["train", "digits", "--network", "lenet", "--epochs", "10", "--seed", "1", "--out", out]) == 0
    assert "lenet on images of 8 x 8" in capsys.readouterr().out
    assert main(["evaluate", out, "digits"]) == 0
    accuracy = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) > 0.9
