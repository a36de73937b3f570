"""Every setting of a running server. Only `app` and `cli` read it; all else takes keyword arguments."""

from __future__ import annotations

import ipaddress
import secrets
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream_guard.errors import ConfigError, printable

__all__ = ["Config", "is_loopback"]

_SHORTEST_WIDE_TOKEN = 16
"""Where other machines can guess as often as they like, in characters."""

Token = Annotated[str, Field(min_length=8, max_length=256, pattern=r"^[!-~]([ -~]*[!-~])?$")]
"""Printable ASCII: it must pass through an HTTP header."""


def is_loopback(host: str) -> bool:
    """Return whether a bind address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Config(BaseModel):
    """Settings, checked together."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)  # it may be a token

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8765, ge=0, le=65535, description="0 picks a free one")
    token: Token | None = Field(None, repr=False, description="opens everything")
    send_token: Token | None = Field(None, repr=False, description="opens WHIP alone")
    watch_token: Token | None = Field(None, repr=False, description="opens scores, counts and metrics alone")
    tls_cert: Path | None = Field(None, description="PEM file with the certificate, and its chain")
    tls_key: Path | None = Field(None, description="PEM file with its private key; else it is in the same file")
    stun: str = Field("", description="STUN server, stun:host:port, for calls from behind routers; empty asks none")
    turn: str = Field("", description="TURN server, turn:host:port?transport=udp, where nothing else leads to us")
    turn_user: str = Field("", repr=False, description="user name there")
    turn_password: str = Field("", repr=False, description="and password")
    relay_only: bool = Field(False, description="let media come through the TURN server only")
    journal: Path | None = Field(None, description="folder to keep events and scores in; None keeps nothing")
    journal_days: float = Field(30.0, gt=0, le=36_500, description="sessions kept for longer are deleted")
    journal_mb: int = Field(1024, ge=1, le=10_000_000, description="of all sessions together; the oldest go first")
    keep_evidence: bool = Field(False, description="keep the face, too, at the moment an alarm is raised")
    moments: bool = Field(
        True, description="keep pictures of telling moments in memory, for the dashboard and reports"
    )
    origins: tuple[str, ...] = Field((), description="further web origins that may reach the server")
    sources: tuple[str, ...] = Field((), description="URLs to pull from the start")
    engine: str = Field("auto", description="inference engine")
    precision: Literal["auto", "fp32", "fp16", "bf16", "int8"] = Field("auto", description="what it computes in")
    model: Path | None = Field(None, description="a model of your own; its manifest lies beside it")
    threads: int = Field(0, ge=0, le=256, description="CPU threads for inference; 0 lets the engine decide")
    budget_ms: float = Field(33.0, ge=1, le=10_000, description="latency budget of a frame")
    max_age_ms: float = Field(500.0, ge=1, le=60_000, description="a frame older than this is not scored")
    false_alarms_per_hour: float = Field(
        1.0, gt=0, le=3600, description="false alarms an hour of call that one real face may raise"
    )
    max_faces: int = Field(25, ge=1, le=100, description="faces followed in one stream")
    max_sessions: int = Field(16, ge=1, le=1000, description="streams at a time")
    max_sessions_per_client: int | None = Field(
        None, ge=1, le=1000, description="streams at a time from one address; None: see `sessions_per_client`"
    )

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return host.strip("[]")  # as IPv6 addresses stand in URLs

    @model_validator(mode="after")
    def _wide_needs_token(self) -> Self:
        if is_loopback(self.host):
            return self
        fresh = secrets.token_urlsafe(18)
        if not self.has_token:
            raise ValueError(f"listening on {self.host} lets other machines in: give a --token, such as {fresh}")
        for token in (self.token, self.send_token, self.watch_token):
            if token is not None and len(token) < _SHORTEST_WIDE_TOKEN:
                raise ValueError(
                    f"other machines may guess at a token of less than {_SHORTEST_WIDE_TOKEN} characters: "
                    f"take one such as {fresh}"
                )
        return self

    @model_validator(mode="after")
    def _key_needs_certificate(self) -> Self:
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError("--tls-key is of no use without --tls-cert")
        return self

    @model_validator(mode="after")
    def _evidence_needs_journal(self) -> Self:
        if self.keep_evidence and self.journal is None:
            raise ValueError("--keep-evidence needs a --journal to keep it in")
        return self

    @property
    def has_token(self) -> bool:
        """Whether clients must show a token."""
        return any(token is not None for token in (self.token, self.send_token, self.watch_token))

    @property
    def exposed(self) -> bool:
        """Whether tokens and scores pass over a network that others may listen on."""
        return not is_loopback(self.host) and self.tls_cert is None

    @property
    def sessions_per_client(self) -> int:
        """How many streams one address may send: all of them on this machine, a quarter where others come too."""
        if self.max_sessions_per_client is not None:
            return self.max_sessions_per_client
        return self.max_sessions if is_loopback(self.host) else max(1, self.max_sessions // 4)

    @classmethod
    def make(cls, **settings: object) -> Self:
        """Build a configuration.

        Raises:
            ConfigError: with the first thing that is wrong, in one line.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            where = printable(".".join(str(part) for part in first["loc"])[:100])
            what = printable(first["msg"].removeprefix("Value error, "))
            raise ConfigError(f"{where}: {what}" if where else what) from error
        except UnicodeEncodeError:  # arguments are bytes, and may be half a letter
            raise ConfigError("a setting holds what is no text") from None
