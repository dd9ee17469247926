"""`python -m bench [name ...] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from bench.rig import Figure, Rig, open_rig

NAMES = (
    "drain",
    "ahead",
    "latency",
    "idle",
    "waking",
    "batches",
    "nested",
    "schedule",
    "scripts",
    "inspection",
)
# Only when it is asked for: some take minutes, most of them waiting for what does not come.
ASKED = ("kill", "failover", "outbox")
KNOWN = NAMES + ASKED


def main() -> None:
    """Run the benchmarks that are asked for; status 1 when a rule does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(KNOWN)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(KNOWN)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(KNOWN)}")
    found: dict[str, list[Figure]] = {}
    with open_rig() as rig:
        about = rig.wire("INFO", "server").decode()
        # Valkey also says which Redis it is compatible with.
        server = about.partition("valkey_version:")[2] or about.partition("redis_version:")[2]
        print(
            f"Python {platform.python_version()}, server {server.split()[0]}, "
            f"{os.cpu_count()} cores"
        )
        for name in arguments.names or NAMES:
            found[name] = _run(name, rig)
    if arguments.json:
        lines = {name: [asdict(figure) for figure in found[name]] for name in found}
        arguments.json.write_text(json.dumps(lines, indent=1) + "\n")
    broken = [f.what for figures in found.values() for f in figures if f.holds is False]
    if broken:
        print(f"\nrules that do not hold: {', '.join(what.strip() for what in broken)}")
    sys.exit(1 if broken else 0)


def _run(name: str, rig: Rig) -> list[Figure]:
    module = import_module(f"bench.{name}")
    measure: Callable[[Rig], list[Figure]] = module.measure
    load, begin = os.getloadavg()[0], time.monotonic()
    rig.clear()
    figures = measure(rig)
    seconds = time.monotonic() - begin
    headline = (module.__doc__ or "").partition("\n")[0]
    print(f"\n{name}: {headline} ({seconds:.0f} s; load before: {load:.1f})")
    for figure in figures:
        print(_line(figure))
    sys.stdout.flush()
    return figures


def _line(figure: Figure) -> str:
    span = ""
    if figure.low is not None and figure.high is not None:
        span = f"{_number(figure.low)}–{_number(figure.high)}"
    rule = ""
    if figure.rule is not None:
        sign, bound = figure.rule
        rule = f"{'≤' if sign == '<=' else '≥'} {bound:g}: {'yes' if figure.holds else 'NO'}"
    text = (
        f"  {figure.what:<42}{_number(figure.value):>10} {figure.unit:<10}{span:<18}{rule:<13}"
        f"{figure.note}"
    )
    return text.rstrip()


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    main()
