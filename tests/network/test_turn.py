"""Calls through a real TURN server, and what is said where it does not help."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from stream_guard.errors import ConfigError, SignallingError
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.ice import IceSettings, why_no_relay
from stream_guard.sources.webrtc import WebRtcSource
from stream_guard.testing.peers import WhipSender, serving
from tests.network.conftest import fading
from tests.network.turn_server import TurnServer, turn_server

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(60), pytest.mark.usefixtures("nothing_left")]


def settings(server: TurnServer) -> IceSettings:
    return IceSettings(turn=server.url, user=server.user, password=server.password, relay_only=True)


class Endpoint:
    """A WHIP endpoint; keeps the sources it makes."""

    def __init__(self, ice: IceSettings) -> None:
        self.sources: asyncio.Queue[Source] = asyncio.Queue()
        self.whip = WhipEndpoint(self._start, loopback_only=True, ice=ice)

    async def _start(self, source: Source) -> str:
        await self.sources.put(source)
        return "c1"


async def test_a_call_comes_through_the_turn_server_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "stream_guard")
    caplog.set_level(logging.DEBUG, "aioice.ice")
    async with turn_server(tmp_path) as server:
        endpoint = Endpoint(settings(server))
        async with serving(Starlette(routes=endpoint.whip.routes)) as url:
            async with WhipSender(f"{url}/whip", fading, fps=15, kbps=600) as sender:
                source = await asyncio.wait_for(endpoint.sources.get(), 5)
                for _ in range(10):
                    await asyncio.wait_for(source.recv(), 20)
                assert sender.response is not None
                offered = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ (\w+)", sender.response.text)
                assert [(host, kind) for host, _, kind in offered] == [("127.0.0.1", "relay")]
                (ice,) = {one.transport.transport._connection for one in sender.connection.getSenders()}
                assert {pair.remote_addr[1] for pair in ice._nominated.values()} <= set(server.ports)
                assert int(offered[0][1]) in server.ports
                assert isinstance(source, WebRtcSource)
                assert "127.0.0.1 0" not in sender.response.text, "what the address stands for is not told"
            await endpoint.whip.close()
        logged = caplog.text
        assert server.password not in logged
        assert server.password not in repr(settings(server))


@pytest.mark.parametrize(
    ("wrong", "said"), [({"password": "another"}, "refuses our user name or password"), ({"user": "x"}, "refuses")]
)
async def test_wrong_credentials_are_said_to_be_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: dict[str, str], said: str
) -> None:
    caplog.set_level(logging.INFO)
    async with turn_server(tmp_path) as server:
        ice = replace(settings(server), **wrong)
        endpoint = Endpoint(ice)
        async with serving(Starlette(routes=endpoint.whip.routes)) as url:
            with pytest.raises(SignallingError, match=said) as refused:
                async with WhipSender(f"{url}/whip", fading):
                    pass
            assert refused.value.status == 503
            assert not endpoint.whip.sessions
            # Where media may come directly as well, it does, and the log says why it does not come otherwise.
            open_endpoint = Endpoint(replace(ice, relay_only=False))
            async with serving(Starlette(routes=open_endpoint.whip.routes)) as other:
                async with WhipSender(f"{other}/whip", fading, fps=15, kbps=600):
                    source = await asyncio.wait_for(open_endpoint.sources.get(), 5)
                    await asyncio.wait_for(source.recv(), 20)
                await open_endpoint.whip.close()
        assert said in caplog.text
        assert ice.password not in caplog.text.replace("another call", "")
        assert server.password not in str(refused.value)


async def test_a_server_that_is_not_there_is_said_not_to_answer() -> None:
    ice = IceSettings(turn="turn:127.0.0.1:9?transport=tcp", user="u", password="p", relay_only=True)
    assert "cannot be reached" in await why_no_relay(ice)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stun": "stun.example.org:3478"},
        {"stun": "stuns:example.org"},
        {"turn": "stun:example.org"},
        {"turn": "turn:user:password@example.org"},
        {"turn": "turns:example.org?transport=udp"},
        {"turn": "turn:"},
        {"relay_only": True},
    ],
)
def test_what_is_no_ice_server_is_refused_without_repeating_it(wrong: dict[str, str | bool]) -> None:
    with pytest.raises(ConfigError) as refused:
        IceSettings(**wrong)  # type: ignore[arg-type]
    assert "password@" not in str(refused.value)
