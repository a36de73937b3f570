from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training.codec import CodecSetting, compress
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("name", "good", "bad"), [("libvpx", 8, 55), ("libx264", 16, 40)])
def test_every_frame_comes_back_and_a_coarser_quantiser_is_worse(name, good, bad, face: PreparedFace):
    frames = [np.roll(face.rgb, shift, axis=1) for shift in range(3)]
    errors = []
    for quantiser in (good, bad):
        received = compress(frames, CodecSetting(name, quantiser))
        assert [frame.shape for frame in received] == [frame.shape for frame in frames]
        assert received[0].dtype == np.uint8
        errors.append(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(frames, received, strict=True)]))
    assert errors[0] < errors[1] / 1.5
