"""Where the primary is, as sentinels tell it: their URL, and whom to ask in what order."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from outrider.chance import chance
from outrider.errors import ConfigError

PORT = 26379
_NODE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:,/@\s]+)(?::(\d{1,5}))?")
_YES_NO = {"yes": True, "no": False}


class Node(NamedTuple):
    """A server of either kind."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Sentinels:
    """The sentinels of one service, those that told last first.

    `secure` says whether the links to them are encrypted, `login` who we are there.
    """

    def __init__(
        self, service: str, nodes: list[Node], *, secure: bool, login: dict[str, str]
    ) -> None:
        self.service = service
        self.secure = secure
        self.login = login
        # Not all clients are to ask the same one.
        self._nodes = chance.sample(nodes, len(nodes))

    def ask(self) -> Generator[Node, Node | str, tuple[Node, Node]]:
        """Yield sentinels to ask, until one tells: it, and the primary that it knows.

        What is sent in is what it told, a text when it told nothing. Raises LookupError, with all
        that they said, when none does.
        """
        said = []
        for sentinel in self._nodes:
            told = yield sentinel
            if isinstance(told, Node):
                self._nodes = [sentinel, *(node for node in self._nodes if node != sentinel)]
                return sentinel, told
            said.append(f"{sentinel} says: {told}")
        raise LookupError(f"no sentinel told the primary of {self.service!r}; {'; '.join(said)}")

    def judge(self, sentinel: Node, role: Any) -> str:
        """What is wrong with the ROLE of the server that this sentinel told, "" for a primary.

        One that is behind the others is asked last from then on.
        """
        if role[0] == b"master":
            return ""
        self._nodes = [*(node for node in self._nodes if node != sentinel), sentinel]
        return f"{sentinel} told a server that is no primary: its role is {role[0].decode()}"

    @property
    def question(self) -> tuple[str, ...]:
        """What a sentinel is asked."""
        return ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)

    def read(self, answer: Any) -> Node | str:
        """What a sentinel's answer tells."""
        if answer is None:
            return f"there is no {self.service!r} here"
        host, port = answer
        return Node(host.decode(), int(port))


def parse(rest: str, *, secure: bool) -> tuple[str, Sentinels]:
    """Read a URL behind its scheme: the URL of the primary, its host left open, and the sentinels.

    Raises ConfigError when it cannot be understood; no message shows a password.
    """
    place, _, query = rest.partition("?")
    login, at, place = place.rpartition("@")
    hosts, _, path = place.partition("/")
    service, _, db = path.partition("/")
    found = [_NODE.fullmatch(host) for host in hosts.split(",")]
    nodes = [Node(m[1].strip("[]"), int(m[2] or PORT)) for m in found if m]
    if len(nodes) < len(found) or not service:
        raise ConfigError(
            f"{hosts + '/' + path!r} names no sentinels and service: a URL is "
            "sentinel://host:26379,other:26379/service/0"
        )
    rest_of_query, mine = [], {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.startswith("sentinel_"):
            mine[name.removeprefix("sentinel_")] = value
        else:
            rest_of_query.append((name, value))
    tls = mine.pop("tls", "yes" if secure else "no")
    if tls not in _YES_NO or mine.keys() - {"username", "password"}:
        raise ConfigError(
            "of the sentinels a URL may say sentinel_username=, sentinel_password= and "
            "sentinel_tls=yes or no"
        )
    query = f"?{urlencode(rest_of_query)}" if rest_of_query else ""
    url = f"{'rediss' if secure else 'redis'}://{login}{at}{service}/{db}{query}"
    return url, Sentinels(unquote(service), nodes, secure=_YES_NO[tls], login=mine)
