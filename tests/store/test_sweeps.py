"""What it costs to look for lost workers, whoever many there are."""

from __future__ import annotations

from outrider import App
from outrider.script import command
from outrider.store import process
from outrider.store.process import Reaped
from tests.app.hands import NOW

WORKERS = 2000
ROUND = 5000


def _commands(app: App) -> int:
    """How many commands the server has executed, those inside scripts too."""

    def total(answer: bytes) -> int:
        lines = answer.decode().split()
        return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines[2:])

    return app.perform(command("INFO", "commandstats", decode=total))


def _beat(app: App, number: int, at: int, *, register: int = 0) -> Reaped:
    """One beat of a worker, with its look for others: as each does every five seconds."""
    identity = f"host:{number}:{number:012x}"
    beat = process.beat(
        app.keys,
        identity=identity,
        life=30_000,
        register=register,
        fields=["busy", 0],
        work=[],
        heard="",
        override=NOW + at,
    )
    assert app.perform(beat).alive
    return app.perform(process.reap(app.keys, limit=100, override=NOW + at))


def test_a_sweep_costs_the_same_however_many_there_are(app: App) -> None:
    """2,000 workers start together: each looks as cheaply as alone, and takes nobody (P107)."""
    _beat(app, 0, 0, register=1)
    before = _commands(app)
    _beat(app, 0, ROUND)
    alone = _commands(app) - before
    for number in range(1, WORKERS):
        _beat(app, number, ROUND, register=1)
    before = _commands(app)
    taken = [_beat(app, number, 2 * ROUND) for number in range(WORKERS)]
    each = (_commands(app) - before) / WORKERS
    assert set(taken) == {Reaped("", 0)}
    assert each <= alone
