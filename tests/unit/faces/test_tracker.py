from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
from numpy.typing import NDArray

from stream_guard.budget.plan import Plan
from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.face import Box, Pose, Reason
from stream_guard.faces.finder import Found
from stream_guard.faces.landmarker import Measured
from stream_guard.faces.result import Tracked
from stream_guard.faces.tracker import FaceTracker
from tests.unit.faces.test_changes import scene

pytestmark = pytest.mark.unit

FRAME_NS = 33 * NS_PER_MS
ROOM = scene(1)
OTHER_ROOM = scene(2)


@dataclass
class World:
    """Faces that a finder and a landmarker see as they are."""

    faces: list[Box] = field(default_factory=list)
    covered: list[Box] = field(default_factory=list)
    finds: int = 0
    measured: list[Box] = field(default_factory=list)
    turn: float = 0.0
    confidence: float = 0.9

    def find(self, rgb: NDArray[np.uint8]) -> list[Found]:
        self.finds += 1
        return [Found(box, self.confidence, self.turn) for box in self.faces + self.covered]

    def measure(
        self, rgb: NDArray[np.uint8], box: Box, *, tilt: float | None = None, tight: bool = False
    ) -> Measured | None:
        """As MediaPipe does: take the largest face of the region."""
        self.measured.append(box)
        region = box.grown(1.3 if tight else 2.0)
        inside = [face for face in self.faces if face.iou(region) > 0.5 * face.area / region.area]
        if not inside:
            return None
        face = max(inside, key=lambda face: face.area)
        corners = np.array([(face.x, face.y), (face.x + face.width, face.y + face.height)], np.float32)
        return Measured(corners, face, Pose(1, 2, 3))


@dataclass
class Stream:
    """Frames, one after the other."""

    world: World
    tracker: FaceTracker
    at_ns: int = 0

    def next(
        self, rgb: NDArray[np.uint8] = ROOM, *, faces: int = 25, find: bool = True, step_ns: int = FRAME_NS
    ) -> Tracked:
        self.at_ns += step_ns
        return self.tracker.update(rgb, self.at_ns, plan=Plan(faces=faces, find=find))


@pytest.fixture
def stream() -> Stream:
    return make()


def make(max_faces: int = 25, min_face_px: int = 40) -> Stream:
    world = World()
    tracker = FaceTracker(find=world.find, landmarker=world, min_face_px=min_face_px, max_faces=max_faces)
    return Stream(world, tracker)


def gallery(count: int, side: float = 80) -> list[Box]:
    return [Box(60 + 200 * (index % 6), 40 + 160 * (index // 6), side, side) for index in range(count)]


def ids(tracked: Tracked) -> list[int]:
    return [face.id for face in tracked.faces]


def test_a_face_is_there_on_the_first_frame(stream: Stream) -> None:
    stream.world.faces = gallery(1)
    tracked = stream.next()
    (face,) = tracked.faces
    assert (face.id, face.box, face.measured) == (1, gallery(1)[0], True)
    assert face.landmarks is not None
    assert face.pose == Pose(1, 2, 3)
    assert tracked.measured == 1
    assert not tracked.cut
    assert tracked.find_ns > 0
    assert tracked.track_ns > 0


def test_no_face_is_no_face(stream: Stream) -> None:
    for _ in range(40):
        tracked = stream.next()
        assert tracked.faces == ()
        assert tracked.measured == 0
    assert stream.world.measured == []


def test_faces_are_looked_for_every_three_quarters_of_a_second(stream: Stream) -> None:
    stream.world.faces = gallery(2)
    seen = [stream.next().find_ns > 0 for _ in range(91)]  # three seconds
    assert seen[0]
    assert sum(seen) == stream.world.finds == 4


def test_faces_are_looked_for_twice_a_second_where_there_are_none_or_something_is_new(stream: Stream) -> None:
    for _ in range(91):
        stream.next()
    assert stream.world.finds == 6
    stream.world.faces = gallery(1)
    for _ in range(31):
        stream.next()
    before = stream.world.finds
    for number in range(91):
        room = ROOM.copy()
        # A screen in the background, far from the only face.
        room[560:680, 1000:1200] = np.random.default_rng(number).integers(0, 256, (120, 200, 3))
        stream.next(room)
    assert 5 <= stream.world.finds - before <= 7


@pytest.mark.parametrize("side", [25, 80])
@pytest.mark.parametrize("after", range(0, 30, 5))
def test_who_comes_in_unnoticed_is_there_within_a_second(stream: Stream, side: int, after: int) -> None:
    stream.world.faces = gallery(1)
    for _ in range(31 + after):
        stream.next()
    stream.world.faces = [*gallery(1), Box(900, 400, side, side)]
    shown = [len(stream.next().faces) for _ in range(30)]
    assert shown[-1] == 2


def test_nothing_is_looked_for_where_the_plan_forbids_it(stream: Stream) -> None:
    stream.world.faces = gallery(2)
    for _ in range(60):
        assert stream.next(find=False).find_ns == 0
    assert stream.world.finds == 0
    assert ids(stream.next()) == [1, 2]


def test_nine_faces_under_a_quota_of_three_take_turns(stream: Stream) -> None:
    stream.world.faces = gallery(9)
    for _ in range(3):
        stream.next(faces=3)
    for _ in range(5):
        turns = [stream.next(faces=3) for _ in range(3)]
        measured = [[face.id for face in tracked.faces if face.measured] for tracked in turns]
        assert [len(one) for one in measured] == [3, 3, 3]
        assert sorted(chain.from_iterable(measured)) == list(range(1, 10))
        assert all(len(tracked.faces) == 9 for tracked in turns)


def test_a_face_that_waits_keeps_its_box_and_reasons(stream: Stream) -> None:
    stream.world.faces = gallery(2, side=36)
    for _ in range(4):
        tracked = stream.next(faces=1)
    waiting = [face for face in tracked.faces if not face.measured]
    assert len(waiting) == 1
    assert waiting[0].box == gallery(2, side=36)[waiting[0].id - 1]
    assert waiting[0].landmarks is None
    assert waiting[0].reasons == (Reason.FACE_TOO_SMALL,)


def test_a_tiny_face_is_followed_by_the_finder_alone(stream: Stream) -> None:
    stream.world.faces = gallery(1, side=25)
    for _ in range(31):
        tracked = stream.next()
    assert [face.reasons for face in tracked.faces] == [(Reason.FACE_TOO_SMALL,)]
    assert stream.world.measured == []


def test_a_face_is_followed_as_it_moves(stream: Stream) -> None:
    for step in range(120):
        stream.world.faces = [Box(60 + 8 * step, 200, 80, 80)]
        (face,) = stream.next().faces
        assert face.id == 1
        assert face.box.x == 60 + 8 * step


def test_a_face_that_leaves_ends_and_comes_back_as_another(stream: Stream) -> None:
    stream.world.faces = gallery(1)
    stream.next()
    stream.world.faces = []
    shown = [len(stream.next().faces) for _ in range(60)]
    assert shown[:20] == [1] * 20  # it may only have been hidden for a moment
    assert shown[45:] == [0] * 15
    stream.world.faces = gallery(1)
    assert max(ids(stream.next()) or [0] for _ in range(20)) == [2]


def test_a_lost_face_is_looked_for_at_once(stream: Stream) -> None:
    stream.world.faces = gallery(1)
    for _ in range(8):
        stream.next()
    assert stream.world.finds == 1
    stream.world.faces = []
    stream.next()
    stream.next()
    assert stream.world.finds == 2


def test_a_covered_face_keeps_its_id_and_says_so(stream: Stream) -> None:
    stream.world.faces = gallery(1)
    stream.next()
    stream.world.faces, stream.world.covered = [], gallery(1)
    for _ in range(90):
        (face,) = stream.next().faces
        assert (face.id, face.reasons, face.landmarks) == (1, (Reason.COVERED,), None)
    assert stream.world.finds <= 9  # no hurry: it is known to be there
    stream.world.turn = 0.9
    reasons = [stream.next().faces[0].reasons for _ in range(30)]
    assert reasons[-1] == (Reason.TURNED_AWAY,)


def test_what_was_seen_once_and_has_no_landmarks_is_not_shown(stream: Stream) -> None:
    stream.world.covered = gallery(1)
    assert stream.next().faces == ()
    stream.world.covered = []
    assert all(stream.next().faces == () for _ in range(60))


def test_a_hard_cut_ends_everybody(stream: Stream) -> None:
    stream.world.faces = gallery(3)
    for _ in range(3):
        stream.next()
    tracked = stream.next(OTHER_ROOM)
    assert tracked.cut
    assert ids(tracked) == [4, 5, 6]
    assert not stream.next(OTHER_ROOM).cut


def test_a_cut_that_may_not_be_looked_into_measures_nobody_until_it_is(stream: Stream) -> None:
    stream.world.faces = gallery(2)
    stream.next()
    for _ in range(3):
        tracked = stream.next(OTHER_ROOM, find=False)
        assert tracked.measured == 0
        assert not any(face.measured for face in tracked.faces)
    tracked = stream.next(OTHER_ROOM)
    assert tracked.cut
    assert ids(tracked) == [3, 4]


def test_a_slide_that_turns_beside_a_face_is_no_cut(stream: Stream) -> None:
    stream.world.faces = [Box(60, 300, 80, 80)]
    slide = ROOM.copy()
    slide[:, 240:] = OTHER_ROOM[:, 240:]
    stream.next()
    tracked = stream.next(slide)
    assert not tracked.cut
    assert ids(tracked) == [1]


def test_landmarks_of_somebody_else_in_the_same_place_end_the_face(stream: Stream) -> None:
    """The room is the same, the person is not: as in a tile with a plain background."""
    stream.world.faces = [Box(500, 300, 120, 120)]
    other = ROOM.copy()
    other[264:456, 464:656] = OTHER_ROOM[264:456, 464:656]
    for _ in range(4):
        assert ids(stream.next()) == [1]
    shown = [stream.next(other) for _ in range(3)]
    assert shown[0].measured == 0 or not shown[0].faces[0].measured or shown[0].faces[0].id == 2
    assert ids(shown[-1]) == [2]


def test_light_ends_nobody(stream: Stream) -> None:
    stream.world.faces = gallery(3)
    for step in range(30):
        gain = 0.6 if step % 10 < 5 else 1.2
        tracked = stream.next(np.clip(ROOM * gain, 0, 255).astype(np.uint8))
        assert ids(tracked) == [1, 2, 3]
        assert not tracked.cut


def test_landmarks_of_a_larger_neighbour_are_not_taken(stream: Stream) -> None:
    large, small = Box(300, 200, 160, 160), Box(480, 260, 90, 90)
    stream.world.faces = [large, small]
    for _ in range(40):
        tracked = stream.next()
        assert [face.box for face in tracked.faces] == [large, small]
        assert all(face.landmarks is not None for face in tracked.faces)


def test_two_tracks_do_not_follow_one_face(stream: Stream) -> None:
    stream.world.faces = [Box(300, 200, 80, 80), Box(400, 200, 80, 80)]
    stream.next()
    for step in range(60):  # the second walks behind the first
        stream.world.faces = (
            [Box(300, 200, 80, 80)] if step > 4 else [*stream.world.faces[:1], Box(390, 200, 80, 80)]
        )
        tracked = stream.next()
    assert ids(tracked) == [1]


def test_more_faces_than_are_wanted_leaves_the_largest() -> None:
    stream = make(max_faces=2)
    stream.world.faces = [Box(60, 40, 50, 50), Box(300, 40, 90, 90), Box(600, 40, 70, 70)]
    assert sorted(face.box.side for face in stream.next().faces) == [70, 90]


def test_a_change_of_resolution_keeps_the_faces(stream: Stream) -> None:
    stream.world.faces = gallery(3)
    stream.next()
    half = np.ascontiguousarray(ROOM[::2, ::2])
    stream.world.faces = [Box(box.x / 2, box.y / 2, box.width / 2, box.height / 2) for box in gallery(3)]
    for _ in range(20):
        tracked = stream.next(half)
        assert ids(tracked) == [1, 2, 3]
        assert not tracked.cut


def test_frames_seconds_apart_keep_the_faces(stream: Stream) -> None:
    stream.world.faces = gallery(2)
    for _ in range(10):
        assert ids(stream.next(step_ns=3 * NS_PER_S)) == [1, 2]


@pytest.mark.parametrize("shape", [(1, 1), (17, 23), (720, 405), (2160, 3840)])
def test_any_size_of_frame_will_do(stream: Stream, shape: tuple[int, int]) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    stream.world.faces = [Box(0, 0, 60, 60)]
    assert ids(stream.next(frame)) == [1]


def test_what_never_shows_landmarks_is_reported_only_where_the_finder_is_sure() -> None:
    for confidence, reported in ((0.62, []), (0.9, [1])):
        stream = make()
        stream.world.covered = gallery(1)
        stream.world.confidence = confidence
        assert [ids(stream.next()) for _ in range(60)][-1] == reported


def test_a_pattern_on_the_wall_does_not_take_a_faces_turn(stream: Stream) -> None:
    stream.world.faces, stream.world.covered = gallery(3)[:1], gallery(3)[1:]
    looks = 90
    measured = sum(face.id == 1 and face.measured for _ in range(looks) for face in stream.next(faces=1).faces)
    # Two that never show landmarks: three tries each at first, then one a second.
    assert looks - measured <= 2 * (3 + 3)


def test_a_covered_face_is_tried_again_soon(stream: Stream) -> None:
    stream.world.faces = gallery(1)
    for _ in range(10):
        stream.next()
    stream.world.faces, stream.world.covered = [], gallery(1)
    for _ in range(30):
        covered = stream.next()
    assert [face.reasons for face in covered.faces] == [(Reason.COVERED,)]
    stream.world.faces, stream.world.covered = gallery(1), []
    back = [stream.next().faces[0] for _ in range(12)]
    assert any(face.landmarks is not None for face in back)
    assert back[-1].id == 1


def test_how_many_could_be_measured_is_told(stream: Stream) -> None:
    stream.world.faces = [*gallery(4), Box(1000, 500, 20, 20)]
    tracked = [stream.next(faces=1) for _ in range(20)][-1]
    assert tracked.measured == 1
    assert tracked.measurable == 4, "not the one that is too small"
