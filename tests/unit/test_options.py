"""Options of jobs: what is refused, in which words, and what `using` changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.options import Options, check_job_name, check_queue, to_seconds

APP = App("redis://localhost")

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"queue": ""}, "'' is no queue name: use 1 to 128 letters, digits or any of _ . : -"),
    ({"queue": "a b"}, "'a b' is no queue name: use 1 to 128 letters, digits or any of _ . : -"),
    ({"queue": "{a}"}, "'{a}' is no queue name"),
    ({"queue": "ä"}, "'ä' is no queue name"),
    ({"queue": 'a"b'}, "is no queue name"),
    ({"queue": "a\n"}, "is no queue name"),
    ({"queue": "x" * 129}, "is no queue name"),
    ({"queue": 5}, "5 is no queue name"),
    ({"retry": -1}, "retry must be True, False or a number from 0, not -1"),
    ({"retry": 1.5}, "retry must be True, False or a number from 0, not 1.5"),
    ({"retry": None}, "retry must be True, False or a number from 0, not None"),
    ({"retry": "5"}, "retry must be True, False or a number from 0, not '5'"),
    ({"retry_for": 0}, "retry_for must be more than 0 seconds, not 0"),
    ({"expires_in": -1.0}, "expires_in must be more than 0 seconds, not -1.0"),
    ({"timeout": timedelta(0)}, "timeout must be more than 0 seconds, not datetime.timedelta(0)"),
    ({"timeout": "5"}, "'5' is no time: give seconds or a timedelta"),
    ({"timeout": True}, "True is no time: give seconds or a timedelta"),
    ({"expires_in": float("nan")}, "nan is no time: give seconds or a timedelta"),
    ({"retry_for": float("inf")}, "inf is no time: give seconds or a timedelta"),
    ({"backoff": 5}, "backoff must be a function, not 5"),
    ({"tags": "gallery"}, "tags must be a list of texts, not 'gallery'"),
    ({"tags": ["a", 1]}, "tags must be a list of texts, not ['a', 1]"),
    ({"tags": 5}, "tags must be a list of texts, not 5"),
    ({"durability": "fast"}, "'fast' is no durability: it is one of none, replicated, fsync"),
    ({"durability": True}, "True is no durability"),
    ({"log_arguments": "image"}, "log_arguments must be a list of texts, not 'image'"),
    ({"log_arguments": [1]}, "log_arguments must be a list of texts, not [1]"),
    ({"log_arguments": None}, "log_arguments must be a list of texts, not None"),
]


def work(image: int = 0) -> None: ...


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_wrong_option_is_refused_where_it_is_given(options: dict[str, Any], message: str) -> None:
    """`@app.job(...)`, `.using(...)` and `app.enqueue(...)` refuse alike, and at once."""
    job = APP.job(work)
    calls: list[Callable[[], object]] = [
        lambda: APP.job(**options)(work),
        lambda: job.using(**options),
        lambda: APP.enqueue("some.job", **options),
    ]
    for call in calls:
        with pytest.raises(ConfigError) as caught:
            call()
        assert message in str(caught.value)
        assert isinstance(caught.value, ValueError)


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"prefix": None}, "prefix must be a text, not None"),
    ({"max_payload": "1"}, "max_payload must be a number from 1, not '1'"),
    ({"max_payload": 0}, "max_payload must be a number from 1, not 0"),
    ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
    ({"timeout": "5"}, "'5' is no time: give seconds or a timedelta"),
    ({"timeout": float("inf")}, "inf is no time: give seconds or a timedelta"),
    ({"durability": "fast"}, "'fast' is no durability: it is one of none, replicated, fsync"),
    ({"push_buffer": -1}, "jobs of a push buffer must be a number from 1, not -1"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS, ids=range(len(SETTINGS)))
def test_a_wrong_setting_is_refused_where_it_is_given(
    settings: dict[str, Any], message: str
) -> None:
    """An App says so when it is made, not when it is used."""
    with pytest.raises(ConfigError) as caught:
        App(**settings)
    assert message in str(caught.value)


def test_an_unknown_option_is_named() -> None:
    """A misspelt option never passes in silence."""
    wrong: dict[str, Any] = {"quue": "a"}
    decorator: Any = APP.job
    for decorate in (lambda code: decorator(code).using(**wrong), decorator(**wrong)):
        with pytest.raises(ConfigError, match="there is no option quue for a job"):
            decorate(work)


ACCEPTED: list[dict[str, Any]] = [
    {"queue": "a"},
    {"queue": "A_z.0:9-x"},
    {"queue": "x" * 128},
    {"retry": 0},
    {"retry": True},
    {"retry": False},
    {"retry": 10_000},
    {"timeout": 0.001},
    {"timeout": timedelta(milliseconds=1)},
    {"expires_in": 10**9},
    {"backoff": lambda n: n},
    {"tags": []},
    {"tags": ("a", "ä b")},
    {"log_arguments": True},
    {"log_arguments": []},
    {"log_arguments": ["image"]},
]


@pytest.mark.parametrize("options", ACCEPTED, ids=range(len(ACCEPTED)))
def test_good_options_are_taken(options: dict[str, Any]) -> None:
    """What stands at the edge of what is allowed is allowed."""
    job = APP.job(**options)(work)
    for name, value in options.items():
        assert getattr(job.options, name) == (tuple(value) if isinstance(value, list) else value)


def test_undeclared_options_are_those_of_the_contract() -> None:
    """25 retries on queue default, no limits, no tags."""
    assert APP.job(work).options == Options(
        queue=None,
        retry=True,
        retry_for=None,
        backoff=None,
        expires_in=None,
        timeout=None,
        tags=(),
        log_arguments=False,
    )


def test_an_argument_to_be_logged_has_its_parameter() -> None:
    """A misspelt name would log nothing, and nobody would know why."""
    with pytest.raises(ConfigError, match=r"log_arguments of .*work: no parameter imgae, width"):
        APP.job(log_arguments=["image", "imgae", "width"])(work)


def test_a_change_leaves_the_rest_and_the_original_alone() -> None:
    """`using` is for one call: the job keeps its own options."""
    first = Options(queue="a", retry=3, tags=("x",))
    assert first.changed(queue="b", tags=["y"]) == Options(queue="b", retry=3, tags=("y",))
    assert first == Options(queue="a", retry=3, tags=("x",))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (1, 1.0), (0.25, 0.25), (timedelta(minutes=1, milliseconds=5), 60.005)],
)
def test_times_are_seconds_or_timedeltas(value: Any, seconds: float | None) -> None:
    """Both spellings of a time mean the same."""
    assert to_seconds(value) == seconds


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\\b", "a\tb", "x" * 201, None, 5, b"a"])
def test_names_that_would_break_a_payload_are_refused(name: Any) -> None:
    """A job's name stands unescaped in payloads, so a quote or backslash in it would break them."""
    with pytest.raises(ConfigError, match="is no job name: use 1 to 200 characters"):
        check_job_name(name)
    with pytest.raises(ConfigError, match="is no job name"):
        APP.enqueue(name)


@pytest.mark.parametrize("name", ["a", "shop.jobs.resize", "Foo::Bar", "m.f.<locals>.g", "größe"])
def test_usual_names_pass(name: str) -> None:
    """Python's, Ruby's and nested names are names."""
    assert check_job_name(name) == name
    assert check_queue("a:b") == "a:b"


class Caller:
    def __call__(self) -> None: ...


def generator() -> Any:
    yield 1


async def stream() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (Caller, "@app.job is for functions, not <class"),
        (Caller(), "@app.job is for functions, not <"),
        (partial(work, 1), "@app.job is for functions, not functools.partial"),
        (5, "@app.job is for functions, not 5"),
        ("work", "@app.job is for functions, not 'work'"),
        (APP.job(work), "@app.job is for functions, not <job"),
        (generator, "is a generator, which would not run when it is called"),
        (stream, "is a generator, which would not run when it is called"),
    ],
)
def test_only_what_runs_when_it_is_called_is_a_job(code: Any, message: str) -> None:
    """A class, an object or a generator is refused when it is decorated, not when it is run."""
    for decorate in (APP.job, APP.job(name="other.name")):
        with pytest.raises(ConfigError) as caught:
            decorate(code)
        assert message in str(caught.value)
