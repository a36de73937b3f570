"""What is remembered of live sessions for moments and reports: in memory, and half an hour after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stream_guard.budget.plan import DropCause
from stream_guard.frame import Frame
from stream_guard.models.manifest import Manifest
from stream_guard.pipeline.observers import Observer, Scored, SessionInfo, SessionState, Ticked
from stream_guard.protocol.messages import Challenge
from stream_guard.recording.compose import moment_record, recording, report
from stream_guard.recording.document import Settings
from stream_guard.recording.formats import Format, encode
from stream_guard.recording.moments import Crop, Moment, MomentKind
from stream_guard.recording.session_record import SessionRecord
from stream_guard.recording.trace import Around, around

__all__ = ["LiveRecords"]

_KEEP_S = 1800.0
_MOST_ENDED = 16
_MOST_BYTES = 64 << 20
_LOOK_EVERY = 30
"""Frames between two looks at how much all sessions hold."""


class LiveRecords(Observer):
    """Remembers every session. Nothing of it leaves memory but by `report` and the pictures that are asked for.

    A session that has ended is forgotten after half an hour, or when sixteen others have ended since; at once where
    no frame ever came, as of a camera that cannot be reached and is tried again and again. All pictures together
    take no more than 64 MiB: beyond that the least telling moments of the largest session go first.
    Methods are called on the event loop, `report`'s and `patches`' results are made by the caller's thread.
    """

    def __init__(
        self,
        *,
        manifest: Manifest,
        engine: Callable[[], str],
        settings: Callable[[], Settings],
        crop: Crop | None,
        keep_s: float = _KEEP_S,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """Begin with nothing.

        Args:
            manifest: of the model that scores.
            engine: that computes scores now.
            settings: that they are made with now.
            crop: cuts faces out for moments; None keeps no moments.
            keep_s: how long a session is remembered after its end.
            most_bytes: of the pictures of all sessions together.
        """
        self._manifest = manifest
        self._engine = engine
        self._settings = settings
        self._crop = crop
        self._keep_s = keep_s
        self._most_bytes = most_bytes
        self._cutting = ThreadPoolExecutor(1, "stream-guard-moments") if crop is not None else None
        self._records: dict[str, SessionRecord] = {}
        self._ended: dict[str, asyncio.TimerHandle] = {}
        self._steps: dict[str, int | None] = {}

    def close(self) -> None:
        """Forget everything, and let the thread that cuts pictures end."""
        for timer in self._ended.values():
            timer.cancel()
        self._ended.clear()
        for record in self._records.values():
            if record.moments is not None:
                record.moments.close()
        self._records.clear()
        if self._cutting is not None:
            self._cutting.shutdown(wait=False, cancel_futures=True)  # what it has in hand ends by itself

    def session_changed(self, session: SessionInfo, state: SessionState, reason: str | None = None) -> None:
        """Begin to remember a session, or to forget it."""
        if session.id not in self._records and state != "ended":
            self._records[session.id] = SessionRecord(
                session,
                model=f"{self._manifest.name} {self._manifest.version}",
                engine=self._engine,
                crop=self._crop,
                executor=self._cutting,
            )
        elif state == "ended" and session.id in self._records:
            if self._records[session.id].empty:
                self._forget(session.id)
                return
            self._records[session.id].ended()
            loop = asyncio.get_running_loop()
            self._ended[session.id] = loop.call_later(self._keep_s, self._forget, session.id)
            while len(self._ended) > _MOST_ENDED:
                self._forget(next(iter(self._ended)))

    def frame_received(self, session: SessionInfo, frame: Frame, missed: int = 0) -> None:
        """Count it."""
        if record := self._records.get(session.id):
            record.received(frame, missed)

    def frame_dropped(self, session: SessionInfo, cause: DropCause, count: int = 1) -> None:
        """Count them."""
        if record := self._records.get(session.id):
            record.dropped(cause, count)

    def frame_scored(self, session: SessionInfo, scored: Scored) -> None:
        """Remember what was said, and the moment if it is one."""
        if record := self._records.get(session.id):
            record.scored(scored)
            if scored.update.events or scored.frame.sequence % _LOOK_EVERY == 0:
                self._keep_bounds()

    def ticked(self, session: SessionInfo, ticked: Ticked) -> None:
        """Remember what changed in a silence."""
        if record := self._records.get(session.id):
            record.ticked(ticked)

    def keep(self, session: str, face: int | None, kind: MomentKind, note: str = "") -> int | None:
        """Keep this moment of a running session.

        Args:
            session: its id.
            face: its id; None for the whole picture.
            kind: such as `MomentKind.CHALLENGE`.
            note: in a few words what it is; shown as it is written, at most 500 characters.

        Returns:
            The moment's number; None where there is no such session, no picture yet, or moments are not kept.
        """
        record = self._records.get(session)
        return None if record is None else record.keep(face, kind, note)

    def challenged(self, message: Challenge) -> None:
        """Keep a moment when a challenge's next action is asked for, and when it is over."""
        session, over = message.session, message.state.over
        step = None if over else message.current
        if self._steps.get(session) == step and not over:
            return
        self._steps[session] = step
        if over:
            del self._steps[session]
        self.keep(session, message.face, MomentKind.CHALLENGE, " ".join(message.words) if over else message.say)

    def moments(self, session: str) -> dict[str, Any] | None:
        """Return a session's moments without their pictures, oldest first; None where the session is not known."""
        record = self._records.get(session)
        if record is None:
            return None
        kept = record.moments
        return {
            "session": session,
            "kept": kept is not None,
            "model": f"{self._manifest.name} {self._manifest.version}",
            "moments": [self._told(moment) for moment in (kept.all() if kept is not None else ())],
        }

    def moment(self, session: str, n: int) -> dict[str, Any] | None:
        """Return one moment, with the scores of its face around it; None where there is none."""
        record, found = self._records.get(session), self.picture(session, n)
        if record is None or found is None:
            return None
        near: Around | None = None
        if found.face is not None:
            near = around(record.points(found.face), found.t)
        return {**self._told(found, patches=True), "around": near}

    def picture(self, session: str, n: int) -> Moment | None:
        """Return a moment with its pictures; None where there is none."""
        record = self._records.get(session)
        return None if record is None or record.moments is None else record.moments.get(n)

    def report(self, session: str, kind: Format) -> Callable[[], bytes] | None:
        """Return what makes a session's report, for a thread to call; None where the session is not known."""
        record = self._records.get(session)
        if record is None:
            return None
        snapshot, settings = record.snapshot(), self._settings()

        def make() -> bytes:
            made = report(
                [recording(snapshot)],
                model=f"{self._manifest.name} {self._manifest.version}",
                model_sha256=self._manifest.sha256,
                manifest=self._manifest,
                settings=settings,
            )
            return encode(made, kind)

        return make

    def graph(self, session: str) -> list[dict[str, Any]] | None:
        """Return a session's Graph reports so far, with who each is about; None where the session is not known."""
        record = self._records.get(session)
        if record is None:
            return None
        return [{"participant": one.participant, "body": one.body} for one in record.graph_reports()]

    def _told(self, moment: Moment, *, patches: bool = False) -> dict[str, Any]:
        told = moment_record(moment, pictures=False).model_dump(mode="json", exclude={"crop", "wide"})
        if not patches:
            del told["patches"]
        return {
            **told,
            "has_crop": bool(moment.crop),
            "has_wide": bool(moment.wide),
            "has_patches": moment.patches is not None,
        }

    def _keep_bounds(self) -> None:
        kept = [record.moments for record in self._records.values() if record.moments is not None]
        while sum(one.size for one in kept) > self._most_bytes:
            if not max(kept, key=lambda one: one.size).drop_least():
                return

    def _forget(self, session: str) -> None:
        if timer := self._ended.pop(session, None):
            timer.cancel()
        record = self._records.pop(session, None)
        self._steps.pop(session, None)
        if record is not None and record.moments is not None:
            record.moments.close()
