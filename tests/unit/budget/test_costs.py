import pytest

from stream_guard.budget.costs import Costs, Estimate

pytestmark = pytest.mark.unit


def test_nothing_measured_costs_nothing_known():
    assert Costs().estimate() == Estimate(0, 0, 0)
    assert Estimate().faces_within(100, find=True) is None


def test_face_stages_are_shared_out_and_added_up():
    costs = Costs()
    costs.record("convert", 100)
    costs.record("find", 900)
    costs.record("track", 400, faces=2)
    costs.record("align", 20, faces=2)
    costs.record("infer", 90, faces=3)
    assert costs.estimate() == Estimate(frame_ns=100, find_ns=900, face_ns=200 + 10 + 30)


def test_what_is_no_work_is_passed_over():
    costs = Costs()
    costs.record("wait", 10**9)
    costs.record("total", 10**9)
    costs.record("track", 10**9, faces=0)
    assert costs.estimate() == Estimate()


def test_the_quantile_of_the_window_stands_for_the_stage():
    costs = Costs(window=5, quantile=0.75)
    for duration in (10**9, 1, 2, 3, 4, 5):  # the first has left the window
        costs.record("convert", duration)
    assert costs.estimate().frame_ns == 4


def test_a_load_that_goes_is_forgotten():
    costs = Costs(window=30)
    for _ in range(1000):
        costs.record("infer", 50)
    for _ in range(30):
        costs.record("infer", 5)
    assert costs.estimate().face_ns == 5


def test_faces_within_a_time():
    estimate = Estimate(frame_ns=10, find_ns=20, face_ns=5)
    assert estimate.faces_within(45, find=True) == 3
    assert estimate.faces_within(45, find=False) == 7
    assert estimate.faces_within(5, find=False) == 0


@pytest.mark.parametrize(("window", "quantile"), [(0, 0.5), (1, 1.1), (1, -0.1)])
def test_limits_that_make_no_sense_are_refused(window: int, quantile: float):
    with pytest.raises(ValueError, match="window"):
        Costs(window=window, quantile=quantile)
