"""WHIP as OBS Studio 30.2 and newer sends it, against our endpoint.

No OBS that knows WHIP can be installed where these tests run, so this is not the real OBS. It is a real WebRTC
sender that offers what OBS offers: the form that libdatachannel 0.21 writes, as ``plugins/obs-webrtc`` fills it in
and as captures of OBS show it (obs-studio issue 10910, tinywhip issue 2).
"""

from __future__ import annotations

import asyncio
import copy
import re

import httpx
import numpy as np
import pytest
from aiortc import AudioStreamTrack
from numpy.typing import NDArray
from starlette.applications import Starlette

from stream_guard.server.auth import Gate
from stream_guard.server.tokens import Keyring
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.testing.peers import WhipSender, serving

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60)]

TOKEN = "s3cret-token"
OFFER = """\
v=0
o=rtc 3877212184 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=group:LS 0 1
a=msid-semantic:WMS *
a=setup:actpass
a=ice-ufrag:{ufrag}
a=ice-pwd:{password}
a=ice-options:ice2,trickle
a=fingerprint:sha-256 {fingerprint}
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:{audio} cname:Yuu1KDxQcc3L5CpY
a=ssrc:{audio} msid:XmQSKutZo7zYcEQl XmQSKutZo7zYcEQl-audio
a=msid:XmQSKutZo7zYcEQl XmQSKutZo7zYcEQl-audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=ssrc:{video} cname:Yuu1KDxQcc3L5CpY
a=ssrc:{video} msid:XmQSKutZo7zYcEQl XmQSKutZo7zYcEQl-video
a=msid:XmQSKutZo7zYcEQl XmQSKutZo7zYcEQl-video
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1
"""


class ObsLike(WhipSender):
    """Offers as OBS does: everything about the connection once, above the media, and no candidates."""

    async def offer(self) -> str:
        sdp = await super().offer()
        audio, video = re.findall(r"a=ssrc:(\d+) cname:", sdp)[:2]
        return OFFER.replace("\n", "\r\n").format(
            ufrag=_first(r"a=ice-ufrag:(.+)\r", sdp),
            password=_first(r"a=ice-pwd:(.+)\r", sdp),
            fingerprint=_first(r"a=fingerprint:sha-256 (.+)\r", sdp),
            audio=audio,
            video=video,
        )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, pattern
    return found[1]


@pytest.fixture(autouse=True)
def _payload_types_of_obs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make aiortc's sender number its codecs as OBS does."""
    import aiortc.rtcpeerconnection as peer

    codecs = copy.deepcopy(peer.CODECS)
    for codec in codecs["audio"]:
        if codec.mimeType == "audio/opus":
            codec.payloadType = 111
    for codec in codecs["video"]:
        if codec.mimeType == "video/H264" and codec.parameters.get("profile-level-id") == "42e01f":
            codec.payloadType = 96
    monkeypatch.setattr(peer, "CODECS", codecs)


def picture(_: float) -> NDArray[np.uint8]:
    return np.full((240, 320, 3), (200, 40, 40), np.uint8)


async def test_what_obs_offers_becomes_a_picture() -> None:
    started: asyncio.Queue[Source] = asyncio.Queue()

    async def start(source: Source) -> str:
        await started.put(source)
        return "c1"

    endpoint = WhipEndpoint(start, loopback_only=True)
    gate = Gate(Starlette(routes=endpoint.routes), host="127.0.0.1", tokens=Keyring(send=TOKEN))
    async with serving(gate) as url:
        sender = ObsLike(f"{url}/whip", picture, codec="H264", token=TOKEN, audio=AudioStreamTrack())
        async with sender:
            source = await asyncio.wait_for(started.get(), 5)
            frame = await asyncio.wait_for(source.recv(), 10)
            assert np.abs(frame.rgb()[120, 160].astype(int) - (200, 40, 40)).max() < 16
            answered = sender.response
            assert answered is not None
            # What whip-output.cpp asks for: exactly 201, a body, and a Location it can find the session by.
            assert answered.status_code == 201
            assert answered.headers["Location"].startswith("/whip/")
            answer = answered.text
            assert "m=video " in answer
            assert "a=rtpmap:96 H264/90000" in answer
            assert "a=rtpmap:111 opus/48000/2" in answer
            assert re.search(r"a=candidate:.* 127\.0\.0\.1 ", answer), "OBS gathers none: ours must all be here"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(headers=headers, trust_env=False) as http:
                assert (await http.delete(sender.location)).status_code == 200  # else OBS warns
        await endpoint.close()


async def test_without_the_token_obs_is_turned_away() -> None:
    async def start(source: Source) -> str:
        raise AssertionError("nobody may come so far")

    endpoint = WhipEndpoint(start, loopback_only=True)
    gate = Gate(Starlette(routes=endpoint.routes), host="127.0.0.1", tokens=Keyring(send=TOKEN))
    async with serving(gate) as url, httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{url}/whip", content=OFFER, headers={"Content-Type": "application/sdp"})
        assert answer.status_code == 401
