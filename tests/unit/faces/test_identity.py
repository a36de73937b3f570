from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.clock import NS_PER_S
from stream_guard.face import Box
from stream_guard.faces.identity import Roster, Sighting, belongs

pytestmark = pytest.mark.unit

HALF = NS_PER_S // 2
LOOK = np.full((12, 12, 3), 120, np.float32)
OTHER = LOOK + np.linspace(-110, 110, 12, dtype=np.float32)[:, None]


def at(x: float, y: float = 100, side: float = 60, look: NDArray[np.float32] = LOOK) -> Sighting:
    return Sighting(Box(x, y, side, side), look, 0.0)


def meet(roster: Roster, at_ns: int, *faces: Sighting) -> list[int]:
    roster.meet(faces, at_ns)
    roster.expire(at_ns)
    return [track.id for track in roster.tracks]


def test_faces_keep_their_ids_whatever_order_they_are_found_in() -> None:
    roster = Roster(max_faces=25)
    assert meet(roster, 0, at(100), at(300), at(500)) == [1, 2, 3]
    assert meet(roster, HALF, at(510), at(110), at(290)) == [1, 2, 3]
    assert [track.box.x for track in roster.tracks] == [110, 290, 510]


def test_of_two_candidates_the_nearer_one_is_the_face() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100), at(170))
    meet(roster, HALF, at(130), at(200))
    assert [track.box.x for track in roster.tracks] == [130, 200]


def test_an_id_is_never_given_again() -> None:
    roster = Roster(max_faces=25)
    seen = set()
    for round_ in range(20):
        begin = round_ * 10 * NS_PER_S
        ids = meet(roster, begin, at(100))
        assert seen.isdisjoint(ids)
        seen.update(ids)
        for step in range(1, 4):
            meet(roster, begin + step * HALF)
        assert roster.tracks == []


def test_a_face_that_is_missed_for_a_moment_stays() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    assert meet(roster, HALF) == [1]
    assert meet(roster, 2 * HALF - 1) == [1]
    assert meet(roster, 2 * HALF, at(105)) == [1]
    assert roster.tracks[0].misses == 0


def test_a_face_ends_after_a_second_and_two_misses() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    assert meet(roster, 5 * NS_PER_S) == [1]  # one look, however late: frames may be far apart
    assert meet(roster, 5 * NS_PER_S + 1) == []


def test_a_box_that_jumps_is_another_face() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    assert meet(roster, HALF, at(400)) == [1, 2]


@pytest.mark.parametrize(("side", "same"), [(31, True), (29, False), (119, True), (121, False)])
def test_a_face_does_not_double_between_two_looks(side: float, same: bool) -> None:
    middle = Box(100, 100, 60, 60)
    assert belongs(Box(130 - side / 2, 130 - side / 2, side, side), middle) is same


def test_a_suspect_stays_where_it_looks_the_same() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    roster.tracks[0].suspect = True
    assert meet(roster, 1, at(105)) == [1]
    assert not roster.tracks[0].suspect


def test_a_suspect_ends_where_somebody_else_or_nobody_is_in_its_place() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100), at(300), at(500))
    roster.tracks[0].suspect = roster.tracks[1].suspect = True
    assert meet(roster, HALF, at(105, look=OTHER), at(505)) == [3, 4]


def test_looks_are_not_asked_of_who_is_no_suspect() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    assert meet(roster, HALF, at(105, look=OTHER)) == [1]


def test_a_measured_face_that_looks_otherwise_a_moment_later_is_another() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    (track,) = roster.tracks
    assert not track.turned_into_another(OTHER, 1)  # found, not measured: cut out otherwise
    track.remember(LOOK, 0)
    assert track.turned_into_another(OTHER, NS_PER_S // 30)
    assert not track.turned_into_another(LOOK, NS_PER_S // 30)
    assert not track.turned_into_another(OTHER, HALF)
    track.box = at(100, side=36).box
    assert not track.turned_into_another(OTHER, NS_PER_S // 30)


def test_what_the_finder_sees_does_not_replace_a_measured_look() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100))
    meet(roster, 1, at(100, look=OTHER))
    assert roster.tracks[0].look is OTHER
    roster.tracks[0].remember(LOOK, 2)
    meet(roster, 3, at(100, look=OTHER))
    assert roster.tracks[0].look is LOOK


def test_a_small_face_is_judged_by_its_surroundings_alone() -> None:
    roster = Roster(max_faces=25)
    meet(roster, 0, at(100, side=36))
    assert meet(roster, 1, at(100, side=36, look=OTHER)) == [1]
    roster.tracks[0].suspect = True
    assert meet(roster, 2, at(100, side=36, look=OTHER)) == [2]


def test_of_too_many_the_largest_are_followed() -> None:
    roster = Roster(max_faces=2)
    meet(roster, 0, at(100, side=40), at(300, side=80), at(500, side=60))
    assert [track.box.side for track in roster.tracks] == [80, 60]


def test_a_larger_face_takes_the_smallest_ones_place_but_an_equal_one_does_not() -> None:
    roster = Roster(max_faces=2)
    meet(roster, 0, at(100, side=60), at(300, side=80))
    assert meet(roster, HALF, at(100, side=60), at(300, side=80), at(500, side=65)) == [1, 2]
    roster.meet([at(100, side=60), at(300, side=80), at(500, side=90)], 2 * HALF)
    assert sorted(track.box.side for track in roster.tracks) == [80, 90]


def test_faces_move_with_the_resolution() -> None:
    roster = Roster(max_faces=2)
    meet(roster, 0, at(100, 200, side=60))
    roster.resize(0.5, 0.75)
    assert roster.tracks[0].box == Box(50, 150, 30, 45)
