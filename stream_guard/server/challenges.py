"""Challenges of running sessions: begun, followed and cancelled by HTTP, told to everybody who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.challenges.action import Action
from stream_guard.challenges.challenge import Challenge, ChallengeState
from stream_guard.clock import NS_PER_MS, NS_PER_S
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.protocol.challenge_codec import challenge_message
from stream_guard.protocol.messages import Challenge as ChallengeMessage
from stream_guard.scoring.observation import EventKind
from stream_guard.scoring.smoothing import SmoothingSettings
from stream_guard.server.bodies import BodyTooLong, read_body
from stream_guard.server.glimpses import Follower

__all__ = ["Challenges"]

_TELL_EVERY_NS = 250 * NS_PER_MS
_KEPT = 32
"""Results that can still be asked for."""

_MOST_ACTIONS = 12


class _Wish(BaseModel):
    """What the body asks for."""

    model_config = ConfigDict(extra="forbid")

    actions: list[Action] = Field(min_length=1, max_length=_MOST_ACTIONS)


@dataclass
class _Running:
    """A challenge and how it is followed."""

    challenge: Challenge
    follower: Follower
    told_ns: int
    told: tuple[ChallengeState, int | None]


class Challenges(Observer):
    """At most one challenge a session at a time: two people who move at once cannot be told apart by the words."""

    def __init__(
        self,
        publish: Callable[[ChallengeMessage], None],
        *,
        smoothing: SmoothingSettings,
        enough_looks: float,
    ) -> None:
        """Prepare.

        Args:
            publish: takes each message, on the event loop.
            smoothing: the model's.
            enough_looks: independent looks before a score is given of a stretch.
        """
        self._publish = publish
        self._smoothing = smoothing
        self._enough = enough_looks
        self._newest: dict[str, Scored] = {}
        self._running: dict[str, _Running] = {}
        self._messages: dict[tuple[str, int], ChallengeMessage] = {}
        path = "/api/sessions/{session}/faces/{face:int}/challenge"
        self.routes = [
            Route(path, self._on_begin, methods=["POST"]),
            Route(path, self._on_show, methods=["GET"]),
            Route(path, self._on_cancel, methods=["DELETE"]),
        ]

    def begin(self, session: str, face: int, actions: list[Action]) -> ChallengeMessage | None:
        """Begin to ask a face; None where there is no such face in the newest picture.

        Raises:
            LookupError: one runs in this session.
        """
        newest = self._newest.get(session)
        if newest is None or all(one.id != face for one in newest.update.faces):
            return None
        if session in self._running:
            raise LookupError(f"a challenge runs in session {session}; cancel it first")
        at_ns = round(newest.at_s * NS_PER_S)
        challenge = Challenge(actions, face=face, at_ns=at_ns, smoothing=self._smoothing, enough_looks=self._enough)
        running = _Running(challenge, Follower(face), at_ns, (challenge.state, None))
        self._running[session] = running
        return self._tell(session, face, running)

    def cancel(self, session: str, face: int) -> bool:
        """Stop the challenge of a face; return whether one ran."""
        running = self._running.get(session)
        if running is None or running.follower.asked != face:
            return False
        running.challenge.cancel(running.challenge.at_ns)
        self._tell(session, face, running)
        return True

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Stop where the session ends."""
        if state == "ended":
            self._newest.pop(session.id, None)
            self._lose(session.id)

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Follow the face, and tell how it goes: at once where a part ends, else a few times a second."""
        self._newest[session.id] = scored
        running = self._running.get(session.id)
        if running is None:
            return
        challenge = running.challenge
        challenge.add(running.follower.glimpse(scored))
        now = challenge.state, challenge.current
        if now != running.told or challenge.at_ns - running.told_ns >= _TELL_EVERY_NS:
            running.told, running.told_ns = now, challenge.at_ns
            self._tell(session.id, running.follower.asked, running)

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Stop where no picture comes any more, and let none begin before one comes again: it would never end."""
        if any(event.kind is EventKind.STALE for event in ticked.update.events):
            self._newest.pop(session.id, None)
            self._lose(session.id)

    def _lose(self, session: str) -> None:
        running = self._running.get(session)
        if running is not None:
            running.challenge.lose(running.challenge.at_ns)
            self._tell(session, running.follower.asked, running)

    def _tell(self, session: str, face: int, running: _Running) -> ChallengeMessage:
        """Publish how it stands, and remember it under the face that was asked."""
        message = challenge_message(session, face, running.challenge)
        self._messages.pop((session, face), None)
        self._messages[session, face] = message
        while len(self._messages) > _KEPT:
            del self._messages[next(iter(self._messages))]
        if running.challenge.state.over:
            self._running.pop(session, None)
        self._publish(message)
        return message

    async def _on_begin(self, request: Request) -> Response:
        session, face = _named(request)
        try:
            wish = _Wish.model_validate_json(await read_body(request))
        except (ValidationError, BodyTooLong):
            known = ", ".join(Action)
            return PlainTextResponse(f'send {{"actions": [...]}}, 1 to {_MOST_ACTIONS} of: {known}\n', 422)
        try:
            message = self.begin(session, face, wish.actions)
        except LookupError as error:
            return PlainTextResponse(f"{error.args[0]}\n", 409)
        if message is None:
            return PlainTextResponse("no such face in the newest picture\n", 404)
        return _json(message, 201)

    async def _on_show(self, request: Request) -> Response:
        message = self._messages.get(_named(request))
        return _json(message, 200) if message else PlainTextResponse("this face has not been asked\n", 404)

    async def _on_cancel(self, request: Request) -> Response:
        if not self.cancel(*_named(request)):
            return PlainTextResponse("no challenge of this face runs\n", 404)
        return Response(status_code=204)


def _named(request: Request) -> tuple[str, int]:
    return request.path_params["session"], request.path_params["face"]


def _json(message: ChallengeMessage, status: int) -> Response:
    return Response(message.model_dump_json(), status, media_type="application/json")
