"""Manifest, sprite and page of a real small gallery, and what a browser would make of them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from outrider.demo import folder, manifest, page, sprite
from outrider.demo.photos import Found, find_photos
from outrider.demo.resize import PhotoError, resize

ODD = "<script>alert(1)<&'\" 100% #1?.png"
COLOURS = {"red.png": (255, 0, 0), ODD: (0, 255, 0), "sub/red.png": (0, 0, 255)}
VOID = {"meta", "img", "source", "rect", "link", "br"}


class Reader(HTMLParser):
    """Every element with its attributes, the text, and whether all that opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def make(images: Path, output: Path, *, lose: str = "") -> manifest.Manifest:
    """What the batches do, without them; the rendition whose path ends as `lose` is lost."""
    found = find_photos(images)
    plan = folder.Plan(found.photos, [40, 80, 160, 320], ["webp", "jpeg", "png"], found.ignored)
    folder.prepare(output, plan)
    errors = []
    for photo in plan.photos:
        for path, width, format in plan.renditions(photo):
            try:
                resize(photo.source, str(output / path), width, format)
            except PhotoError as error:
                errors.append(str(error))
            if lose and path.endswith(lose):
                (output / path).unlink()
    figures = manifest.Figures(jobs=plan.jobs, seconds=2.5, failed=len(errors))
    made = manifest.write_manifest(output, figures, sorted(set(errors)))
    sprite.write_sprite(output)
    page.write_page(output)
    return made


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (120, 60), colour).save(path)
    (tmp_path / "images" / "notes.txt").touch()
    return tmp_path / "images"


def read(output: Path) -> Reader:
    reader = Reader()
    reader.feed((output / "index.html").read_text("utf-8"))
    reader.close()
    assert reader.open == []
    return reader


def test_the_manifest_lists_every_rendition_as_it_is(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    made = make(images, output)
    assert manifest.load_manifest(output) == made
    data = json.loads((output / "manifest.json").read_text("utf-8"))
    assert [photo["name"] for photo in data["photos"]] == sorted(COLOURS)
    assert data["ignored"] == 1
    assert data["failures"] == []
    files = [file for photo in data["photos"] for file in photo["renditions"]]
    assert len(files) == 36 == made.renditions
    for file in files:
        path = output / file["path"]
        assert path.stat().st_size == file["bytes"]
        with Image.open(path) as image:
            assert image.size == (file["width"], file["height"])
        assert file["width"] == min(file["asked"], 120)


def test_saved_is_the_share_that_the_smallest_in_full_width_lacks(
    images: Path, tmp_path: Path
) -> None:
    for photo in make(images, tmp_path / "out").photos:
        smallest = min(file.bytes for file in photo.renditions if file.width == 120)
        source = (images / photo.name).stat().st_size
        assert photo.bytes == source
        assert photo.saved == round(1 - smallest / source, 4)


def test_the_sprite_shows_each_photograph_at_its_place(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    made = make(images, output)
    placed = sprite.load_sprite(output)
    assert len(placed.places) == 3
    with Image.open(output / "sprite.jpg") as image:
        assert image.size == (placed.columns * placed.cell, placed.rows * placed.cell)
        for photo in made.photos:
            column, row = placed.places[photo.slug]
            middle = ((column + 0.5) * placed.cell, (row + 0.5) * placed.cell)
            pixel = image.getpixel((int(middle[0]), int(middle[1])))
            assert isinstance(pixel, tuple)
            assert tuple(255 * (value > 127) for value in pixel) == COLOURS[photo.name]


def test_there_is_one_img_a_photograph_and_every_link_leads_to_a_file(
    images: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    make(images, output)
    text, reader = (output / "index.html").read_text("utf-8"), read(output)
    assert text.count("<img") == len(reader.all("img")) == 3
    assert sorted(image["alt"] for image in reader.all("img")) == sorted(COLOURS)
    links = [link["href"] for link in reader.all("a")] + [
        image["src"] for image in reader.all("img")
    ]
    for element in reader.all("img") + reader.all("source"):
        links += [entry.split()[0] for entry in element["srcset"].split(",")]
    links += re.findall(r'url\("([^"]+)"\)', text)
    ids = {attributes["id"] for _, attributes in reader.elements if "id" in attributes}
    for link in links:
        parts = urlsplit(link)
        assert not parts.scheme
        assert not parts.netloc
        assert (output / unquote(parts.path)).is_file() or link.removeprefix("#") in ids
    made = [str(path.relative_to(output)) for path in output.glob("renditions/*/*")]
    assert Counter(link for link in links if link in made).keys() == set(made)


def test_a_srcset_names_each_real_width_once(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    make(images, output)
    for element in read(output).all("img"):
        entries = [entry.split() for entry in element["srcset"].split(",")]
        assert [width for _, width in entries] == ["40w", "80w", "120w"]
        for path, width in entries:
            with Image.open(output / path) as image:
                assert f"{image.width}w" == width


def test_every_id_is_there_once_and_every_popover_target_exists(
    images: Path, tmp_path: Path
) -> None:
    make(images, tmp_path / "out")
    reader = read(tmp_path / "out")
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [button["popovertarget"] for button in reader.all("button")]
    assert len(targets) == 4 * 3
    assert set(targets) <= set(ids)


def test_names_and_reasons_are_text_and_nothing_may_run(images: Path, tmp_path: Path) -> None:
    odd = images / "<img src=x>.jpg"
    odd.write_text("no picture")
    figures = make(images, tmp_path / "out").figures
    manifest.write_manifest(tmp_path / "out", figures, [f"{odd}: a <b>bold</b> reason"])
    page.write_page(tmp_path / "out")
    text, reader = (tmp_path / "out" / "index.html").read_text("utf-8"), read(tmp_path / "out")
    assert reader.all("script") == []
    assert ODD in reader.text
    assert len(reader.all("img")) == text.count("<img") == 3
    assert "<img src=x>.jpg — a <b>bold</b> reason" in reader.text
    assert not [name for _, found in reader.elements for name in found if name.startswith("on")]
    assert not [found for _, found in reader.elements if "style" in found]


def test_the_policy_allows_this_style_and_no_script(images: Path, tmp_path: Path) -> None:
    make(images, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [
        meta["content"]
        for meta in read(tmp_path / "out").all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_a_broken_file_is_named_with_the_reason_and_the_rest_is_shown(
    images: Path, tmp_path: Path
) -> None:
    (images / "broken.jpg").write_text("no picture")
    made = make(images, tmp_path / "out")
    assert made.failures == [manifest.Failure("broken.jpg", "cannot identify image file", 12)]
    assert "broken.jpg" not in {photo.name for photo in made.photos}
    reader = read(tmp_path / "out")
    assert "broken.jpg — cannot identify image file (12 renditions missing)" in reader.text
    assert len(reader.all("img")) == 3


def test_a_failure_that_no_job_told_of_has_its_reason_all_the_same(
    images: Path, tmp_path: Path
) -> None:
    (images / "broken.jpg").write_text("no picture")
    make(images, tmp_path / "out")
    figures = manifest.Figures(jobs=48, seconds=1.0, failed=12)
    errors = [f"{images / 'another.jpg'}: a reason of its own"]
    made = manifest.write_manifest(tmp_path / "out", figures, errors)
    assert made.failures == [manifest.Failure("broken.jpg", "cannot identify image file", 12)]


def test_a_photograph_that_lacks_one_rendition_is_shown_and_told_of(
    images: Path, tmp_path: Path
) -> None:
    made = make(images, tmp_path / "out", lose="sub-red/80.webp")
    assert made.failures == [manifest.Failure("sub/red.png", "not made", 1)]
    assert len(read(tmp_path / "out").all("img")) == 3


def test_a_gallery_of_nothing_but_broken_files_is_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "broken.jpg").write_text("no picture")
    make(tmp_path / "images", tmp_path / "out")
    reader = read(tmp_path / "out")
    assert reader.all("img") == []
    assert "1 file failed" in reader.text


def test_the_headline_figures_are_those_of_the_batch(images: Path, tmp_path: Path) -> None:
    made = make(images, tmp_path / "out")
    text = re.sub(r"\s+", " ", read(tmp_path / "out").text)
    assert "A batch of 36 resizes, done in 2.5 seconds." in text
    for figure in ("photographs3", "renditions36", "seconds2.5", "jobs a second14", "failed jobs0"):
        assert figure in text
    assert f"written{page.size(made.bytes)}" in text


def test_a_refused_name_is_among_the_failures(images: Path, tmp_path: Path) -> None:
    found = find_photos(images)
    plan = folder.Plan.of(Found(found.photos, 0, ["bad\ufffd.png"]))
    folder.prepare(tmp_path / "out", plan)
    made = manifest.write_manifest(tmp_path / "out", manifest.Figures(0, 0.0, 0), [])
    assert made.failures[0] == manifest.Failure("bad\ufffd.png", "its name is not UTF-8", 0)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KB"),
        (21_499, "21 KB"),
        (999_600, "1.0 MB"),
        (52_810_054, "53 MB"),
        (4e12, "4000 GB"),
    ],
)
def test_sizes_for_people(number: float, words: str) -> None:
    assert page.size(number) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0.04, "0.0 seconds"), (59.94, "59.9 seconds"), (125.2, "2 min 5 s")]
)
def test_durations_for_people(number: float, words: str) -> None:
    assert page.seconds(number) == words


def test_numbers_have_their_noun() -> None:
    assert [page.count(number, "job") for number in (0, 1, 1368)] == [
        "0 jobs",
        "1 job",
        "1,368 jobs",
    ]
