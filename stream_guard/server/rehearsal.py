"""Rehearsals: a labelled test swap in somebody's own preview, so that they see an alarm before they need one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.clock import seconds
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.pipeline.rehearsed_scorer import RehearsedScorer
from stream_guard.protocol.codec import face_report
from stream_guard.protocol.messages import FaceReport, Rehearsal
from stream_guard.scoring.observation import EventKind, Observation, State, Update
from stream_guard.scoring.session import Session
from stream_guard.scoring.smoothing import sigmoid
from stream_guard.server.bodies import BodyTooLong, read_body
from stream_guard.server.rehearsal_words import Outcome, outcome_words
from stream_guard.sources.base import Source
from stream_guard.sources.own_swap import OwnSwap, as_jpeg
from stream_guard.sources.rehearsal import RehearsableSource

__all__ = ["Rehearsals"]

_TELL_EVERY_S = 0.25

_Ending = Literal["running", "done", "cancelled", "lost"]


class _Wish(BaseModel):
    """What the body asks for."""

    model_config = ConfigDict(extra="forbid")

    session: str | None = Field(None, max_length=64)
    seconds: float = Field(8.0, ge=3, le=30)


@dataclass
class _Stage:
    """A session in which a rehearsal could be played."""

    info: SessionInfo
    source: RehearsableSource
    scorer: RehearsedScorer
    newest: Scored | None = None


@dataclass
class _Running:
    """The rehearsal that is being played."""

    stage: _Stage
    swap: OwnSwap
    outcome: Outcome
    ends_s: float
    now_s: float
    told_s: float
    first_s: float | None = None
    last_s: float | None = None
    faces: tuple[FaceReport, ...] = field(default=())


class Rehearsals(Observer):
    """One rehearsal at a time."""

    def __init__(self, publish: Callable[[Rehearsal], None], *, rise: float) -> None:
        """Prepare.

        Args:
            publish: takes each message, on the event loop.
            rise: the level from which on a face may be called synthetic, as a log-likelihood ratio.
        """
        self._publish = publish
        self._needed = sigmoid(-rise)
        self._stages: dict[str, _Stage] = {}
        self._running: _Running | None = None
        self._message: Rehearsal | None = None
        path = "/api/rehearsal"
        self.routes = [
            Route(path, self._on_begin, methods=["POST"]),
            Route(path, self._on_show, methods=["GET"]),
            Route(path, self._on_cancel, methods=["DELETE"]),
            Route(path + "/picture", self._on_picture, methods=["GET"]),
        ]

    def stage(self, info: SessionInfo, source: Source, scorer: Session) -> tuple[Source, RehearsedScorer]:
        """Make a session ready for rehearsals; returns what its pipeline is to read and to ask.

        Args:
            info: who it is.
            source: where its frames come from.
            scorer: what is said of its faces.
        """
        staged = self._stages.get(info.id)
        if staged is not None:  # its pipeline broke, and another one goes on
            staged.source.go_on_with(source)
            return staged.source, staged.scorer
        wrapped = RehearsableSource(source)
        rehearsed = RehearsedScorer(scorer, is_swapped=wrapped.is_swapped)
        self._stages[info.id] = _Stage(info, wrapped, rehearsed)
        return wrapped, rehearsed

    def begin(self, session: str | None, length_s: float) -> Rehearsal:
        """Begin to show the swap.

        Args:
            session: in which; None where it is the only one.
            length_s: for how long, in seconds.

        Raises:
            KeyError: there is no such session, or it has no picture yet.
            LookupError: one is running, or it is not clear in which session.
        """
        if self._running is not None:
            raise LookupError("a rehearsal is running; cancel it first")
        showing = [stage for stage in self._stages.values() if stage.newest is not None]
        if session is None and len(showing) > 1:
            raise LookupError("more than one session is running: say which one shows your own camera")
        stage = next((one for one in showing if session in {None, one.info.id}), None)
        if stage is None or stage.newest is None:
            raise KeyError("no such session, or no picture of it yet")
        now_s, swap = stage.newest.at_s, OwnSwap()
        running = self._running = _Running(
            stage, swap, _standing(stage.newest.update, self._needed), now_s + length_s, now_s, now_s
        )
        swap.aim([face.landmarks for face in stage.newest.tracked.faces if face.landmarks is not None])
        stage.scorer.begin(lambda observation, update: self._judged(running, observation, update))
        stage.source.begin(swap)
        return self._tell("running")

    def rehearses(self, session: str) -> bool:
        """Return whether a session shows the swap now."""
        return self._running is not None and self._running.stage.info.id == session

    def cancel(self) -> bool:
        """Show the picture as it is again; return whether a rehearsal was running."""
        if self._running is None:
            return False
        self._end("cancelled")
        return True

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Forget a session that ends."""
        if state == "ended":
            self._lose(session.id)
            self._stages.pop(session.id, None)

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Aim the swap at where the faces are now, and end it in time."""
        stage = self._stages.get(session.id)
        if stage is None:
            return
        stage.newest = scored
        running = self._running
        if running is None or running.stage is not stage:
            return
        running.swap.aim([face.landmarks for face in scored.tracked.faces if face.landmarks is not None])
        running.now_s = scored.at_s
        if scored.at_s >= running.ends_s:
            self._end("done")
        elif scored.at_s - running.told_s >= _TELL_EVERY_S:
            self._tell("running")

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """End where no picture comes any more, and let none begin before one comes again: it would never end."""
        if any(event.kind is EventKind.STALE for event in ticked.update.events):
            self._lose(session.id)
            if session.id in self._stages:
                self._stages[session.id].newest = None

    def _judged(self, running: _Running, observation: Observation, update: Update) -> None:
        """Count what the copy of the scorer says of a swapped frame."""
        outcome = running.outcome
        if not running.swap.swapped:
            return
        at_s = seconds(observation.at_ns)
        running.first_s = at_s if running.first_s is None else running.first_s
        running.last_s = at_s
        outcome.swapped = running.swap.swapped
        running.faces = tuple(face_report(face) for face in update.faces)
        for face in observation.faces:
            outcome.faces += 1
            outcome.judged += face.llr is not None
            outcome.reasons.update(face.reasons)
        said = [face.authenticity for face in update.faces if face.authenticity is not None]
        if said:
            outcome.lowest = min([*said, outcome.lowest if outcome.lowest is not None else 1.0])
        if outcome.alarmed_after_s is None and any(event.kind is EventKind.ALARM_RAISED for event in update.events):
            outcome.alarmed_after_s = at_s - running.first_s
            self._tell("running")

    def _lose(self, session: str) -> None:
        if self._running is not None and self._running.stage.info.id == session:
            self._end("lost")

    def _end(self, ending: _Ending) -> None:
        assert self._running is not None
        self._running.stage.source.end()
        self._running.stage.scorer.end()
        self._tell(ending)
        self._running = None

    def _tell(self, state: _Ending) -> Rehearsal:
        """Publish how it stands, and keep it for who asks."""
        running = self._running
        assert running is not None
        running.told_s = running.now_s
        outcome, over = running.outcome, state != "running"
        shown_s = 0.0 if running.first_s is None or running.last_s is None else running.last_s - running.first_s
        message = self._message = Rehearsal(
            session=running.stage.info.id,
            t=round(running.now_s, 3),
            state=state,
            remaining_s=0.0 if over else round(max(0.0, running.ends_s - running.now_s), 1),
            swapped_s=round(shown_s, 2),
            alarmed_after_s=None if outcome.alarmed_after_s is None else round(outcome.alarmed_after_s, 2),
            faces=() if over else running.faces,
            words=_ending_words(state, outcome) if over else (),
        )
        self._publish(message)
        return message

    async def _on_begin(self, request: Request) -> Response:
        try:
            wish = _Wish.model_validate_json(await read_body(request) or b"{}")
        except (ValidationError, BodyTooLong):
            return PlainTextResponse('send {"session": "c1", "seconds": 8}, seconds from 3 to 30\n', 422)
        try:
            message = self.begin(wish.session, wish.seconds)
        except KeyError as error:
            return PlainTextResponse(f"{error.args[0]}\n", 404)
        except LookupError as error:
            return PlainTextResponse(f"{error.args[0]}\n", 409)
        return Response(message.model_dump_json(), 201, media_type="application/json")

    async def _on_show(self, request: Request) -> Response:
        if self._message is None:
            return PlainTextResponse("there was no rehearsal yet\n", 404)
        return Response(self._message.model_dump_json(), media_type="application/json")

    async def _on_cancel(self, request: Request) -> Response:
        return Response(status_code=204) if self.cancel() else PlainTextResponse("no rehearsal is running\n", 404)

    async def _on_picture(self, request: Request) -> Response:
        picture = self._running.swap.picture if self._running is not None else None
        if picture is None:
            return PlainTextResponse("no rehearsal is running\n", 404)
        return Response(await asyncio.to_thread(as_jpeg, picture), media_type="image/jpeg")


def _standing(update: Update, needed: float) -> Outcome:
    """Return what is known before the first swapped frame."""
    said = [face.authenticity for face in update.faces if face.authenticity is not None]
    alarmed = any(face.state is State.SYNTHETIC for face in update.faces)
    return Outcome(needed=needed, alarmed_before=alarmed, before=min(said, default=None))


def _ending_words(state: _Ending, outcome: Outcome) -> tuple[str, ...]:
    if state == "cancelled":
        return ("The rehearsal was cancelled.",)
    if state == "lost":
        return ("The picture was lost, and the rehearsal with it.",)
    return outcome_words(outcome)
