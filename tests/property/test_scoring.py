"""What holds for every stream, however odd."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.face import Box, Reason
from stream_guard.scoring.coverage import Coverage
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation, ScoreEvent, State, Update
from stream_guard.scoring.session import Session
from stream_guard.scoring.smoothing import Estimate, Evidence
from stream_guard.scoring.verdict import Verdict, VerdictSettings

pytestmark = pytest.mark.property

BOX = Box(0.1, 0.2, 0.3, 0.4)
gaps_ns = st.sampled_from([0, 1, 33_333_333, 100_000_000, 333_333_333, 700_000_000]) | st.integers(0, 3 * NS_PER_S)
llrs = st.sampled_from([-4.0, -3.0, 0.0, 0.85, 3.0, 4.0]) | st.floats(-20, 20)
watched = st.lists(st.tuples(gaps_ns, llrs), min_size=1, max_size=40)
# A looked-at face gives a ratio or reasons; one whose turn it was not gives neither.
shown = st.one_of(
    st.builds(lambda llr: (llr, ()), llrs),
    st.builds(lambda reason: (None, (reason,)), st.sampled_from(Reason)),
    st.just((None, ())),
)
moments = st.tuples(gaps_ns, st.dictionaries(st.integers(1, 4), shown, max_size=4), st.booleans())
streams = st.lists(moments, max_size=40)
quiet_cuts = st.tuples(gaps_ns, st.dictionaries(st.integers(1, 4), shown, max_size=4), st.just(False))

Moment = tuple[int, dict[int, tuple[float | None, tuple[Reason, ...]]], bool]


def gathered(frames: list[tuple[int, float]]) -> tuple[Evidence, int]:
    evidence, at_ns = Evidence(), 0
    for gap_ns, llr in frames:
        at_ns += gap_ns
        evidence.add(at_ns, llr)
    return evidence, at_ns


def estimate(frames: list[tuple[int, float]], after_ns: int = 0) -> Estimate:
    evidence, at_ns = gathered(frames)
    found = evidence.at(at_ns + after_ns)
    assert found is not None
    return found


def observations(moments: list[Moment], start_ns: int = 0) -> list[Observation]:
    made, at_ns = [], start_ns
    for sequence, (gap_ns, faces, cut) in enumerate(moments):
        at_ns += gap_ns
        seen = tuple(FaceObservation(id, BOX, llr, reasons) for id, (llr, reasons) in sorted(faces.items()))
        made.append(Observation(sequence, at_ns, seen, cut))
    return made


def play(moments: list[Moment], session: Session | None = None) -> list[Update]:
    session = session or Session()
    return [session.receive(observation) for observation in observations(moments)]


@given(watched, gaps_ns)
def test_authenticity_is_a_fraction_within_its_interval(frames: list[tuple[int, float]], after_ns: int):
    found = estimate(frames, after_ns)
    low, high = found.interval
    assert 0 <= low <= found.authenticity <= high <= 1
    assert found.margin > 0


@given(watched, st.integers(0, 39), st.floats(0, 10))
def test_more_evidence_for_synthetic_never_raises_authenticity(
    frames: list[tuple[int, float]], which: int, more: float
):
    which %= len(frames)
    worse = [(gap, llr + more * (i == which)) for i, (gap, llr) in enumerate(frames)]
    assert estimate(worse).llr >= estimate(frames).llr - 1e-9


@given(watched, gaps_ns, gaps_ns)
def test_age_never_makes_an_interval_narrower(frames: list[tuple[int, float]], early_ns: int, more_ns: int):
    early, late = estimate(frames, early_ns), estimate(frames, early_ns + more_ns)
    assert late.margin >= early.margin * (1 - 1e-9)
    assert late.looks <= early.looks * (1 + 1e-9)


@given(st.lists(gaps_ns, min_size=2, max_size=30), st.integers(0, 29), st.floats(-4, 4))
def test_a_frame_less_never_makes_an_interval_narrower(gaps: list[int], which: int, llr: float):
    which %= len(gaps)
    times = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    fewer = [at for i, at in enumerate(times) if i != which]
    evidence, less = Evidence(), Evidence()
    for at in times:
        evidence.add(at, llr)
    for at in fewer:
        less.add(at, llr)
    full, thin = evidence.at(times[-1]), less.at(times[-1])
    assert full is not None
    assert thin is not None
    assert thin.margin >= full.margin * (1 - 1e-9)


@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(8, 60), st.integers(8, 60))
def test_the_frame_rate_does_not_change_where_the_level_settles(first: float, then: float, fps: int, other: int):
    def settled(rate: int) -> float:
        frames = [(NS_PER_S // rate, first)] * (2 * rate) + [(NS_PER_S // rate, then)] * (2 * rate)
        return estimate(frames).llr

    assert settled(fps) == pytest.approx(settled(other), abs=0.05 * abs(first - then) + 1e-6)


@given(watched, st.integers(1, 2000), st.floats(0, 3))
def test_no_alarm_before_the_level_was_held_for_min_on(
    frames: list[tuple[int, float]], min_on_ms: int, rise: float
):
    verdict = Verdict(VerdictSettings(rise=rise, fall=0.0, min_on_ns=min_on_ms * NS_PER_MS))
    at_ns, since_ns = 0, None
    for gap_ns, level in frames:
        at_ns += gap_ns
        since_ns = (at_ns if since_ns is None else since_ns) if level >= rise else None
        before, state = verdict.state, verdict.step(at_ns, level, level)
        if state is State.SYNTHETIC and before is not State.SYNTHETIC:
            assert since_ns is not None
            assert at_ns - since_ns >= min_on_ms * NS_PER_MS


@given(
    st.lists(st.tuples(gaps_ns, st.floats(-9, 0)), max_size=25),
    st.lists(st.tuples(st.integers(0, 100 * NS_PER_MS), st.floats(-50, 50)), min_size=1, max_size=5),
    st.lists(st.tuples(gaps_ns, st.floats(-9, 0.84)), max_size=25),
)
def test_no_odd_half_second_ever_raises_an_alarm(
    before: list[tuple[int, float]], odd: list[tuple[int, float]], after: list[tuple[int, float]]
):
    odd = [(gap if i else 10**8, llr) for i, (gap, llr) in enumerate(odd)]  # 400 ms at most, first to last
    frames: list[Moment] = [(gap, {1: (llr, ())}, False) for gap, llr in [*before, *odd, *after]]
    assert not any(event.kind is EventKind.ALARM_RAISED for update in play(frames) for event in update.events)


@given(streams, streams, st.lists(quiet_cuts, min_size=1, max_size=25))
def test_a_cut_erases_the_past(one: list[Moment], other: list[Moment], after: list[Moment]):
    after = [(after[0][0], after[0][1], True), *after[1:]]
    told = []
    for past in (one, other):
        session = Session()
        play(past, session)
        told.append([session.receive(seen) for seen in observations(after, start_ns=10**12)])
    assert [update.faces for update in told[0]] == [update.faces for update in told[1]]
    assert [update.events for update in told[0][1:]] == [update.events for update in told[1][1:]]


@given(streams)
def test_a_face_is_judged_as_if_it_were_alone(moments: list[Moment]):
    together = play(moments)
    for id in range(1, 5):
        alone = play([(gap, {id: faces[id]} if id in faces else {}, cut) for gap, faces, cut in moments])
        for both, one in zip(together, alone, strict=True):
            assert [face for face in both.faces if face.id == id] == list(one.faces)
            assert [event for event in both.events if event.face == id] == [
                event for event in one.events if event.face == id
            ]


@given(streams, gaps_ns)
def test_what_is_said_keeps_to_the_contract(moments: list[Moment], after_ns: int):
    session = Session()
    seen = observations(moments)
    updates = [session.receive(observation) for observation in seen]
    for observation, update in zip(seen, updates, strict=True):
        assert [face.id for face in update.faces] == [face.id for face in observation.faces]
        assert all(event.at_ns <= observation.at_ns for event in update.events)
    updates.append(session.tick((seen[-1].at_ns if seen else 0) + after_ns))
    for face in (face for update in updates for face in update.faces):
        assert 0 <= face.coverage <= 1
        assert (face.authenticity is None) == (face.interval is None)
        judged = face.state not in (State.CANNOT_JUDGE, State.STALE)
        assert judged == (face.authenticity is not None)
        assert face.reasons or face.state is not State.CANNOT_JUDGE
        if face.interval is not None:
            assert 0 <= face.interval[0] <= face.authenticity <= face.interval[1] <= 1


@given(streams, gaps_ns)
def test_the_events_alone_tell_every_state_and_each_alarm_once(moments: list[Moment], after_ns: int):
    session = Session()
    states: dict[int, State] = {}
    alarms: set[int] = set()

    def follow(update: Update) -> None:
        for event in update.events:
            follow_one(event)
        assert {face.id: face.state for face in update.faces} == states

    def follow_one(event: ScoreEvent) -> None:
        if event.face is None:
            return
        match event.kind:
            case EventKind.FACE_APPEARED:
                assert event.face not in states
                assert event.state is not None
                states[event.face] = event.state
            case EventKind.FACE_LOST:
                assert states.pop(event.face) is event.previous
                assert event.face not in alarms
            case EventKind.STATE_CHANGED:
                assert event.previous is states[event.face]
                assert event.state is not None
                assert event.state is not event.previous
                states[event.face] = event.state
            case EventKind.ALARM_RAISED:
                assert event.face not in alarms
                assert states[event.face] is State.SYNTHETIC
                alarms.add(event.face)
            case EventKind.ALARM_CLEARED:
                alarms.remove(event.face)

    at_ns = 0
    for observation in observations(moments):
        follow(session.receive(observation))
        at_ns = observation.at_ns
    follow(session.tick(at_ns + after_ns))
    synthetic = {face for face, state in states.items() if state is State.SYNTHETIC}
    assert synthetic <= alarms


@given(streams, st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_looking_in_between_changes_nothing_that_is_said_of_frames(moments: list[Moment], shares: list[float]):
    # Gaps shorter than a silence, which a tick rightly reports earlier than the next frame would.
    moments = [(gap % (NS_PER_S // 2), faces, cut) for gap, faces, cut in moments]
    looked, before_ns = Session(), 0
    told = []
    for observation, share in zip(observations(moments), shares, strict=False):
        events = looked.tick(before_ns + int(share * (observation.at_ns - before_ns))).events
        update = looked.receive(observation)
        before_ns = observation.at_ns
        told.append(replace(update, events=(*events, *update.events)))
    for one, other in zip(told, play(moments), strict=True):
        assert one.faces == other.faces
        assert [(event.kind, event.face) for event in one.events] == [
            (event.kind, event.face) for event in other.events
        ]


@given(st.lists(st.tuples(gaps_ns, st.lists(st.sampled_from(Reason), max_size=3)), max_size=60))
def test_coverage_is_a_fraction_and_names_what_it_refuses(frames: list[tuple[int, list[Reason]]]):
    coverage, at_ns = Coverage(), 0
    for gap_ns, reasons in frames:
        at_ns += gap_ns
        coverage.add(at_ns, tuple(reasons))
        assert 0 <= coverage.share <= 1
        assert coverage.reasons or not coverage.refused
        if coverage.share >= 0.6:
            assert not coverage.refused
        if coverage.share < 0.4:
            assert coverage.refused


def test_memory_is_bounded_however_many_faces_pass():
    session = Session()
    for i in range(3000):
        face = FaceObservation(i // 20, BOX, -1.0 if i % 2 else math.nan)
        session.receive(Observation(i, i * NS_PER_S // 30, (face,)))
    assert len(session._tracks) == 1
    assert len(session._clip._gone) <= 64
    assert session.summary().faces == 150
