"""What `metrics.recorder` counts, for Prometheus: text for ``/metrics``."""

from __future__ import annotations

import asyncio
import contextlib
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from stream_guard import __version__
from stream_guard.budget.plan import DropCause
from stream_guard.clock import seconds
from stream_guard.face import Reason
from stream_guard.frame import Frame
from stream_guard.inference.standing import Standing
from stream_guard.pipeline.observers import Fault, Observer, Part, Scored, SessionInfo, SessionState, Stage, Ticked
from stream_guard.scoring.observation import ScoreEvent, State, Update

__all__ = ["PrometheusMetrics"]

_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Around the budget of one frame at 30 and 60 per second."""


class PrometheusMetrics(Observer):
    """Counters since the start of the process, and what each running session is doing now.

    The number of time series is bounded: counters are labelled by words from closed lists (kind of source,
    cause, stage, event, state), and the only metrics labelled by session are removed when it ends. Labels
    hold no names, addresses or faces.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()  # our own: the default one would add whatever else runs here
        about = Gauge("stream_guard_info", "What runs here.", ["version"], registry=self._registry)
        about.labels(__version__).set(1)
        self._received = self._counter("frames_received", "Frames that sources delivered.", "kind")
        self._scored = self._counter("frames_scored", "Frames that have a result.", "kind")
        self._dropped = self._counter("frames_dropped", "Frames that were not looked at.", "kind", "cause")
        self._degraded = self._counter("frames_degraded", "Frames on which not all could be done.", "kind")
        self._events = self._counter("events", "What happened to faces and streams.", "event", "state")
        self._refused = self._counter("faces_not_judged", "Faces on scored frames, by why not judged.", "reason")
        self._begun = self._counter("sessions", "Sessions that were begun.", "kind")
        self._given_up = self._counter("engines_given_up", "Engines that failed while they ran.", "engine")
        self._faults = self._counter("faults", "What failed inside and was mended.", "part")
        self._stuck = Gauge(
            "stream_guard_engine_threads_stuck",
            "Threads of engines that hung and have not come back.",
            registry=self._registry,
        )
        self._tasks = Gauge(
            "stream_guard_event_loop_tasks",
            "Tasks of the event loop: what is left of sessions and clients that have gone shows here.",
            registry=self._registry,
        )
        self._stages = Histogram(
            "stream_guard_stage_seconds",
            "What each stage took for one frame.",
            ["stage"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._live = Gauge(
            "stream_guard_sessions_running", "Running sessions.", ["kind", "state"], registry=self._registry
        )
        self._faces = Gauge(
            "stream_guard_session_faces",
            "Faces on the newest frame.",
            ["session", "state"],
            registry=self._registry,
        )
        self._age = Gauge(
            "stream_guard_session_latency_seconds",
            "From arrival to score, newest frame.",
            ["session"],
            registry=self._registry,
        )
        self._states: dict[str, tuple[str, SessionState]] = {}
        self._shown: set[str] = set()
        self._timed: set[str] = set()

    def text(self) -> bytes:
        """Return everything in Prometheus text format 0.0.4."""
        with contextlib.suppress(RuntimeError):  # no loop runs where this is asked from
            self._tasks.set(len(asyncio.all_tasks()))
        return generate_latest(self._registry)

    def engine_changed(self, standing: Standing, *, given_up: str) -> None:
        """Count the engine that ran and was given up, and those whose thread is stuck."""
        self._given_up.labels(given_up).inc()
        self._stuck.set(standing.stuck)

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Follow which sessions run; remove what is known of one that ended."""
        before = self._states.pop(session.id, None)
        if before is None and state != "ended":
            self._begun.labels(session.kind).inc()
        if before is not None:
            self._live.labels(*before).dec()
        if state != "ended":
            self._states[session.id] = session.kind, state
            self._live.labels(session.kind, state).inc()
            return
        if session.id in self._timed:
            self._timed.discard(session.id)
            self._age.remove(session.id)
        if session.id in self._shown:
            self._shown.discard(session.id)
            for face_state in State:
                self._faces.remove(session.id, face_state.value)

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        """Count it, and those passed over before it."""
        self._received.labels(session.kind).inc(1 + missed)

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        """Count by cause."""
        self._dropped.labels(session.kind, cause.value).inc(count)

    def stage_done(self, session: SessionInfo, stage: Stage, duration_ns: int) -> None:
        """Take the duration."""
        self._stages.labels(stage).observe(seconds(duration_ns))

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Count the frame, its faces and its events."""
        self._scored.labels(session.kind).inc()
        if scored.plan.degraded:
            self._degraded.labels(session.kind).inc()
        for face in scored.update.faces:
            for reason in face.reasons:
                self._refused.labels(reason.value).inc()
        self._show(session, scored.update)
        self._timed.add(session.id)
        self._age.labels(session.id).set(seconds(scored.scored_ns - scored.frame.arrived_ns))
        self._happened(scored.update.events)

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Count what happened in silence, and show the faces as they now stand."""
        if ticked.update.faces:
            self._show(session, ticked.update)
        self._happened(ticked.update.events)

    def fault(self, fault: Fault) -> None:
        """Count by what failed."""
        self._faults.labels(fault.part).inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        counter = Counter(f"stream_guard_{name}", what, labels, registry=self._registry)
        # Known in advance, so a rate is 0 and not absent until the first.
        known = {"reason": [reason.value for reason in Reason], "part": get_args(Part)}
        for value in known.get(labels[0], ()):
            counter.labels(value)
        return counter

    def _show(self, session: SessionInfo, update: Update) -> None:
        self._shown.add(session.id)
        for state in State:
            self._faces.labels(session.id, state.value).set(sum(face.state is state for face in update.faces))

    def _happened(self, events: tuple[ScoreEvent, ...]) -> None:
        for event in events:
            self._events.labels(event.kind.value, event.state.value if event.state else "").inc()
