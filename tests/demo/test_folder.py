"""The output folder: what the demo made is replaced, what a user has there is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider.demo import folder
from outrider.demo.folder import NotOurs, Plan, clear, load, prepare
from outrider.demo.photos import Found, Photo, default_photos


def plan_of(*slugs: str) -> Plan:
    return Plan.of(Found([Photo(f"{slug}.png", f"/nowhere/{slug}.png", slug) for slug in slugs]))


def fill(output: Path, plan: Plan) -> None:
    """What a run leaves behind."""
    for photo in plan.photos:
        for path, _, _ in plan.renditions(photo):
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            (output / path).touch()
    for name in ("index.html", "manifest.json", "sprite.jpg", "sprite.json"):
        (output / name).touch()
    folder.remember_stage(output, "b1")


def files(output: Path) -> list[str]:
    return sorted(str(path.relative_to(output)) for path in output.rglob("*"))


def test_the_default_run_has_a_thousand_jobs_with_a_file_each() -> None:
    plan = Plan.of(default_photos())
    paths = [path for photo in plan.photos for path, _, _ in plan.renditions(photo)]
    assert len(set(paths)) == len(paths) == plan.jobs >= 1000
    assert plan.jobs // len(plan.formats) * 3 >= 1000  # without AVIF too


def test_many_photographs_get_fewer_widths() -> None:
    few, many = plan_of(*"abc"), plan_of(*map(str, range(folder.MANY)))
    assert set(many.widths) < set(few.widths)
    assert max(many.widths) == max(few.widths)


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    plan = Plan.of(Found([Photo("ü <b>.png", "/tmp/ü <b>.png", "u-b")], 3, ["bad\ufffd"]))
    prepare(tmp_path / "out", plan)
    assert load(tmp_path / "out") == plan


def test_a_second_run_removes_what_the_first_made_and_nothing_else(tmp_path: Path) -> None:
    first = plan_of("one", "two")
    prepare(tmp_path, first)
    fill(tmp_path, first)
    mine = [tmp_path / "mine.txt", tmp_path / "renditions" / "two" / "mine.png"]
    for path in mine:
        path.write_text("of the user")
    (tmp_path / "renditions" / "one" / ".40.png.1f.part").touch()
    prepare(tmp_path, plan_of("three"))
    assert [path for path in mine if path.read_text() != "of the user"] == []
    assert files(tmp_path) == [
        ".outrider-demo.json",
        "mine.txt",
        "renditions",
        "renditions/two",
        "renditions/two/mine.png",
    ]
    assert load(tmp_path) == plan_of("three")


def test_clearing_leaves_an_empty_folder(tmp_path: Path) -> None:
    plan = plan_of("one", "two")
    prepare(tmp_path, plan)
    fill(tmp_path, plan)
    clear(tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["index.html", "manifest.json", "sprite.jpg", "renditions"])
def test_a_file_that_is_not_of_the_demo_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("of the user")
    with pytest.raises(NotOurs, match=name):
        prepare(tmp_path, plan_of("one"))
    assert files(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "of the user"


def test_an_output_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotOurs, match="cannot write to"):
        prepare(tmp_path / "file", plan_of("one"))
    with pytest.raises(NotOurs, match="cannot write to"):
        prepare(tmp_path / "file" / "below", plan_of("one"))


def test_a_damaged_plan_is_an_error_in_words_and_deletes_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, plan_of("one"))
    fill(tmp_path, plan_of("one"))
    (tmp_path / ".outrider-demo.json").write_text("{")
    before = files(tmp_path)
    with pytest.raises(NotOurs, match="damaged"):
        prepare(tmp_path, plan_of("one"))
    assert files(tmp_path) == before


def test_the_second_stage_is_remembered(tmp_path: Path) -> None:
    assert folder.recall_stage(tmp_path) is None
    folder.remember_stage(tmp_path, "b42")
    assert folder.recall_stage(tmp_path) == "b42"
