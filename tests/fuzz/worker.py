"""One target in a process of its own: fed until its time is over. Findings are noted, and it goes on."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fuzz.target import Run, Target

__all__ = ["Report"]

_INSTRUMENTED = ["stream_guard", "engines", "aiortc", "aioice"]
_NOTED_EVERY_S = 1.0


@dataclass
class Report:
    """What came of a target.

    Attributes:
        inputs: tried so far.
        cpu_s: processor time, in seconds.
        findings: by where they were raised: the error, its trace and the first input that led there, in hex.
    """

    target: str
    inputs: int = 0
    cpu_s: float = 0.0
    findings: dict[str, dict[str, str]] = field(default_factory=dict)

    def note(self, error: BaseException, data: bytes) -> None:
        """Take down a finding, unless one was raised there before."""
        places = traceback.extract_tb(error.__traceback__)
        ours = [place for place in places if "site-packages" not in place.filename and place.filename != __file__]
        where = f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        if where not in self.findings:
            trace = "".join(traceback.format_exception(error))
            self.findings[where] = {"error": str(error)[:300], "trace": trace, "input": data.hex()}

    def save(self, path: Path) -> None:
        """Write it down, all or nothing."""
        self.cpu_s = time.process_time()
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)


class _Feeder:
    """Feeds one input after the other, and ends the process when its time is over."""

    def __init__(self, run: Run, report: Report, out: Path, seconds: float, stack: ExitStack) -> None:
        self._run = run
        self._report = report
        self._out = out
        self._seconds = seconds
        self._noted_s = 0.0
        self._stack = stack

    def __call__(self, data: bytes) -> None:
        self._report.inputs += 1
        try:
            self._run(data)
        except Exception as error:
            self._report.note(error, data)
        now_s = time.process_time()  # a busy machine does not make a shorter run
        if now_s - self._noted_s > _NOTED_EVERY_S:
            self._noted_s = now_s
            self._report.save(self._out)
        if now_s > self._seconds:
            self._report.save(self._out)
            self._stack.close()
            sys.stdout.flush()
            os._exit(0)  # libFuzzer would say goodbye at length


def _guided(target: Target, feed: _Feeder, corpus: Path) -> None:
    """Have atheris find inputs by what they reach; returns never."""
    import atheris

    words = corpus.parent / f"{target.name}.words"
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    words.write_text("".join(f'"{line}"\n' for line in lines))
    options = [f"-max_len={target.limit}", "-verbosity=0", "-timeout=100", "-rss_limit_mb=4096"]
    options += [f"-dict={words}"] if target.words else []
    options += [f"-artifact_prefix={corpus.parent}/{target.name}-"]
    atheris.Setup([sys.argv[0], str(corpus), *options], feed)
    atheris.Fuzz()


def _plain(target: Target, feed: _Feeder, corpus: Path, seed: int) -> None:
    """Make inputs without looking; one in a hundred is kept, for the coverage. Returns never."""
    from tests.fuzz.mutation import mutated

    for number, data in enumerate(mutated(target, seed=seed)):
        if number % 100 == 0 and number < 100_000:
            (corpus / f"made-{number:07d}").write_bytes(data)
        feed(data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    with ExitStack() as stack:
        if asked.guided:
            import atheris

            with atheris.instrument_imports(include=_INSTRUMENTED):
                target = importlib.import_module("tests.fuzz.targets").target(asked.name)
        else:
            target = importlib.import_module("tests.fuzz.targets").target(asked.name)
        for number, data in enumerate(target.seeds):
            (asked.corpus / f"seed-{number}").write_bytes(data)
        run = stack.enter_context(target.opened())
        feed = _Feeder(run, Report(asked.name), asked.out, asked.seconds, stack)
        if asked.guided:
            _guided(target, feed, asked.corpus)
        else:
            _plain(target, feed, asked.corpus, asked.seed)


if __name__ == "__main__":
    main()
