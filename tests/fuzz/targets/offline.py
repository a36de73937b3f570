"""WebRTC connections that reach nobody: no socket is opened, and one certificate serves all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import aioice.ice
from aiortc.rtcdtlstransport import RTCCertificate

__all__ = ["offline"]


@contextmanager
def offline() -> Iterator[None]:
    """Keep aiortc from gathering and looking up addresses while the block runs."""
    certificate = RTCCertificate.generateCertificate()

    async def nothing(*arguments: object) -> None:
        return None

    with (
        mock.patch.object(aioice.ice.Connection, "gather_candidates", nothing),
        mock.patch.object(aioice.ice.Connection, "add_remote_candidate", nothing),
        mock.patch.object(RTCCertificate, "generateCertificate", classmethod(lambda cls: certificate)),
    ):
        yield
