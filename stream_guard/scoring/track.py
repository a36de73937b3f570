"""One face's story within a session: its evidence, its coverage, its verdict, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from stream_guard.errors import ConfigError
from stream_guard.evidence.shift import ShiftSettings
from stream_guard.face import Reason
from stream_guard.scoring.clip import FacePool
from stream_guard.scoring.coverage import Coverage, CoverageSettings
from stream_guard.scoring.fusion import Fusion
from stream_guard.scoring.observation import EventKind, FaceObservation, FaceScore, ScoreEvent, State
from stream_guard.scoring.smoothing import Estimate, Evidence, SmoothingSettings, clipped, sigmoid
from stream_guard.scoring.verdict import Verdict, VerdictSettings

__all__ = ["FaceTrack", "TrackSettings"]

_LONGEST_CORRELATION_S = 0.5
"""A memory of one second holds one look at this correlation, and half of one at twice that: nothing to speak on."""

_SLOW_RATE = 2.0
"""Scored frames a second at which there must still be enough to speak on."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How one face is judged.

    Attributes:
        enough_looks: independent looks at a face before anything is said of it. The default takes half a second
            at 30 scored frames a second, 1.5 s at two, and is never reached below 1.3 a second.
        thin_looks: with fewer than these, an earlier word is taken back.
        change: when a face has changed, compared with its own past; None: that is not looked at.
    """

    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    coverage: CoverageSettings = field(default_factory=CoverageSettings)
    verdict: VerdictSettings = field(default_factory=VerdictSettings)
    enough_looks: float = 1.75
    thin_looks: float = 0.8
    change: ShiftSettings | None = field(default_factory=ShiftSettings)

    def __post_init__(self) -> None:
        if not 0 < self.thin_looks <= self.enough_looks:
            raise ConfigError("scoring: must be 0 < thin_looks <= enough_looks")

    @classmethod
    def for_correlation(cls, correlation_s: float, *, verdict: VerdictSettings) -> Self:
        """Return the settings for a model whose errors were measured to last so long.

        Longer errors make fewer looks of the same frames. What is asked for before a word is said shrinks with
        what two frames a second can give, so that the word comes after as long a time; what is lost shows in
        the interval, and the thresholds are worked out at these settings.

        Args:
            correlation_s: the model's, in seconds; more than 0.5 counts as 0.5.
            verdict: when an alarm is raised.
        """
        usual = cls()
        smoothing = replace(usual.smoothing, correlation_s=min(correlation_s, _LONGEST_CORRELATION_S))
        share = min(1.0, smoothing.looks_at(_SLOW_RATE) / usual.smoothing.looks_at(_SLOW_RATE))
        return cls(
            smoothing=smoothing,
            verdict=verdict,
            change=replace(usual.change, correlation_s=smoothing.correlation_s) if usual.change else None,
            enough_looks=usual.enough_looks * share,
            thin_looks=usual.thin_looks * share,
        )


class FaceTrack:
    """What is known of one face. It never sees another one's observations.

    Attributes:
        state: as last reported.
        alarmed: whether an alarm stands. It outlives a spell of "cannot judge": who turns away is not cleared.
        pool: all its evidence, for the summary of a clip.
    """

    __slots__ = (
        "_at_ns", "_coverage", "_evidence", "_frame_llr", "_fusion", "_last", "_settings", "_share", "_speaks",
        "_verdict", "alarmed", "pool", "state",
    )  # fmt: skip

    def __init__(self, face: FaceObservation, settings: TrackSettings) -> None:
        self._settings = settings
        self._evidence = Evidence(settings.smoothing)
        self._coverage = Coverage(settings.coverage)
        self._verdict = Verdict(settings.verdict)
        self._fusion = Fusion(settings.verdict, settings.change)
        self._last, self._at_ns = face, 0
        self._frame_llr: float | None = None
        self._speaks = False
        self._share = 1.0
        self.alarmed = False
        self.state = State.CANNOT_JUDGE
        self.pool = FacePool()

    def observe(self, at_ns: int, face: FaceObservation, *, share: float = 1.0) -> None:
        """Take what one frame showed of this face.

        Args:
            at_ns: its place on the time line.
            face: what it showed.
            share: of the model's evidence that is left in such a picture.
        """
        self._last, self._at_ns, self._share = face, at_ns, share
        # An engine that overflows answers "not a number"; that frame was not scored.
        scored = face.llr is not None and face.llr == face.llr
        self._frame_llr = face.llr if scored else None
        if scored or face.reasons:
            self._coverage.add(at_ns, () if scored else face.reasons)
        if self._frame_llr is not None:
            weight = self._evidence.add(at_ns, self._frame_llr)
            self.pool.add(clipped(self._frame_llr, self._settings.smoothing.clip), weight)
            self._fusion.add(at_ns, self._frame_llr)
        self._fusion.repeated(face.repeated_ns)
        estimate = self._weigh(at_ns)
        if not self._speaks:
            self._verdict.pause()
        elif estimate is not None and self._frame_llr is not None:
            level = self._fusion.level(at_ns, estimate).llr
            self._verdict.step(at_ns, level, self._fusion.frame(at_ns, self._frame_llr))

    @property
    def llr(self) -> float | None:
        """What the frames show by themselves, as a log-likelihood ratio; None while nothing is said."""
        estimate = self._evidence.at(self._at_ns) if self._speaks else None
        return estimate.llr if estimate is not None else None

    def trust(self) -> bool:
        """Take the face, as it has been so far, for real at somebody's word; return whether that is known."""
        level = self.llr
        if level is None:
            return False
        self._fusion.trust(level)
        self._verdict.reset()
        return True

    @property
    def trusted(self) -> bool:
        """Whether somebody vouches for this face."""
        return self._fusion.trusted

    def distrust(self) -> None:
        """Take it as any other face from here on: somebody else is vouched for."""
        self._fusion.distrust()

    def reroute(self) -> None:
        """Compare the face no more with how it looked before the picture came in another way."""
        self._fusion.reroute()

    def report(self, at_ns: int, *, anchor: float | None = None) -> tuple[FaceScore, list[ScoreEvent]]:
        """Return what is said of the face at a moment, and what has changed since the last report.

        Args:
            at_ns: not before the last observation.
            anchor: log-likelihood ratio of the face that somebody vouches for.
        """
        estimate = self._weigh(at_ns)
        word = self._verdict.state if self._speaks else None
        spoken = estimate if word is not None else None
        # The interval widens; word and alarm stay, because their thresholds go by how real faces scatter.
        shown = self._fusion.level(at_ns, spoken).weakened(self._share) if spoken is not None else None
        reasons = self._reasons(judged=word is not None)
        score = FaceScore(
            id=self._last.id,
            box=self._last.box,
            authenticity=shown.authenticity if shown else None,
            interval=shown.interval if shown else None,
            state=word or State.CANNOT_JUDGE,
            reasons=reasons,
            frame_score=sigmoid(-self._frame_llr) if self._frame_llr is not None else None,
            coverage=self._coverage.share,
            drivers=self._fusion.drivers(at_ns, spoken) if spoken is not None else (),
            relative=spoken.llr - anchor if spoken is not None and anchor is not None else None,
            trusted=self._fusion.trusted,
        )
        return score, self._changes(at_ns, score)

    def silence(self, at_ns: int) -> list[ScoreEvent]:
        """Forget the evidence, because no frame has come for too long; the face is stale from here on."""
        self._evidence.clear()
        self._coverage.clear()
        self._verdict.reset()
        self._fusion.clear()
        self._frame_llr = None
        self._speaks = False
        return self._changes(at_ns, self.stale())

    def stale(self) -> FaceScore:
        """Return what is said of the face while no frames come."""
        return FaceScore(self._last.id, self._last.box, None, None, State.STALE, (), None, 0.0)

    def end(self, at_ns: int) -> list[ScoreEvent]:
        """Return the events of a face that is gone: no alarm outlives its face."""
        events = []
        if self.alarmed:
            events.append(ScoreEvent(EventKind.ALARM_CLEARED, at_ns, self._last.id, previous=self.state))
        events.append(ScoreEvent(EventKind.FACE_LOST, at_ns, self._last.id, previous=self.state))
        return events

    def _weigh(self, at_ns: int) -> Estimate | None:
        """Return the evidence as it stands, and decide whether it is enough to speak."""
        estimate = self._evidence.at(at_ns)
        need = self._settings.thin_looks if self._speaks else self._settings.enough_looks
        self._speaks = estimate is not None and estimate.looks >= need and not self._coverage.refused
        return estimate

    def _reasons(self, *, judged: bool) -> tuple[Reason, ...]:
        if judged:
            return self._coverage.reasons if self._coverage.suffers else ()
        return self._coverage.reasons if self._coverage.refused else (Reason.TOO_LITTLE_EVIDENCE,)

    def _changes(self, at_ns: int, score: FaceScore) -> list[ScoreEvent]:
        """Return one event for a change of state, and one for an alarm that is raised or cleared."""
        events = []
        if score.state is not self.state:
            events.append(self._event(EventKind.STATE_CHANGED, at_ns, score))
        if self._verdict.state is State.SYNTHETIC and not self.alarmed:
            self.alarmed = True
            events.append(self._event(EventKind.ALARM_RAISED, at_ns, score))
        elif self._verdict.state is not State.SYNTHETIC and self.alarmed:
            self.alarmed = False
            events.append(self._event(EventKind.ALARM_CLEARED, at_ns, score))
        self.state = score.state
        return events

    def _event(self, kind: EventKind, at_ns: int, score: FaceScore) -> ScoreEvent:
        return ScoreEvent(
            kind,
            at_ns,
            score.id,
            previous=self.state,
            state=score.state,
            authenticity=score.authenticity,
            reasons=score.reasons,
            drivers=score.drivers,
        )
