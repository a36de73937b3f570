"""A report looks its words up: whatever is new in an enumeration needs some, or every report of it would fail."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

import pytest

from stream_guard.face import Reason
from stream_guard.recording import words
from stream_guard.recording.moments import MomentKind
from stream_guard.scoring.observation import Cue, EventKind, State

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "all_of"),
    [
        (words.REASON_WORDS, Reason),
        (words.CUE_WORDS, Cue),
        (words.EVENT_WORDS, EventKind),
        (words.STATE_WORDS, State),
        (words.MOMENT_WORDS, MomentKind),
    ],
)
def test_everything_that_is_told_has_words_of_its_own(said: dict[Enum, str], all_of: Collection[Enum]) -> None:
    assert [one for one in all_of if not said.get(one)] == []
    assert len(set(said.values())) == len(said)
