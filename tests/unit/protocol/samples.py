"""One message of each kind, as they are kept in tests/golden."""

from stream_guard.budget.plan import DropCause
from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import ChallengeState
from stream_guard.challenges.lapses import LapseKind
from stream_guard.challenges.sight import Sight
from stream_guard.face import Reason
from stream_guard.protocol.messages import (
    BudgetReport,
    Challenge,
    DriverReport,
    Engine,
    EngineFailure,
    Event,
    FaceReport,
    FaultReport,
    Hello,
    LapseReport,
    ModelReport,
    Rehearsal,
    Scores,
    Session,
    StageReport,
    Stats,
    StepReport,
    StretchReport,
    Subscribe,
    TracePointReport,
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
    "challenge": Challenge(
        session="c1",
        face=3,
        t=31.2,
        state=ChallengeState.DONE,
        say="Thank you, that was all.",
        remaining_s=0.0,
        current=None,
        amount=None,
        steps=(
            StepReport(
                action=Action.TURN_LEFT,
                say="Please turn your head slowly to your left, as far as you like, and back.",
                began=24.1,
                ended=28.2,
                progress=1.0,
                sight=Sight.SEEN,
                amount=62.0,
                during=StretchReport(
                    frames=44, judged=31, looks=5.5, llr=7.6, authenticity=0.2, interval=(0.11, 0.33)
                ),
                lapses=(LapseReport(kind=LapseKind.TURNED_AWAY, since=26.0, until=26.4),),
                words=("Turned 62 degrees to their left, and back.",),
            ),
        ),
        before=StretchReport(frames=118, judged=118, looks=13.9, llr=-19.1, authenticity=0.8, interval=(0.7, 0.87)),
        after=StretchReport(frames=89, judged=89, looks=10.1, llr=-13.0, authenticity=0.78, interval=(0.66, 0.86)),
        words=("1 of 1 actions were seen.",),
        trace=(TracePointReport(t=24.1, step=0, amount=1.5, authenticity=0.79),),
    ),
    "rehearsal": Rehearsal(
        session="c1",
        t=40.0,
        state="done",
        remaining_s=0.0,
        swapped_s=8.0,
        alarmed_after_s=1.6,
        words=("The detector noticed the test swap after 1.6 s.",),
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
        transport=TransportReport(
            codec="VP8", width=1280, height=720, fps=29.9, kbps=2300.0, lost=0, evidence=0.76
        ),
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
