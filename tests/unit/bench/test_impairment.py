"""One direction of a bad network: the same every time, and about as bad as it is told to be."""

from __future__ import annotations

import random
from itertools import groupby
from typing import Any

import pytest

from stream_guard.bench.impairment import Impairment, Link
from stream_guard.errors import ConfigError

pytestmark = pytest.mark.unit


def sent(impairment: Impairment, count: int, *, size: int = 1000, every_s: float = 0.01) -> list[list[float]]:
    """Return what becomes of so many datagrams of media."""
    link = Link(impairment, random.Random(impairment.seed))
    return [link.delays_s(size, number * every_s, media=True) for number in range(count)]


def lengths_of_loss(delays: list[list[float]]) -> list[int]:
    return [len(list(run)) for lost, run in groupby(delays, key=lambda one: not one) if lost]


@pytest.mark.parametrize("burst", [1.0, 3.0, 8.0])
def test_bursts_lose_as_much_as_single_losses_and_are_as_long_as_asked_for(burst: float) -> None:
    delays = sent(Impairment(loss=0.1, burst=burst, seed=2), 40_000)
    lost = lengths_of_loss(delays)
    assert sum(lost) / len(delays) == pytest.approx(0.1, rel=0.15)
    # Single losses fall next to each other now and then: 1 / (1 - 0.1) in a row.
    assert sum(lost) / len(lost) == pytest.approx(burst if burst > 1 else 1 / 0.9, rel=0.15)


def test_the_same_seed_is_the_same_network() -> None:
    network = Impairment(loss=0.2, burst=4, jitter_ms=50, reorder=0.1, duplicate=0.1, seed=7)
    assert sent(network, 500) == sent(network, 500)
    other = Impairment(loss=0.2, burst=4, jitter_ms=50, reorder=0.1, duplicate=0.1, seed=8)
    assert sent(network, 500) != sent(other, 500)


def test_what_is_held_back_is_overtaken_and_what_is_doubled_comes_twice() -> None:
    held = sent(Impairment(reorder=0.2, held_ms=40), 2000)
    assert {tuple(one) for one in held} == {(0.0,), (0.04,)}
    assert sum(one == [0.04] for one in held) / 2000 == pytest.approx(0.2, rel=0.2)
    doubled = sent(Impairment(duplicate=0.2, held_ms=40), 2000)
    assert {tuple(one) for one in doubled} == {(0.0,), (0.0, 0.04)}


def test_a_narrow_link_carries_what_it_carries_and_loses_what_does_not_fit_in_its_queue() -> None:
    # 800 kb/s arrive at a link of 400: half of it gets through, none later than the queue is long.
    delays = sent(Impairment(kbps=400, queue_ms=200), 2000)
    through = [one[0] for one in delays if one]
    assert len(through) / 2000 == pytest.approx(0.5, abs=0.02)
    assert max(through) <= 0.2 + 0.02 + 1e-9, "the queue, and itself"
    assert sent(Impairment(kbps=900, queue_ms=200), 500)[-1][0] == pytest.approx(8 / 900), "it is wide enough"


def test_handshakes_pass_by_chance_but_not_through_a_full_queue() -> None:
    link = Link(Impairment(loss=0.9, duplicate=1, reorder=1), random.Random(1))
    assert all(link.delays_s(100, 0.0, media=False) == [0.0] for _ in range(100))
    narrow = Link(Impairment(kbps=8, queue_ms=100), random.Random(1))
    outcomes = [narrow.delays_s(100, 0.0, media=False) for _ in range(3)]
    assert outcomes == [[0.1], [0.2], []]


def test_another_network_begins_at_once() -> None:
    link = Link(Impairment(loss=0.99), random.Random(1))
    link.become(Impairment())
    assert link.delays_s(100, 0.0, media=True) == [0.0]


@pytest.mark.parametrize(
    "wrong",
    [{"burst": 0.5}, {"loss": 0.9, "burst": 2}, {"reorder": 1.1}, {"duplicate": -1}, {"kbps": 0}, {"held_ms": -1}],
)
def test_impossible_networks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Impairment(**wrong)


def test_a_network_that_does_nothing_says_so() -> None:
    assert not Impairment().any
    assert Impairment(loss=0.1).any
    assert Impairment(kbps=10).any
    assert Impairment(reorder=0.1).any
