"""The API does what its description says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator

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
def address(app: App) -> Iterator[str]:
    """Where a site is served with something of everything."""
    job = app.job(name="some.job")(lambda _: None)
    batch = app.batch(description="one")
    with batch.jobs():
        job.enqueue_many([(number,) for number in range(20)])
    job.enqueue_in(60, 1)
    app.queues["default"].delete(next(iter(app.queues["default"])).jid)
    with served(create_app(app, allow_anonymous=True)) as address:
        yield f"{address}{API}"
    app.close()


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case, address: str) -> None:
    """No 5xx, no status, header or field that is not described; what is wrong is refused."""
    case.call_and_validate(base_url=address)
