"""Self-tests by HTTP: somebody's own picture, sent like a call they watch, and how far the score moves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream_guard.errors import StreamGuardError, UnsupportedMedia
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.pipeline.self_test import Finding, SelfTest
from stream_guard.scoring.observation import EventKind
from stream_guard.server.bodies import BodyTooLong, read_body
from stream_guard.server.self_test_report import SelfTestReport, SelfTestState
from stream_guard.server.self_test_words import finding_words
from stream_guard.sources.base import Transport
from stream_guard.sources.re_encode import VideoSetting

__all__ = ["SelfTests"]

log = logging.getLogger(__name__)

_HELP = (
    'send {"as": "c2"}, the session of the call you watch, or '
    '{"as": {"codec": "VP8", "width": 1280, "height": 720, "kbps": 300, "fps": 30}}\n'
)


class _MadeUpCall(BaseModel):
    """A call that nobody holds."""

    model_config = ConfigDict(extra="forbid")

    codec: Literal["VP8", "H264"]
    width: int = Field(ge=64, le=4096)
    height: int = Field(ge=64, le=4096)
    kbps: float = Field(ge=20, le=20_000)
    fps: float = Field(ge=1, le=60)


class _Wish(BaseModel):
    """What the body asks for."""

    model_config = ConfigDict(extra="forbid")

    like: _MadeUpCall | str = Field(alias="as")


@dataclass
class _Latest:
    """The one self-test that is remembered."""

    session: str
    like: str | None
    test: SelfTest
    task: asyncio.Task[None] | None = None
    ending: SelfTestState | None = None
    finding: Finding | None = None
    picture: bytes | None = None
    words: tuple[str, ...] = ()


class SelfTests(Observer):
    """One self-test at a time; the latest is remembered, its picture until the session ends. In memory only."""

    def __init__(
        self,
        make: Callable[[VideoSetting], SelfTest],
        *,
        share: Callable[[float], float] = lambda bits_per_pixel: 1.0,
        rehearses: Callable[[str], bool] = lambda session: False,
    ) -> None:
        """Prepare.

        Args:
            make: makes one that imitates such a call.
            share: bits a pixel to the share of the model's evidence that is left.
            rehearses: whether a session shows a test swap now, in place of somebody's own face.
        """
        self._make = make
        self._share = share
        self._rehearses = rehearses
        self._transports: dict[str, Transport] = {}
        self._latest: _Latest | None = None
        path = "/api/sessions/{session}/self-test"
        self.routes = [
            Route(path, self._on_begin, methods=["POST"]),
            Route(path, self._on_show, methods=["GET"]),
            Route(path, self._on_cancel, methods=["DELETE"]),
            Route(path + "/picture", self._on_picture, methods=["GET"]),
        ]

    def begin(self, session: str, call: VideoSetting, *, like: str | None = None) -> SelfTestReport:
        """Begin to send a session's picture like a call.

        Args:
            session: whose picture.
            call: how that call is encoded.
            like: the session it was read from.

        Raises:
            KeyError: there is no such session, or no picture of it yet.
            LookupError: one is running, or a rehearsal is.
        """
        if session not in self._transports:
            raise KeyError(f"no session {session}, or no picture of it yet")
        if self._latest is not None and self._latest.task is not None:
            raise LookupError("a self-test is running; cancel it first")
        if self._rehearses(session):
            raise LookupError("a rehearsal shows a test swap in this session; wait for its end")
        latest = self._latest = _Latest(session, like, self._make(call))
        latest.task = asyncio.create_task(self._run(latest), name="self-test")
        return self._report(latest)

    def cancel(self, session: str) -> bool:
        """Stop a session's self-test; return whether one ran."""
        latest = self._latest
        if latest is None or latest.session != session or latest.task is None:
            return False
        self._stop(latest, "cancelled", "The self-test was cancelled.")
        return True

    async def close(self) -> None:
        """End what runs, and forget all of it."""
        latest, self._latest = self._latest, None
        if latest is not None and latest.task is not None:
            latest.task.cancel()
            await asyncio.gather(latest.task, return_exceptions=True)

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Let go of a session's pictures when it ends."""
        if state != "ended":
            return
        self._transports.pop(session.id, None)
        latest = self._latest
        if latest is not None and latest.session == session.id:
            latest.picture = None
            self._stop(latest, "lost", "Your picture was lost, and the self-test with it.")

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Take a picture of whoever tests themselves, and note how all others get here."""
        self._transports[session.id] = scored.transport
        latest = self._latest
        if latest is None or latest.session != session.id or latest.ending or not latest.test.gathering:
            return
        if self._rehearses(session.id):  # its last frames come when it is over already
            self._stop(latest, "cancelled", "A rehearsal began in your picture, so the self-test was ended.")
        else:
            latest.test.offer(scored)

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """End where no picture comes any more."""
        latest = self._latest
        gone = any(event.kind is EventKind.STALE for event in ticked.update.events)
        if gone and latest is not None and latest.session == session.id and latest.test.gathering:
            self._stop(latest, "lost", "Your picture was lost, and the self-test with it.")

    async def _run(self, latest: _Latest) -> None:
        try:
            finding = await latest.test.run()
            latest.finding, latest.picture = replace(finding, picture=None), finding.picture
            latest.words = finding_words(finding, share=self._share(finding.call.bits_per_pixel))
            latest.ending = "done"
        except TimeoutError:
            latest.ending, latest.words = "failed", ("The machine is too busy; the self-test was given up.",)
        except StreamGuardError as error:
            latest.ending, latest.words = "failed", (f"The self-test failed: {error}.",)
        except Exception:
            log.exception("a self-test failed")
            latest.ending, latest.words = "failed", ("The self-test failed; see the log.",)
        finally:
            latest.task = None

    def _stop(self, latest: _Latest, ending: SelfTestState, words: str) -> None:
        if latest.task is not None:
            latest.task.cancel()
            latest.task, latest.ending, latest.words = None, ending, (words,)

    def _report(self, latest: _Latest) -> SelfTestReport:
        call = latest.test.call
        running: SelfTestState = "gathering" if latest.test.gathering else "comparing"
        report = SelfTestReport(
            session=latest.session,
            like=latest.like,
            state=latest.ending or running,
            progress=round(latest.test.progress, 2),
            codec=call.codec,
            width=call.width,
            height=call.height,
            fps=round(call.fps, 1),
            kbps=round(call.kbps, 1),
            evidence=round(self._share(call.bits_per_pixel), 3),
            picture=latest.picture is not None,
            words=latest.words,
        )
        return report if latest.finding is None else report.with_finding(latest.finding)

    async def _on_begin(self, request: Request) -> Response:
        session = request.path_params["session"]
        try:
            like = _Wish.model_validate_json(await read_body(request)).like
        except (ValidationError, BodyTooLong):
            return PlainTextResponse(_HELP, 422)
        try:
            if isinstance(like, str):
                report = self.begin(session, self._call_of(session, like), like=like)
            else:
                report = self.begin(session, VideoSetting(**like.model_dump()))
        except UnsupportedMedia as error:
            return PlainTextResponse(f"{error}\n", 422)
        except KeyError as error:
            return PlainTextResponse(f"{error.args[0]}\n", 404)
        except LookupError as error:
            return PlainTextResponse(f"{error.args[0]}\n", 409)
        return _json(report, 202)

    def _call_of(self, session: str, like: str) -> VideoSetting:
        """Return how the call in a session is encoded.

        Raises:
            KeyError: there is no such session, or no picture of it yet.
            UnsupportedMedia: it is the session itself, or cannot be imitated.
        """
        if like == session:
            raise UnsupportedMedia("name the session of the call you watch; this one is your own picture")
        if like not in self._transports:
            raise KeyError(f"no session {like[:64]}, or no picture of it yet")
        return VideoSetting.of(self._transports[like])

    async def _on_show(self, request: Request) -> Response:
        latest = self._of(request)
        return (
            _json(self._report(latest), 200) if latest else PlainTextResponse("no self-test of this session\n", 404)
        )

    async def _on_cancel(self, request: Request) -> Response:
        if not self.cancel(request.path_params["session"]):
            return PlainTextResponse("no self-test of this session is running\n", 404)
        return Response(status_code=204)

    async def _on_picture(self, request: Request) -> Response:
        latest = self._of(request)
        if latest is None or latest.picture is None:
            return PlainTextResponse("no picture of a self-test of this session\n", 404)
        return Response(latest.picture, media_type="image/jpeg")

    def _of(self, request: Request) -> _Latest | None:
        latest = self._latest
        return latest if latest is not None and latest.session == request.path_params["session"] else None


def _json(report: SelfTestReport, status: int) -> Response:
    return Response(report.model_dump_json(by_alias=True), status, media_type="application/json")
