"""One message of each kind, as they are kept in tests/golden."""

from stream_guard.budget.plan import DropCause
from stream_guard.face import Reason
from stream_guard.protocol.messages import (
    BudgetReport,
    DriverReport,
    Engine,
    EngineFailure,
    Event,
    FaceReport,
    FaultReport,
    Hello,
    ModelReport,
    Scores,
    Session,
    StageReport,
    Stats,
    Subscribe,
    TransportReport,
)
from stream_guard.scoring.observation import Cue, EventKind, State

SERVER = {
    "hello": Hello(
        server="stream-guard 0.1.0",
        engine="openvino",
        device="CPU",
        model=ModelReport(name="lite0", version="1", status="preview", sha256="0" * 64, min_face_px=64),
        budget_ms=33.0,
        promise=None,
    ),
    "engine": Engine(
        engine="onnxruntime",
        device="cpu",
        passed_over=(EngineFailure(name="tensorrt", reason="the GPU has fallen off the bus"),),
    ),
    "fault": FaultReport(
        session=None, part="faces", reason="the face landmarker's process died and was started again"
    ),
    "scores": Scores(
        session="c1",
        frame=371,
        t=12.367,
        age_ms=41.2,
        faces=(
            FaceReport(
                id=3,
                box=(0.31, 0.22, 0.11, 0.19),
                authenticity=0.93,
                interval=(0.88, 0.97),
                state=State.AUTHENTIC,
                reasons=(),
                frame_score=0.91,
                coverage=0.96,
                relative=-0.4,
            ),
            FaceReport(
                id=4,
                box=(-0.02, 0.5, 0.04, 0.07),
                authenticity=None,
                interval=None,
                state=State.CANNOT_JUDGE,
                reasons=(Reason.FACE_TOO_SMALL, Reason.DARK),
                frame_score=None,
                coverage=0.0,
            ),
        ),
        budget=BudgetReport(target_ms=33.0, p95_ms=24.1, degraded=True, dropped={DropCause.SUPERSEDED: 3}),
        transport=TransportReport(codec="VP8", width=1280, height=720, fps=29.9, kbps=2300.0, lost=0, evidence=0.76),
    ),
    "event_alarm": Event(
        session="c1",
        t=14.2,
        kind=EventKind.ALARM_RAISED,
        face=3,
        previous=State.SUSPICIOUS,
        state=State.SYNTHETIC,
        authenticity=0.12,
        drivers=(
            DriverReport(cue=Cue.CHANGED, since=12.9),
            DriverReport(cue=Cue.LOOKS_SYNTHETIC, since=13.4),
        ),
    ),
    "event_cut": Event(session="c1", t=20.0, kind=EventKind.SCENE_CUT),
    "stats": Stats(
        session="c1",
        t=12.0,
        received=360,
        admitted=357,
        scored=357,
        dropped={DropCause.SUPERSEDED: 3},
        fps_in=29.9,
        fps_scored=29.6,
        stages={"infer": StageReport(p50_ms=3.1, p95_ms=4.0, p99_ms=6.2, count=150)},
        backlog_ms=1.5,
        clients=2,
    ),
    "session_ended": Session(session="c1", state="ended", kind="webrtc", label="Browser", reason="the peer left"),
}

CLIENT = {
    "subscribe": Subscribe(sessions=("c1",), types=("scores", "event"), max_rate=10.0),
    "subscribe_all": Subscribe(sessions=None, types=None, max_rate=None),
}
