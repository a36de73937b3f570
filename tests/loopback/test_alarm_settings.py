"""What a model's manifest says of its alarms and its errors reaches the sessions of a running service."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_guard.app import Runtime
from stream_guard.clock import NS_PER_S
from stream_guard.config import Config
from stream_guard.errors import ModelError
from stream_guard.face import Box
from stream_guard.models.manifest import AlarmRate, Independence
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation
from stream_guard.scoring.session import Session
from stream_guard.testing.engines import make_model

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]


def model(folder: Path, correlation_s: float | None = None) -> Path:
    path, manifest = make_model(folder)
    alarms = tuple(
        AlarmRate(per_hour=per_hour, rise=rise, low=rise, high=rise, hours=1, how="by hand")
        for per_hour, rise in [(6, 0.5), (1, 1.5), (0.2, 2.5)]
    )
    independence = None
    if correlation_s is not None:
        independence = Independence(
            correlation_s=correlation_s, low=0.1, high=1, within=1, between=1, measured_on="nothing"
        )
    told = manifest.model_copy(update={"alarms": alarms, "independence": independence})
    path.with_suffix(".json").write_text(told.model_dump_json())
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [model(tmp_path_factory.mktemp("lasting"), correlation_s) for correlation_s in (0.05, 0.15, 0.4)]


def play(session: Session, llr: float) -> tuple[bool, float]:
    """Return whether the alarm was raised within ten seconds, and the width of the interval at their end."""
    raised = False
    for frame in range(100):
        face = FaceObservation(1, Box(0, 0, 1, 1), llr=llr)
        update = session.receive(Observation(frame, frame * NS_PER_S // 10, (face,)))
        raised |= any(event.kind is EventKind.ALARM_RAISED for event in update.events)
    interval = update.faces[0].interval
    assert interval is not None
    return raised, interval[1] - interval[0]


@pytest.mark.parametrize(("per_hour", "rise"), [(6, 0.5), (1, 1.5), (0.2, 2.5)])
async def test_the_alarm_is_raised_at_the_rise_of_the_rate_asked_for(
    plain: Path, per_hour: float, rise: float
) -> None:
    config = Config.make(model=plain, false_alarms_per_hour=per_hour)
    async with Runtime(config) as runtime:
        for live in (True, False):
            assert not play(runtime.scorer(live=live), rise - 0.1)[0]
            assert play(runtime.scorer(live=live), rise + 0.1)[0]


async def test_errors_that_last_widen_the_interval(lasting: list[Path]) -> None:
    widths = []
    for path in lasting:
        async with Runtime(Config.make(model=path)) as runtime:
            widths.append(play(runtime.scorer(live=True), -1.0)[1])
    assert widths[0] < widths[1] < widths[2]


async def test_a_rate_the_model_does_not_know_is_an_error_from_the_start(plain: Path) -> None:
    with pytest.raises(ModelError, match="worked out are: 6, 1, 0"):
        async with Runtime(Config.make(model=plain, false_alarms_per_hour=0.01)):
            pass
