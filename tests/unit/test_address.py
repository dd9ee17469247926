"""Where the server is: URLs, and what of them may be shown."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.io.connections import Address, hide_password

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("redis://localhost", {"host": "localhost", "port": 6379, "db": 0}),
    ("redis://example.com:1234/5", {"host": "example.com", "port": 1234, "db": 5}),
    ("valkey://example.com:1234/5", {"host": "example.com", "port": 1234, "db": 5}),
    ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
    ("redis://me:se%20cret@h", {"host": "h", "username": "me", "password": "se cret"}),
    ("redis://:secret@h", {"host": "h", "password": "secret"}),
    ("rediss://h:1", {"host": "h", "port": 1}),
    ("valkeys://h:1", {"host": "h", "port": 1}),
    ("unix:///run/valkey.sock", {"path": "/run/valkey.sock", "db": 0}),
    ("unix:///run/valkey.sock?db=3", {"path": "/run/valkey.sock", "db": 3}),
    ("redis://h?client_name=shop", {"client_name": "shop"}),
]


@pytest.mark.parametrize(("url", "expected"), GOOD, ids=lambda value: str(value)[:40])
def test_urls_are_understood_by_both_kinds_of_connection(
    url: str, expected: dict[str, Any]
) -> None:
    """Sync and async connections go to the same place, whatever the scheme."""
    address = Address(url, timeout=1.5)
    for connection in (address.connection(), address.async_connection()):
        assert {name: getattr(connection, name) for name in expected} == expected


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_secure_schemes_are_secure(scheme: str) -> None:
    """With two s the connection is encrypted, and only then."""
    names = [
        type(connection).__name__
        for address in (Address(f"{scheme}://h"), Address(f"{scheme.removesuffix('s')}://h"))
        for connection in (address.connection(), address.async_connection())
    ]
    assert names == ["SSLConnection", "SSLConnection", "Connection", "Connection"]


def test_nothing_is_left_to_redis_py() -> None:
    """Its own retries would push a job three times; time limits and protocol are ours."""
    address = Address("redis://h", timeout=1.5)
    for connection in (address.connection(), address.async_connection()):
        assert connection.retry.get_retries() == 0
        assert connection.socket_timeout == connection.socket_connect_timeout == 1.5
        assert connection.health_check_interval == 0
        assert int(connection.protocol) == 2


BAD = [
    ("", "'' is no server URL; it begins with redis://, rediss://, valkey://"),
    ("localhost:6379", "'localhost:6379' is no server URL"),
    ("http://localhost", "'http://localhost' is no server URL"),
    ("redis:/localhost", "is no server URL"),
    ("redis://", "'redis://' is no server URL"),
    ("REDIS://h", "is no server URL"),
]


@pytest.mark.parametrize(("url", "message"), BAD, ids=repr)
def test_what_is_no_url_is_refused(url: str, message: str) -> None:
    """One line says what stood there and what is expected."""
    with pytest.raises(ConfigError) as caught:
        Address(url)
    assert message in str(caught.value)


UNUSABLE = [
    ("redis://h:port", "cannot use the server URL redis://h:port: Port could not be cast"),
    ("redis://h:99999", "cannot use the server URL redis://h:99999: Port out of range"),
    ("redis://h?colour=red", "unexpected keyword argument 'colour'"),
    ("redis://[::1", "cannot use the server URL redis://[::1: Invalid IPv6"),
    ("unix:///a?db=x", "cannot use the server URL unix:///a?db=x: Invalid value for 'db'"),
    ("rediss://h?ssl_cert_reqs=some", "Invalid SSL Certificate Requirements Flag: some"),
]


@pytest.mark.parametrize(("url", "message"), UNUSABLE, ids=repr)
def test_what_cannot_be_used_is_refused(url: str, message: str) -> None:
    """A wrong part is told by our error, with the URL."""
    for connect in (Address(url).connection, Address(url).async_connection):
        with pytest.raises(ConfigError) as caught:
            connect()
        assert message in str(caught.value)


HIDDEN = [
    ("redis://h:1/0", "redis://h:1/0"),
    ("redis://me@h:1/0", "redis://me@h:1/0"),
    ("redis://:s3cret@h:1/0", "redis://:***@h:1/0"),
    ("redis://me:s3cret@h", "redis://me:***@h"),
    ("redis://me:s3c@ret@h", "redis://me:***@h"),
    ("redis://me:s3/cret@h:1", "redis://me:***@h:1"),
    ("redis://me:s3#cret@h:1", "redis://me:***@h:1"),
    ("redis://me:s3?cret@h:1", "redis://me:***@h:1"),
    ("http://me:s3cret@h", "http://me:***@h"),
    ("sentinel://h:1,g:2/x", "sentinel://h:1,g:2/x"),
    ("sentinel://me:s3cret@h:1,g:2/x", "sentinel://me:***@h:1,g:2/x"),
    ("sentinel://h/x?sentinel_password=s3c&db=1", "sentinel://h/x?sentinel_password=***&db=1"),
    ("redis://h?password=s3cret&db=1", "redis://h?password=***&db=1"),
    ("unix:///a?db=1&password=s3cret", "unix:///a?db=1&password=***"),
    ("unix://me:s3cret@/a.sock", "unix://me:***@/a.sock"),
]


@pytest.mark.parametrize(("url", "hidden"), HIDDEN, ids=repr)
def test_a_password_is_never_shown(url: str, hidden: str) -> None:
    """Where an address is shown stands its user at most."""
    assert hide_password(url) == hidden


MALFORMED = ["redis://me:s3/cret@h:1", "redis://me:s3#cret@h:1", "redis://:s3cret@h?colour=1"]


@pytest.mark.parametrize("url", [*MALFORMED, "http://me:s3cret@h"], ids=repr)
def test_no_error_shows_a_password(url: str) -> None:
    """A password with an unquoted sign makes a URL wrong, and the error must not tell it."""
    with pytest.raises(ConfigError) as caught:
        Address(url).connection()
    assert hide_password(url) in str(caught.value)
    assert "s3" not in str(caught.value)


def test_an_app_connects_late() -> None:
    """Making an App does no input or output, so a wrong URL is told at first use."""
    app = App("nonsense")
    with pytest.raises(ConfigError, match="'nonsense' is no server URL"):
        app.enqueue("some.job")


def test_the_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given wins over OUTRIDER_URL, and that over REDIS_URL."""
    monkeypatch.setenv("REDIS_URL", "redis://third")
    assert App().url == "redis://third"
    monkeypatch.setenv("OUTRIDER_URL", "redis://second")
    assert App().url == "redis://second"
    assert App("redis://first").url == "redis://first"


def test_without_a_url_only_tests_get_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere a forgotten setting must not become an empty server: it is an error."""
    for name in ("OUTRIDER_URL", "REDIS_URL", "PYTEST_VERSION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="set OUTRIDER_URL or REDIS_URL"):
        _ = App().url
