"""Names of jobs, and what may have one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.registry import Registry, default_name


def work() -> None: ...


class Alerts:
    def on_death(self, status: Any, options: dict[str, Any]) -> None: ...


def test_a_job_is_named_by_module_and_qualname() -> None:
    """The default name says where the code is."""

    def nested() -> None: ...

    app = App("redis://h")
    here = "tests.unit.test_registry"
    assert app.job(work).name == f"{here}.work"
    assert app.job(nested).name == (
        f"{here}.test_a_job_is_named_by_module_and_qualname.<locals>.nested"
    )
    assert app.job(name="short")(work).name == "short"
    assert default_name(Alerts.on_death) == f"{here}.Alerts.on_death"


def test_a_name_belongs_to_one_piece_of_code() -> None:
    """Two jobs of one name would run each other's work: the second is refused, with both named."""
    app = App("redis://h")

    def other() -> None: ...

    app.job(name="same")(work)
    with pytest.raises(ConfigError) as caught:
        app.job(name="same")(other)
    assert str(caught.value) == (
        f"two jobs are named 'same': {__name__}.work and {__name__}."
        "test_a_name_belongs_to_one_piece_of_code.<locals>.other; give one of them name=…"
    )
    assert app.registry.get("same") is not None


def test_a_reload_registers_again() -> None:
    """The same code may come again, as a reload does; the newer one counts."""
    app = App("redis://h")
    app.job(work)
    again = app.job(queue="other")(work)
    assert app.registry.get(again.name) is again
    assert len(app.registry) == 1


def test_apps_do_not_share_names() -> None:
    """Each app has a registry of its own."""
    first, second = App("redis://h"), App("redis://h")
    job = first.job(work)
    assert second.registry.get(job.name) is None
    assert list(first.registry) == [job]


def test_a_registry_takes_only_names() -> None:
    """What can't stand in a payload can't be registered."""
    registry: Registry[int] = Registry()
    with pytest.raises(ConfigError, match="is no job name"):
        registry.add('a"b', 1, work)
    assert len(registry) == 0


def test_callback_classes_have_a_colon() -> None:
    """A class is module:Class, so that it never meets a job's name."""
    app = App("redis://h")
    assert app.callbacks(Alerts) is Alerts
    found = app.find_target(f"{__name__}:Alerts.on_death")
    assert found is not None
    assert (found.function, found.owner) == (Alerts.on_death, Alerts)
    assert app.find_target(f"{__name__}.Alerts.on_death") is None
    with pytest.raises(ConfigError, match="has no method on_success"):
        app.find_target(f"{__name__}:Alerts.on_success")


PROGRAM = """
from outrider import App

app = App("redis://h")

@app.job
def work(): ...

@app.callbacks
class Alerts: ...

print(work.name, *(known.name for known in app.callback_classes))
"""
NAMED = """
from outrider import App

print(App("redis://h").job(name="named")(lambda: None).name)
"""


def run(folder: Path, *words: str, program: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        input=program,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip().rpartition("\n")[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scripts and a package, all with the same program."""
    for name in ("shop.py", "my-jobs.py", "pkg/__init__.py", "pkg/mod.py", "pkg/__main__.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("" if path.stem == "__init__" else PROGRAM)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["shop.py"], "shop.work shop:Alerts"),
        (["./pkg/../shop.py"], "shop.work shop:Alerts"),
        (["-m", "shop"], "shop.work shop:Alerts"),
        (["-m", "pkg.mod"], "pkg.mod.work pkg.mod:Alerts"),
        (["-m", "pkg"], "pkg.__main__.work pkg.__main__:Alerts"),
    ],
    ids=" ".join,
)
def test_a_script_names_its_jobs_as_a_worker_imports_them(
    folder: Path, words: list[str], names: str
) -> None:
    """Nobody can import `__main__`, so the name is the one that the file has as a module."""
    assert run(folder, *words) == (0, names)


@pytest.mark.parametrize(("words", "program"), [(["my-jobs.py"], ""), (["-"], PROGRAM)], ids=str)
def test_a_script_that_nobody_can_import_is_refused(
    folder: Path, words: list[str], program: str
) -> None:
    """A clear error at the decorator instead of a job that no worker ever finds."""
    code, line = run(folder, *words, program=program)
    assert code == 1
    assert line == (
        "outrider.errors.ConfigError: work is defined in __main__, which a worker cannot import: "
        "move it to a module, or give it name=…"
    )


def test_a_name_of_its_own_needs_no_module(folder: Path) -> None:
    """With name=… a job may be defined anywhere."""
    assert run(folder, "-", program=NAMED) == (0, "named")
