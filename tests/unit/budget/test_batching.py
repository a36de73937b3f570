import pytest

from stream_guard.budget.batching import Batcher, Piece

pytestmark = pytest.mark.unit


def test_nothing_waits():
    assert Batcher[str](max_faces=8).take() == ()


def test_what_waits_goes_together():
    batcher = Batcher[str](max_faces=8)
    batcher.add("a0", faces=2)
    batcher.add("b0", faces=1)
    assert batcher.take() == (Piece("a0", 0, 2, last=True), Piece("b0", 0, 1, last=True))
    assert len(batcher) == 0


def test_a_request_that_does_not_fit_opens_the_next_batch_in_order():
    batcher = Batcher[str](max_faces=4)
    for item, faces in (("a0", 3), ("b0", 2), ("c0", 1)):
        batcher.add(item, faces=faces)
    assert [piece.item for piece in batcher.take()] == ["a0"]  # b0 would have to be split, c0 came later
    assert [piece.item for piece in batcher.take()] == ["b0", "c0"]


def test_only_a_request_larger_than_a_batch_is_split_and_its_rest_shares():
    batcher = Batcher[str](max_faces=4)
    for item, faces in (("a0", 1), ("b0", 9), ("c0", 2)):
        batcher.add(item, faces=faces)
    assert batcher.take() == (Piece("a0", 0, 1, last=True),)
    assert batcher.take() == (Piece("b0", 0, 4, last=False),)
    assert batcher.take() == (Piece("b0", 4, 8, last=False),)
    assert batcher.take() == (Piece("b0", 8, 9, last=True), Piece("c0", 0, 2, last=True))


def test_too_many_requests_are_refused_not_lost():
    batcher = Batcher[str](max_faces=4, max_requests=1)
    batcher.add("a0", faces=1)
    with pytest.raises(BufferError):
        batcher.add("b0", faces=1)
    assert len(batcher) == 1


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="at least one face"):
        Batcher[str](max_faces=4).add("a0", faces=0)
    with pytest.raises(ValueError, match="max_faces"):
        Batcher[str](max_faces=0)
