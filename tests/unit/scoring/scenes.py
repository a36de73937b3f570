"""Observations, drawn from a few words."""

from collections.abc import Iterable

from stream_guard.clock import NS_PER_S
from stream_guard.face import Box, Reason
from stream_guard.scoring.observation import EventKind, FaceObservation, Observation, ScoreEvent, Update
from stream_guard.scoring.session import Session

BOX = Box(0.1, 0.2, 0.3, 0.4)


def face(llr: float | None = None, *reasons: Reason, id: int = 1) -> FaceObservation:
    return FaceObservation(id=id, box=BOX, llr=llr, reasons=reasons)


class Scene:
    """Feeds a session at a frame rate, and collects what it says."""

    def __init__(self, session: Session | None = None, fps: float = 30) -> None:
        self.session = session or Session()
        self.fps = fps
        self.at_ns = 0
        self.events: list[ScoreEvent] = []
        self.update = Update()
        self._sequence = 0

    def show(self, *faces: FaceObservation, s: float = 0, cut: bool = False) -> Update:
        """Show faces for some seconds; one frame at least."""
        for i in range(max(1, round(s * self.fps))):
            self.update = self.session.receive(Observation(self._sequence, self.at_ns, faces, cut and i == 0))
            self.events += self.update.events
            self._sequence += 1
            self.at_ns += round(NS_PER_S / self.fps)
        return self.update

    def wait(self, s: float) -> Update:
        self.at_ns += round(s * NS_PER_S)
        self.update = self.session.tick(self.at_ns)
        self.events += self.update.events
        return self.update

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    def when(self, kind: EventKind) -> float:
        """Return the seconds of the only event of a kind."""
        (event,) = (event for event in self.events if event.kind is kind)
        return event.at_ns / NS_PER_S


def count(events: Iterable[ScoreEvent], kind: EventKind) -> int:
    return sum(event.kind is kind for event in events)
