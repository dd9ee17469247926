"""`outrider`: the commands, and one clear line for everything that can go wrong."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from outrider import __version__, logs
from outrider.cli.alive import alive
from outrider.cli.doctor import doctor
from outrider.cli.errors import errors
from outrider.cli.mark import mark
from outrider.cli.queue import job, queue
from outrider.cli.search import search
from outrider.cli.server import with_server
from outrider.cli.stats import stats
from outrider.cli.web import web
from outrider.errors import ConfigError, OutriderError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="outrider")
def cli() -> None:
    """Background jobs and batches for Python on Valkey/Redis."""


@cli.command(short_help="Run jobs.")
@click.argument("target")
@click.option("-q", "queues", multiple=True, metavar="NAME[,WEIGHT]", help="A queue to serve.")
@click.option(
    "-c",
    "concurrency",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Jobs at a time in each process, plain and async together.",
)
@click.option(
    "-p",
    "processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=25.0,
    show_default=True,
    help="Seconds that running jobs have when the worker stops.",
)
@click.option(
    "--max-jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Replace a process that has run so many jobs, once another works.",
)
@click.option(
    "--max-memory",
    type=click.IntRange(1),
    metavar="MB",
    help="The same for one that holds more memory than this (Linux).",
)
@click.option("--drain", is_flag=True, help="Stop once nothing is left to do.")
@click.option(
    "--allow-eviction",
    is_flag=True,
    help="Work on a server that may throw jobs away when its memory is full.",
)
@click.option(
    "--health",
    metavar="[HOST:]PORT",
    help="Tell orchestrators here whether it claims: GET /live and /ready.",
)
@click.option(
    "--log-level",
    type=click.Choice(logs.LEVELS),
    default="info",
    show_default=True,
    help="What is logged; info has a line for each job.",
)
def worker(
    target: str,
    queues: tuple[str, ...],
    concurrency: int,
    processes: int,
    timeout: float,
    max_jobs: int | None,
    max_memory: int | None,
    drain: bool,
    allow_eviction: bool,
    health: str | None,
    log_level: str,
) -> None:
    """Run the jobs of TARGET: module:attribute, or a module with an `app`.

    Queues given with weights are served in proportion, without weights strictly in their order;
    with no -q, the queues of all registered jobs. TSTP: take no new jobs. TERM, INT: stop; jobs
    unfinished after --timeout seconds go back to their queues. TTIN: write stacks to the log.
    """
    from outrider.worker.health import address
    from outrider.worker.options import WorkerOptions
    from outrider.worker.order import QueueOrder
    from outrider.worker.supervisor import Supervisor

    if math.isnan(timeout):
        raise ConfigError("--timeout nan: give a number of seconds")
    order = QueueOrder.parse(queues) if queues else None
    logs.configure(log_level)
    options = WorkerOptions(
        target,
        order,
        concurrency,
        processes,
        timeout,
        drain,
        max_jobs,
        max_memory,
        log_level,
        allow_eviction,
        None if health is None else address(health),
    )
    Supervisor(options).run()


@cli.command(short_help="Show, follow or explain a batch; list batches.")
@click.argument("bid", required=False)
@click.option("--watch", is_flag=True, help="Follow it and its children until it is settled.")
@click.option("--explain", is_flag=True, help="Say what it waits for.")
@click.option("--dead", is_flag=True, help="Without BID: list those with dead jobs.")
@with_server
def batch(
    bid: str | None, watch: bool, explain: bool, dead: bool, url: str | None, prefix: str
) -> None:
    """Show how the batch BID stands; without it, list the batches that are not settled."""
    from outrider.cli.batch import show, show_all

    if bid is None and (watch or explain):
        raise click.UsageError("--watch and --explain are for one batch: say which, by its BID")
    if bid is None:
        show_all(dead=dead, url=url, prefix=prefix)
    elif dead:
        raise click.UsageError("--dead lists batches: leave out the BID")
    else:
        show(bid, watch=watch, explain=explain, url=url, prefix=prefix)


@cli.command(short_help="Make a gallery of photographs in a batch.")
@click.option("--images", type=click.Path(path_type=Path), help="Your own folder of photographs.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("outrider-demo"), show_default=True
)
@click.option("--chaos", is_flag=True, help="Kill a worker process in the middle.")
def demo(images: Path | None, output: Path, chaos: bool) -> None:
    """Resize a gallery of photographs in a batch, and publish it as a page."""
    try:
        from outrider.demo.run import run_demo
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the demo needs {error.name}: pip install 'outrider[demo,embedded]'"
        ) from None
    sys.exit(run_demo(images, output, chaos=chaos, workers=2))


cli.add_command(alive)
cli.add_command(doctor)
cli.add_command(queue)
cli.add_command(job)
cli.add_command(stats)
cli.add_command(web)
cli.add_command(mark)
cli.add_command(search)
cli.add_command(errors)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors become one line and a non-zero status, never a traceback."""
    try:
        cli.main(arguments, prog_name="outrider", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.UsageError as error:
        where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        _fail(f"{error.format_message().rstrip('.')}{where}", 2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        sys.exit(1)
    except OutriderError as error:
        _fail(str(error), 1)
    except UnicodeEncodeError as error:  # a name in another encoding, say
        _fail(f"{error.object[:100]!r} can't be written as {error.encoding}", 1)
    except OSError as error:  # no room for the output, say
        _fail(str(error), 1)


def _fail(message: str, status: int) -> None:
    click.echo(f"outrider: {' '.join(message.split())}", err=True)
    sys.exit(status)
