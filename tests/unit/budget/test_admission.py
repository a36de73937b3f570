import pytest

from stream_guard.budget.admission import Admission
from stream_guard.budget.plan import DropCause, Plan, Skip
from stream_guard.clock import NS_PER_MS, NS_PER_S
from tests.unit.budget.call import Load, play

pytestmark = pytest.mark.unit

MS = NS_PER_MS


def learnt(admission: Admission, *, face_ms: float, find_ms: float = 0, frame_ms: float = 1) -> Admission:
    for _ in range(40):
        admission.spent("convert", round(frame_ms * MS))
        admission.spent("infer", round(face_ms * MS))
        if find_ms:
            admission.spent("find", round(find_ms * MS))
    return admission


def plan(decision: Plan | Skip) -> Plan:
    assert isinstance(decision, Plan)
    return decision


def test_before_anything_is_known_everything_is_done():
    assert Admission(max_faces=9).admit(arrived_ns=0, now_ns=0, faces=4) == Plan(faces=9, find=True, degraded=False)


def test_a_frame_is_dropped_past_its_deadline_and_not_before():
    admission = Admission(max_age_ns=500 * MS)
    assert isinstance(admission.admit(arrived_ns=0, now_ns=500 * MS, faces=1), Plan)
    assert admission.admit(arrived_ns=0, now_ns=500 * MS + 1, faces=1) == Skip(DropCause.EXPIRED)


def test_an_estimate_never_drops_a_frame():
    admission = learnt(Admission(), face_ms=10_000, find_ms=10_000, frame_ms=10_000)
    for i in range(100):
        decision = admission.admit(arrived_ns=i * 33 * MS, now_ns=i * 33 * MS, faces=9)
        assert plan(decision).faces >= 1


def test_as_many_faces_as_fit_into_what_is_left_of_the_target():
    admission = learnt(Admission(target_ns=33 * MS), face_ms=5)
    assert plan(admission.admit(arrived_ns=0, now_ns=0, faces=9)) == Plan(faces=6, find=True, degraded=True)
    assert plan(admission.admit(arrived_ns=33 * MS, now_ns=43 * MS, faces=9)).faces == 4


def test_the_finder_goes_first_but_not_for_long():
    admission = learnt(Admission(target_ns=33 * MS, find_every_ns=250 * MS), face_ms=5, find_ms=15)
    finds = [
        at_ms
        for at_ms in range(0, 1000, 33)
        if plan(admission.admit(arrived_ns=at_ms * MS, now_ns=at_ms * MS, faces=5)).find
    ]
    assert finds == [0, 264, 528, 792]


def test_the_finder_goes_first_and_no_face_suffers():
    admission = learnt(Admission(), face_ms=5, find_ms=15)
    admission.admit(arrived_ns=0, now_ns=0, faces=5)
    assert plan(admission.admit(arrived_ns=33 * MS, now_ns=33 * MS, faces=5)) == Plan(6, find=False, degraded=False)
    assert plan(admission.admit(arrived_ns=66 * MS, now_ns=66 * MS, faces=3)) == Plan(3, find=True, degraded=False)


def test_with_nobody_there_the_finder_always_runs():
    admission = learnt(Admission(), face_ms=5, find_ms=500)
    for i in range(10):
        assert plan(admission.admit(arrived_ns=i * MS, now_ns=i * MS, faces=0)).find


def test_recordings_are_never_dropped_nor_degraded():
    admission = learnt(Admission(live=False, max_faces=25), face_ms=1000, find_ms=1000)
    assert admission.admit(arrived_ns=0, now_ns=3600 * NS_PER_S, faces=9) == Plan(25)
    assert admission.admit(arrived_ns=0, now_ns=0, faces=30) == Plan(30)


def test_one_face_at_30_fps_has_every_frame_scored():
    told = play(Admission(), Load(frame=1, find=8, face=12), faces=1, seconds=5)
    assert len(told.plans) == 150
    assert not told.skips


@pytest.mark.parametrize("face_ms", [2, 8, 15, 30, 45])
@pytest.mark.parametrize("find_ms", [0, 15])
def test_nine_faces_are_each_measured_twice_a_second_while_the_machine_can(face_ms: float, find_ms: float):
    told = play(Admission(), Load(face=face_ms, find=find_ms), faces=9, seconds=10)
    assert told.longest_wait_s(10) <= 0.5
    assert not told.skips


def test_nine_faces_keep_the_promise_at_a_low_frame_rate():
    told = play(Admission(), Load(face=30), faces=9, seconds=10, fps=5)
    assert told.longest_wait_s(10) <= 0.6  # two frames and the work on them


def test_the_promise_is_kept_after_a_pause_within_one_round():
    admission = learnt(Admission(target_ns=33 * MS), face_ms=20)
    admission.admit(arrived_ns=0, now_ns=0, faces=9)
    after = plan(admission.admit(arrived_ns=10 * NS_PER_S, now_ns=10 * NS_PER_S, faces=9))
    assert after.faces == 9  # what is owed is one round, not the 225 of ten seconds
    assert plan(admission.admit(arrived_ns=10 * NS_PER_S, now_ns=10 * NS_PER_S, faces=9)).faces == 1


def test_where_the_promise_cannot_be_kept_frames_stay_within_the_deadline():
    told = play(Admission(max_age_ns=500 * MS), Load(face=120), faces=9, seconds=20)
    assert max(told.latency_ns[5:]) <= 620 * MS  # the deadline, and a face
    assert not told.skips


def test_faces_that_fit_are_never_held_back():
    told = play(Admission(), Load(face=3), faces=9, seconds=5)
    assert not any(plan.degraded for plan in told.plans[5:])


def test_one_long_frame_does_not_make_all_frames_long():
    # The first frame knows no costs and measures all nine, 360 ms; one or two a frame are all that is needed.
    told = play(Admission(), Load(face=40), faces=9, seconds=10)
    assert told.latency_ns[0] > 360 * MS
    assert max(told.latency_ns[8:]) < 130 * MS


def test_what_is_owed_stays_within_the_deadline():
    admission = learnt(Admission(max_age_ns=500 * MS), face_ms=100)
    admission.admit(arrived_ns=0, now_ns=0, faces=9)
    assert plan(admission.admit(arrived_ns=10 * NS_PER_S, now_ns=10 * NS_PER_S, faces=9)).faces == 4


@pytest.mark.parametrize("batch_ms", [0, 12])  # a fixed cost of half the target would hide what more faces cost
def test_when_a_load_goes_all_faces_are_measured_again(batch_ms: float):
    admission = Admission()
    heavy = play(admission, Load(face=40, batch=batch_ms), faces=9, seconds=5)
    assert min(plan.faces for plan in heavy.plans) < 9
    light = play(admission, Load(face=1, batch=batch_ms), faces=9, seconds=10, begin_ns=6 * NS_PER_S)
    assert all(plan.faces >= 9 for plan in light.plans[-30:])


def test_limits_must_be_above_zero():
    with pytest.raises(ValueError, match="above 0"):
        Admission(target_ns=0)
