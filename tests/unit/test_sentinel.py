"""Sentinels: their URLs, and in what order they are asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from outrider import ConfigError
from outrider.io.connections import Address
from outrider.io.sentinel import Node, Sentinels, parse

GOOD: list[tuple[str, list[Node], str, str, dict[str, str]]] = [
    ("h:1,g:2,f/main", [Node("h", 1), Node("g", 2), Node("f", 26379)], "main", "main/", {}),
    ("h/main/3", [Node("h", 26379)], "main", "main/3", {}),
    ("[::1]:7,[::2]/main", [Node("::1", 7), Node("::2", 26379)], "main", "main/", {}),
    ("me:se%20cret@h/main", [Node("h", 26379)], "main", "me:se%20cret@main/", {}),
    (
        "h/main?sentinel_username=w&db=2&sentinel_password=p%26q",
        [Node("h", 26379)],
        "main",
        "main/?db=2",
        {"username": "w", "password": "p&q"},
    ),
]


@pytest.mark.parametrize(("rest", "nodes", "service", "data", "login"), GOOD, ids=range(len(GOOD)))
def test_urls_are_understood(
    rest: str, nodes: list[Node], service: str, data: str, login: dict[str, str]
) -> None:
    """The sentinels and who we are there on one side, the way to the primary on the other."""
    url, sentinels = parse(rest, secure=False)
    assert url == f"redis://{data}"
    assert sentinels.service == service
    assert sentinels.login == login
    assert sorted(asked(sentinels)) == sorted(nodes)
    assert parse(rest, secure=True)[0] == f"rediss://{data}"


BAD = [
    ("h:1", "names no sentinels and service: a URL is sentinel://host:26379,other:26379/service/0"),
    ("/main", "names no sentinels and service"),
    ("h:1,,g/main", "names no sentinels and service"),
    ("h:port/main", "names no sentinels and service"),
    ("h/main?sentinel_tls=perhaps", "sentinel_tls=yes or no"),
    ("h/main?sentinel_colour=red", "a URL may say sentinel_username=, sentinel_password= and"),
]


@pytest.mark.parametrize(("rest", "message"), BAD, ids=repr)
def test_what_is_no_url_is_refused(rest: str, message: str) -> None:
    """When the address is made; no message shows a password."""
    with pytest.raises(ConfigError, match=message.replace("?", ".")) as caught:
        Address(f"sentinel://me:s3cret@{rest}")
    assert "s3cret" not in str(caught.value)


UNUSABLE = ["sentinel://me:s3cret@h/main/x?colour=red", "sentinel://me:s3cret@h/main?db=x"]


@pytest.mark.parametrize("url", UNUSABLE)
def test_what_cannot_be_used_is_refused(url: str) -> None:
    """As with all other URLs: by both kinds of connection, before anybody connects."""
    for connect in (Address(url).connection, Address(url).async_connection):
        with pytest.raises(
            ConfigError, match="cannot use the server URL sentinel://me:\\*\\*\\*@h"
        ):
            connect()


TLS = [("sentinel", "", False, False), ("sentinels", "", True, True)]
TLS += [
    ("sentinels", "?sentinel_tls=no", True, False),
    ("sentinel", "?sentinel_tls=yes", False, True),
]


@pytest.mark.parametrize(("scheme", "query", "data", "links"), TLS)
def test_what_is_encrypted(scheme: str, query: str, data: bool, links: bool) -> None:
    """With two s both kinds of links, unless it is said otherwise of those to the sentinels."""
    address = Address(f"{scheme}://me:pw@h/main/2{query}", timeout=4.0)
    for connection in (address.connection(), address.async_connection()):
        assert connection._link.__name__ == ("SSLConnection" if links else "Connection")
        assert ("SSLConnection" in [kind.__name__ for kind in type(connection).mro()]) == data
        assert (connection.username, connection.password, connection.db) == ("me", "pw", 2)
        assert connection.retry.get_retries() == 0
        assert (connection.socket_timeout, connection.socket_connect_timeout) == (2.0, 1.0)
        assert connection._linking["socket_timeout"] == 1.0


def test_certificates_count_for_both_kinds_of_links() -> None:
    """One authority signs for servers and sentinels."""
    address = Address("sentinels://h/main?ssl_ca_certs=/ca.pem&ssl_cert_reqs=none")
    for connection in (address.connection(), address.async_connection()):
        assert connection._linking["ssl_ca_certs"] == "/ca.pem"
        connection._link(host="h", port=1, **connection._linking)


def test_our_own_class_is_no_managed_one() -> None:
    """redis-py's own gives an answer to the next request after a read was interrupted."""
    for connection in (
        Address("sentinel://h/main").connection(),
        Address("sentinel://h/main").async_connection(),
    ):
        assert "redis.sentinel" not in {kind.__module__ for kind in type(connection).mro()}


def asked(sentinels: Sentinels, told: Iterable[Any] = ()) -> list[Node]:
    """Who is asked, where those of `told` tell."""
    asking, order = sentinels.ask(), []
    try:
        node = next(asking)
        while True:
            order.append(node)
            node = asking.send(Node("primary", 1) if node in told else "nothing")
    except (StopIteration, LookupError):
        return order


A, B, C = Node("a", 1), Node("b", 2), Node("c", 3)


def make() -> Sentinels:
    return Sentinels("main", [A, B, C], secure=False, login={})


def test_the_one_that_told_last_is_asked_first() -> None:
    """The dead ones cost time once."""
    sentinels = make()
    assert set(asked(sentinels)) == {A, B, C}
    asked(sentinels, [C])
    assert asked(sentinels, [A, C]) == [C]
    asked(sentinels, [B])
    assert asked(sentinels, [A, B, C]) == [B]


def test_clients_do_not_all_ask_the_same_one() -> None:
    """The order is drawn."""
    assert {asked(make())[0] for _ in range(200)} == {A, B, C}


def test_one_that_told_a_replica_is_asked_last() -> None:
    """It is behind the others, or they are about to agree."""
    sentinels = make()
    asked(sentinels, [A])
    assert sentinels.judge(A, [b"master", 0, []]) == ""
    assert asked(sentinels, [A]) == [A]
    problem = sentinels.judge(A, [b"slave", b"h", 1, b"connected", 5])
    assert problem == "a:1 told a server that is no primary: its role is slave"
    assert asked(sentinels)[-1] == A


def test_what_all_of_them_said_is_told() -> None:
    """Who was asked, and why nobody knew."""
    asking = make().ask()
    next(asking)
    asking.send("refused")
    asking.send(make().read(None))
    with pytest.raises(LookupError) as caught:
        asking.send("timed out")
    text = str(caught.value)
    assert text.startswith("no sentinel told the primary of 'main'; ")
    assert all(f"{node} says: " in text for node in (A, B, C))
    assert "there is no 'main' here" in text


def test_an_address_is_read() -> None:
    """As sentinels send it."""
    assert make().read([b"10.0.0.1", b"6379"]) == Node("10.0.0.1", 6379)
