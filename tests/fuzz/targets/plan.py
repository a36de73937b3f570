"""Compiled plans and their sidecars: `engines.tensorrt.plan`. Whatever lies there, it is used or built anew."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.tensorrt.plan import PlanKey, PlanStore, Sidecar
from tests.fuzz.target import Run, Target

_KEY = PlanKey(model_sha256="a" * 64, precision="fp16", flavour="tensorrt", version="10.1", capability="sm89")
_PLAN = b"a plan"
_SIDECAR = Sidecar(key=_KEY, plan="x.plan", sha256=hashlib.sha256(_PLAN).hexdigest(), bytes=len(_PLAN))
_SPLIT = b"\n----\n"


def _find(folder: Path, data: bytes) -> None:
    sidecar, _, plan = data.partition(_SPLIT)
    plans = folder / "plans"
    (plans / f"{_KEY.stem()}.json").write_bytes(sidecar)
    (plans / "x.plan").write_bytes(plan)
    store = PlanStore(plans)
    found = store.find(_KEY)
    if found.plan is not None:
        assert found.plan == plan, "a file of another folder"
        assert found.sidecar is not None
        assert found.sidecar.key == _KEY
        assert hashlib.sha256(plan).hexdigest() == found.sidecar.sha256
    else:
        assert len(found.reason.splitlines()) <= 1
    store.put(_KEY, _PLAN, None)
    assert store.find(_KEY).plan == _PLAN, "a new one takes the place of anything"


@contextmanager
def opened() -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plans").mkdir()
        (folder / "secret").write_bytes(_PLAN)
        yield lambda data: _find(folder, data)


TARGET = Target(
    "plan",
    opened,
    (
        _SIDECAR.model_dump_json().encode() + _SPLIT + _PLAN,
        _SIDECAR.model_copy(update={"plan": "../secret"}).model_dump_json().encode() + _SPLIT,
        b"{}",
    ),
    ("engines.tensorrt.plan",),
    (b'"plan":"', b"../", b"/etc/passwd", b"\\u0000", b"..", b'"contents":', b'"gpu":"\\n"', _SPLIT, b"[" * 200),
)
