"""In which order queues are looked at."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from random import Random

import pytest

from outrider import ConfigError
from outrider.worker import order as orders
from outrider.worker.order import QueueOrder

PARSED = [
    (["a"], QueueOrder(("a",))),
    (["critical", "default"], QueueOrder(("critical", "default"))),
    (["critical,3", "default,2"], QueueOrder(("critical", "default"), (3, 2))),
    (["a,1"], QueueOrder(("a",), (1,))),
    (["a,1000", "b,1"], QueueOrder(("a", "b"), (1000, 1))),
    ([], QueueOrder(())),
]


@pytest.mark.parametrize(("options", "order"), PARSED, ids=str)
def test_options_are_read(options: list[str], order: QueueOrder) -> None:
    """Without weights the order is strict, with weights it is weighted."""
    assert QueueOrder.parse(options) == order


WRONG = [
    (["a,3", "b"], "give every queue a weight (weighted order) or none (strict order)"),
    (["a", "a"], "-q names a queue twice: a a"),
    (["a,1", "a,2"], "-q names a queue twice: a,1 a,2"),
    (["a,0"], "-q a,0: a weight is a number from 1 to 1000"),
    (["a,1001"], "-q a,1001: a weight is a number from 1 to 1000"),
    (["a,-1"], "-q a,-1: a weight is"),
    (["a,x"], "-q a,x: a weight is"),
    (["a,"], "-q a,: a weight is"),
    (["a,1.5"], "-q a,1.5: a weight is"),
    (["a,1,2"], "-q a,1,2: a weight is"),
    ([""], "'' is no queue name"),
    (["a b"], "'a b' is no queue name"),
    ([",3"], "'' is no queue name"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_wrong_options_are_refused(options: list[str], message: str) -> None:
    """Each mistake has one clear line; no queue can be named twice (P128)."""
    with pytest.raises(ConfigError) as caught:
        QueueOrder.parse(options)
    assert message in str(caught.value)


def test_a_strict_order_is_always_as_given() -> None:
    """The second queue is looked at only after the first."""
    order = QueueOrder.parse(["b", "a", "c"])
    assert all(order.draw() == ["b", "a", "c"] for _ in range(100))


def test_a_draw_names_every_queue_once() -> None:
    """No queue is left out of a weighted draw, however light, and none comes twice."""
    order = QueueOrder.parse(["a,1000", "b,1", "c,1"])
    assert all(sorted(order.draw()) == ["a", "b", "c"] for _ in range(1000))


def test_a_draw_can_be_changed_by_its_taker() -> None:
    """A draw is a list of its own: what a caller does to it changes no later one."""
    order = QueueOrder.parse(["a", "b"])
    order.draw().clear()
    assert order.draw() == ["a", "b"]


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same draws in every run: one in a thousand is beyond the bounds."""
    monkeypatch.setattr(orders, "chance", Random(20_000))


@pytest.mark.parametrize("weights", [(3, 2), (1, 1, 1), (7, 2, 1), (50, 1)], ids=str)
@pytest.mark.usefixtures("seeded")
def test_a_weight_is_the_share_of_firsts(weights: tuple[int, ...]) -> None:
    """Of 20,000 draws a queue comes first as often as its weight says."""
    names = tuple("abc"[: len(weights)])
    first = Counter(QueueOrder(names, weights).draw()[0] for _ in range(20_000))
    for name, weight in zip(names, weights, strict=True):
        share = weight / sum(weights)
        spread = (20_000 * share * (1 - share)) ** 0.5
        assert abs(first[name] - 20_000 * share) < 4 * spread


@pytest.mark.parametrize("weights", [(3, 2, 1), (1, 1, 1), (10, 5, 1)], ids=str)
@pytest.mark.usefixtures("seeded")
def test_all_places_of_a_draw_follow_the_weights(weights: tuple[int, int, int]) -> None:
    """Who is second, where the first is empty, is drawn by weight among the others (P105).

    By a chi-square test: 20.5 is exceeded by chance once in a thousand runs.
    """
    order = QueueOrder(("a", "b", "c"), weights)
    counts = Counter(tuple(order.draw()) for _ in range(20_000))
    share = dict(zip("abc", weights, strict=True))
    chi_square = 0.0
    for first, second, third in permutations("abc"):
        likely = share[first] / sum(weights) * share[second] / (share[second] + share[third])
        expected = 20_000 * likely
        chi_square += (counts[first, second, third] - expected) ** 2 / expected
    assert chi_square < 20.5


@pytest.mark.usefixtures("seeded")
def test_equal_weights_draw_every_order_alike() -> None:
    """Without -q all queues have the same chance, at every place of the order."""
    counts = Counter(tuple(QueueOrder.equal(["a", "b", "c"]).draw()) for _ in range(20_000))
    expected = 20_000 / 6
    chi_square = sum(
        (counts[order] - expected) ** 2 / expected for order in permutations(["a", "b", "c"])
    )
    assert chi_square < 25
