"""The API does what its description says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from outrider import App
from outrider.web import create_app
from tests.web.served import served

EXAMPLES = 15


@pytest.fixture
def schema(app: App) -> Iterator[Any]:
    """The description, of a site with something of everything."""
    job = app.job(name="some.job")(lambda _: None)
    batch = app.batch(description="one")
    with batch.jobs():
        job.enqueue_many([(number,) for number in range(20)])
    job.enqueue_in(60, 1)
    site = create_app(app, allow_anonymous=True)
    with served(site) as address:
        yield schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
    _forget(app, batch.bid)


schema_of_api = schemathesis.pytest.from_fixture("schema")


@schema_of_api.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case) -> None:
    """No 5xx, no status, header or field that is not described; what is wrong is refused."""
    case.call_and_validate()


def _forget(app: App, bid: str) -> None:
    app.batches.open(bid).cancel()
    for queue in app.queues.values():
        queue.clear()
