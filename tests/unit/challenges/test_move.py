"""Standing up, and coming close."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.move import MoveClose, StandUp
from stream_guard.challenges.sight import Sight
from stream_guard.face import Box, Reason
from tests.unit.challenges.scenes import BOX, GONE, at_rest, feed, lost, rest_glimpse

pytestmark = pytest.mark.unit


def risen(by: float) -> Glimpse:
    """The face, so many of its heights further up."""
    return rest_glimpse(0, box=replace(BOX, y=BOX.y - by * BOX.height))


def grown(times: float) -> Glimpse:
    return rest_glimpse(0, box=Box(BOX.x, BOX.y, BOX.width * times, BOX.height * times))


def test_standing_up_and_sitting_down_is_seen() -> None:
    up = np.linspace(0, 1.3, 20)
    watch = feed(StandUp(at_rest()), map(risen, [*up, *up[::-1], *[0.0] * 10]))
    assert watch.finding().sight is Sight.SEEN
    assert watch.finding().words == "the face rose by 1.3 times its height, and came back"
    assert watch.done


def test_who_rises_out_of_the_picture_has_stood_up() -> None:
    frames = [*map(risen, np.linspace(0, 0.6, 10)), *[GONE] * 20, *map(risen, [0.0] * 10)]
    watch = feed(StandUp(at_rest()), frames)
    assert watch.finding().words == "the face left the picture upwards, and came back"
    assert watch.done


def test_a_face_that_vanishes_where_it_was_has_not_stood_up() -> None:
    finding = feed(StandUp(at_rest()), [*map(risen, [0.0] * 20), *[GONE] * 20]).finding()
    assert finding.sight is Sight.NOT_SEEN


def test_leaning_back_is_not_standing_up() -> None:
    finding = feed(StandUp(at_rest()), map(risen, [*np.linspace(0, 0.28, 30)])).finding()
    assert finding.sight is Sight.NOT_SEEN
    assert "a camera that follows the person hides it" in finding.words


def test_half_way_up_is_partly_seen() -> None:
    assert feed(StandUp(at_rest()), map(risen, np.linspace(0, 0.6, 30))).finding().sight is Sight.PARTLY


def test_coming_close_and_leaning_back_is_seen() -> None:
    near = np.linspace(1.0, 1.6, 15)
    watch = feed(MoveClose(at_rest()), map(grown, [*near, *near[::-1], *[1.0] * 10]))
    finding = watch.finding()
    assert (finding.sight, finding.amount) == (Sight.SEEN, pytest.approx(1.6))
    assert watch.done


@pytest.mark.parametrize(("times", "sight"), [(1.2, Sight.PARTLY), (1.05, Sight.NOT_SEEN), (0.5, Sight.NOT_SEEN)])
def test_less_than_that_is_not(times: float, sight: Sight) -> None:
    assert feed(MoveClose(at_rest()), map(grown, [times] * 30)).finding().sight is sight


@pytest.mark.parametrize("watch", [StandUp, MoveClose])
def test_a_face_that_does_not_show_cannot_be_told(watch: type[StandUp | MoveClose]) -> None:
    assert feed(watch(at_rest()), [lost(Reason.COVERED)] * 40).finding().sight is Sight.CANNOT_TELL
