"""A head that turns, and one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.challenges.sight import Sight
from stream_guard.challenges.turn import Turn
from stream_guard.face import Reason
from tests.unit.challenges.scenes import GONE, at_rest, feed, lost, turned

pytestmark = pytest.mark.unit


def sweep(degrees: float) -> list[float]:
    there = np.linspace(0, degrees, 15)
    return [*there, *there[::-1], *[0.0] * 10]


def test_a_turn_and_back_is_seen_with_its_degrees() -> None:
    watch = feed(Turn(at_rest(), left=True), map(turned, sweep(62)))
    finding = watch.finding()
    assert (finding.sight, finding.amount) == (Sight.SEEN, pytest.approx(62))
    assert finding.words == "turned 62 degrees to their left, and back"
    assert watch.done
    assert watch.progress == 1.0


def test_it_is_not_over_until_the_head_is_back() -> None:
    watch = feed(Turn(at_rest(), left=True), map(turned, np.linspace(0, 50, 40)))
    assert watch.finding().sight is Sight.SEEN
    assert watch.busy
    assert not watch.done


def test_right_is_the_other_way() -> None:
    assert feed(Turn(at_rest(), left=False), map(turned, sweep(-45))).finding().sight is Sight.SEEN


def test_the_wrong_side_is_said_and_not_taken_for_the_right_one() -> None:
    watch = feed(Turn(at_rest(), left=True), map(turned, sweep(-45)))
    finding = watch.finding()
    assert finding.sight is Sight.PARTLY
    assert "to their right, not to the left (some programs mirror the picture)" in finding.words
    assert not watch.done


def test_a_small_turn_is_partly_seen() -> None:
    finding = feed(Turn(at_rest(), left=True), map(turned, sweep(24))).finding()
    assert (finding.sight, finding.words) == (Sight.PARTLY, "turned only 24 degrees to their left")


def test_who_sits_still_has_not_turned() -> None:
    finding = feed(Turn(at_rest(), left=True), map(turned, [3.0, -3.0] * 30)).finding()
    assert finding.sight is Sight.NOT_SEEN


def test_a_profile_without_landmarks_counts_as_turned_on() -> None:
    frames = [*map(turned, np.linspace(0, 50, 15)), *[lost(Reason.TURNED_AWAY)] * 20, *map(turned, [40.0] * 2)]
    watch = feed(Turn(at_rest(), left=True), frames)
    assert watch.busy
    assert "and further than can be followed" in watch.finding().words


@pytest.mark.parametrize("frame", [GONE, lost(Reason.COVERED)])
def test_a_face_that_hardly_shows_cannot_be_told(frame: object) -> None:
    finding = feed(Turn(at_rest(), left=True), [frame] * 60).finding()  # type: ignore[list-item]
    assert (finding.sight, finding.amount) == (Sight.CANNOT_TELL, None)
