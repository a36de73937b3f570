"""The child that runs MediaPipe: pictures in on standard input, faces out on standard output.

Started by `stream_guard.faces.mesh`, which says why. Not for import by anything else.

A request is two little-endian uint32, height and width, then the pixels: uint8, RGB. An answer is a byte, the
number of faces, then for each 478 x 2 float32 (x and y as fractions of the picture) and 16 float32 (the facial
transformation matrix, row by row). The first byte of all is ``+`` once the model is loaded, or ``-``, a uint32
length and a line of UTF-8 that says why it cannot be.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import types
from typing import Any, BinaryIO

__all__ = ["ANSWER_FLOATS", "HEADER", "POINTS", "main"]

HEADER = struct.Struct("<II")
POINTS = 478
ANSWER_FLOATS = POINTS * 2 + 16


def main() -> None:
    """Answer until standard input ends."""
    # Ctrl+C reaches every process of a terminal; the parent ends us when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    # What MediaPipe prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        image, landmarker = _load(sys.argv[1], faces=int(sys.argv[2]), confidence=float(sys.argv[3]))
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        reason = (str(error).partition("\n")[0] or type(error).__name__).encode()
        answers.write(b"-" + struct.pack("<I", len(reason)) + reason)
        answers.flush()
        return
    answers.write(b"+")
    answers.flush()
    _serve(requests, answers, image, landmarker)
    landmarker.close()


def _load(model: str, *, faces: int, confidence: float) -> tuple[Any, Any]:
    # MediaPipe imports this for its audio tasks; looking for the sound library starts a compiler.
    sys.modules["sounddevice"] = types.ModuleType("sounddevice")
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=faces,
        min_face_detection_confidence=confidence,
        min_face_presence_confidence=confidence,
        output_facial_transformation_matrixes=True,
    )

    def image(data: Any) -> Any:
        return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)

    return image, vision.FaceLandmarker.create_from_options(options)


def _serve(requests: BinaryIO, answers: BinaryIO, image: Any, landmarker: Any) -> None:
    import numpy as np

    while len(header := requests.read(HEADER.size)) == HEADER.size:
        height, width = HEADER.unpack(header)
        pixels = requests.read(height * width * 3)
        if len(pixels) < height * width * 3:
            return
        result = landmarker.detect(image(np.frombuffer(pixels, np.uint8).reshape(height, width, 3)))
        answers.write(bytes([len(result.face_landmarks)]))
        for points, matrix in zip(result.face_landmarks, result.facial_transformation_matrixes, strict=True):
            answers.write(np.array([(point.x, point.y) for point in points], "<f4").tobytes())
            answers.write(np.asarray(matrix, "<f4").tobytes())
        answers.flush()


if __name__ == "__main__":
    main()
