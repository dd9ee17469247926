"""Every operation is performed once, whatever comes of the first sendings of its request."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from outrider import App, store
from outrider.script import SCRIPTS
from tests.network.matrix import Bench, difference, harms
from tests.network.prepared import CASES, SAME, Case
from tests.process.harness import measured
from tests.process.proxy import Proxy


@pytest.fixture
def bench(tmp_path: Path, url: str) -> Iterator[Bench]:
    """A server that is empty, and a network of this test's own."""
    app, proxy = App(url), Proxy(tmp_path / "proxy.sock", url)
    yield Bench(app, proxy)
    proxy.close()
    app.close()


def operations() -> set[str]:
    """All that `store` offers: scripts by their name, plain commands with their module's."""
    found = set(SCRIPTS)
    for module in iter_modules(store.__path__):
        members = inspect.getmembers(import_module(f"outrider.store.{module.name}"))
        found |= {
            f"{module.name}.{name}"
            for name, one in members
            if inspect.isfunction(one)
            and one.__module__ == f"outrider.store.{module.name}"
            and str(inspect.signature(one).return_annotation).startswith("Call[")
        }
    return found - SAME


def test_every_operation_is_prepared() -> None:
    """A new one is seen here: it needs an entry in `prepared.py`."""
    assert {case.name for case in CASES} == operations()
    per_case = len(list(harms()))
    measured(
        f"{len(CASES)} states of {len(operations())} operations: {len(CASES) * per_case} cells"
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_counts_once(bench: Bench, case: Case) -> None:
    """The server is as after one sending, and so is the answer, where that is promised (N1, N3)."""
    calm = bench.run(case, None)
    assert difference(case, calm, bench.run(case, None)) == "", "differs from one time to another"
    failed = {}
    for harm in harms():
        found = difference(case, calm, bench.run(case, harm))
        if found:
            failed[harm] = found
    total = len(list(harms()))
    measured(f"{case}: {total - len(failed)} of {total} cells")
    assert not failed
