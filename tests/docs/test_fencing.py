"""docs/fencing.md is true: its example runs against a real PostgreSQL, with a frozen run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from outrider import App
from tests.app.hands import live, raw
from tests.docs.postgres import postgres
from tests.process.harness import outrider, state, until

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "fencing.md").read_text("utf-8")
EXAMPLE = "".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
TABLES, UPDATE = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
FROZEN = "frozen:1:ab"
ROWS = "SELECT body, token FROM reports"

# One run of one job by a worker called FROZEN: `render` says that it runs, and waits for a line.
RUN = """
import sys
import reports
from outrider.payload import decode
from tests.app.hands import Hands, inside

def render(report_id):
    print("running", flush=True)
    sys.stdin.readline()
    return "late"

reports.render = render
claimed = Hands(reports.app, "frozen:1:ab").claim()
with inside(reports.app, claimed.payloads[0], claimed.first, "frozen:1:ab:0") as job:
    try:
        getattr(reports, job.name.partition(".")[2])(*job.args)
    except reports.Replaced as error:
        print(f"refused {error}, {job.still_mine()}")
    else:
        print("written")
"""


@pytest.fixture(scope="module")
def tables() -> Iterator[str]:
    """A PostgreSQL with the tables of the guide."""
    with postgres() as url:
        with psycopg.connect(url) as database:
            database.execute(TABLES.encode())
        yield url


@pytest.fixture
def database(tables: str) -> Iterator[psycopg.Connection]:
    """A connection; all tables are empty."""
    with psycopg.connect(tables, autocommit=True) as connection:
        connection.execute("TRUNCATE reports, fences")
        yield connection


@pytest.fixture
def settings(tmp_path: Path, app: App, tables: str) -> dict[str, str]:
    """The environment of the example, which lies in `reports.py`."""
    mail = "def send_mail(text): print(text)\n"
    (tmp_path / "reports.py").write_text(EXAMPLE + mail)
    path = f"{ROOT}:{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    return {"OUTRIDER_URL": app.url, "DATABASE_URL": tables, "PYTHONPATH": path}


def rows(database: psycopg.Connection) -> list[tuple[str, int]]:
    return database.execute(ROWS).fetchall()


def work(folder: Path, settings: dict[str, str]) -> None:
    """A worker does all there is to do."""
    ran = outrider(folder, "worker", "reports", "--drain", timeout=60.0, **settings)
    assert ran.returncode == 0, ran.stderr


class Run:
    """One run of a job, in a process that can be frozen."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN],
            cwd=folder,
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "running\n"

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: state(self.process.pid) == "T", "it is frozen")

    def finish(self) -> str:
        """Wake it up and let it write; what came of that."""
        self.process.send_signal(signal.SIGCONT)
        return self.process.communicate("\n", timeout=20)[0].strip()


@pytest.fixture
def start(tmp_path: Path, settings: dict[str, str]) -> Iterator[Callable[[], Run]]:
    """Starts runs, and ends them after the test."""
    runs: list[Run] = []

    def one() -> Run:
        runs.append(Run(tmp_path, settings))
        return runs[-1]

    yield one
    for run in runs:
        run.process.kill()
        run.process.communicate()


def test_the_examples_run(
    tmp_path: Path, app: App, settings: dict[str, str], database: psycopg.Connection
) -> None:
    """As they stand, by a worker; each job that comes later writes the row again."""
    for token, job in enumerate(("publish", "rebuild", "publish", "remind"), start=1):
        app.enqueue(f"reports.{job}", [7])
        work(tmp_path, settings)
        assert rows(database) == [("report 7", min(token, 3))]
    assert (app.stats.processed, app.stats.failed) == (4, 0)


@pytest.mark.parametrize("job", ["publish", "rebuild"])
def test_a_run_that_was_frozen_writes_nothing(
    tmp_path: Path,
    app: App,
    settings: dict[str, str],
    database: psycopg.Connection,
    start: Callable[[], Run],
    job: str,
) -> None:
    """Its lease ran out and a worker ran the job again: what the new run wrote stands."""
    app.enqueue(f"reports.{job}", [7])
    first = start()
    first.freeze()
    live(app, FROZEN, life=-1)
    work(tmp_path, settings)
    assert rows(database) == [("report 7", 2)]
    assert first.finish().endswith("7, False")
    assert rows(database) == [("report 7", 2)]


def test_a_run_that_is_not_replaced_writes(
    app: App, database: psycopg.Connection, start: Callable[[], Run]
) -> None:
    """However long it was frozen, as long as its lease was kept."""
    app.enqueue("reports.publish", [7])
    first = start()
    first.freeze()
    assert first.finish() == "written"
    assert rows(database) == [("late", 1)]


def test_update(tables: str, database: psycopg.Connection) -> None:
    """The statement takes the same token and greater ones; an older one waits, and is refused."""
    database.execute("INSERT INTO reports VALUES (7, 'old', 4)")

    def update(connection: psycopg.Connection, token: int) -> int:
        row = {"body": str(token), "id": 7, "token": token}
        return connection.execute(UPDATE.encode(), row).rowcount

    assert [update(database, token) for token in (3, 4, 4, 6, 5)] == [0, 1, 1, 1, 0]
    with (
        psycopg.connect(tables) as newer,
        psycopg.connect(tables) as older,
        ThreadPoolExecutor() as pool,
    ):
        assert update(newer, 9) == 1
        late = pool.submit(update, older, 8)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        until(lambda: database.execute(waiting).fetchall(), "the older one waits")
        newer.commit()
        assert late.result(20) == 0
    assert rows(database) == [("9", 9)]


def test_after_a_loss(
    tmp_path: Path,
    app: App,
    settings: dict[str, str],
    database: psycopg.Connection,
    start: Callable[[], Run],
) -> None:
    """A server has forgotten its last tokens: nothing is written until the counter is beyond."""
    database.execute("INSERT INTO reports VALUES (7, 'old', 100)")
    app.enqueue("reports.publish", [7])
    assert start().finish() == "refused report 7, True"
    assert rows(database) == [("old", 100)]
    live(app, FROZEN, life=-1)
    words = re.findall(r"redis-cli (INCRBY o:tokens \d+)", GUIDE)[0].split()
    raw(app, *words)
    work(tmp_path, settings)
    ((body, token),) = rows(database)
    assert body == "report 7"
    assert token > 1_000_000_000


def test_a_transaction_that_is_frozen(tables: str, database: psycopg.Connection) -> None:
    """It holds the fence until the server ends it; then the next run goes on."""
    (fence,) = re.findall(r'"""(INSERT INTO fences.*?)"""', EXAMPLE, re.DOTALL)
    setting = re.findall(r"`(idle_in_\w+)`", GUIDE)[0]
    older = psycopg.connect(tables, options=f"-c {setting}=100ms")
    assert older.execute(fence.encode(), ["report:7", 1]).rowcount == 1
    assert database.execute(fence.encode(), ["report:7", 2]).rowcount == 1
    with pytest.raises(psycopg.Error, match="idle-in-transaction timeout"):
        older.execute("SELECT 1")
    older.close()
    assert database.execute("SELECT token FROM fences").fetchall() == [(2,)]
