"""`outrider alive`: asks a worker whether it claims, for probes that run a command."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException

import click
import msgspec

from outrider.errors import OutriderError
from outrider.words import printable
from outrider.worker.health import address

PATIENCE = 5.0
LARGEST = 1 << 20


class Answer(msgspec.Struct):
    """What a worker says of itself: its `Verdict`, as far as it is of use here."""

    troubles: list[str]


@click.command(short_help="Ask a worker whether it claims jobs.")
@click.argument("worker", metavar="[HOST:]PORT")
@click.option("--ready", is_flag=True, help="Ask whether it takes jobs, instead.")
def alive(worker: str, ready: bool) -> None:
    """Ask a worker started with `--health [HOST:]PORT` whether its processes claim jobs.

    Exit status 0 if it does, 1 with the reason if not.
    """
    host, port = address(worker)
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/ready" if ready else "/live")
        answer = connection.getresponse()
        troubles = "; ".join(msgspec.json.decode(answer.read(LARGEST), type=Answer).troubles)
    except (msgspec.MsgspecError, RecursionError):
        raise OutriderError(f"what answers at {host}:{port} is no worker's --health") from None
    except (OSError, HTTPException, ValueError) as error:
        raise OutriderError(f"no worker answers at {host}:{port}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise OutriderError(f"not {'ready' if ready else 'alive'}: {troubles}")
    click.echo(printable(troubles) or "alive and ready")
