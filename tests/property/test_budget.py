"""What holds for every load."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_guard.budget.admission import Admission
from stream_guard.budget.batching import Batcher, Piece
from stream_guard.budget.lag import Lag
from stream_guard.budget.plan import Plan, Skip
from stream_guard.clock import NS_PER_MS, NS_PER_S
from tests.unit.budget.call import Load, play

pytestmark = pytest.mark.property

durations_ns = st.integers(0, 2 * NS_PER_S)
steps = st.tuples(
    durations_ns,  # until the next frame
    durations_ns,  # its age
    st.integers(0, 40),  # faces
    st.sampled_from(["convert", "find", "track", "align", "infer", "wait", "total"]),
    durations_ns,  # what that stage took
)


@given(st.lists(steps, max_size=60), st.booleans())
def test_a_plan_always_has_a_face_and_only_age_drops_a_frame(
    steps: list[tuple[int, int, int, str, int]], live: bool
):
    admission = Admission(max_age_ns=500 * NS_PER_MS, live=live)
    now_ns = 0
    for gap_ns, age_ns, faces, stage, took_ns in steps:
        now_ns += gap_ns
        decision = admission.admit(arrived_ns=now_ns - age_ns, now_ns=now_ns, faces=faces)
        assert isinstance(decision, Skip) == (live and age_ns > 500 * NS_PER_MS)
        if isinstance(decision, Plan):
            assert decision.faces >= 1
            assert live or decision == Plan(max(25, faces))
            assert decision.degraded == (decision.faces < faces)
        admission.spent(stage, took_ns, faces=faces)


@settings(max_examples=30)
@given(st.integers(1, 12), st.floats(0.5, 60), st.floats(0, 20), st.floats(0, 5), st.integers(10, 60))
def test_no_face_starves_and_the_finder_comes_round(
    faces: int, face_ms: float, find_ms: float, frame_ms: float, fps: int
):
    busy = 2 * faces * face_ms + 4 * find_ms + fps * frame_ms  # ms of work a second that are promised
    told = play(Admission(), Load(frame=frame_ms, find=find_ms, face=face_ms), faces=faces, seconds=5, fps=fps)
    assert not told.skips
    finds = [0, *told.found_ns, 5 * NS_PER_S]
    if busy < 750:
        assert told.longest_wait_s(5) <= 0.5 + 1 / fps
        if find_ms:
            assert max(b - a for a, b in itertools.pairwise(finds)) <= 0.6 * NS_PER_S
    assert all(times for times in told.measured_ns.values())


@given(
    st.lists(st.one_of(st.integers(1, 20), st.just("take")), max_size=80),
    st.integers(1, 8),
)
def test_batches_lose_double_and_reorder_nothing(actions: list[int | str], max_faces: int):
    batcher = Batcher[int](max_faces=max_faces)
    asked: list[tuple[int, int]] = []
    got: list[Piece[int]] = []

    def take() -> bool:
        batch = batcher.take()
        assert sum(piece.stop - piece.start for piece in batch) <= max_faces
        got.extend(batch)
        return bool(batch)

    for action in actions:
        if isinstance(action, int):
            asked.append((len(asked), action))
            batcher.add(asked[-1][0], faces=action)
        else:
            waiting = len(batcher) > 0
            assert take() == waiting  # nobody waits for company
    while take():
        pass

    assert len(batcher) == 0
    faces = [(piece.item, face) for piece in got for face in range(piece.start, piece.stop)]
    assert faces == [(item, face) for item, number in asked for face in range(number)]
    sizes = dict(asked)
    for piece in got:
        assert piece.last == (piece.stop == sizes[piece.item])
        if sizes[piece.item] <= max_faces:
            assert (piece.start, piece.stop) == (0, sizes[piece.item])  # never split


@given(st.lists(st.tuples(st.integers(0, NS_PER_S), st.integers(0, NS_PER_S)), min_size=1, max_size=100))
def test_backlog_is_the_wait_above_the_shortest_wait(frames: list[tuple[int, int]]):
    lag, media_ns, waits, arrived_ns = Lag(window_s=10_000), 0, [], 0
    for gap_ns, wait_ns in frames:
        media_ns += gap_ns
        arrived_ns = max(arrived_ns, media_ns + wait_ns)  # frames arrive in order
        waits.append(arrived_ns - media_ns)
        assert lag.observe(arrived_ns, media_ns / NS_PER_S) == pytest.approx(waits[-1] - min(waits), abs=2)
