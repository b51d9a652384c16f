"""Which files are pictures, and that any of them becomes the same RGB as the plain one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from farbench.errors import UserError
from farbench.export.pictures import find_pictures, read_picture


@pytest.fixture
def plain() -> np.ndarray:
    """Return a smooth picture, higher than wide."""
    y, x = np.mgrid[0:30, 0:20]
    return np.stack([8 * y, 12 * x, 100 + 4 * (x - y)], -1).clip(0, 255).astype(np.uint8)


def test_a_picture_is_read_as_data_sets_read_theirs(tmp_path, plain):
    Image.fromarray(plain).save(tmp_path / "a.jpg", quality=90)
    expected = cv2.cvtColor(cv2.imread(str(tmp_path / "a.jpg")), cv2.COLOR_BGR2RGB)
    assert np.array_equal(read_picture(tmp_path / "a.jpg"), expected)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "ünï cödé.png"])
def test_formats_without_loss(tmp_path, plain, name):
    Image.fromarray(plain).save(tmp_path / name)
    assert np.array_equal(read_picture(tmp_path / name), plain)


def test_grey_and_deep_pictures_become_rgb(tmp_path, plain):
    grey = plain[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "grey_alpha.png"), np.dstack([grey] * 3 + [np.full_like(grey, 255)]))
    for name in ("grey.png", "deep.png", "grey_alpha.png"):
        assert np.array_equal(read_picture(tmp_path / name), np.dstack([grey] * 3)), name


def test_a_palette_and_an_animation(tmp_path, plain):
    picture = Image.fromarray(plain).quantize(16)
    picture.save(tmp_path / "palette.png")
    picture.save(tmp_path / "moving.gif", save_all=True, append_images=[picture.rotate(180)])
    for name in ("palette.png", "moving.gif"):
        assert np.array_equal(read_picture(tmp_path / name), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(tmp_path, plain, mode):
    rgba = np.dstack([np.full_like(plain, 90), np.full(plain.shape[:2], 255, np.uint8)])
    rgba[:10, :, 3] = 0
    picture = Image.fromarray(rgba)
    picture = picture.quantize(4) if mode == "P" else picture.convert(mode)
    picture.save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png")
    assert (read[:10] == 255).all()
    assert (read[10:] == 90).all()


@pytest.mark.parametrize("opaque", [True, False])
def test_it_is_turned_as_exif_says(tmp_path, plain, opaque):
    """Also where the picture goes through Pillow, for its transparency."""
    lying = Image.fromarray(np.rot90(plain)).convert("RGBA")
    exif = lying.getexif()
    exif[0x0112] = 6  # the camera was turned to the right
    if not opaque:
        lying.putpixel((0, 0), (0, 0, 0, 0))
    lying.save(tmp_path / "a.png", exif=exif)
    read = read_picture(tmp_path / "a.png")
    assert read.shape == plain.shape
    assert (read == plain).mean() > 0.99


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"hello", "does not decode"), (None, "cannot be read")],
)
def test_what_is_no_picture_is_named(tmp_path, content, message):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"a.jpg {message}"):
        read_picture(path)


def test_half_a_file_is_no_picture(tmp_path, plain):
    Image.fromarray(plain).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="does not decode"):
        read_picture(tmp_path / "a.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with pictures and other things."""
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/er/c.webp", ".git/d.jpg"):
        path = tmp_path / "faces" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "faces" / "folder.jpg").mkdir()
    return tmp_path / "faces"


def names(files):
    return [file.name for file in files]


def test_a_folder(folder):
    found = find_pictures([str(folder)])
    assert names(found.files) == ["a.PNG", "b.jpg", "c.webp"]
    assert names(found.passed_over) == ["notes.txt"]
    assert found.repeated == ()


def test_files_patterns_and_what_is_named_twice(folder):
    (folder / "link.jpg").symlink_to(folder / "b.jpg")
    asked = [f"{folder}/b.jpg", f"{folder}/**/*.webp", f"{folder}/*.jpg", f"{folder}/notes.txt"]
    found = find_pictures(asked)
    assert names(found.files) == ["b.jpg", "c.webp", "notes.txt"]  # named, so it is tried
    assert sorted(names(found.repeated)) == ["b.jpg", "link.jpg"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(folder):
    (folder / "e[1].jpg").touch()
    assert names(find_pictures([f"{folder}/e[1].jpg"]).files) == ["e[1].jpg"]


def test_nothing_there(folder, tmp_path):
    with pytest.raises(UserError, match="no such file or folder, and nothing matches"):
        find_pictures([str(folder), f"{folder}/*.bmp"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures in "):
        find_pictures([str(tmp_path / "empty")])
