"""What each job does, whoever runs it: take 5 ms, then append its number to a list."""

from __future__ import annotations

import asyncio
import functools
import os
import time

import redis
import redis.asyncio

URL = os.environ["OUTRIDER_URL"]
SOCKET = URL.removeprefix("unix://")
DONE = "bench:done"
SECONDS = 0.005
# How long a worker must be silent before the others take its jobs, where that can be set.
PATIENCE = 10


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(URL)


@functools.cache
def _aclient() -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(URL)


def run(number: int) -> None:
    """The job, for those that run threads."""
    time.sleep(SECONDS)
    _client().rpush(DONE, number)


async def arun(number: int) -> None:
    """The job, for those that run an event loop."""
    await asyncio.sleep(SECONDS)
    await _aclient().rpush(DONE, number)
