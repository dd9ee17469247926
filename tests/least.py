"""Every script under a user of its own, who may do what is read from that script, and no more.

With OUTRIDER_TEST_USERS=least in the environment, apps in this process work so: a command or a key
that `checkup/rights.py` has missed in a script then fails the test that comes by it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from outrider.checkup import rights
from outrider.io import Address, AsyncExecutor, Executor
from outrider.keys import GUARD, Keys
from outrider.script import Call, Script, command

IS_ON = os.environ.get("OUTRIDER_TEST_USERS") == "least"
PASSWORD = "least"


def make_user(name: str, own: rights.Rights, keys: Keys, *more: str) -> Call[bool]:
    """Have the server know a user with these rights, and more rules."""
    rules = ("reset", "on", f">{PASSWORD}", *own.rules(keys), *more)
    return command("ACL", "SETUSER", name, *rules, decode=bool)


def as_user(url: str, name: str) -> str:
    """The URL for this user."""
    return url.replace("://", f"://{name}:{PASSWORD}@", 1)


def user_of(script: Script, guard: str) -> tuple[str, Call[bool]]:
    """The user of a script under the prefix of this guard key, and the request that makes him."""
    keys = Keys(guard.removesuffix(GUARD))
    name = f"{script.name}-{script.sha[:8]}-{keys.prefix.encode().hex()}"
    return name, make_user(name, rights.union([rights.of_script(script.source)]), keys)


def _is_plain(address: Address, calls: Sequence[Call[Any]]) -> bool:
    """Whether these go as they are: plain commands, most of them the tests' own."""
    return "@" in address.url or all(call.script is None for call in calls)


class LeastExecutor(Executor):
    """Performs each script as a user of its own; plain commands as whom the URL names."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._users: dict[str, Executor] = {}

    def run_all(self, calls: Sequence[Call[Any]], *, timeout: float | None = None) -> list[Any]:
        """Perform Calls; those of different users one after the other."""
        if _is_plain(self.address, calls):
            return super().run_all(calls, timeout=timeout)
        return [self._perform(call, timeout) for call in calls]

    def _perform(self, call: Call[Any], timeout: float | None) -> Any:
        if call.script is None:
            return super().run_all([call], timeout=timeout)[0]
        name, making = user_of(call.script, str(call.words[0]))
        if name not in self._users:
            super().run_all([making])
            address = Address(as_user(self.address.url, name), self.address.timeout)
            self._users.setdefault(name, Executor(address, self.patience))
        return self._users[name].run_all([call], timeout=timeout)[0]

    def close(self) -> None:
        """Close the users' connections too."""
        for user in self._users.values():
            user.close()
        super().close()


class AsyncLeastExecutor(AsyncExecutor):
    """The same for asyncio."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._users: dict[str, AsyncExecutor] = {}

    async def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Perform Calls; those of different users one after the other."""
        if _is_plain(self.address, calls):
            return await super().run_all(calls)
        return [await self._perform(call) for call in calls]

    async def _perform(self, call: Call[Any]) -> Any:
        if call.script is None:
            return (await super().run_all([call]))[0]
        name, making = user_of(call.script, str(call.words[0]))
        if name not in self._users:
            await super().run_all([making])
            address = Address(as_user(self.address.url, name), self.address.timeout)
            self._users.setdefault(name, AsyncExecutor(address, self.patience))
        return (await self._users[name].run_all([call]))[0]

    async def close(self) -> None:
        """Close the users' connections too."""
        for user in self._users.values():
            await user.close()
        await super().close()


def executors() -> tuple[type[Executor], type[AsyncExecutor]]:
    """Those that apps have here: each of their calls is one round trip for an app."""
    return (LeastExecutor, AsyncLeastExecutor) if IS_ON else (Executor, AsyncExecutor)


def put_in_place(patch: Callable[[str, object], None]) -> None:
    """Have all apps work so, by pytest's `monkeypatch.setattr`."""
    patch("outrider.hub.Executor", LeastExecutor)
    patch("outrider.hub.AsyncExecutor", AsyncLeastExecutor)
