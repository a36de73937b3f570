"""Lets peers with RSA certificates in, which aiortc alone refuses."""

from __future__ import annotations

import logging
from typing import Any

from aiortc.rtcdtlstransport import RTCCertificate

__all__ = ["CIPHERS", "accept_rsa_peers"]

log = logging.getLogger(__name__)

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
)
"""aiortc's own four, then two for RSA peers: GStreamer 1.22 has an RSA certificate, hence "no shared cipher"."""

_MARK = "_stream_guard_accepts_rsa"


def accept_rsa_peers() -> bool:
    """Widen the ciphers of every later DTLS handshake; calling it again changes nothing.

    aiortc has no setting for this, so a private method is wrapped, if it is there.

    Returns:
        Whether it worked. If not, all other peers connect as before.
    """
    original: Any = getattr(RTCCertificate, "_create_ssl_context", None)
    if original is None:
        log.warning("this aiortc does not let us accept RSA peers; GStreamer senders may fail in DTLS")
        return False
    if not hasattr(RTCCertificate, _MARK):

        def widened(certificate: RTCCertificate, *args: Any, **kwargs: Any) -> Any:
            context = original(certificate, *args, **kwargs)
            context.set_cipher_list(CIPHERS.encode())
            return context

        RTCCertificate._create_ssl_context = widened  # type: ignore[assignment]
        setattr(RTCCertificate, _MARK, True)
    return True
