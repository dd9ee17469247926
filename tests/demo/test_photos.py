"""Which files are photographs, and what they are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from outrider.demo.photos import DEFAULTS, NoPhotographs, default_photos, find_photos


def picture(path: Path, format: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), "teal").save(path, format)
    return path


def names(folder: Path, skip: Path | None = None) -> list[str]:
    return [photo.name for photo in find_photos(folder, skip=skip).photos]


def test_the_default_photographs_are_about_twenty_that_can_be_opened() -> None:
    found = default_photos()
    assert [photo.name for photo in found.photos] == list(DEFAULTS)
    assert 18 <= len(found.photos) <= 25
    for photo in found.photos:
        with Image.open(photo.source) as image:
            assert min(image.size) > 150


def test_scikit_image_is_found_without_being_imported() -> None:
    code = (
        "import sys; from outrider.demo.photos import default_photos; "
        "print(len(default_photos().photos), 'skimage' in sys.modules, 'numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(len(DEFAULTS)), "False", "False"]


def test_photographs_are_found_in_every_folder_and_other_files_counted(tmp_path: Path) -> None:
    picture(tmp_path / "b.png")
    picture(tmp_path / "deep" / "er" / "A.JPG", "JPEG")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "deep" / "film.mpg").write_bytes(b"\0\0\1\xba")
    found = find_photos(tmp_path)
    assert [photo.name for photo in found.photos] == ["b.png", "deep/er/A.JPG"]
    assert found.ignored == 2


def test_content_tells_what_a_name_does_not(tmp_path: Path) -> None:
    for number, format in enumerate(("JPEG", "PNG", "GIF", "WEBP", "TIFF")):
        picture(tmp_path / f"nameless{number}", format)
    (tmp_path / "text").write_text("RIFF is a word too")
    assert names(tmp_path) == [f"nameless{number}" for number in range(5)]


def test_a_broken_picture_is_a_photograph_and_a_hidden_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "no-name").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
    picture(tmp_path / "._apple.jpg")
    picture(tmp_path / ".cache" / "inside.png")
    assert names(tmp_path) == ["broken.jpg", "empty.png", "no-name"]


def test_links_are_followed_but_none_for_ever(tmp_path: Path) -> None:
    folder, other = tmp_path / "mine", tmp_path / "other"
    picture(folder / "one.png")
    picture(other / "two.png")
    (folder / "loop").symlink_to(folder)
    (folder / "elsewhere").symlink_to(other)
    (folder / "self.jpg").symlink_to(folder / "self.jpg")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    assert names(folder) == ["elsewhere/two.png", "gone.jpg", "one.png", "self.jpg"]


def test_a_pipe_with_the_name_of_a_picture_is_left_alone(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path) == ["one.png"]


def test_the_output_of_an_earlier_run_is_not_searched(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    picture(tmp_path / "out" / "renditions" / "one" / "40.png")
    assert names(tmp_path, skip=tmp_path / "out") == ["one.png"]


def test_slugs_are_safe_and_never_collide(tmp_path: Path) -> None:
    for name in ("a/x.png", "a-x.png", "a x.png", "A/X.jpg", "Ünïcødé #1 100%.png", "火箭.png"):
        picture(tmp_path / name)
    picture(tmp_path / "<script>alert(1)<" / "script>.png")
    slugs = [photo.slug for photo in find_photos(tmp_path).photos]
    assert len(set(slugs)) == len(slugs) == 7
    for slug in slugs:
        assert slug.strip("abcdefghijklmnopqrstuvwxyz0123456789-") == ""
        assert slug
    assert "photo" in slugs  # of a name without a Latin letter


def test_a_name_that_is_no_text_is_refused_but_told_of(tmp_path: Path) -> None:
    picture(tmp_path / "good.png")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.png")).touch()
    except OSError:
        pytest.skip("this file system takes no such name")
    found = find_photos(tmp_path)
    assert [photo.name for photo in found.photos] == ["good.png"]
    assert found.refused == ["bad\ufffd.png"]


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    picture(tmp_path / "a\x1b[31mred\n.png")
    (photo,) = find_photos(tmp_path).photos
    assert photo.name == "a\ufffd[31mred\ufffd.png"
    assert Path(photo.source).is_file()


def test_a_folder_without_a_photograph_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(NoPhotographs, match="no image among the 1 files"):
        find_photos(tmp_path)
    with pytest.raises(NoPhotographs, match="no folder"):
        find_photos(tmp_path / "missing")
