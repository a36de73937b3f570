"""Both landmarkers alike: MediaPipe's own runtime, and its network alone in OpenVINO."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from engines.openvino import OpenVinoEngine
from stream_guard.face import Box
from stream_guard.faces.landmark_network import LandmarkNetwork
from stream_guard.faces.landmarker import Landmarker
from stream_guard.faces.mesh import FaceMesh
from stream_guard.faces.near_face import NearFaceDetector
from stream_guard.faces.task_file import TaskFile
from stream_guard.inference.engine import Network
from stream_guard.models import store

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

FACE = Box(179, 69, 93, 109)
"""What the astronaut's landmarks span."""


@pytest.fixture(scope="module")
def mediapipe() -> Iterator[Landmarker]:
    with FaceMesh(store.path(store.LANDMARKER)) as mesh:
        yield Landmarker(mesh)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> LandmarkNetwork:
    task, folder = TaskFile(store.path(store.LANDMARKER)), tmp_path_factory.mktemp("networks")
    (folder / "landmarks.tflite").write_bytes(task.landmarks)
    (folder / "detector.tflite").write_bytes(task.detector)

    def opened(name: str, shape: tuple[int, int, int, int]) -> Network:
        return OpenVinoEngine.open_network(folder / name, shape, threads=1, exact=True)

    detector = NearFaceDetector(opened("detector.tflite", NearFaceDetector.INPUT_SHAPE))
    return LandmarkNetwork(opened("landmarks.tflite", LandmarkNetwork.INPUT_SHAPE), detector, task.face)


@pytest.fixture(scope="module", params=["mediapipe", "network"])
def landmarker(request: pytest.FixtureRequest) -> Landmarker | LandmarkNetwork:
    found: Landmarker | LandmarkNetwork = request.getfixturevalue(request.param)
    return found


def test_landmarks_are_in_pixels_of_the_frame(landmarker: Landmarker | LandmarkNetwork) -> None:
    measured = landmarker.measure(astronaut(), FACE)
    assert measured is not None
    assert measured.landmarks.shape == (478, 2)
    assert measured.landmarks.dtype == np.float32
    assert measured.landmarks.flags.c_contiguous
    assert measured.box.iou(FACE) > 0.93
    nose = measured.landmarks[1]
    assert np.hypot(*(nose - (228, 127))) < 8


def test_the_face_is_found_where_the_box_is_out_of_date(landmarker: Landmarker | LandmarkNetwork) -> None:
    for across, down in ((60, 0), (-60, 0), (0, 50), (40, -40)):
        measured = landmarker.measure(astronaut(), Box(FACE.x + across, FACE.y + down, FACE.width, FACE.height))
        assert measured is not None
        assert measured.box.iou(FACE) > 0.9


def test_the_face_is_found_where_it_has_grown_or_shrunk(landmarker: Landmarker | LandmarkNetwork) -> None:
    for factor in (0.6, 1.6):
        measured = landmarker.measure(astronaut(), FACE.grown(factor))
        assert measured is not None
        assert measured.box.iou(FACE) > 0.9


def test_pose_follows_the_head(landmarker: Landmarker | LandmarkNetwork) -> None:
    straight = landmarker.measure(astronaut(), FACE)
    turn = cv2.getRotationMatrix2D(FACE.centre, 20, 1)
    turned = landmarker.measure(cv2.warpAffine(astronaut(), turn, (512, 512)), FACE)
    mirrored = landmarker.measure(
        np.ascontiguousarray(astronaut()[:, ::-1]), Box(512 - FACE.x - FACE.width, FACE.y, FACE.width, FACE.height)
    )
    assert straight is not None
    assert turned is not None
    assert mirrored is not None
    assert abs(straight.pose.yaw) < 5
    assert turned.pose.roll - straight.pose.roll == pytest.approx(20, abs=3)
    assert mirrored.pose.roll == pytest.approx(-straight.pose.roll, abs=2)


def test_a_wall_has_no_face(landmarker: Landmarker | LandmarkNetwork) -> None:
    assert landmarker.measure(np.full((720, 1280, 3), 90, np.uint8), Box(600, 300, 80, 80)) is None


def test_a_box_half_outside_the_frame_is_looked_at(landmarker: Landmarker | LandmarkNetwork) -> None:
    cropped = np.ascontiguousarray(astronaut()[69:, 220:])
    landmarker.measure(cropped, Box(-41, 0, 93, 109))
    assert landmarker.measure(np.zeros((1, 1, 3), np.uint8), Box(500, 500, 40, 40)) is None


@cache
def pictures() -> dict[str, tuple[np.ndarray, Box]]:
    """The astronaut, as calls show people: near, far, turned, in noise and half in the dark."""
    face, noise = astronaut(), np.random.default_rng(1)
    shown = {"as it is": (face, FACE)}
    for factor in (0.5, 0.8, 1.6, 4.0):
        scaled = cv2.resize(face, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        box = Box(FACE.x * factor, FACE.y * factor, FACE.width * factor, FACE.height * factor)
        shown[f"{factor} times"] = scaled, box
    for degrees in (-40, -15, 25, 60):
        turn = cv2.getRotationMatrix2D(FACE.centre, degrees, 1)
        shown[f"turned {degrees}"] = cv2.warpAffine(face, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE), FACE
    noisy = face + noise.normal(0, 18, face.shape)
    shown["noisy"] = np.clip(noisy, 0, 255).astype(np.uint8), FACE
    shown["dark"] = (face * np.linspace(1.0, 0.25, 512)[None, :, None]).astype(np.uint8), FACE
    shown["blurred"] = cv2.GaussianBlur(face, (0, 0), 2.5), FACE
    return shown


@pytest.mark.parametrize("shown", pictures())
def test_the_network_alone_says_what_mediapipe_says(
    mediapipe: Landmarker, network: LandmarkNetwork, shown: str
) -> None:
    rgb, box = pictures()[shown]
    theirs, ours = mediapipe.measure(rgb, box), network.measure(rgb, box)
    assert theirs is not None
    assert ours is not None
    side = max(theirs.box.width, theirs.box.height)
    apart = np.linalg.norm(theirs.landmarks - ours.landmarks, axis=1) / side
    assert apart.mean() < 0.012, "of the face's longer side: 1.3 px of 109"
    assert apart.max() < 0.05
    for name in ("yaw", "pitch", "roll"):
        assert getattr(ours.pose, name) == pytest.approx(getattr(theirs.pose, name), abs=2.0), name


def test_both_say_where_no_face_shows(mediapipe: Landmarker, network: LandmarkNetwork) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    upside_down = np.ascontiguousarray(astronaut()[::-1])
    covered = astronaut()
    covered[60:185, 170:280] = 110
    for rgb in (noise, covered, np.zeros_like(noise)):
        assert mediapipe.measure(rgb, FACE) is None
        assert network.measure(rgb, FACE) is None
    flipped = Box(FACE.x, 512 - FACE.y - FACE.height, FACE.width, FACE.height)
    assert (mediapipe.measure(upside_down, flipped) is None) == (network.measure(upside_down, flipped) is None)


def test_a_face_that_is_followed_is_looked_at_once(network: LandmarkNetwork) -> None:
    looks = []
    counted = LandmarkNetwork(
        lambda tensor: looks.append(1) or network._network(tensor),  # type: ignore[func-returns-value]
        network._detector,
        TaskFile(store.path(store.LANDMARKER)).face,
    )
    turn = cv2.getRotationMatrix2D(FACE.centre, -50, 1)
    for rgb in (astronaut(), cv2.warpAffine(astronaut(), turn, (512, 512))):
        first = counted.measure(rgb, FACE)
        assert first is not None
        looks.clear()
        again = counted.measure(rgb, first.box, tilt=first.tilt)
        assert len(looks) == 1
        assert again is not None
        assert again.box.iou(first.box) > 0.9


def test_what_is_tilted_stands_in_degrees_clockwise(network: LandmarkNetwork) -> None:
    turn = cv2.getRotationMatrix2D(FACE.centre, -30, 1)  # OpenCV counts counterclockwise
    straight, turned = (
        network.measure(astronaut(), FACE),
        network.measure(cv2.warpAffine(astronaut(), turn, (512, 512)), FACE),
    )
    assert straight is not None
    assert turned is not None
    assert turned.tilt - straight.tilt == pytest.approx(30, abs=4)


def test_a_tight_look_does_not_wander(network: LandmarkNetwork) -> None:
    looks = []
    counted = LandmarkNetwork(
        lambda tensor: looks.append(1) or network._network(tensor),  # type: ignore[func-returns-value]
        network._detector,
        TaskFile(store.path(store.LANDMARKER)).face,
    )
    counted.measure(astronaut(), Box(FACE.x + 200, FACE.y + 150, FACE.width, FACE.height), tilt=0.0, tight=True)
    assert len(looks) == 1
