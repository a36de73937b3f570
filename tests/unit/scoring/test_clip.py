import pytest

from stream_guard.scoring.clip import ClipPool, FacePool
from stream_guard.scoring.observation import State
from stream_guard.scoring.smoothing import sigmoid
from stream_guard.scoring.verdict import VerdictSettings

pytestmark = pytest.mark.unit


def face(llr: float, looks: int) -> FacePool:
    pool = FacePool()
    for _ in range(looks):
        pool.add(llr, 1.0)
    return pool


def clip() -> ClipPool:
    return ClipPool(enough_looks=2, thresholds=VerdictSettings(rise=1.0, fall=0.0))


def test_nobody_cannot_be_judged():
    assert clip().verdict([], alarmed=False) == (None, State.CANNOT_JUDGE)
    assert clip().verdict([face(3, 1)], alarmed=False) == (None, State.CANNOT_JUDGE)


def test_the_mean_is_weighed_by_looks():
    pool = FacePool()
    pool.add(2.0, 1.0)
    pool.add(-1.0, 0.5)
    assert pool.llr == pytest.approx(1.0)


def test_the_worst_face_speaks_for_the_clip_whether_it_stayed_or_left():
    pool = clip()
    pool.close(face(0.5, 10))
    assert pool.verdict([face(-3, 10)], alarmed=False) == (sigmoid(-0.5), State.SUSPICIOUS)
    assert pool.verdict([face(2, 10)], alarmed=False) == (sigmoid(-2), State.SYNTHETIC)


def test_a_face_passing_by_does_not_speak():
    assert clip().verdict([face(-3, 100), face(3, 5)], alarmed=False) == (sigmoid(3), State.AUTHENTIC)


def test_an_alarm_marks_the_clip_though_it_leans_to_authentic():
    assert clip().verdict([face(-1, 9)], alarmed=True) == (sigmoid(1), State.SYNTHETIC)


def test_only_the_longest_seen_faces_are_kept():
    pool = clip()
    pool.close(face(5, 50))
    for _ in range(200):
        pool.close(face(-1, 3))
    assert len(pool._gone) == 64
    assert pool.verdict([], alarmed=False)[1] is State.SYNTHETIC
