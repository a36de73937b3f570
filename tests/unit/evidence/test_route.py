"""Changes of the way a picture gets here."""

from __future__ import annotations

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.evidence.route import Route, RouteSettings

pytestmark = pytest.mark.unit


class Stream:
    """A stream at 30 frames a second."""

    def __init__(self) -> None:
        self.route, self.frame = Route(), 0

    def run(
        self, seconds: float, kbps: float | None, *, width: int = 1280, codec: str = "VP8", damaged: int = 0
    ) -> list[float]:
        """Return the moments at which the way changed, in seconds."""
        found = []
        for _ in range(round(30 * seconds)):
            at_ns = round(self.frame / 30 * NS_PER_S)
            if self.route.changed(at_ns, codec=codec, width=width, height=720, kbps=kbps, damaged=damaged):
                found.append(self.frame / 30)
            self.frame += 1
        return found


def test_a_steady_stream_is_one_way() -> None:
    assert Stream().run(120, 1500) == []


def test_a_file_has_no_bitrate_and_stays_the_same_way() -> None:
    assert Stream().run(60, None) == []


@pytest.mark.parametrize("kbps", [250.0, 6000.0])
def test_a_rate_that_collapses_or_leaps_is_another_way_once(kbps: float) -> None:
    stream = Stream()
    assert stream.run(30, 1500) == []
    found = stream.run(60, kbps)
    assert len(found) == 1
    assert 30 < found[0] < 34


def test_a_rate_that_wanders_is_not() -> None:
    stream = Stream()
    found = [at for number in range(40) for at in stream.run(1.5, 900 if number % 2 else 1600)]
    assert found == []


def test_the_climb_at_the_beginning_is_not() -> None:
    stream = Stream()
    found = [at for kbps in (100, 200, 400, 800, 1500, 1500, 1500, 1500) for at in stream.run(1, kbps)]
    assert found == []


def test_another_size_or_codec_is_another_way_at_once() -> None:
    stream = Stream()
    stream.run(10, 1500)
    assert stream.run(10, 1500, width=640) == [10.0]
    assert stream.run(10, 1500, width=640, codec="H264") == [20.0]


def test_settings_must_make_sense() -> None:
    with pytest.raises(ConfigError, match="factor above 1"):
        RouteSettings(factor=1.0)


def test_damage_is_another_way_until_two_seconds_after_the_last_of_it() -> None:
    stream = Stream()
    assert stream.run(10, 1500) == []
    assert stream.run(0.5, 1500, damaged=3) == [pytest.approx(10)]
    assert stream.run(0.5, 1500, damaged=4) == [], "still the same broken one"
    assert stream.run(10, 1500, damaged=4) == [pytest.approx(12.5, abs=0.05)], "whole again"
