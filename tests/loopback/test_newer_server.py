"""A client of today and a server of tomorrow."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from websockets.asyncio.server import ServerConnection, serve

from stream_guard import client
from stream_guard.errors import ProtocolError
from tests.unit.protocol import samples

pytestmark = pytest.mark.loopback


async def test_messages_of_an_unknown_type_are_passed_over_and_broken_ones_are_not() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(samples.SERVER["hello"].model_dump_json())
        await socket.send('{"type": "weather", "v": 1, "sunny": true}')
        await socket.send(samples.SERVER["challenge"].model_dump_json())
        await socket.send('{"type": "scores", "v": 1}')
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with aclosing(client.messages(f"ws://127.0.0.1:{port}")) as messages:
            assert (await anext(messages)).type == "hello"
            assert await anext(messages) == samples.SERVER["challenge"]
            with pytest.raises(ProtocolError, match="scores"):
                await anext(messages)
