"""What holds for every message and every client."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_guard.errors import ProtocolError
from stream_guard.face import Box, Reason
from stream_guard.protocol import codec
from stream_guard.protocol.messages import (
    BudgetReport,
    Event,
    FaceReport,
    Hello,
    Scores,
    Session,
    StageReport,
    Stats,
    Subscribe,
    TransportReport,
)
from stream_guard.scoring.observation import FaceScore, State
from stream_guard.server.outbox import Outbox
from tests.unit.protocol.samples import SERVER

pytestmark = pytest.mark.property

finite = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.floats(0, 1)
reports = st.builds(
    FaceReport,
    box=st.tuples(finite, finite, finite, finite),
    authenticity=st.none() | fractions,
    interval=st.none() | st.tuples(fractions, fractions),
    frame_score=st.none() | fractions,
    coverage=fractions,
)
budgets = st.builds(BudgetReport, target_ms=finite, p95_ms=st.none() | finite)
transports = st.builds(TransportReport, fps=finite, kbps=st.none() | finite)
stages = st.builds(StageReport, p50_ms=finite, p95_ms=finite, p99_ms=finite)
messages = {
    "hello": st.builds(Hello, budget_ms=finite),
    "scores": st.builds(
        Scores,
        t=finite,
        age_ms=finite,
        faces=st.lists(reports, max_size=3).map(tuple),
        budget=budgets,
        transport=transports,
    ),
    "event": st.builds(Event, t=finite, authenticity=st.none() | fractions),
    "stats": st.builds(
        Stats,
        t=finite,
        fps_in=finite,
        fps_scored=finite,
        backlog_ms=finite,
        stages=st.dictionaries(st.text(max_size=8), stages, max_size=3),
    ),
    "session": st.builds(Session),
}
wishes = st.builds(
    Subscribe,
    sessions=st.none() | st.lists(st.text(max_size=64), max_size=8).map(tuple),
    max_rate=st.none() | st.floats(0.001, 1000),
)


@pytest.mark.parametrize("kind", messages)
@given(data=st.data())
def test_what_a_server_writes_is_read_alike(kind: str, data: st.DataObject):
    message = data.draw(messages[kind])
    text = codec.encode(message)
    assert codec.decode_server(text) == codec.decode_server(text.encode()) == message
    assert "\n" not in text


@given(wishes)
def test_what_a_client_writes_is_read_alike(message: Subscribe):
    text = codec.encode(message)
    assert codec.decode_client(text) == codec.decode_client(text.encode()) == message


@given(st.text() | st.binary() | st.builds(codec.encode, messages["event"]))
def test_anything_else_is_refused_and_never_worse(junk: str | bytes):
    with pytest.raises(ProtocolError) as refused:
        codec.decode_client(junk)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value).encode()) <= 123


@given(st.tuples(fractions, fractions, fractions), fractions)
def test_rounding_keeps_the_number_within_its_interval(three: tuple[float, float, float], coverage: float):
    low, authenticity, high = sorted(three)
    face = FaceScore(
        1, Box(0, 0, 1, 1), authenticity, (low, high), State.AUTHENTIC, (Reason.DARK,), authenticity, coverage
    )
    report = codec.face_report(face)
    assert report.interval is not None
    assert report.authenticity is not None
    assert 0 <= report.interval[0] <= low <= high <= report.interval[1] <= 1
    assert report.interval[0] <= report.authenticity <= report.interval[1]
    assert report.authenticity == pytest.approx(authenticity, abs=0.0005)


offers = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["scores", "stats", "event_cut", "session_ended"]), st.sampled_from("ab"), st.just(0)
        ),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 10**9)),
        st.tuples(st.just("rate"), st.just(""), st.sampled_from([1, 30, 1000])),
    ),
    max_size=80,
)


@given(offers, st.integers(1, 20))
def test_no_event_is_lost_or_out_of_place_unless_the_client_is_cut_off(
    offers: list[tuple[str, str, int]], max_events: int
):
    outbox = Outbox(max_events=max_events)
    numbers = itertools.count()
    kept: list[int] = []
    newest: dict[tuple[str, str], int] = {}
    got: list[int] = []
    scores = now_ns = 0
    for kind, session, number in offers:
        if kind == "take":
            now_ns += number
            got += map(int, outbox.take(now_ns))
        elif kind == "rate":
            outbox.subscribe(Subscribe(sessions=None, types=None, max_rate=number))
        else:
            count = next(numbers)
            outbox.offer(SERVER[kind].model_copy(update={"session": session}), str(count), now_ns)
            if kind in ("scores", "stats"):
                newest[kind, session] = count
                scores += kind == "scores"
            else:
                kept.append(count)
    if outbox.overflowed is not None:
        assert outbox.take(now_ns) == []
        return
    waiting = len(outbox._events)
    assert waiting <= max_events
    got += map(int, outbox.take(now_ns + 2 * 10**9))  # every rate limit is over by then

    assert [number for number in got if number in set(kept)] == kept
    assert set(newest.values()) <= set(got)
    assert len(got) == len(set(got))
    score_numbers = set(got) - set(kept)
    assert outbox.superseded <= scores
    assert score_numbers.issuperset(newest.values())


@given(st.integers(1, 20), st.integers(1, 60))
def test_a_client_is_cut_off_exactly_when_more_events_wait_than_fit(max_events: int, events: int):
    outbox = Outbox(max_events=max_events)
    for i in range(events):
        outbox.offer(SERVER["event_cut"], str(i), 0)
    assert (outbox.overflowed is not None) == (events > max_events)


@given(st.lists(st.sampled_from("abc"), max_size=50))
def test_every_scores_message_is_sent_or_counted(sessions: list[str]):
    outbox = Outbox()
    sent = 0
    for i, session in enumerate(sessions):
        outbox.offer(SERVER["scores"].model_copy(update={"session": session}), str(i), 0)
        if i % 7 == 0:
            sent += len(outbox.take(0))
    sent += len(outbox.take(0))
    assert sent + outbox.superseded == len(sessions)
