from __future__ import annotations

import numpy as np
import pytest

from stream_guard.training.codec import CodecSetting, compress, last_received, random_setting
from stream_guard.training.packet_loss import Loss
from stream_guard.training.shard import PreparedFace

pytestmark = pytest.mark.unit
CODECS = pytest.mark.parametrize("name", ["libvpx", "libx264"])


@pytest.fixture
def frames(face: PreparedFace) -> list[np.ndarray]:
    return [np.roll(face.rgb, 2 * shift, axis=1) for shift in range(5)]


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize(("name", "good", "bad"), [("libvpx", 8, 55), ("libx264", 16, 40)])
def test_every_frame_comes_back_and_a_coarser_quantiser_is_worse(name, good, bad, frames):
    errors = []
    for quantiser in (good, bad):
        received = compress(frames, CodecSetting(name, quantiser))
        assert [frame.shape for frame in received] == [frame.shape for frame in frames]
        assert received[0].dtype == np.uint8
        errors.append(np.mean([error(a, b) for a, b in zip(frames, received, strict=True)]))
    assert errors[0] < errors[1] / 1.5


@CODECS
def test_a_lower_rate_is_worse(name, frames):
    rates = [
        error(last_received(frames, CodecSetting(name, None, bits_per_pixel)), frames[-1])
        for bits_per_pixel in (1.0, 0.3, 0.1)
    ]
    assert rates[0] < rates[1] < rates[2]


@CODECS
def test_after_a_freeze_the_last_good_frame_stays(name, frames):
    setting = CodecSetting(name, 20)
    whole, frozen = compress(frames, setting), compress(frames, setting, Loss("freeze", 3))
    for number in range(3):
        np.testing.assert_array_equal(frozen[number], whole[number])
    np.testing.assert_array_equal(frozen[3], whole[2])
    np.testing.assert_array_equal(frozen[4], whole[2])


@CODECS
def test_a_frame_after_a_missing_one_is_predicted_from_the_wrong_one(name, frames):
    setting = CodecSetting(name, 20)
    whole, missed = compress(frames, setting), compress(frames, setting, Loss("missing", 3))
    np.testing.assert_array_equal(missed[2], whole[2])
    assert error(missed[3], whole[2]) == 0
    assert error(missed[4], whole[4]) > 0.5
    assert error(missed[4], whole[2]) > 0.5


def test_a_lost_slice_changes_its_band_alone(frames):
    setting = CodecSetting("libx264", 20, slices=4)
    whole, damaged = compress(frames, setting), compress(frames, setting, Loss("slice", 4, 0.0))
    np.testing.assert_array_equal(damaged[3], whole[3])
    height = frames[0].shape[0]
    assert error(damaged[4][: height // 8], whole[4][: height // 8]) > 0.5
    np.testing.assert_array_equal(damaged[4][height // 2 :], whole[4][height // 2 :])


@CODECS
@pytest.mark.parametrize("where", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["slice", "cut"])
def test_no_damage_ends_the_picture(name, kind, where, frames):
    shown = compress(frames, CodecSetting(name, 30, slices=4), Loss(kind, 2, where))
    assert len(shown) == len(frames)
    assert all(error(a, b) < 60 for a, b in zip(shown, frames, strict=True))


@CODECS
@pytest.mark.parametrize("kind", ["freeze", "missing", "slice", "cut"])
def test_the_first_frame_always_arrives(name, kind, frames):
    setting = CodecSetting(name, 20)
    shown = compress(frames, setting, Loss(kind, 0, 0.0))
    np.testing.assert_array_equal(shown[0], compress(frames, setting)[0])


def test_random_settings_are_of_every_kind():
    rng = np.random.default_rng(0)
    settings = [random_setting(rng) for _ in range(300)]
    assert {setting.name for setting in settings} == {"libvpx", "libx264"}
    rates = [setting.bits_per_pixel for setting in settings if setting.quantiser is None]
    assert 100 < len(rates) < 200
    assert min(rates) < 0.04
    assert max(rates) > 0.4
