"""What a face fails to show meanwhile, with its length."""

from __future__ import annotations

import pytest

from stream_guard.challenges.glimpse import Glimpse
from stream_guard.challenges.lapses import LapseKind, Lapses
from stream_guard.clock import NS_PER_MS
from stream_guard.face import Pose

pytestmark = pytest.mark.unit

STRAIGHT = Pose(0, 0, 0)


def told(*frames: tuple[int, int | None, Pose | None]) -> list[tuple[LapseKind, int]]:
    """Return each lapse with its length, of frames 100 ms apart: how many, whose, and its pose."""
    lapses, at_ns = Lapses(1), 0
    for count, face, pose in frames:
        for _ in range(count):
            lapses.add(Glimpse(at_ns, face, pose=pose))
            at_ns += 100 * NS_PER_MS
    return [(one.kind, (one.until_ns - one.since_ns) // NS_PER_MS) for one in lapses.found]


def test_a_lapse_lasts_until_the_face_is_back() -> None:
    assert told((5, 1, STRAIGHT), (10, 1, None), (5, 1, STRAIGHT)) == [(LapseKind.TURNED_AWAY, 1000)]


def test_a_lapse_goes_on_under_another_id_and_is_told_as_the_other_ones() -> None:
    assert told((5, 1, STRAIGHT), (2, 1, None), (40, 2, None), (5, 2, STRAIGHT)) == [
        (LapseKind.TURNED_AWAY, 200),
        (LapseKind.OTHER_FACE, 0),
        (LapseKind.TURNED_AWAY, 4000),
    ]


def test_who_was_away_was_away_to_the_last_frame() -> None:
    assert told((5, 1, STRAIGHT), (10, None, None), (5, 2, STRAIGHT)) == [
        (LapseKind.GONE, 1000),
        (LapseKind.OTHER_FACE, 0),
    ]
