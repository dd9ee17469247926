"""A pytest plugin: under CI=true a skipped test is a failed one.

A skip says "not here", and CI is where everything must run; without this, a test whose tool is
missing would be green for ever. Loaded by `-p tests.noskip` (see the Makefile).
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)

_HINT = "skipped, which CI does not allow: make it run there, or deselect it by a marker"


def _forbid(report: R) -> R:
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {_HINT}\n{report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _forbid((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _forbid((yield))
