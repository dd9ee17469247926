"""The demo's jobs: a batch of resizes, whose callback opens a batch, whose callback publishes."""

from __future__ import annotations

import warnings
from pathlib import Path

from outrider import App, BatchStatus, clock
from outrider.demo import folder, manifest, page, resize, sprite

# Pillow warns of every odd file; what matters of it is an error, and fails a job.
warnings.filterwarnings("ignore", module="PIL")

app = App()


@app.job(queue="resize", retry=1, backoff=lambda _: 0.2)
def resize_photo(source: str, target: str, width: int, format: str) -> None:
    """Make one rendition; running twice, after a crash, makes the same file."""
    resize.resize(source, target, width, format)


@app.job(queue="gallery")
def write_manifest(output: str, figures: manifest.Figures, errors: list[str]) -> None:
    """Take stock of the renditions that are there."""
    manifest.write_manifest(Path(output), figures, errors)


@app.job(queue="gallery")
def write_sprite(output: str) -> None:
    """Put all photographs into one small picture."""
    sprite.write_sprite(Path(output))


@app.job(queue="gallery")
def next_stage(status: BatchStatus, output: str) -> None:
    """Every rendition is made: open the second batch."""
    _open_second_batch(status, output)


@app.job(queue="gallery")
def salvage(status: BatchStatus, output: str) -> None:
    """Every resize is over. If some failed for good, publish what there is all the same."""
    if not status.is_success:  # or else next_stage has done it
        _open_second_batch(status, output)


@app.job(queue="gallery")
def publish(status: BatchStatus, output: str) -> None:  # noqa: ARG001 - every callback gets it
    """Manifest and sprite are there: write the page."""
    folder.sweep(Path(output), folder.load(Path(output)))
    page.write_page(Path(output))


def start(output: Path) -> BatchStatus:
    """Enqueue one job for each rendition of the plan in `output`."""
    plan = folder.load(output)
    batch = app.batch(description=f"resize {len(plan.photos)} photographs")
    batch.on("success", next_stage, output=str(output))
    batch.on("settled", salvage, output=str(output))
    with batch.jobs():
        for photo in plan.photos:
            for path, width, format in plan.renditions(photo):
                resize_photo.enqueue(photo.source, str(output / path), width, format)
    return app.batches[batch.bid]


def _open_second_batch(status: BatchStatus, output: str) -> None:
    end = status.settled_at or clock.utc(clock.now())
    took = (end - status.created_at).total_seconds()
    figures = manifest.Figures(jobs=status.total, seconds=took, failed=status.dead)
    errors = sorted({failed.error_message for failed in status.failure_info})
    batch = app.batch(description="manifest and sprite")
    batch.on("success", publish, output=output)
    with batch.jobs():
        write_manifest.enqueue(output, figures, errors)
        write_sprite.enqueue(output)
    folder.remember_stage(Path(output), batch.bid)
