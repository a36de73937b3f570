"""Every target, by name."""

from __future__ import annotations

import importlib

from tests.fuzz.target import Target

__all__ = ["NAMES", "target"]

NAMES = (
    "sdp",
    "whip",
    "whep",
    "client",
    "journal",
    "manifest",
    "config",
    "addresses",
    "jitter",
    "packets",
    "plan",
    "report",
    "media",
)


def target(name: str) -> Target:
    """Return a target; what it needs is imported now, not before."""
    found = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    assert isinstance(found, Target)
    return found
