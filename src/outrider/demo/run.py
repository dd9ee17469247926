"""`outrider demo` from the first photograph to the path of the page."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.console import Console

from outrider.demo import folder
from outrider.demo.manifest import Manifest, load_manifest
from outrider.demo.page import count, seconds, size
from outrider.demo.photos import NoPhotographs, default_photos, find_photos
from outrider.demo.progress import Screen
from outrider.demo.worker import Worker, WorkerEnded, running_worker
from outrider.embedded import Server
from outrider.errors import OutriderError

if TYPE_CHECKING:
    from outrider import BatchStatus

_GLANCE = 0.1  # seconds between two looks at the batch
_PATIENCE = 60.0  # seconds that manifest, sprite and page may take without a sign


class DemoFailed(Exception):
    """The demo could not end as it should; the message says why, in one line."""


def run_demo(images: Path | None, output: Path, *, chaos: bool, workers: int) -> int:
    """Make the gallery of `images`, or of photographs of its own, in `output`; the exit code.

    With `chaos` one of the `workers` processes is killed on the way, and nothing is missing in
    the end. A file that cannot be read is told of, and is no failure of the demo.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the worker is stopped too
    try:
        plan = _prepare(images, output)
        manifest = _make(plan, output.resolve(), chaos=chaos, workers=workers)
    except (NoPhotographs, folder.NotOurs, DemoFailed, WorkerEnded, OutriderError) as error:
        click.echo(f"outrider demo: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("outrider demo: interrupted", err=True)
        return 130
    _tell(manifest, output)
    return 0


def _prepare(images: Path | None, output: Path) -> folder.Plan:
    if images and images.resolve().is_relative_to(output.resolve()):
        message = f"the images are in {output}: choose another folder with --output"
        raise folder.NotOurs(message)
    plan = folder.Plan.of(find_photos(images, skip=output) if images else default_photos())
    folder.prepare(output, plan)
    return plan


def _make(plan: folder.Plan, output: Path, *, chaos: bool, workers: int) -> Manifest:
    with TemporaryDirectory() as place:
        server = Server.start(Path(place) / "server")
        os.environ["OUTRIDER_URL"] = server.url  # for the app of the jobs, here and in the worker
        from outrider.demo import jobs

        with server, running_worker(workers, Path(place) / "log") as worker:
            photos = count(len(plan.photos), "photograph")
            processes = "1 worker process" if workers == 1 else f"{workers} worker processes"
            screen = Screen(Console(), plan.jobs)
            screen.say(f"{photos}, {count(plan.jobs, 'job')}, {processes}")
            _watch(jobs.start(output), screen, worker, chaos=chaos)
            _await_page(output, worker)
    return load_manifest(output)


def _watch(status: BatchStatus, screen: Screen, worker: Worker, *, chaos: bool) -> None:
    """Show the batch until all of its jobs are over; with `chaos`, do harm on the way."""
    with screen:
        while not status.is_settled:
            time.sleep(_GLANCE)
            worker.check()
            status.refresh()
            done = status.total - status.pending + status.dead
            screen.show(done, status.failures)
            middle = status.total // 4 <= done < status.total
            if chaos and middle and (killed := worker.kill_child()):
                chaos = False
                screen.say(f"chaos: killed worker process {killed}; its jobs will run again")
    if chaos:
        screen.say("chaos: the batch was over before a worker process could be killed")


def _await_page(output: Path, worker: Worker) -> None:
    """Wait for the page, which the callback of the second batch writes."""
    from outrider.demo import jobs

    deadline = time.monotonic() + _PATIENCE
    while not (output / folder.INDEX).exists():
        time.sleep(_GLANCE)
        worker.check()
        bid = folder.recall_stage(output)
        stage = jobs.app.batches[bid] if bid else None
        if stage and stage.dead:
            failed = stage.failure_info[0]
            message = f"{failed.job} failed: {failed.error_message}"
            raise DemoFailed(message)
        if time.monotonic() > deadline:
            message = f"no page was published within {_PATIENCE:.0f} seconds"
            raise DemoFailed(message)


def _tell(manifest: Manifest, output: Path) -> None:
    """The counts, what failed and why, and last the path of the page."""
    figures = manifest.figures
    rate = figures.jobs / max(figures.seconds, 0.001)
    made = count(manifest.renditions, "rendition")
    lines = [
        f"{count(len(manifest.photos), 'photograph')}, {made}, {size(manifest.bytes)}",
        f"{seconds(figures.seconds)}, {rate:,.0f} jobs a second, {figures.failed:,} failed",
    ]
    if manifest.ignored:
        lines.append(f"{count(manifest.ignored, 'other file')} ignored")
    lines += [f"{failure.name} — {failure.reason}" for failure in manifest.failures]
    for line in lines:
        click.echo(f"  {line}")
    click.echo(output / folder.INDEX)
