"""What can't be enqueued is told to the caller, at once and clearly, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from outrider import App, NotSerializable, PayloadTooLarge, StoreError, StoreUnavailable
from outrider.job import Job
from tests.app.conftest import Way, closing, loop
from tests.app.hands import listed, raw


def resize(image_id: int, width: int = 640, *, fast: bool = False) -> None: ...


def untyped(value) -> None: ...  # type: ignore[no-untyped-def]


def typed(value: UUID) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job with a parameter of each kind."""
    return app.job(name="shop.resize")(resize)


CALLS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "shop.resize() missing a required argument: 'image_id'"),
    ((1, 2, 3), {}, "shop.resize() too many positional arguments"),
    ((1,), {"image_id": 1}, "shop.resize() multiple values for argument 'image_id'"),
    ((1,), {"colour": 1}, "shop.resize() got an unexpected keyword argument 'colour'"),
]


@pytest.mark.parametrize(("args", "kwargs", "message"), CALLS, ids=range(len(CALLS)))
@pytest.mark.parametrize("name", ["enqueue", "enqueue_in"])
def test_a_wrong_call_raises_in_the_caller(
    way: Way,
    app: App,
    job: Job[..., None],
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    message: str,
) -> None:
    """The signature is checked here, not hours later in a worker."""
    first = (5,) if name == "enqueue_in" else ()
    with pytest.raises(TypeError) as caught:
        way(job, name, *first, *args, **kwargs)
    assert str(caught.value) == message
    assert raw(app, "DBSIZE") == 0


ARGUMENTS: list[tuple[Any, Any, str]] = [
    (untyped, {1}, "cannot send value: set is not plain JSON"),
    (untyped, float("nan"), "cannot send value: JSON has no nan"),
    (untyped, {"a": [object()]}, "cannot send value.a[0]: object is not plain JSON"),
    (typed, "no uuid", "cannot send value: str does not fit"),
]


@pytest.mark.parametrize(("function", "value", "message"), ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_what_json_cannot_carry_raises_in_the_caller(
    way: Way, app: App, function: Any, value: Any, message: str
) -> None:
    """Never pickle, never a guess: the argument is named, with what to do."""
    with pytest.raises(NotSerializable) as caught:
        way(app.job(function), "enqueue", value)
    assert message in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert raw(app, "DBSIZE") == 0


def test_by_name_only_plain_json_goes(way: Way, app: App) -> None:
    """Without the code there is no annotation to convert by."""
    with pytest.raises(NotSerializable, match=r"args\[0\]: uuid\.UUID is not plain JSON"):
        way(app, "enqueue", "some.job", [uuid4()])
    with pytest.raises(TypeError, match="args must be a list or a tuple, not str"):
        way(app, "enqueue", "some.job", "abc")
    assert raw(app, "DBSIZE") == 0


def test_large_payloads_are_refused(way: Way, app: App) -> None:
    """1 MiB unless the app says otherwise; what fits goes."""
    with pytest.raises(PayloadTooLarge, match="more than the limit of 1,048,576"):
        way(app, "enqueue", "some.job", ["x" * (1 << 20)])
    assert raw(app, "DBSIZE") == 0
    way(app, "enqueue", "some.job", ["x" * ((1 << 20) - 500)])
    assert len(listed(app)) == 1


def test_the_limit_is_the_apps(url: str) -> None:
    """`max_payload` counts for all jobs of the app."""
    app = App(url, max_payload=500)
    with pytest.raises(PayloadTooLarge, match="more than the limit of 500"):
        app.enqueue("some.job", ["x" * 500])
    app.enqueue("some.job", ["x" * 300])
    app.close()


# -- a server that is away ------------------------------------------------------------------------

AWAY = "does not answer"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of something that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def unreachable(app: App, *, is_async: bool) -> StoreUnavailable:
    """Enqueue on an app without a server: the error, which must come within the time-out."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        Way(app, is_async=is_async)(app, "enqueue", "some.job")
    assert 0.3 <= time.monotonic() - started < 2.0
    assert isinstance(caught.value, StoreError)
    assert isinstance(caught.value, ConnectionError)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; is it running, and is the URL right?")
    app.close()
    return caught.value


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_nobody_listens(is_async: bool) -> None:
    """One clear line with the address but not the password, and: it was not executed."""
    error = unreachable(App("redis://:s3cret@127.0.0.1:1/0", timeout=0.3), is_async=is_async)
    assert str(error).startswith("the server at redis://:***@127.0.0.1:1/0 does not answer (")
    assert error.executed is False


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_socket_that_is_not_there(is_async: bool, tmp_path: Any) -> None:
    """The same for a server of this machine."""
    error = unreachable(App(f"unix://{tmp_path}/no.sock", timeout=0.3), is_async=is_async)
    assert str(error).startswith(f"the server at unix://{tmp_path}/no.sock does not answer (")
    assert error.executed is False


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_server_that_says_nothing(is_async: bool, silent: int) -> None:
    """It may have executed the request or not: the error says that nobody knows."""
    error = unreachable(App(f"redis://127.0.0.1:{silent}", timeout=0.3), is_async=is_async)
    assert error.executed is None


def test_a_wrong_password_is_no_outage(url: str) -> None:
    """It is told at once, by an error of its own."""
    app = App(url.replace("unix://", "unix://me:wrong@"), timeout=5)
    started = time.monotonic()
    with pytest.raises(StoreError, match="the server refused push: ") as caught:
        app.enqueue("some.job")
    assert not isinstance(caught.value, StoreUnavailable)
    assert time.monotonic() - started < 2.0
    app.close()


def test_an_app_works_again_when_its_server_is_back(way: Way, app: App) -> None:
    """Connections that were cut are made anew, without an error for anybody."""
    way(app, "enqueue", "one")
    raw(app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    way(app, "enqueue", "two")
    assert len(listed(app)) == 2


def test_a_cancelled_request_spoils_no_other(app: App) -> None:
    """The reply of a request that was given up must not be taken for the next one's."""

    async def main() -> int:
        async with closing(app):
            await app.aenqueue("warm")
            raw(app, "CLIENT", "PAUSE", 60_000, "WRITE")
            try:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(app.aenqueue("given.up"), 0.05)
            finally:
                raw(app, "CLIENT", "UNPAUSE")
            sizes = [await app.queues["default"].asize() for _ in range(3)]
            await app.aenqueue("next")
            assert sizes in ([1, 1, 1], [2, 2, 2])
            return sizes[0]

    before = loop(app, main())
    assert len(listed(app)) == before + 1
