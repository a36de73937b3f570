"""One line of a journal: JSON, on its own, numbered within its session."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream_guard.protocol.messages import ModelReport, ServerMessage

__all__ = ["Header", "Line"]


class Header(BaseModel):
    """First in every file: what all the other lines are to be read by."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    v: Literal[1] = 1
    session: str = Field(description="as it is named on the wire")
    server: str
    engine: str
    model: ModelReport


class Line(BaseModel):
    """What one line holds: one of header, message and evidence.

    Attributes:
        n: counts the lines of a session from 0: a gap is what was lost. A header has that of the line after it.
        at: wall time, ISO 8601 in UTC.
        header: see `Header`.
        message: of the wire: scores, events, changes of session and engine.
        evidence: a picture's path inside the session's folder.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    n: int = Field(ge=0)
    at: str = Field(max_length=40)
    header: Header | None = None
    message: ServerMessage | None = None
    evidence: str | None = Field(None, max_length=200)

    def encode(self) -> bytes:
        """Return it as it stands in the file, line break included."""
        absent = {name for name in ("header", "message", "evidence") if getattr(self, name) is None}
        return self.model_dump_json(exclude=absent).encode() + b"\n"

    @classmethod
    def decode(cls, text: bytes) -> Line | None:
        """Return what a line says; None where it is torn or none of ours."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
