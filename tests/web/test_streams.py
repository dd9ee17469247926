"""The stream of numbers: told in time, by one reading for all, and ended in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice

import httpx
import pytest

from outrider import App, StoreUnavailable
from outrider.inspection.stats import Stats, StatsReading
from outrider.job import Job
from outrider.web import create_app, streams
from outrider.web.streams import Streams, _Reading
from tests.process.harness import until
from tests.web.served import served
from tests.web.site import API, Site
from tests.web.sites import Message, messages

PATH = f"{API}/stats/stream"


@pytest.fixture
def asgi(app: App) -> object:
    """A web application, open to this machine."""
    return create_app(app, allow_anonymous=True)


@pytest.fixture
def address(asgi: object) -> Iterator[str]:
    """Where it is served."""
    with served(asgi) as address:
        yield address


@contextmanager
def lines(address: str, seconds: int = 1) -> Iterator[Iterator[str]]:
    """A stream, line by line."""
    parameters = {"seconds": seconds}
    with httpx.stream("GET", f"{address}{PATH}", params=parameters, timeout=20) as one:
        assert one.status_code == 200, one.read()
        assert one.headers["content-type"].startswith("text/event-stream")
        assert one.headers["x-accel-buffering"] == "no"
        assert "content-length" not in one.headers
        yield one.iter_lines()


def test_numbers_are_told_again_and_again(address: str, app: App, job: Job[..., None]) -> None:
    """The first ones at once; each time all of them, as they are in the overview."""
    with lines(address) as stream:
        told = messages(stream)
        first = next(told)
        assert (first.name, first.data["enqueued"]) == ("message", 0)
        job.enqueue_many([(number,) for number in range(5)])
        assert next(one.data for one in told if one.data["enqueued"])["enqueued"] == 5
        now = httpx.get(f"{address}{API}/overview").json()
        assert first.data.keys() == now.keys()


def test_all_who_watch_share_a_reading(
    address: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are (O182)."""
    monkeypatch.setattr(streams, "GAP", 1000.0)
    made = 0
    read = Stats.aread

    async def counted(self: Stats) -> StatsReading:
        nonlocal made
        made += 1
        return await read(self)

    monkeypatch.setattr(Stats, "aread", counted)
    with ExitStack() as stack:
        watching = [messages(stack.enter_context(lines(address))) for _ in range(10)]
        for one in watching:
            assert len(list(islice(one, 2))) == 2
    assert made == 1


def test_a_heartbeat(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between numbers that are far apart."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.1)
    with lines(address, 60) as stream:
        found = islice((line for line in stream if line.startswith(":")), 3)
        assert list(found) == [": still here"] * 3


def test_no_more_than_so_many(address: str, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further one is refused; who leaves makes room."""
    monkeypatch.setattr(streams, "MOST", 2)
    with ExitStack() as stack:
        watching = [messages(stack.enter_context(lines(address))) for _ in range(2)]
        assert [next(one).name for one in watching] == ["message"] * 2
        refused = httpx.get(f"{address}{PATH}")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        assert refused.json()["type"] == "urn:outrider:problem:too-many-streams"

    def is_open() -> bool:
        with httpx.stream("GET", f"{address}{PATH}", timeout=20) as one:
            return one.status_code == 200

    until(is_open, "there is room again")


def test_a_stream_ends_by_itself(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In good order; the browser is told to come again, and is asked again who he is."""
    monkeypatch.setattr(streams, "LONGEST", 0.5)
    with lines(address) as stream:
        told = list(stream)
    assert told[0] == "retry: 2000"
    assert len(list(messages(iter(told)))) == 1


def test_a_server_that_stops(asgi: object) -> None:
    """Does not wait for streams: they are ended, and say so."""
    told: list[Message] = []
    with served(asgi) as address, lines(address, 60) as stream:
        watched = messages(stream)
        told.append(next(watched))
        asgi.state.streams.end()  # type: ignore[attr-defined]
        told += watched
    assert len(told) == 1


def test_while_the_store_is_away(address: str, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and the stream goes on."""
    is_away = True
    read = Stats.aread

    async def away(self: Stats) -> StatsReading:
        if is_away:
            raise StoreUnavailable("nobody answers")
        return await read(self)

    monkeypatch.setattr(Stats, "aread", away)
    with lines(address) as stream:
        told = messages(stream)
        problem = next(told)
        assert problem.name == "problem"
        assert problem.data["type"] == "urn:outrider:problem:store-unavailable"
        is_away = False
        assert next(one for one in told if one.name == "message").data["enqueued"] == 0


def test_what_is_refused(site: Site, app: App) -> None:
    """Intervals that are none, and who may not read; a HEAD ends at once (O182)."""
    for seconds in ("0", "61", "x", "1.5"):
        assert site.refused("GET", "/stats/stream", params={"seconds": seconds})[0] == 400
    nobody = Site(app, auth=lambda _: None)
    assert nobody.refused("GET", "/stats/stream")[0] == 401
    assert site.ask("HEAD", PATH).status_code == 200
    assert site.asgi.state.streams._open == set()


def test_who_leaves_takes_the_reading_from_nobody() -> None:
    """And an error that nobody waits for is not told by anybody."""

    async def main() -> None:
        began, go = asyncio.Event(), asyncio.Event()

        async def read() -> int:
            began.set()
            await go.wait()
            return 7

        reading = _Reading(read)
        first, second = (asyncio.ensure_future(reading.latest()) for _ in range(2))
        await began.wait()
        first.cancel()
        go.set()
        assert await second == 7
        assert first.cancelled() or first.cancelling()

    asyncio.run(main())


def test_streams_of_nobody_hold_nothing() -> None:
    """When the last one has ended, no reading is kept."""

    async def main() -> None:
        async def read() -> StatsReading:
            raise StoreUnavailable("away")

        kept = Streams()
        stream = kept.open(read, lambda _: None, 5)
        assert b"store-unavailable" in await stream.news("x")
        assert kept._readings
        kept.close(stream)
        assert not kept._readings

    asyncio.run(main())
