"""The demo, as ``make demo`` runs it, only shorter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stream_guard.cli.demo_call import Call, Outcome, _judge

pytestmark = [pytest.mark.loopback, pytest.mark.timeout(120)]

_MAIN = "from stream_guard.cli import main; main()"


def test_the_swap_is_flagged_and_nothing_before_it() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from stream_guard.cli import main; main()",
            "demo",
            "--seconds",
            "16",
            "--headless",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Flagged" in done.stdout
    assert "/overlay" in done.stdout


@pytest.mark.parametrize(
    ("swap_ns", "alarms_ns", "passed"),
    [
        (1000, [2000], True),
        (1000, [900, 2000], False),  # a false alarm stays one, whatever comes later
        (1000, [], False),
        (None, [500], False),
        (None, [], False),
    ],
)
def test_it_passes_only_when_flagged_and_not_early(swap_ns: int | None, alarms_ns: list[int], passed: bool) -> None:
    outcome: Outcome = _judge(Call(seconds=20, swap_ns=swap_ns, alarms_ns=alarms_ns))
    assert outcome.passed is passed
    assert outcome.in_words()
