"""What every engine refuses, in the same words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stream_guard.errors import EngineError
from stream_guard.inference.shapes import check_graph, one_line, prediction
from stream_guard.testing.engines import make_manifest

pytestmark = pytest.mark.unit

FACES = ("faces", (None, 32, 32, 3))
LOGITS, PATCHES = ("logits", (None,)), ("patches", (None, 4, 4))


def test_takes_what_the_manifest_says() -> None:
    check_graph(make_manifest(patch_grid=4), [FACES], [LOGITS, PATCHES])
    check_graph(make_manifest(patch_grid=4), [FACES], [LOGITS, ("patches", (None, None, None))])
    check_graph(make_manifest(), [FACES], [LOGITS, PATCHES])  # a map that nobody asked for does no harm


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([("faces", (None, 3, 32, 32))], [LOGITS, PATCHES], r"should have one input, faces \(n, 32, 32, 3\)"),
        ([("faces", (1, 32, 32, 3))], [LOGITS, PATCHES], r"it has faces \(1, 32, 32, 3\)"),
        ([("picture", (None, 32, 32, 3))], [LOGITS, PATCHES], "it has picture"),
        ([FACES, FACES], [LOGITS, PATCHES], "one input"),
        ([], [LOGITS], "it has none"),
        ([FACES], [PATCHES], "no output logits; it has patches"),
        ([FACES], [LOGITS], "no output patches"),
        ([FACES], [("logits", (None, 1)), PATCHES], r"logits should be \(n\), it is \(n, 1\)"),
        ([FACES], [LOGITS, ("patches", (None, 4, 5))], r"patches should be \(n, 4, 4\)"),
    ],
)
def test_refuses_another_graph(inputs: list[Any], outputs: list[Any], told: str) -> None:
    with pytest.raises(EngineError, match=told):
        check_graph(make_manifest(patch_grid=4), inputs, outputs)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_never_becomes_a_score(bad: float) -> None:
    logits, patches = np.zeros(2, dtype=np.float32), np.zeros((2, 4, 4), dtype=np.float32)
    prediction(logits, patches, faces=2)
    with pytest.raises(EngineError, match="finite"):
        prediction(np.array([0, bad], dtype=np.float32), patches, faces=2)
    patches[1, 2, 3] = bad
    with pytest.raises(EngineError, match="finite"):
        prediction(logits, patches, faces=2)


@pytest.mark.parametrize(
    ("logits", "patches"),
    [
        (np.zeros(3, np.float32), None),
        (np.zeros((2, 1), np.float32), None),
        (np.zeros(2, np.float64), None),
        (np.zeros(2, np.float32), np.zeros((3, 4, 4), np.float32)),
        (np.zeros(2, np.float32), np.zeros((2, 16), np.float32)),
    ],
)
def test_refuses_answers_of_another_shape_or_type(logits: np.ndarray, patches: np.ndarray | None) -> None:
    with pytest.raises(EngineError, match="for 2 faces"):
        prediction(logits, patches, faces=2)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("one", "one"),
        ("Exception from core.cpp:84:\n  Check failed\nno such file\n\n", "no such file"),
        ("", "ValueError"),
    ],
)
def test_a_backends_message_becomes_one_line(message: str, line: str) -> None:
    assert one_line(ValueError(message)) == line
