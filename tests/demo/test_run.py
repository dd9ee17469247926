"""The whole demo, with a real server and real workers, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

RUN = """
import sys
from pathlib import Path
from outrider.demo.run import run_demo
images, output, chaos = sys.argv[1:]
code = run_demo(Path(images), Path(output), chaos=chaos == "chaos", workers=2)
sys.exit(code)
"""


def demo(images: Path, output: Path, chaos: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, str(images), str(output), chaos]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(4):
        noise = Image.effect_noise((400, 300 + number), 60)
        Image.merge("RGB", [noise] * 3).save(folder / f"noise {number}.jpg")
    return folder


def check_gallery(output: Path, photos: int) -> list[dict[str, str]]:
    """Every rendition is there, whole and as listed, and no other file; the failures."""
    data = json.loads((output / "manifest.json").read_text("utf-8"))
    assert len(data["photos"]) == photos
    listed = {file["path"]: file for photo in data["photos"] for file in photo["renditions"]}
    found = {str(path.relative_to(output)) for path in (output / "renditions").rglob("*.*")}
    assert found == set(listed)
    for path, file in listed.items():
        with Image.open(output / path) as image:
            image.load()
            assert image.size == (file["width"], file["height"])
    assert len({len(photo["renditions"]) for photo in data["photos"]}) == 1
    assert (output / "index.html").read_text("utf-8").count("<img") == photos
    failures: list[dict[str, str]] = data["failures"]
    return failures


def test_a_gallery_is_made_and_its_path_is_the_last_line(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    ran = demo(images, output)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[-1] == str(output / "index.html")
    assert "4 photographs, " in ran.stdout
    assert ", 0 failed" in ran.stdout
    assert check_gallery(output, 4) == []


def test_a_broken_file_is_told_of_and_the_rest_is_published(images: Path, tmp_path: Path) -> None:
    (images / "broken.jpg").write_text("no picture")
    (images / "notes.txt").write_text("no picture, nor meant to be one")
    output = tmp_path / "out"
    ran = demo(images, output)
    assert (ran.returncode, ran.stderr) == (0, "")
    (failure,) = check_gallery(output, 4)
    assert failure["name"] == "broken.jpg"
    assert "  broken.jpg — cannot identify image file\n" in ran.stdout
    assert "1 other file ignored" in ran.stdout


def test_a_killed_worker_process_costs_no_picture(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    ran = demo(images, output, "chaos")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "chaos: killed worker process" in ran.stdout
    assert check_gallery(output, 4) == []


def test_a_second_run_replaces_the_first(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert demo(images, output).returncode == 0
    (output / "mine.txt").write_text("of the user")
    for path in sorted(images.iterdir())[1:]:
        path.unlink()
    assert demo(images, output).returncode == 0
    check_gallery(output, 1)
    assert (output / "mine.txt").read_text() == "of the user"


def test_without_an_image_there_is_one_clear_line(images: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for source, output, words in (
        (tmp_path / "missing", tmp_path / "out", "there is no folder"),
        (tmp_path / "empty", tmp_path / "out", "no image among the 0 files"),
        (images, tmp_path / "file" / "out", "cannot write to"),
        (images, images, "choose another folder with --output"),
    ):
        ran = demo(source, output)
        assert (ran.returncode, ran.stdout) == (1, "")
        (line,) = ran.stderr.splitlines()
        assert line.startswith("outrider demo: ")
        assert words in line
    assert not (tmp_path / "out").exists()
