import asyncio
import threading
import time

import pytest

from stream_guard.clock import NS_PER_S
from stream_guard.testing import loop

pytestmark = pytest.mark.unit


def now() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_passes_at_once_and_to_the_nanosecond():
    async def main() -> tuple[float, int]:
        await asyncio.sleep(3600)
        running = asyncio.get_running_loop()
        assert isinstance(running, loop.VirtualLoop)
        return running.time(), running.now_ns()

    began = time.monotonic()
    assert loop.run(main()) == (3600.0, 3600 * NS_PER_S)
    assert time.monotonic() - began < 5


def test_timers_go_off_in_order_each_at_its_time():
    async def main() -> list[tuple[str, float]]:
        heard = []

        async def speak(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            heard.append((name, now()))

        async with asyncio.TaskGroup() as group:
            for name, delay_s in (("c", 30.0), ("a", 0.1), ("b", 0.1 + 1e-6), ("d", 90_000.0)):
                group.create_task(speak(name, delay_s))
        return heard

    assert loop.run(main()) == [
        ("a", pytest.approx(0.1)),
        ("b", pytest.approx(0.100001)),
        ("c", pytest.approx(30.0)),
        ("d", pytest.approx(90_000.0)),
    ]


def test_timeouts_strike_in_virtual_time():
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await asyncio.sleep(8)
        return now()

    assert loop.run(main()) == pytest.approx(7)


def test_work_in_a_thread_takes_no_virtual_time():
    async def main() -> float:
        ticks = asyncio.create_task(asyncio.sleep(1000))
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(time.sleep, 0.05)
        reached = now()
        ticks.cancel()
        return reached

    assert loop.run(main()) == 0.0


def test_a_thread_that_calls_in_is_heard():
    async def main() -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running = asyncio.get_running_loop()
        thread = threading.Timer(0.05, lambda: running.call_soon_threadsafe(answer.set_result, "here"))
        thread.start()
        started.append(thread)
        return await answer

    started: list[threading.Timer] = []
    assert loop.run(main()) == "here"
    started[0].join()  # after the loop: it may not block, and the thread may still be on its way out


def test_sockets_work():
    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            try:
                return await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()

    assert loop.run(main()) == b"hello\n"


def test_waiting_for_nothing_is_an_error_not_a_hang():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(loop.Deadlock):
        loop.run(main())


def test_each_run_begins_at_zero():
    async def main() -> float:
        began = now()
        await asyncio.sleep(5)
        return began

    assert loop.run(main()) == loop.run(main()) == 0.0
