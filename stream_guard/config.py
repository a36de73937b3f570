"""Every setting of a running server. Only `app` and `cli` read it; all else takes keyword arguments."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stream_guard.errors import ConfigError

__all__ = ["Config", "is_loopback"]


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

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8765, ge=0, le=65535, description="0 picks a free one")
    token: str | None = Field(None, min_length=8, max_length=256, description="bearer token clients must show")
    origins: tuple[str, ...] = Field((), description="further web origins that may reach the server")
    sources: tuple[str, ...] = Field((), description="URLs to pull from the start")
    engine: str = Field("auto", description="inference engine")
    model: Path | None = Field(None, description="a model of your own; its manifest lies beside it")
    threads: int = Field(0, ge=0, le=256, description="CPU threads for inference; 0 lets the engine decide")
    budget_ms: float = Field(33.0, ge=1, le=10_000, description="latency budget of a frame")
    max_age_ms: float = Field(500.0, ge=1, le=60_000, description="a frame older than this is not scored")
    false_alarms_per_hour: float = Field(
        1.0, gt=0, le=3600, description="false alarms an hour of call that one real face may raise"
    )
    max_faces: int = Field(25, ge=1, le=100, description="faces followed in one stream")
    max_sessions: int = Field(16, ge=1, le=1000, description="streams at a time")

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        return host.strip("[]")  # as IPv6 addresses stand in URLs

    @model_validator(mode="after")
    def _wide_needs_token(self) -> Self:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(f"listening on {self.host} lets other machines in: give a --token")
        return self

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
            where = ".".join(str(part) for part in first["loc"])
            what = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{where}: {what}" if where else what) from error
