"""Inputs made from others without looking at what they do: seeded, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.fuzz.target import Target

__all__ = ["mutated"]

_NUMBERS = (
    b"0",
    b"-1",
    b"1e309",
    b"NaN",
    b"4294967296",
    b"99999999999999999999",
    b"0.0000001",
    b"\xff\xff\xff\xff",
)


def mutated(target: Target, *, seed: int) -> Iterator[bytes]:
    """Yield the target's seeds, then inputs made from them, without end."""
    yield from target.seeds
    dice = random.Random(f"{target.name} {seed}")
    known = list(target.seeds) or [b""]
    while True:
        data = dice.choice(known)
        for _ in range(dice.choice((1, 1, 1, 2, 3, 5, 8))):
            data = _changed(data, target, known, dice)[: target.limit]
        yield data
        if len(known) < 500 and dice.random() < 0.05:
            known.append(data)


def _changed(data: bytes, target: Target, known: list[bytes], dice: random.Random) -> bytes:
    """Change one thing."""
    start = dice.randint(0, len(data))
    end = min(len(data), start + dice.choice((0, 1, 1, 2, 4, 16, 100)))
    other = dice.choice(known)
    match dice.randrange(9):
        case 0:
            new = bytes(dice.randrange(256) for _ in range(end - start or 1))
        case 1:
            new = b""
        case 2:
            new = dice.choice(target.words or _NUMBERS)
        case 3:
            new = dice.choice(_NUMBERS)
        case 4:
            new = data[start:end] * dice.choice((2, 3, 50))
        case 5:  # a piece of another
            there = dice.randint(0, len(other))
            new = other[there : there + dice.choice((1, 8, 64, 512))]
        case 6:  # one line away, or twice
            lines = data.splitlines(keepends=True) or [b""]
            place = dice.randrange(len(lines))
            return b"".join([*lines[:place], *lines[place : place + 1] * dice.choice((0, 2)), *lines[place + 1 :]])
        case 7:
            flipped = bytearray(data or b"\0")
            flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
            return bytes(flipped)
        case _:
            return data[:start] + other[dice.randint(0, len(other)) :]
    return data[:start] + new + data[end:]
