"""Follow a running server from another program: ``python docs/examples/follow.py``."""

import asyncio
import sys

from stream_guard import client


async def main(url: str) -> None:
    """Print every face of every session."""
    async for scores in client.scores(url):
        for face in scores.faces:
            print(scores.session, face.id, face.state.value, face.authenticity, f"{scores.age_ms:.0f} ms old")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765"))
