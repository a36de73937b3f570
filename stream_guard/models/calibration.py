"""From a model's logits to evidence that can be added up, and how the evidence is to be judged. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ModelError
from stream_guard.evidence.shift import ShiftSettings
from stream_guard.models.manifest import AlarmRate, Calibration, Manifest, Threshold
from stream_guard.scoring.track import TrackSettings
from stream_guard.scoring.verdict import VerdictSettings

__all__ = ["Calibrator", "alarm_rate", "track_settings"]

_FRAMES_ABOVE = 0.01
"""Share of real frames above the threshold of a model whose alarms were not worked out."""

_CHANGES = 0.5
"""False alarms that the change cue may add, as a share of the rate that is asked for."""


class Calibrator:
    """Applies temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).

    A network's logits rank faces well but exaggerate. Divided by a temperature that was fitted on faces the
    network has not seen, they are log-odds; with the bias taken off first, 0 is even odds on real calls, so
    the value is a log-likelihood ratio and may be accumulated over frames.
    """

    def __init__(self, calibration: Calibration, thresholds: Iterable[Threshold] = ()) -> None:
        """Take what the manifest says.

        Args:
            calibration: temperature and bias.
            thresholds: for `threshold`.
        """
        self._temperature = np.float32(calibration.temperature)
        self._bias = np.float32(calibration.bias)
        self._thresholds = sorted(thresholds, key=lambda one: one.false_alarm_rate)

    def llr(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-likelihood ratios, synthetic over authentic: positive leans to synthetic.

        Args:
            logits: float32, any shape, as the model gave them.

        Returns:
            float32, the same shape.
        """
        ratios: NDArray[np.float32] = (logits - self._bias) / self._temperature
        return ratios

    def threshold(self, false_alarm_rate: float) -> Threshold:
        """Return the threshold to use where at most this share of real faces may fall above it.

        Args:
            false_alarm_rate: for one frame, 0 to 1.

        Returns:
            The mildest measured threshold that keeps the promise; nothing is interpolated.

        Raises:
            ModelError: the model was not measured at a rate this low.
        """
        fitting = [one for one in self._thresholds if one.false_alarm_rate <= false_alarm_rate]
        if not fitting:
            measured = ", ".join(f"{one.false_alarm_rate:g}" for one in self._thresholds) or "none"
            raise ModelError(
                f"the model has no threshold for a false alarm rate of {false_alarm_rate:g}; "
                f"measured are: {measured}"
            )
        return fitting[-1]


def track_settings(manifest: Manifest, *, false_alarms_per_hour: float = 1.0) -> TrackSettings:
    """Return how a face is judged on this model's evidence.

    The correlation of errors is the manifest's where it was measured. The alarm's threshold is the one that was
    worked out for the rate; a manifest without any gives what one real frame in a hundred exceeds, at least the
    default, and one without that the default. The change cue adds half the rate at most; for rates so low that
    it was not worked out, it is left out.

    Args:
        manifest: the model's.
        false_alarms_per_hour: of call, for one real face in view; has no effect on a model without `alarms`.

    Raises:
        ModelError: the model's alarms were not worked out for a rate this low.
    """
    usual = VerdictSettings()
    rise = usual.rise
    if manifest.alarms:
        rise = max(usual.fall, alarm_rate(manifest, false_alarms_per_hour).rise)
    elif any(one.false_alarm_rate <= _FRAMES_ABOVE for one in manifest.thresholds):
        calibrator = Calibrator(manifest.calibration, manifest.thresholds)
        rise = max(rise, calibrator.threshold(_FRAMES_ABOVE).logit)
    verdict = replace(usual, rise=rise)
    track = TrackSettings(verdict=verdict)
    if manifest.independence is not None:
        track = TrackSettings.for_correlation(manifest.independence.correlation_s, verdict=verdict)
    correlation_s = track.smoothing.correlation_s
    return replace(
        track, change=ShiftSettings.at_rate(_CHANGES * false_alarms_per_hour, correlation_s=correlation_s)
    )


def alarm_rate(manifest: Manifest, per_hour: float) -> AlarmRate:
    """Return the mildest alarm threshold of a model that keeps to a rate of false alarms; nothing is interpolated.

    Raises:
        ModelError: the model's alarms were not worked out for a rate this low.
    """
    fitting = [one for one in manifest.alarms if one.per_hour <= per_hour]
    if not fitting:
        known = ", ".join(f"{one.per_hour:g}" for one in manifest.alarms) or "none"
        raise ModelError(
            f"the model has no alarm threshold for {per_hour:g} false alarms an hour; worked out are: {known}"
        )
    return max(fitting, key=lambda one: one.per_hour)
