"""Pausing queues, and jobs by their name: the same, under two keys."""

from __future__ import annotations

from outrider.keys import Keys
from outrider.script import Call, command
from outrider.store.place import Place


def pause(keys: Keys, place: Place) -> Call[None]:
    """Let no worker take jobs from a queue, or run jobs of a name."""
    key = keys("paused" if place.is_queue else "pausednames")
    return command("SADD", key, place.name, decode=lambda _: None)


def resume(keys: Keys, place: Place) -> Call[None]:
    """Let workers do so again; what is held for a name goes back within a second."""
    key = keys("paused" if place.is_queue else "pausednames")
    return command("SREM", key, place.name, decode=lambda _: None)


def is_paused(keys: Keys, place: Place) -> Call[bool]:
    """Whether a queue, or jobs of a name, are paused."""
    key = keys("paused" if place.is_queue else "pausednames")
    return command("SISMEMBER", key, place.name, decode=bool)
