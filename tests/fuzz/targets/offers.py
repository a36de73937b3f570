"""What the targets that speak SDP begin with: an offer as Chromium writes it, shortened, and a fragment."""

from __future__ import annotations

__all__ = ["FRAGMENT", "OFFER", "WORDS"]

OFFER = b"\r\n".join(
    [
        b"v=0",
        b"o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        b"s=-",
        b"t=0 0",
        b"a=group:BUNDLE 0 1",
        b"a=msid-semantic: WMS",
        b"m=audio 9 UDP/TLS/RTP/SAVPF 111",
        b"c=IN IP4 0.0.0.0",
        b"a=rtcp:9 IN IP4 0.0.0.0",
        b"a=ice-ufrag:4ZcD",
        b"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlfb",
        b"a=fingerprint:sha-256 " + b":".join([b"7B"] * 32),
        b"a=setup:actpass",
        b"a=mid:0",
        b"a=sendonly",
        b"a=rtcp-mux",
        b"a=rtpmap:111 opus/48000/2",
        b"a=ssrc:1 cname:x",
        b"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 125",
        b"c=IN IP4 0.0.0.0",
        b"a=ice-ufrag:4ZcD",
        b"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlfb",
        b"a=fingerprint:sha-256 " + b":".join([b"7B"] * 32),
        b"a=setup:actpass",
        b"a=mid:1",
        b"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        b"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        b"a=sendonly",
        b"a=msid:- 0e0bd8ba",
        b"a=rtcp-mux",
        b"a=rtcp-rsize",
        b"a=rtpmap:96 VP8/90000",
        b"a=rtcp-fb:96 goog-remb",
        b"a=rtcp-fb:96 nack",
        b"a=rtcp-fb:96 nack pli",
        b"a=rtpmap:97 rtx/90000",
        b"a=fmtp:97 apt=96",
        b"a=rtpmap:102 H264/90000",
        b"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        b"a=rtpmap:125 VP9/90000",
        b"a=ssrc-group:FID 2 3",
        b"a=ssrc:2 cname:x",
        b"a=ssrc:3 cname:x",
        b"a=candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host generation 0",
        b"a=candidate:2 1 udp 2113937151 3a6f9d4e-0000-4000-8000-000000000000.local 50001 typ host",
        b"a=end-of-candidates",
        b"",
    ]
)

FRAGMENT = b"\r\n".join(
    [
        b"a=ice-ufrag:4ZcD",
        b"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlfb",
        b"m=audio 9 UDP/TLS/RTP/SAVPF 0",
        b"a=mid:0",
        b"a=candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host",
        b"a=candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
        b"a=end-of-candidates",
        b"",
    ]
)

WORDS = (
    b"\r\n",
    b"m=video 9 UDP/TLS/RTP/SAVPF 96",
    b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    b"a=candidate:",
    b"a=fmtp:96 ",
    b"a=rtpmap:96 H264/90000",
    b"a=rtpmap:0 /",
    b"a=mid:",
    b"a=simulcast:send 1;2",
    b"a=rid:1 send",
    b"a=extmap:1 ",
    b"a=ssrc:",
    b"a=group:BUNDLE",
    b"a=setup:passive",
    b"a=recvonly",
    b"a=inactive",
    b"a=fingerprint:md5 00",
    b"a=ice-lite",
    b"a=ice-options:trickle",
    b"a=sctp-port:5000",
    b"a=rtcp-fb:* ccm fir",
    b"b=AS:1",
    b".local",
    b"::1",
    b"\xc2\xb2",  # a digit to str.isdigit, none to int
    b"\xe2\x80\xa8",  # a line break to str.splitlines only
    b"\x00",
)
