"""arq: a job is free again when its own timeout and ten seconds are over."""

from __future__ import annotations

import asyncio
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

from bench.peers.effect import SOCKET, arun

SERVER = RedisSettings(unix_socket_path=SOCKET)


async def job(context: dict[Any, Any], number: int) -> None:  # noqa: ARG001 - arq passes it
    """The job."""
    await arun(number)


class Settings:
    """What `arq` reads."""

    redis_settings = SERVER
    functions = (job,)
    max_jobs = 10
    job_timeout = 1
    poll_delay = 0.01
    keep_result = 0


def fill(jobs: int) -> None:
    """Enqueue so many."""
    asyncio.run(_fill(jobs))


async def _fill(jobs: int) -> None:
    pool = await create_pool(SERVER)
    for number in range(jobs):
        await pool.enqueue_job("job", number)
    await pool.aclose()
