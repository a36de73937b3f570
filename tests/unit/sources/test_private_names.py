"""The private names of libraries that we lean on, so that an upgrade that drops one is noticed here."""

from __future__ import annotations

import threading
import time

import aioice.ice
import av
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
from OpenSSL import SSL

from stream_guard.sources.addresses import only_loopback
from stream_guard.sources.dtls import CIPHERS, accept_rsa_peers
from stream_guard.sources.interrupt import FOREVER_S, Interrupt

pytestmark = pytest.mark.unit


def test_rsa_peers_are_offered_ciphers() -> None:
    assert accept_rsa_peers()
    assert accept_rsa_peers()
    context = RTCCertificate.generateCertificate()._create_ssl_context(SRTP_PROFILES)
    offered = SSL.Connection(context).get_cipher_list()
    for cipher in CIPHERS.split(":"):
        assert cipher in offered


async def test_aiortcs_private_tables() -> None:
    connection = RTCPeerConnection()
    receiver = connection.addTransceiver("video", direction="recvonly").receiver
    assert getattr(receiver, "_RTCRtpReceiver__remote_streams") == {}  # noqa: B009  mangled inside a class only
    assert getattr(receiver, "_RTCRtpReceiver__decoder_queue").empty()  # noqa: B009
    assert getattr(receiver, "_RTCRtpReceiver__jitter_buffer").capacity == 512  # noqa: B009
    await connection.close()


def test_addresses_are_restricted_inside_only() -> None:
    def gathered() -> list[str]:
        return aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True)

    with only_loopback(True):
        assert gathered() == ["127.0.0.1"]
        with only_loopback(False):
            assert "127.0.0.1" not in gathered()
    assert "127.0.0.1" not in gathered()


def test_a_wait_in_ffmpeg_can_be_broken_off() -> None:
    assert FOREVER_S > 1e6
    interrupt = Interrupt()
    ended: list[BaseException] = []

    def wait() -> None:
        with interrupt.of_this_thread():
            try:
                av.open("udp://127.0.0.1:0", format="mpegts", timeout=(FOREVER_S, FOREVER_S))
            except av.error.ExitError as error:
                ended.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    interrupt.ask()
    thread.join(10)
    assert ended


def test_other_threads_see_the_true_clock() -> None:
    interrupt = Interrupt()
    interrupt.ask()
    assert abs(av.container.core.time.monotonic() - time.monotonic()) < 1
    with interrupt.of_this_thread():
        first, second = av.container.core.time.monotonic(), av.container.core.time.monotonic()
        assert second - first > FOREVER_S
    assert av.container.core.time.sleep is time.sleep
