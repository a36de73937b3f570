from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.errors import EngineError, EngineLost, ModelError
from stream_guard.inference.mended_network import MendedNetwork

pytestmark = pytest.mark.unit

Tensor = NDArray[np.float32]
Network = Callable[[Tensor], list[Tensor]]
ONE = np.ones(1, np.float32)


def raises(tensor: Tensor) -> list[Tensor]:
    raise ZeroDivisionError


def doubles(tensor: Tensor) -> list[Tensor]:
    return [tensor * 2]


class Openings:
    """Opens one network after the other; the last one again and again."""

    def __init__(self, *networks: Network | Exception) -> None:
        self.count = 0
        self._networks = networks

    def __call__(self) -> Network:
        network = self._networks[min(self.count, len(self._networks) - 1)]
        self.count += 1
        if isinstance(network, Exception):
            raise network
        return network


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def mended(openings: Openings, told: list[str] | None = None) -> MendedNetwork:
    tell = (told if told is not None else []).append
    return MendedNetwork(openings, name="the finder", patience_s=2.0, told=tell)


def fails(network: MendedNetwork) -> str:
    with pytest.raises(EngineError) as caught:
        network(ONE)
    return str(caught.value)


def test_what_answers_is_left_alone() -> None:
    openings = Openings(doubles)
    network = mended(openings)
    assert [network(ONE)[0].tolist() for _ in range(3)] == [[2.0]] * 3
    assert openings.count == 1
    network.close()
    network.close()


def test_one_accident_is_told_and_changes_nothing() -> None:
    def fails_on_zero(tensor: Tensor) -> list[Tensor]:
        return [1 // tensor.astype(int)] if tensor.any() else raises(tensor)

    openings = Openings(fails_on_zero)
    network = mended(openings)
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(EngineError, match="the finder: the network failed: ZeroDivisionError"):
                network(ONE * 0)
        assert network(ONE)
    assert openings.count == 1
    network.close()


def test_what_keeps_failing_is_opened_anew() -> None:
    told: list[str] = []
    openings = Openings(raises, doubles)
    network = mended(openings, told)
    for _ in range(3):
        fails(network)
    assert network(ONE)[0].tolist() == [2.0]
    assert told == ["the finder failed (the network failed: ZeroDivisionError: ) and was opened anew"]
    network.close()


def test_what_hangs_is_opened_anew_at_once(gate: threading.Event) -> None:
    def hangs(tensor: Tensor) -> list[Tensor]:
        gate.wait(10)
        return [tensor]

    told: list[str] = []
    network = mended(Openings(hangs, doubles), told)
    assert "hangs" in fails(network)
    assert network(ONE)[0].tolist() == [2.0]
    assert len(told) == 1
    network.close()


def test_so_often_and_no_more() -> None:
    openings = Openings(raises)
    network = mended(openings)
    for _ in range(20):
        fails(network)
    assert openings.count == 4, "once, and three times in a minute"
    network._limit._times.clear()  # as it is a minute later
    fails(network)
    assert openings.count == 5
    network.close()


def test_what_cannot_be_opened_anew_fails_on_in_words(caplog: pytest.LogCaptureFixture) -> None:
    def lost(tensor: Tensor) -> list[Tensor]:
        raise EngineLost("the driver is gone")

    network = mended(Openings(lost, ModelError("the file was changed meanwhile")))
    fails(network)
    assert "cannot be opened anew: the file was changed meanwhile" in caplog.text
    assert "the driver is gone" in fails(network)
    network.close()
    fails(network)
