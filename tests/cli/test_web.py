"""`outrider web`: what it opens, and to whom."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from outrider import App
from tests.process.harness import OUTRIDER, environment, outrider


@contextmanager
def web(folder: Path, *words: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `outrider web`, and its address."""
    command = [*OUTRIDER, "web", "work", "--port", "0", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_this_machine_and_stops_in_good_order(
    tmp_path: Path, work: ModuleType, number: signal.Signals
) -> None:
    """The page, the API and the job of the target; a signal ends it with 0."""
    with web(tmp_path) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        assert "openapi.json" in httpx.get(f"{address}/").text
        assert httpx.get(f"{address}/api/v1/overview").json()["enqueued"] == 0
        foreign = httpx.get(f"{address}/api/v1/overview", headers={"host": "evil.example"})
        assert foreign.status_code == 421
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_streams_are_ended_when_it_stops(tmp_path: Path, work: ModuleType) -> None:
    """Who watches sees the end of an answer, not a cut; nobody waits for him (O183)."""
    with web(tmp_path) as (address, process):
        path = f"{address}/api/v1/stats/stream?seconds=60"
        with httpx.stream("GET", path, timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            process.send_signal(signal.SIGTERM)
            assert list(lines) == [""]
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken(tmp_path: Path, work: ModuleType) -> None:
    """One line that says which, and what to do."""
    with web(tmp_path) as (address, _):
        port = address.rpartition(":")[2]
        ran = outrider(tmp_path, "web", "work", "--port", port)
    told = f"outrider: can't listen on 127.0.0.1, port {port}: Address already in use; see --port\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", told)


def test_the_address_that_it_tells_is_answered(tmp_path: Path, work: ModuleType) -> None:
    """Each of 127.0.0.0/8 is this machine."""
    with web(tmp_path, "--host", "127.0.0.2") as (address, _):
        assert address.startswith("http://127.0.0.2:")
        assert httpx.get(f"{address}/api/v1/health").status_code == 200


def test_a_token_closes_it(tmp_path: Path, work: ModuleType) -> None:
    """With OUTRIDER_WEB_TOKEN only who has it is let in."""
    token = "a-token-of-some-length"
    with web(tmp_path, OUTRIDER_WEB_TOKEN=token) as (address, _):
        assert httpx.get(f"{address}/api/v1/me").status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        assert httpx.get(f"{address}/api/v1/me", headers=headers).json()["name"] == "token"


def test_a_function_says_who_may_ask(tmp_path: Path, work: ModuleType) -> None:
    """`--auth module:name`, looked up with the current folder on the path."""
    (tmp_path / "doors.py").write_text(
        "from outrider.web.principals import Principal\n"
        "def known(scope):\n"
        "    return Principal('ann', ['read']) if b'ann=1' in scope['query_string'] else None\n"
    )
    with web(tmp_path, "--auth", "doors:known") as (address, _):
        assert httpx.get(f"{address}/api/v1/queues").status_code == 401
        assert httpx.get(f"{address}/api/v1/queues?ann=1").status_code == 400
    wrong = outrider(tmp_path, "web", "work", "--auth", "doors:nobody")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "doors:nobody" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--host", "0.0.0.0"), "OUTRIDER_WEB_TOKEN"),
        (("--host", "::"), "OUTRIDER_WEB_TOKEN"),
        (("--host", "192.0.2.1", "--i-know-this-is-open"), "192.0.2.1"),
        (("--port", "70000"), "--port"),
    ],
)
def test_what_it_refuses(
    tmp_path: Path, work: ModuleType, words: tuple[str, ...], expected: str
) -> None:
    """It never opens to others unless that was said; errors are one line."""
    ran = outrider(tmp_path, "web", "work", *words)
    assert ran.returncode != 0
    assert expected in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_what_is_missing_is_one_clear_line(tmp_path: Path, work: ModuleType, package: str) -> None:
    """Whatever of the extra is not installed."""
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(name={package!r})")
    ran = outrider(tmp_path, "web", "work", "--port", "0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"outrider: the web application needs {package}: pip install 'outrider[web]'\n"
    )


def test_a_server_that_is_away_is_told_at_the_start(tmp_path: Path, app: App) -> None:
    """One clear line and a non-zero status."""
    (tmp_path / "away.py").write_text(
        "from outrider import App\napp = App('redis://127.0.0.1:1', timeout=0.2)\n"
    )
    ran = outrider(tmp_path, "web", "away")
    assert ran.returncode == 1
    assert ran.stderr.startswith("outrider: the server at redis://127.0.0.1:1 does not answer")
    assert ran.stderr.count("\n") == 1
