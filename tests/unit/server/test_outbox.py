import pytest

from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.protocol.messages import ServerMessage, Subscribe
from stream_guard.server.outbox import Outbox
from tests.unit.protocol.samples import SERVER

pytestmark = pytest.mark.unit


def offer(outbox: Outbox, kind: str, text: str, session: str = "c1", now_ns: int = 0, **changes: object) -> None:
    message: ServerMessage = SERVER[kind].model_copy(update={"session": session, **changes})
    outbox.offer(message, text, now_ns)


def wish(**wishes: object) -> Subscribe:
    return Subscribe.model_validate({"type": "subscribe", **wishes})


def test_the_newest_scores_of_each_session_win():
    outbox = Outbox()
    for text, session in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")):
        offer(outbox, "scores", text, session)
    assert outbox.take(0) == ["b1", "a3"]
    assert outbox.superseded == 2
    assert outbox.take(0) == []


def test_stats_are_newest_wins_and_count_as_nothing_lost():
    outbox = Outbox()
    for text, session in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        offer(outbox, "stats", text, session)
    assert outbox.take(0) == ["a2", "b1"]
    assert outbox.superseded == 0


def test_events_and_sessions_all_arrive_in_order_among_the_scores():
    outbox = Outbox()
    offer(outbox, "session_ended", "s1", state="live")
    offer(outbox, "scores", "f1")
    offer(outbox, "event_cut", "e1")
    offer(outbox, "scores", "f2")
    offer(outbox, "event_alarm", "e2")
    offer(outbox, "session_ended", "s2")
    assert outbox.take(0) == ["s1", "e1", "f2", "e2", "s2"]


def test_scores_keep_to_the_rate_and_events_do_not():
    outbox = Outbox()
    outbox.subscribe(wish(max_rate=10))
    offer(outbox, "scores", "f1")
    assert outbox.take(0) == ["f1"]
    assert outbox.due_ns is None
    offer(outbox, "scores", "f2")
    offer(outbox, "event_cut", "e1")
    offer(outbox, "scores", "other", session="c2")
    assert outbox.take(50 * NS_PER_MS) == ["e1", "other"]
    assert outbox.due_ns == 100 * NS_PER_MS
    offer(outbox, "scores", "f3")
    assert outbox.take(100 * NS_PER_MS - 1) == []
    assert outbox.take(100 * NS_PER_MS) == ["f3"]
    assert outbox.due_ns is None


def test_over_a_minute_the_rate_is_the_rate():
    outbox = Outbox()
    outbox.subscribe(wish(max_rate=5))
    sent = 0
    for i in range(60 * 30):
        offer(outbox, "scores", str(i), now_ns=i * NS_PER_S // 30)
        sent += len(outbox.take(i * NS_PER_S // 30))
    assert 295 <= sent <= 300
    assert outbox.superseded > 1400


def test_the_last_scores_of_a_session_do_not_wait_when_it_ends():
    outbox = Outbox()
    outbox.subscribe(wish(max_rate=1))
    offer(outbox, "scores", "f1")
    outbox.take(0)
    offer(outbox, "scores", "f2")
    offer(outbox, "session_ended", "end")
    assert outbox.take(1) == ["f2", "end"]


def test_a_client_gets_what_it_wished_for():
    outbox = Outbox()
    outbox.subscribe(wish(sessions=["c1"], types=["scores", "session"]))
    for kind in ("scores", "event_cut", "stats", "session_ended"):
        offer(outbox, kind, f"{kind} c1")
        offer(outbox, kind, f"{kind} c2", session="c2")
    outbox.offer(SERVER["hello"], "hello", 0)
    outbox.offer(SERVER["engine"], "engine", 0)
    assert outbox.take(0) == ["scores c1", "session_ended c1", "hello", "engine"]


def test_a_new_wish_forgets_scores_but_no_events():
    outbox = Outbox()
    for kind in ("scores", "event_cut", "stats"):
        offer(outbox, kind, f"{kind} c1")
        offer(outbox, kind, f"{kind} c2", session="c2")
    outbox.subscribe(wish(sessions=["c1"]))
    assert outbox.take(0) == ["scores c1", "event_cut c1", "event_cut c2", "stats c1"]


def test_a_client_that_would_miss_an_event_is_to_be_cut_off():
    outbox = Outbox(max_events=3)
    for i in range(3):
        offer(outbox, "event_cut", str(i))
    assert outbox.overflowed is None
    offer(outbox, "event_cut", "3")
    assert outbox.overflowed == "too slow: 3 events wait already"
    offer(outbox, "scores", "f1")
    assert outbox.take(0) == []


def test_events_that_were_taken_do_not_count():
    outbox = Outbox(max_events=3)
    for i in range(100):
        offer(outbox, "event_cut", str(i))
        assert outbox.take(i) == [str(i)]
    assert outbox.overflowed is None


def test_scores_never_overflow():
    outbox = Outbox(max_events=1)
    for i in range(5000):
        offer(outbox, "scores", str(i))
    assert outbox.overflowed is None
    assert outbox.take(0) == ["4999"]


def test_the_rate_limits_memory_does_not_grow_with_sessions():
    outbox = Outbox()
    outbox.subscribe(wish(max_rate=10))
    for i in range(1000):
        offer(outbox, "scores", "f", session=str(i))
        outbox.take(i * NS_PER_S)
    assert len(outbox._not_before) == 1


def test_no_room_for_events_makes_no_sense():
    with pytest.raises(ValueError, match="at least 1"):
        Outbox(max_events=0)


def test_the_smallest_rate_is_a_very_long_gap_not_an_error():
    outbox = Outbox()
    outbox.subscribe(wish(max_rate=5e-324))
    offer(outbox, "scores", "first")
    assert outbox.take(0) == ["first"]
    offer(outbox, "scores", "second")
    assert outbox.take(3600 * NS_PER_S) == []
