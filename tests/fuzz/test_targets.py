"""A short run of every target, the same each time; ``python -m tests.fuzz`` runs them for longer."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import NAMES, target

pytestmark = [pytest.mark.property, pytest.mark.timeout(60)]

INPUTS = {"media": 40, "packets": 60, "whep": 60, "whip": 100}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_raised_but_what_is_said_to_be(name: str) -> None:
    chosen = target(name)
    with chosen.opened() as run:
        for data in islice(mutated(chosen, seed=1), INPUTS.get(name, 300)):
            try:
                run(data)
            except Exception as error:
                error.add_note(f"input: {data!r}")
                raise
