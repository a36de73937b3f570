"""Run the whole detector inside your own program: ``python docs/examples/embed.py call.mp4``.

Works the same with ``rtsp://...``, ``rtmp://...``, ``camera:0`` or ``pattern:``.
"""

import asyncio
import sys

from stream_guard import Guard


async def main(source: str) -> None:
    """Print what happens, and every face as it stands."""
    async with Guard(source) as guard:
        async for update in guard:
            for event in update.events:
                print(f"{update.t:7.2f} s  {event.kind.value}  face {event.face}")
            for face in update.faces:
                if face.authenticity is not None:
                    print(f"{update.t:7.2f} s  face {face.id}  {face.authenticity:.2f}  {face.state.value}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
