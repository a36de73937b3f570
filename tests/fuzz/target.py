"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

__all__ = ["Run", "Target", "one_line", "plain"]

Run = Callable[[bytes], None]
"""Takes one input; raises if something is wrong, whatever the input."""


@dataclass(frozen=True)
class Target:
    """Something that reads what others wrote.

    Attributes:
        name: for the command line.
        opened: gives the function to be fed, and tidies up afterwards.
        seeds: inputs as they should be, and as they should not.
        covers: the modules whose lines are counted.
        words: what belongs into inputs, for the mutation.
        limit: longest input in bytes.
    """

    name: str
    opened: Callable[[], AbstractContextManager[Run]]
    seeds: tuple[bytes, ...]
    covers: tuple[str, ...]
    words: tuple[bytes, ...] = ()
    limit: int = 4096


def plain(run: Run) -> Callable[[], AbstractContextManager[Run]]:
    """Return how to open a target that keeps nothing."""

    @contextmanager
    def opened() -> Iterator[Run]:
        yield run

    return opened


def one_line(
    error: Exception, *, at_most: int = 500, without: Iterable[str] = (), statuses: Container[int] | None = None
) -> None:
    """Hold an error to what users and peers are promised: one line, not too long, nothing a terminal obeys.

    Args:
        error: raised.
        at_most: its characters.
        without: secrets.
        statuses: of which its own must be one.
    """
    text = str(error)
    assert not any(secret in text for secret in without), "a secret is shown"
    assert statuses is None or getattr(error, "status", None) in statuses
    assert text, f"{type(error).__name__} says nothing"
    assert len(text) <= at_most, f"{type(error).__name__} of {len(text)} characters"
    assert text.isprintable(), f"{type(error).__name__} is not one printable line"
