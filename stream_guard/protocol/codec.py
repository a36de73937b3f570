"""Between messages and text, and from what scoring says to messages.

Numbers are rounded to what can be seen or felt: 1/10000 of the frame (a fifth of a pixel at 1920), a thousandth of
authenticity, a millisecond. Intervals are rounded outwards, so they still hold what they held.
"""

from __future__ import annotations

import json
import math
from typing import TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from stream_guard.clock import seconds
from stream_guard.errors import ProtocolError
from stream_guard.protocol.messages import (
    BudgetReport,
    ClientMessage,
    DriverReport,
    Event,
    FaceReport,
    Scores,
    ServerMessage,
    Subscribe,
    TransportReport,
)
from stream_guard.scoring.observation import Driver, FaceScore, ScoreEvent, Update

__all__ = [
    "MAX_CLIENT_BYTES",
    "decode_client",
    "decode_server",
    "encode",
    "event_message",
    "face_report",
    "is_known",
    "scores_message",
]

MAX_CLIENT_BYTES = 16 * 1024
"""No client has more to say."""

_MAX_REASON_BYTES = 123
"""What a websocket's closing frame holds beside its code (RFC 6455, section 5.5)."""

_M = TypeVar("_M")

_server: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
_client: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
_SERVER_TYPES = frozenset(model.model_fields["type"].default for model in get_args(get_args(ServerMessage)[0]))


def encode(message: ServerMessage | ClientMessage) -> str:
    """Return a message as one line of JSON."""
    return message.model_dump_json()


def decode_server(text: str | bytes) -> ServerMessage:
    """Return the message a server sent.

    Raises:
        ProtocolError: it is not one; the message says where, in one line.
    """
    return _decode(_server, text)


def is_known(text: str) -> bool:
    """Return whether a message that could not be read is of a type that ought to be readable.

    A newer server may speak of things this version does not know; what is not even an object with a type is known
    to be wrong.
    """
    try:
        kind = json.loads(text)["type"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return True
    return not isinstance(kind, str) or kind in _SERVER_TYPES


def decode_client(text: str | bytes) -> Subscribe:
    """Return the message a client sent.

    Raises:
        ProtocolError: it is not one, or larger than `MAX_CLIENT_BYTES`; the message says where, in one line.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_CLIENT_BYTES:
        raise ProtocolError(f"a message of {size} bytes; the limit is {MAX_CLIENT_BYTES}")
    return _decode(_client, text)


def face_report(face: FaceScore) -> FaceReport:
    """Return what is said of a face, rounded."""
    box = face.box
    return FaceReport(
        id=face.id,
        box=(round(box.x, 4), round(box.y, 4), round(box.width, 4), round(box.height, 4)),
        authenticity=_fraction(face.authenticity),
        interval=_outwards(face.interval) if face.interval is not None else None,
        state=face.state,
        reasons=face.reasons,
        frame_score=_fraction(face.frame_score),
        coverage=round(face.coverage, 3),
        drivers=_drivers(face.drivers),
        relative=None if face.relative is None else round(face.relative, 2),
        trusted=face.trusted,
    )


def event_message(session: str, event: ScoreEvent) -> Event:
    """Return an event of a session's scoring as a message."""
    return Event(
        session=session,
        t=round(seconds(event.at_ns), 3),
        kind=event.kind,
        face=event.face,
        previous=event.previous,
        state=event.state,
        authenticity=_fraction(event.authenticity),
        reasons=event.reasons,
        drivers=_drivers(event.drivers),
    )


def scores_message(
    session: str,
    update: Update,
    *,
    frame: int,
    t: float,
    age_ms: float,
    budget: BudgetReport,
    transport: TransportReport,
) -> Scores:
    """Return the faces of one frame as a message.

    Args:
        session: its name.
        update: what scoring says.
        frame: its sequence number.
        t: its place on the session's time line, in seconds.
        age_ms: how long ago it arrived.
        budget: how the work keeps up.
        transport: how the picture gets here.
    """
    return Scores(
        session=session,
        frame=frame,
        t=round(t, 3),
        age_ms=round(age_ms, 1),
        faces=tuple(face_report(face) for face in update.faces),
        budget=budget,
        transport=transport,
    )


def _drivers(drivers: tuple[Driver, ...]) -> tuple[DriverReport, ...]:
    return tuple(DriverReport(cue=one.cue, since=round(seconds(one.since_ns), 3)) for one in drivers)


def _fraction(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _outwards(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    return math.floor(low * 1000) / 1000, math.ceil(high * 1000) / 1000


def _decode(adapter: TypeAdapter[_M], text: str | bytes) -> _M:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        line = f"{place}: {first['msg']}" if place else first["msg"]
        # The place may hold keys of the sender's own choosing: line breaks, anything.
        raise ProtocolError(line.encode("unicode_escape").decode("ascii")[:_MAX_REASON_BYTES]) from None
