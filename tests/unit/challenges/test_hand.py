"""A hand before the face and a finger on the cheek, drawn into maps of a face."""

from __future__ import annotations

import pytest

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.hand import FingerOnCheek, HandAcross
from stream_guard.challenges.sight import Sight
from stream_guard.face import Pose, Reason
from tests.unit.challenges.scenes import at_rest, face_map, feed, hide, lost, rest_glimpse

pytestmark = pytest.mark.unit

STILL = [rest_glimpse(number) for number in range(20)]


def hand(left: int, width: int = 9) -> Glimpse:
    """A face with a hand of some columns before it."""
    return rest_glimpse(0, skin=hide(face_map(left + 20), slice(max(0, left), max(0, left + width))))


def finger(rows: slice = slice(8, 13), columns: slice = slice(11, 14)) -> Glimpse:
    return rest_glimpse(0, skin=hide(face_map(5), columns, rows))


def test_a_hand_that_passes_is_seen() -> None:
    watch = feed(HandAcross(at_rest()), [*STILL, *map(hand, range(-9, 17)), *STILL])
    finding = watch.finding()
    assert finding.sight is Sight.SEEN
    assert finding.words == "something hid up to 56% of the face, moved across it, and went away"
    assert watch.done


def test_something_that_hides_the_face_at_once_is_not_said_to_have_crossed() -> None:
    watch = feed(HandAcross(at_rest()), [*STILL, *[hand(3)] * 10, *STILL])
    assert watch.finding().sight is Sight.PARTLY
    assert "whether it moved across could not be seen" in watch.finding().words


def test_landmarks_that_vanish_under_the_hand_count_as_hidden() -> None:
    frames = [*STILL, *map(hand, range(-9, 0)), *[lost(Reason.COVERED)] * 8, *map(hand, range(8, 17)), *STILL]
    finding = feed(HandAcross(at_rest()), frames).finding()
    assert (finding.sight, finding.amount) == (Sight.SEEN, 1.0)


def test_nothing_is_nothing() -> None:
    finding = feed(HandAcross(at_rest()), STILL * 3).finding()
    assert finding.sight is Sight.NOT_SEEN


def test_a_turned_head_looks_different_and_cannot_be_told() -> None:
    turned = rest_glimpse(0, pose=Pose(40.0, 0.0, 0.0), skin=hide(face_map(1), slice(0, 16)))
    watch = feed(HandAcross(at_rest()), [turned] * 40)
    assert watch.finding().sight is Sight.CANNOT_TELL
    assert not watch.done


def test_a_light_that_goes_on_hides_nothing() -> None:
    brighter = [rest_glimpse(n, skin=1.3 * face_map(n)) for n in range(40)]
    assert feed(HandAcross(at_rest()), brighter).finding().sight is Sight.NOT_SEEN


def test_a_finger_on_one_cheek_is_seen_with_its_side() -> None:
    watch = feed(FingerOnCheek(at_rest()), [*STILL, *[finger()] * 30, *STILL])
    finding = watch.finding()
    assert finding.sight is Sight.SEEN
    assert "on the cheek at the right of the picture for 1.4 s; what it was cannot be told" in finding.words
    assert watch.done


def test_a_hand_over_half_the_face_is_no_finger() -> None:
    both = rest_glimpse(0, skin=hide(face_map(5), slice(0, 16)))
    assert feed(FingerOnCheek(at_rest()), [both] * 40).finding().sight is not Sight.SEEN


def test_a_finger_that_does_not_show_is_no_news() -> None:
    finding = feed(FingerOnCheek(at_rest()), STILL * 3).finding()
    assert finding.sight is Sight.CANNOT_TELL
    assert "skin on skin shows too little" in finding.words


def test_a_passing_flicker_is_no_finger() -> None:
    frames = [*STILL, *[finger()] * 6, *STILL]
    assert feed(FingerOnCheek(at_rest()), frames).finding().sight is not Sight.SEEN
