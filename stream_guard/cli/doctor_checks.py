"""What ``stream-guard doctor`` looks at. Each check tries the thing itself, and says what is wrong in a line."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stream_guard.errors import EngineError, EngineUnavailable, ModelError
from stream_guard.inference.registry import Candidate, choose, choose_cpu, ranked

__all__ = ["Check", "codecs", "detector", "models", "problems", "tools", "tracker"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        what: for people.
        works: whether it does.
        detail: what was found, or why it does not.
        needed: the main job cannot run without it.
    """

    what: str
    works: bool
    detail: str
    needed: bool = False


def codecs() -> list[Check]:
    """Send a picture through each WebRTC codec and back; look up the decoders for files and streams."""
    try:
        import av
        from aiortc import RTCRtpCodecParameters
        from aiortc.codecs import depayload, get_decoder, get_encoder
        from aiortc.jitterbuffer import JitterFrame
    except Exception as error:  # a library that does not load is a finding, not a crash
        return [Check("WebRTC", False, f"aiortc or av does not load: {error}", needed=True)]

    def round_trip(name: str) -> str:
        """Return what is wrong; empty where a picture came back."""
        codec = RTCRtpCodecParameters(mimeType=f"video/{name}", clockRate=90000, payloadType=96)
        encoder, decoder = get_encoder(codec), get_decoder(codec)
        for number in range(5):  # an H.264 decoder may hold the first pictures back
            picture = av.VideoFrame(320, 240, "yuv420p")
            picture.pts, picture.time_base = number * 3000, Fraction(1, 90000)
            payloads, timestamp = encoder.encode(picture, force_keyframe=number == 0)
            data = b"".join(depayload(codec, payload) for payload in payloads)
            if decoder.decode(JitterFrame(data=data, timestamp=timestamp)):
                return ""
        return "nothing came back from the decoder"

    found = []
    for name in ("VP8", "H264"):
        try:
            wrong = round_trip(name)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        found.append(Check(f"WebRTC {name}", not wrong, wrong or "encodes and decodes"))
    names = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg")
    missing = [name for name in names if name not in av.codecs_available]
    here = ", ".join(name for name in names if name not in missing)
    detail = f"decodes {here}" + (f"; not {', '.join(missing)}" if missing else "")
    found.append(Check("files and streams", not missing, f"{detail} (av {av.__version__})"))
    return found


def tracker() -> Check:
    """Start what measures faces: its native library needs more of the system than pip installs.

    MediaPipe reports its use to its makers, so it is never imported here: only in the process that `FaceMesh` cuts
    off from the network.
    """
    from importlib.metadata import version
    from importlib.util import find_spec

    from stream_guard.models import store

    if find_spec("mediapipe") is None:
        return Check("MediaPipe", False, "not installed", needed=True)
    found = f"version {version('mediapipe')}"
    try:
        if not store.is_cached(store.LANDMARKER):
            return Check("MediaPipe", True, f"{found}; not tried without {store.LANDMARKER}", needed=True)
        from stream_guard.faces.mesh import FaceMesh

        FaceMesh(store.path(store.LANDMARKER)).close()
    except (ModelError, ImportError, OSError) as error:
        return Check("MediaPipe", False, f"{found}; {error}", needed=True)
    return Check("MediaPipe", True, f"{found}; starts, cut off from the network", needed=True)


def detector(engines: Sequence[Candidate]) -> Check:
    """Load the shipped detector as a call would, and ask it once: an engine may be there and not take it."""
    import asyncio

    import numpy as np

    from stream_guard.inference.engine import EngineOptions
    from stream_guard.inference.standing import Standing
    from stream_guard.inference.worker import InferenceWorker
    from stream_guard.models import store

    async def answered(worker: InferenceWorker, size: int) -> Standing:
        async with worker:
            await worker.infer(np.full((1, size, size, 3), 128, dtype=np.uint8))
            return worker.standing

    try:
        onnx, manifest = store.default_model()
        worker = InferenceWorker(ranked(among=engines), onnx, manifest, options=EngineOptions(max_batch=1))
        standing = asyncio.run(answered(worker, manifest.size))
    except (EngineError, ModelError) as error:
        return Check("detector", False, str(error), needed=True)
    passed_over = f"; passed over: {standing.reasons}" if standing.passed_over else ""
    return Check("detector", True, f"answers on {standing.engine} ({standing.device}){passed_over}", needed=True)


def models() -> list[Check]:
    """Look for the shipped detector, whole, and for the files made by others."""
    from stream_guard.models import store

    try:
        onnx, manifest = store.default_model()
        found = [Check(onnx.name, True, f"{manifest.name} {manifest.version} ({manifest.status})", needed=True)]
    except ModelError as error:
        found = [Check("default.onnx", False, str(error), needed=True)]
    for file in store.FILES.values():
        try:
            here = store.is_cached(file.name)
            detail = f"{file.purpose}; {'kept in ' + str(store.cache_dir()) if here else 'fetched when first used'}"
        except ModelError as error:
            here, detail = False, str(error)
        found.append(Check(file.name, here, detail))
    return found


def tools() -> list[Check]:
    """Look for programs that are useful beside stream-guard. None is needed."""
    wanted = {
        "ffmpeg": (("ffmpeg",), "sends files and devices as RTMP, RTSP or WHIP"),
        "OBS Studio": (("obs", "obs64"), "shows the overlay in a programme"),
        "browser": (("chromium", "google-chrome", "chrome", "firefox", "msedge"), "shares a call and shows it"),
    }
    found = []
    for what, (names, purpose) in wanted.items():
        path = next(filter(None, map(shutil.which, names)), None)
        found.append(Check(what, path is not None, f"{purpose}; {path or 'not found'}"))
    return found


def problems(engines: Sequence[Candidate], checks: Sequence[Check]) -> list[str]:
    """Return why the main job, scoring a live call, cannot run here; empty where it can."""
    found = []
    try:
        choose(among=engines)
        choose_cpu(among=engines)
    except EngineUnavailable as error:
        found.append(str(error))
    found += [f"{check.what}: {check.detail}" for check in checks if check.needed and not check.works]
    calls = [check for check in checks if check.what.startswith("WebRTC ")]
    if calls and not any(check.works for check in calls):
        found += [f"{check.what}: {check.detail}" for check in calls]
    return found
