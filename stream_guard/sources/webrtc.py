"""One incoming WebRTC call: an offer comes in, an answer goes out, frames follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiortc import RTCSessionDescription
from aiortc.exceptions import OperationError

from stream_guard.clock import Clock, MonotonicClock
from stream_guard.errors import SignallingError
from stream_guard.sources.ice import IceSettings
from stream_guard.sources.peer import Receiver, ReceivingSource
from stream_guard.sources.sdp import (
    check_offer,
    ice_credentials,
    parse_fragment,
    set_candidates_aside,
    with_bitrate,
)

__all__ = ["WebRtcSource"]

log = logging.getLogger(__name__)


class WebRtcSource(ReceivingSource):
    """Receives the video somebody offers to send.

    `open` negotiates; the answer then stands in `answer_sdp`, with all our candidates. It may be called
    again, so whoever signals opens the source first and hands it to a pipeline, which opens it too.
    """

    kind = "webrtc"

    def __init__(
        self,
        offer_sdp: str,
        *,
        clock: Clock | None = None,
        name: str = "WebRTC call",
        loopback_only: bool = False,
        connect_limit_s: float = 15.0,
        ice: IceSettings | None = None,
    ) -> None:
        """Take an offer; nothing runs yet.

        Args:
            offer_sdp: the peer's offer, with or without candidates.
            clock: for arrivals.
            name: for people.
            loopback_only: receive on 127.0.0.1 alone. For a server that is itself bound there.
            connect_limit_s: how long media may take to connect, in seconds.
            ice: STUN and TURN servers; None asks none.
        """
        self.name = name
        self._offer = offer_sdp
        self._clock = clock or MonotonicClock()
        self._loopback_only = loopback_only
        self._connect_limit_s = connect_limit_s
        self._ice = ice
        self._answer: str | None = None
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._when_closed: list[Callable[[], None]] = []

    @property
    def answer_sdp(self) -> str:
        """The answer to send back. There once `open` has returned."""
        if self._answer is None:
            raise RuntimeError("the answer is there once the source is open")
        return self._answer

    def when_closed(self, call: Callable[[], None]) -> None:
        """Have a function called, on the event loop, when the source is closed; at once if it is."""
        if self._closed:
            call()
        else:
            self._when_closed.append(call)

    async def open(self) -> None:
        """Negotiate.

        Raises:
            SignallingError: the offer cannot be accepted, see `stream_guard.sources.sdp.check_offer`; or no way
                leads to us, see `Receiver.gather`.
        """
        if self._answer is not None:
            return
        check_offer(self._offer)
        self._receiver = Receiver(
            clock=self._clock,
            loopback_only=self._loopback_only,
            connect_limit_s=self._connect_limit_s,
            ice=self._ice,
        )
        try:
            self._answer = await self._negotiate(self._receiver)
        except BaseException:
            await self.close()
            raise

    async def add_candidates(self, fragment: str) -> None:
        """Add what the peer has gathered since its offer.

        Args:
            fragment: ``application/trickle-ice-sdpfrag`` (RFC 8840).

        Raises:
            SignallingError: 400 for something else, 422 for an ICE restart, which aiortc cannot do.
        """
        parsed = parse_fragment(fragment)
        theirs = ice_credentials(self._offer)
        if (parsed.ufrag, parsed.password) not in {theirs, ("", ""), (theirs[0], "")}:
            raise SignallingError(422, "ICE restarts are not supported; end the session and begin a new one")
        if self._receiver is not None and not self._closed:
            self._receiver.add_later(parsed.candidates)

    async def close(self) -> None:
        """Hang up. See `Source.close`."""
        if self._closing is None:
            self._closed = True
            self._closing = asyncio.create_task(self._hang_up(), name="webrtc close")
        await asyncio.shield(self._closing)  # to the end, even where whoever waits is cancelled

    async def _hang_up(self) -> None:
        try:
            if self._receiver is not None:
                await self._receiver.close()
        finally:
            for call in self._when_closed:
                call()

    async def _negotiate(self, receiver: Receiver) -> str:
        offer, aside = set_candidates_aside(self._offer)
        connection = receiver.connection
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            answer = await connection.createAnswer()
        except OperationError as error:
            raise SignallingError(
                406,
                "no codec in common: this server takes VP8, H264 baseline (packetization-mode=1), and Opus, "
                "G722 or G711 audio",
            ) from error
        except Exception as error:
            # The parser is written for well-formed offers and fails in any way on others.
            log.info("an offer could not be read: %s", type(error).__name__)
            raise SignallingError(400, "the offer is not one a WebRTC peer would send") from error
        text = await receiver.gather(RTCSessionDescription(answer.sdp, "answer"))
        receiver.add_later(aside)
        return with_bitrate(text)
