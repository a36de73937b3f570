"""From a model's logits to evidence that can be added up. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ModelError
from stream_guard.models.manifest import Calibration, Threshold

__all__ = ["Calibrator"]


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
