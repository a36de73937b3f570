import pytest

from stream_guard.budget.batching import Batcher, Piece

pytestmark = pytest.mark.unit


def test_nothing_waits():
    batcher = Batcher[str](max_faces=8, max_wait_ns=10)
    assert batcher.due_ns() is None
    assert batcher.take(10**9) == ()


def test_a_stream_alone_is_not_kept_waiting():
    batcher = Batcher[str](max_faces=8, max_wait_ns=10)
    batcher.expect("a")
    batcher.add("a", 2, "a0", 0)
    assert batcher.take(0) == (Piece("a0", 0, 2, last=True),)
    assert len(batcher) == 0


def test_who_announced_faces_is_waited_for_until_the_deadline_of_the_oldest():
    batcher = Batcher[str](max_faces=8, max_wait_ns=10)
    batcher.expect("b")
    batcher.add("a", 1, "a0", 5)
    batcher.add("a", 1, "a1", 9)
    assert batcher.due_ns() == 15
    assert batcher.take(14) == ()
    assert [piece.item for piece in batcher.take(15)] == ["a0", "a1"]


def test_a_batch_closes_when_everybody_has_added_or_withdrawn():
    batcher = Batcher[str](max_faces=8, max_wait_ns=10)
    for stream in "abc":
        batcher.expect(stream)
    batcher.add("a", 1, "a0", 0)
    batcher.withdraw("c")
    assert batcher.take(0) == ()
    batcher.add("b", 1, "b0", 1)
    assert [piece.item for piece in batcher.take(1)] == ["a0", "b0"]


def test_a_full_batch_closes_at_once_and_leaves_the_rest_in_order():
    batcher = Batcher[str](max_faces=4, max_wait_ns=10)
    batcher.expect("z")
    batcher.add("a", 3, "a0", 0)
    batcher.add("b", 2, "b0", 0)
    batcher.add("c", 1, "c0", 0)
    assert [piece.item for piece in batcher.take(0)] == ["a0"]  # b0 would have to be split
    assert batcher.take(0) == ()
    assert [piece.item for piece in batcher.take(10)] == ["b0", "c0"]


def test_exactly_full_is_full():
    batcher = Batcher[str](max_faces=4, max_wait_ns=10)
    batcher.expect("z")
    batcher.add("a", 4, "a0", 0)
    assert batcher.take(0) == (Piece("a0", 0, 4, last=True),)


def test_only_a_request_larger_than_a_batch_is_split_and_its_rest_shares():
    batcher = Batcher[str](max_faces=4, max_wait_ns=10)
    batcher.add("a", 1, "a0", 0)
    batcher.add("b", 9, "b0", 0)
    batcher.add("c", 2, "c0", 0)
    assert batcher.take(0) == (Piece("a0", 0, 1, last=True),)
    assert batcher.take(0) == (Piece("b0", 0, 4, last=False),)
    assert batcher.take(0) == (Piece("b0", 4, 8, last=False),)
    assert batcher.take(0) == (Piece("b0", 8, 9, last=True), Piece("c0", 0, 2, last=True))


def test_too_many_requests_are_refused_not_lost():
    batcher = Batcher[str](max_faces=4, max_wait_ns=10, max_requests=1)
    batcher.add("a", 1, "a0", 0)
    with pytest.raises(BufferError):
        batcher.add("b", 1, "b0", 0)
    assert len(batcher) == 1


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="at least one face"):
        Batcher[str](max_faces=4, max_wait_ns=10).add("a", 0, "a0", 0)
    with pytest.raises(ValueError, match="max_faces"):
        Batcher[str](max_faces=0, max_wait_ns=10)
