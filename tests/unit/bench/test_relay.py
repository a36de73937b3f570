"""The bad network: as bad as it is told to be, the same every time, and nothing goes round it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from stream_guard.bench.relay import Impairment, Relay
from stream_guard.errors import ConfigError, SignallingError

pytestmark = pytest.mark.unit

RTP, STUN = b"\x80media", b"\x00check"


class Socket(asyncio.DatagramProtocol):
    """One end; keeps what came."""

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.sender: tuple[str, int] | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.append(data)
        self.sender = addr


async def through(impairment: Impairment, *datagrams: bytes) -> tuple[list[bytes], Relay, str]:
    """Send datagrams through a relay and back; returns what came, the relay, and the answer it gave."""
    loop = asyncio.get_running_loop()
    far_end, far = await loop.create_datagram_endpoint(Socket, local_addr=("127.0.0.1", 0))
    port = far_end.get_extra_info("sockname")[1]
    relay = Relay(impairment)
    answer = await relay.open(
        "v=0\r\n"
        f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n"
        "a=candidate:2 1 udp 2130706430 192.0.2.1 9 typ host\r\n"
    )
    (line,) = [one for one in answer.splitlines() if one.startswith("a=candidate:")]
    near_end, near = await loop.create_datagram_endpoint(Socket, remote_addr=("127.0.0.1", int(line.split()[5])))
    for datagram in datagrams:
        near_end.sendto(datagram)
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while len(far.came) + relay.lost < len(datagrams):
                await asyncio.sleep(0.005)
    if far.sender:
        far_end.sendto(b"\x00back", far.sender)
        while not near.came:
            await asyncio.sleep(0.005)
    for end in (near_end, far_end):
        end.close()
    relay.close()
    return far.came, relay, answer


async def test_a_good_network_passes_everything_both_ways() -> None:
    came, relay, answer = await through(Impairment(), RTP, STUN)
    assert came == [RTP, STUN]
    assert (relay.passed, relay.lost) == (3, 0)
    assert "192.0.2.1" not in answer, "a way round the relay"


async def test_only_media_is_lost_and_about_as_much_as_was_asked_for() -> None:
    media = [b"\x80" + bytes([number]) for number in range(200)]
    came, relay, _ = await through(Impairment(loss=0.25, seed=3), *media, *[STUN] * 20)
    assert came.count(STUN) == 20
    assert 30 <= relay.lost <= 70
    assert len(came) == 220 - relay.lost


async def test_the_same_seed_loses_the_same() -> None:
    media = [b"\x80" + bytes([number]) for number in range(100)]
    runs = [(await through(Impairment(loss=0.3, seed=5), *media))[0] for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != media


async def test_everything_is_delayed() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    came, _, _ = await through(Impairment(delay_ms=60), RTP)
    assert came == [RTP]
    assert loop.time() - began >= 0.12, "there and back"


async def test_an_answer_without_an_address_here_is_refused() -> None:
    relay = Relay(Impairment())
    try:
        with pytest.raises(SignallingError, match=r"127\.0\.0\.1"):
            await relay.open("v=0\r\na=candidate:2 1 udp 2130706430 192.0.2.1 9 typ host\r\n")
    finally:
        relay.close()


@pytest.mark.parametrize("wrong", [{"loss": 1.0}, {"loss": -0.1}, {"delay_ms": -1}, {"jitter_ms": -1}])
def test_impossible_networks_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Impairment(**wrong)
