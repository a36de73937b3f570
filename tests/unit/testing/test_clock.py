import pytest

from stream_guard.testing.clock import ManualClock

pytestmark = pytest.mark.unit


def test_it_stands_until_it_is_moved():
    clock = ManualClock(5)
    assert clock.now_ns() == clock.now_ns() == 5
    assert clock.advance(s=1, ms=2, ns=3) == 1_002_000_008
    assert clock.now_ns() == 1_002_000_008


def test_it_never_goes_back():
    with pytest.raises(ValueError, match="never goes back"):
        ManualClock().advance(ms=-1)
