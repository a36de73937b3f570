"""Reads MediaPipe's ``face_landmarker.task``: the networks, and the canonical face that poses are told by.

The file is a zip. Beside the networks (TensorFlow Lite) lies ``geometry_pipeline_metadata_landmarks.binarypb``, a
protocol buffer of MediaPipe's face geometry module (``geometry_pipeline_metadata.proto``, ``mesh_3d.proto``): the
canonical face in centimetres, and which of its points are fitted, with what weight.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream_guard.errors import ModelError

__all__ = ["CanonicalFace", "TaskFile"]

_LANDMARKS = "face_landmarks_detector.tflite"
_DETECTOR = "face_detector.tflite"
_GEOMETRY = "geometry_pipeline_metadata_landmarks.binarypb"

_MESH, _BASIS = 1, 2
"""Fields of ``GeometryPipelineMetadata``."""

_VERTICES = 3
_FLOATS_A_VERTEX = 5
"""Field of ``Mesh3d``; a vertex is a position in space and one in a texture."""


@dataclass(frozen=True, slots=True)
class CanonicalFace:
    """The points of a face that a pose is fitted to.

    Attributes:
        indices: int, shape (n,): which landmarks they are, in MediaPipe Face Mesh order.
        points: float64, shape (n, 3), centimetres; x to the right, y up, z towards the viewer.
        weights: float64, shape (n,).
    """

    indices: NDArray[np.intp]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]


class TaskFile:
    """An opened ``face_landmarker.task``.

    Attributes:
        landmarks, detector: the networks, as TensorFlow Lite.
        face: what poses are told by.
    """

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            ModelError: it is missing, or no such file.
        """
        try:
            with zipfile.ZipFile(path) as task:
                self.landmarks = task.read(_LANDMARKS)
                self.detector = task.read(_DETECTOR)
                geometry = task.read(_GEOMETRY)
            self.face = _canonical_face(geometry)
        except (OSError, KeyError, zipfile.BadZipFile, ValueError, IndexError, struct.error) as error:
            reason = " ".join(f"{error}".split()) or type(error).__name__
            raise ModelError(f"{path} is no face landmarker of MediaPipe: {reason}") from error


def _canonical_face(geometry: bytes) -> CanonicalFace:
    fields = list(_fields(geometry))
    mesh = next((value for number, value in fields if number == _MESH), b"")
    numbers = np.frombuffer(b"".join(value for number, value in _fields(mesh) if number == _VERTICES), "<f4")
    vertices = numbers.reshape(-1, _FLOATS_A_VERTEX)[:, :3].astype(np.float64)
    basis = [dict(_fields(value)) for number, value in fields if number == _BASIS]
    if not basis:
        raise ValueError("it says of no point that it is fitted")
    indices = np.array([int.from_bytes(point[1], "little") for point in basis], dtype=np.intp)
    weights = np.array([struct.unpack("<f", point[2])[0] for point in basis], dtype=np.float64)
    return CanonicalFace(indices, vertices[indices], weights)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of each field of a protocol buffer; a varint as eight little-endian bytes.

    https://protobuf.dev/programming-guides/encoding
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        match key & 7:
            case 0:
                value, place = _varint(message, place)
                yield key >> 3, value.to_bytes(8, "little")
                continue
            case 1:
                length = 8
            case 2:
                length, place = _varint(message, place)
            case 5:
                length = 4
            case kind:
                raise ValueError(f"wire type {kind}")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
