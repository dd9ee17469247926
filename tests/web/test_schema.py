"""The API does what its description says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from outrider import App
from outrider.web import create_app
from outrider.web.api import ENDPOINTS
from outrider.web.openapi import describe
from tests.web.served import served
from tests.web.site import API

schema = schemathesis.openapi.from_dict(describe(ENDPOINTS, API))


@pytest.fixture
def address(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a site is served with something of everything."""
    monkeypatch.setattr("outrider.web.streams.LONGEST", 0.05)
    job = app.job(name="some.job")(lambda _=None: None)
    batch = app.batch(description="one")
    with batch.jobs():
        job.enqueue_many([(number,) for number in range(20)])
    job.enqueue_in(60, 1)
    app.queues["default"].delete(next(iter(app.queues["default"])).jid)
    with served(create_app(app, allow_anonymous=True, allow_enqueue=True)) as address:
        yield f"{address}{API}"
    app.close()


_GOOD: dict[str, Any] = {
    "filter": "state:dead",
    "label": "v1",
    "expect": 5,
    "job": "some.job",
    "args": [1],
    "kwargs": {},
}


@schema.parametrize()
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case[Any], address: str) -> None:
    """No 5xx, no status, header or field that is not described; what is wrong is refused."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # What no schema can say: a cursor is one that was given, a filter is in its language, a job
        # is registered and called as it can be, a
        # label can be printed, a time is told in minutes or in
        # hours, and 5.0 is no whole number here.
        for name in {"after", "hours"} & case.query.keys():
            del case.query[name]
        for part in (case.query, case.body):
            if isinstance(part, dict):
                part.update({name: _GOOD[name] for name in _GOOD.keys() & part.keys()})
    case.call_and_validate(base_url=address)
