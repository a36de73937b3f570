"""A face goes from the frame straight into its place in the batch."""

from __future__ import annotations

import numpy as np
import pytest

from stream_guard.face import Box
from stream_guard.faces.align import crop_matrix, cut

pytestmark = pytest.mark.unit

SIZE = 64


@pytest.mark.parametrize(
    "box", [Box(30, 40, 30, 36), Box(20, 20, 200, 260)], ids=["enlarged", "shrunk by more than two"]
)
def test_the_batch_holds_the_crop_and_nothing_else_is_touched(box: Box) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (320, 280, 3), dtype=np.uint8)
    matrix = crop_matrix(box, size=SIZE, margin=1.4)
    batch = np.zeros((3, SIZE, SIZE, 3), np.uint8)
    written = cut(rgb, matrix, size=SIZE, out=batch[1])
    assert np.shares_memory(written, batch)
    np.testing.assert_array_equal(batch[1], cut(rgb, matrix, size=SIZE))
    assert not batch[0].any()
    assert not batch[2].any()
