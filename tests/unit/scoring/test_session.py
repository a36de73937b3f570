import math

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.errors import ConfigError
from stream_guard.face import Reason
from stream_guard.scoring.observation import EventKind, Observation, State
from stream_guard.scoring.session import Session, SessionSettings
from stream_guard.scoring.track import TrackSettings
from tests.unit.scoring.scenes import BOX, Scene, count, face

pytestmark = pytest.mark.unit


def test_a_new_face_has_too_little_evidence_and_then_a_word():
    scene = Scene()
    (first,) = scene.show(face(-2)).faces
    assert first.state is State.CANNOT_JUDGE
    assert first.reasons == (Reason.TOO_LITTLE_EVIDENCE,)
    assert first.authenticity is None
    assert first.interval is None
    assert first.frame_score == pytest.approx(0.881, abs=0.001)
    assert first.box == BOX
    (later,) = scene.show(face(-2), s=1).faces
    assert later.state is State.AUTHENTIC
    assert later.authenticity == pytest.approx(0.881, abs=0.001)
    assert later.interval is not None
    assert later.reasons == ()
    assert scene.kinds() == [EventKind.FACE_APPEARED, EventKind.STATE_CHANGED]
    assert 0.4 < scene.when(EventKind.STATE_CHANGED) < 0.6


@pytest.mark.parametrize("fps", [30, 10, 3])
def test_a_swap_is_flagged_a_second_or_two_after_it_begins(fps: int):
    scene = Scene(fps=fps)
    scene.show(face(-3), s=10)
    began_s = scene.at_ns / NS_PER_S
    scene.show(face(3), s=5)
    assert 1.0 < scene.when(EventKind.ALARM_RAISED) - began_s < 2.0
    assert scene.update.faces[0].state is State.SYNTHETIC
    changes = [(event.previous, event.state) for event in scene.events if event.kind is EventKind.STATE_CHANGED]
    assert changes[1:] == [
        (State.AUTHENTIC, State.SUSPICIOUS),
        (State.SUSPICIOUS, State.SYNTHETIC),
    ]


@pytest.mark.parametrize("fps", [30, 10, 3, 2.2])
@pytest.mark.parametrize("calm", [-3.0, -1.0, 0.0])
def test_one_odd_half_second_raises_no_alarm(fps: float, calm: float):
    scene = Scene(fps=fps)
    scene.show(face(calm), s=10)
    scene.show(face(50), s=0.49)
    scene.show(face(calm), s=10)
    assert EventKind.ALARM_RAISED not in scene.kinds()


def test_an_alarm_clears_once_when_the_swap_ends():
    scene = Scene()
    scene.show(face(3), s=5)
    ended_s = scene.at_ns / NS_PER_S
    scene.show(face(-3), s=8)
    assert count(scene.events, EventKind.ALARM_RAISED) == 1
    assert 2.0 < scene.when(EventKind.ALARM_CLEARED) - ended_s < 4.0
    assert scene.update.faces[0].state is State.AUTHENTIC


def test_turning_away_hides_the_word_but_does_not_clear_the_alarm():
    scene = Scene()
    scene.show(face(3), s=3)
    (away,) = scene.show(face(None, Reason.TURNED_AWAY), s=5).faces
    assert (away.state, away.reasons) == (State.CANNOT_JUDGE, (Reason.TURNED_AWAY,))
    assert away.authenticity is None
    scene.show(face(3), s=3)
    assert scene.update.faces[0].state is State.SYNTHETIC
    assert count(scene.events, EventKind.ALARM_RAISED) == 1
    assert EventKind.ALARM_CLEARED not in scene.kinds()


def test_a_face_never_judged_says_why_from_the_first_frame():
    scene = Scene()
    (small,) = scene.show(face(None, Reason.FACE_TOO_SMALL), s=3).faces
    assert (small.state, small.reasons) == (State.CANNOT_JUDGE, (Reason.FACE_TOO_SMALL,))
    assert small.coverage == 0
    assert scene.kinds() == [EventKind.FACE_APPEARED]
    assert scene.events[0].reasons == (Reason.FACE_TOO_SMALL,)


def test_coverage_that_suffers_gives_its_reason_and_keeps_the_word():
    scene = Scene()
    scene.show(face(-2), s=3)
    (seen,) = scene.show(face(None, Reason.BLURRED), s=0.5).faces
    assert seen.state is State.AUTHENTIC
    assert seen.reasons == (Reason.BLURRED,)
    assert 0.5 < seen.coverage < 0.7


def test_one_bad_frame_is_not_worth_a_word():
    scene = Scene()
    scene.show(face(-2), s=3)
    (seen,) = scene.show(face(None, Reason.BLURRED)).faces
    assert (seen.state, seen.reasons) == (State.AUTHENTIC, ())


def test_too_little_coverage_silences_though_the_evidence_would_do():
    scene = Scene()
    for _ in range(30):
        scene.show(face(-2))
        scene.show(face(None, Reason.COVERED), s=0.1)
    (seen,) = scene.update.faces
    assert (seen.state, seen.reasons) == (State.CANNOT_JUDGE, (Reason.COVERED,))
    assert 0.2 < seen.coverage < 0.3


def test_waiting_for_its_turn_does_not_cover_what_was_refused():
    scene = Scene()
    for _ in range(30):
        scene.show(face(None, Reason.DARK))
        scene.show(face(), s=0.1)
    assert scene.update.faces[0].coverage == 0
    assert scene.update.faces[0].reasons == (Reason.DARK,)


def test_time_that_was_not_judged_does_not_count_towards_an_alarm():
    scene = Scene()
    scene.show(face(3), s=0.8)
    scene.show(face(None, Reason.TURNED_AWAY), s=3)
    scene.events.clear()
    scene.show(face(3), s=3)
    spoken = next(event for event in scene.events if event.kind is EventKind.STATE_CHANGED)
    assert scene.when(EventKind.ALARM_RAISED) - spoken.at_ns / NS_PER_S == pytest.approx(0.5, abs=0.04)


def test_waiting_for_its_turn_is_is_no_reason_until_the_evidence_is_thin():
    scene = Scene()
    scene.show(face(-2), s=3)
    fresh = scene.update.faces[0]
    (waiting,) = scene.show(face(), s=0.5).faces
    assert waiting.state is State.AUTHENTIC
    assert waiting.frame_score is None
    assert waiting.coverage == 1
    assert waiting.interval is not None
    assert fresh.interval is not None
    assert waiting.interval[0] < fresh.interval[0]
    (thin,) = scene.show(face(), s=2).faces
    assert (thin.state, thin.reasons) == (State.CANNOT_JUDGE, (Reason.TOO_LITTLE_EVIDENCE,))
    assert thin.coverage == 1


def test_two_scored_frames_a_second_are_enough_to_hold_a_word():
    scene = Scene()
    for _ in range(20):
        scene.show(face(-2))
        scene.show(face(), s=14 / 30)
    changes = [event.at_ns / NS_PER_S for event in scene.events if event.kind is EventKind.STATE_CHANGED]
    assert len(changes) == 1  # to authentic, and no flicker after
    assert changes[0] < 2.0


def test_a_frame_scored_as_not_a_number_was_not_scored():
    scene = Scene()
    (seen,) = scene.show(face(math.nan), s=2).faces
    assert seen.frame_score is None
    assert (seen.state, seen.reasons) == (State.CANNOT_JUDGE, (Reason.TOO_LITTLE_EVIDENCE,))
    assert scene.session.summary().scored == 0


def test_silence_is_stale_after_two_seconds_once_and_shows_no_number():
    scene = Scene()
    scene.show(face(3), s=3)
    last_s = scene.at_ns / NS_PER_S - 1 / 30
    scene.events.clear()
    assert scene.wait(1.9).faces[0].state is not State.STALE
    (stale,) = scene.wait(0.2).faces
    assert (stale.state, stale.authenticity, stale.interval, stale.frame_score) == (State.STALE, None, None, None)
    scene.wait(10)
    assert scene.update.faces[0].state is State.STALE
    assert count(scene.events, EventKind.STALE) == 1
    assert scene.when(EventKind.STALE) == pytest.approx(last_s + 2)
    assert count(scene.events, EventKind.ALARM_CLEARED) == 1
    assert EventKind.RESUMED not in scene.kinds()


def test_after_a_silence_everything_begins_anew():
    scene = Scene()
    scene.show(face(-3), s=5)
    scene.wait(3)
    scene.events.clear()
    (back,) = scene.show(face(3)).faces
    assert scene.kinds() == [EventKind.RESUMED, EventKind.STATE_CHANGED]
    assert (scene.events[1].previous, scene.events[1].state) == (State.STALE, State.CANNOT_JUDGE)
    assert back.reasons == (Reason.TOO_LITTLE_EVIDENCE,)
    (later,) = scene.show(face(3), s=0.6).faces
    assert later.authenticity == pytest.approx(0.047, abs=0.001)


def test_after_a_silence_old_reasons_are_forgotten():
    scene = Scene()
    scene.show(face(None, Reason.DARK), s=3)
    scene.wait(3)
    (back,) = scene.show(face(-1)).faces
    assert (back.coverage, back.reasons) == (1, (Reason.TOO_LITTLE_EVIDENCE,))


def test_a_silence_nobody_ticked_through_is_found_by_the_next_frame():
    scene = Scene()
    scene.show(face(-3), s=5)
    last_ns = scene.at_ns - round(NS_PER_S / 30)
    scene.at_ns += 3 * NS_PER_S
    scene.events.clear()
    scene.show(face(-3))
    assert scene.kinds() == [
        EventKind.STALE, EventKind.STATE_CHANGED, EventKind.RESUMED, EventKind.STATE_CHANGED,
    ]  # fmt: skip
    assert scene.events[0].at_ns == last_ns + 2 * NS_PER_S


def test_a_recording_is_never_stale():
    scene = Scene(Session(SessionSettings(stale_after_ns=None)), fps=0.2)
    scene.show(face(-3), s=50)
    scene.wait(100)
    assert EventKind.STALE not in scene.kinds()


def test_two_seconds_to_the_nanosecond():
    session = Session()
    session.receive(Observation(0, 5, (face(-1),)))
    assert session.tick(5 + 2 * NS_PER_S - 1).faces[0].state is State.CANNOT_JUDGE
    assert session.tick(5 + 2 * NS_PER_S).faces[0].state is State.STALE


def test_no_frame_yet_is_not_stale():
    assert Session().tick(10 * NS_PER_S).events == ()


def test_a_late_frame_after_a_tick_is_taken_at_its_own_time():
    ticked, quiet = Scene(), Scene()
    for scene in (ticked, quiet):
        scene.show(face(-1), s=2)
    ticked.session.tick(ticked.at_ns + NS_PER_S // 2)
    assert ticked.show(face(2)) == quiet.show(face(2))


def test_a_cut_ends_every_face_and_clears_its_alarm():
    scene = Scene()
    scene.show(face(3), face(-3, id=2), s=3)
    scene.events.clear()
    (new,) = scene.show(face(-3, id=1), cut=True).faces
    assert scene.kinds() == [
        EventKind.SCENE_CUT, EventKind.ALARM_CLEARED, EventKind.FACE_LOST, EventKind.FACE_LOST,
        EventKind.FACE_APPEARED,
    ]  # fmt: skip
    assert (new.state, new.reasons) == (State.CANNOT_JUDGE, (Reason.TOO_LITTLE_EVIDENCE,))


def test_a_face_that_is_gone_is_lost_with_its_alarm():
    scene = Scene()
    scene.show(face(3), face(-2, id=2), s=3)
    scene.events.clear()
    assert [seen.id for seen in scene.show(face(-2, id=2)).faces] == [2]
    assert scene.kinds() == [EventKind.ALARM_CLEARED, EventKind.FACE_LOST]
    assert {event.face for event in scene.events} == {1}
    assert scene.events[1].previous is State.SYNTHETIC


def test_time_that_goes_back_is_held():
    session = Session()
    session.receive(Observation(0, 5 * NS_PER_S, (face(-1),)))
    update = session.receive(Observation(1, 1 * NS_PER_S, (face(-1),), cut=True))
    assert all(event.at_ns == 5 * NS_PER_S for event in update.events)


def test_the_summary_counts_and_pools():
    scene = Scene()
    scene.show(s=1)
    scene.show(face(-1), s=2)
    scene.show(face(), s=1)
    scene.show(face(-2, id=2), s=2)  # the first one, gone by now, is the less authentic
    summary = scene.session.summary()
    assert (summary.faces, summary.frames, summary.scored) == (2, 180, 120)
    assert summary.authenticity == pytest.approx(0.731, abs=0.001)
    assert summary.state is State.AUTHENTIC


def test_the_summary_remembers_an_alarm_in_a_clip_that_leans_to_authentic():
    scene = Scene()
    scene.show(face(-3), s=20)
    scene.show(face(3), s=4)
    scene.show(face(-3), s=20)
    summary = scene.session.summary()
    assert summary.authenticity is not None
    assert summary.authenticity > 0.8
    assert summary.state is State.SYNTHETIC


def test_the_summary_of_an_empty_clip_cannot_judge():
    summary = Session().summary()
    assert (summary.authenticity, summary.state) == (None, State.CANNOT_JUDGE)


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError):
        SessionSettings(stale_after_ns=0)
    with pytest.raises(ConfigError):
        TrackSettings(enough_looks=1, thin_looks=2)
