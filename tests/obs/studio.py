"""A real OBS Studio on a screen of its own: a prepared home, a start, a remote control, a clean end."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import obsws_python
from numpy.typing import NDArray
from PIL import Image

PASSWORD = "only-for-this-test"
SCRIPT = Path(__file__).parents[2] / "plugins" / "obs" / "stream_guard_obs.py"
SIZE = (1280, 720)

_GLOBAL = """\
[General]
FirstRun=true
LastVersion=486539266
EnableAutoUpdates=false
ConfirmOnExit=false

[Basic]
Profile=test
ProfileDir=test
SceneCollection=test
SceneCollectionFile=test

[BasicWindow]
SysTrayEnabled=false
PreviewEnabled={preview}

[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AlertsEnabled=false
AuthRequired=true
ServerPassword={password}
"""

_PROFILE = """\
[General]
Name=test

[Output]
Mode=Simple

[SimpleOutput]
FilePath={recordings}
RecFormat=mkv
VBitrate=2500
StreamEncoder=x264
UseAdvanced=true
Preset=ultrafast
x264Settings=keyint=30 bframes=0 tune=zerolatency
RecRB=true
RecRBTime=5

[Video]
BaseCX={width}
BaseCY={height}
OutputCX={width}
OutputCY={height}
FPSCommon=30
"""


class Studio:
    """One run of OBS.

    Attributes:
        home: the folder that is its home.
        port: of its websocket.
        remote: requests by obs-websocket.
    """

    remote: obsws_python.ReqClient

    def __init__(self, home: Path, screen: str) -> None:
        self.home = home
        self._screen = screen
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = home / ".config" / "obs-studio"

    def prepare(
        self, *, scenes: tuple[str, ...] = ("Call", "Safe"), settings: dict[str, Any] | None, preview: bool = False
    ) -> None:
        """Write a profile and a scene collection.

        Args:
            scenes: empty ones; the first is on air.
            settings: of the script; None leaves it out.
            preview: show the picture in OBS's window, which costs as much as all else.
        """
        profile, collections = self._config / "basic" / "profiles" / "test", self._config / "basic" / "scenes"
        for folder in (profile, collections, self.home / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        (self._config / "global.ini").write_text(
            _GLOBAL.format(port=self.port, password=PASSWORD, preview=str(preview).lower())
        )
        (profile / "basic.ini").write_text(
            _PROFILE.format(recordings=self.home, width=SIZE[0], height=SIZE[1]), encoding="utf-8"
        )
        script = [] if settings is None else [{"path": str(SCRIPT), "settings": settings}]
        (collections / "test.json").write_text(
            json.dumps(
                {
                    "name": "test",
                    "current_scene": scenes[0],
                    "current_program_scene": scenes[0],
                    "scene_order": [{"name": name} for name in scenes],
                    "sources": [{"id": "scene", "name": name, "settings": {"items": []}} for name in scenes],
                    "modules": {"scripts-tool": script},
                }
            )
        )

    def start(self, *, collection: str = "test", profile: str = "test") -> None:
        """Start OBS and connect to it."""
        environment = {
            # Not all of ours: OpenCV, once imported, leads every Qt to its own plugins.
            **{name: value for name, value in os.environ.items() if not name.startswith("QT_")},
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "DISPLAY": self._screen,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
        }
        arguments = ["--multi", "--disable-updater", "--disable-missing-files-check"]
        with (self.home / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                ["obs", *arguments, "--collection", collection, "--profile", profile],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.remote = until(self._connect, "OBS has not opened its websocket", 60)

    def stop(self) -> str:
        """Quit as a user would, and return the log.

        Raises:
            AssertionError: it hangs.
        """
        assert self._process is not None
        with contextlib.suppress(Exception):
            self.remote.disconnect()
        if self._process.returncode is not None:
            return self.log()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"OBS did not end:\n{self.log()[-3000:]}") from None
        return self.log()

    def clear_away(self) -> None:
        """End it one way or the other: an OBS that hangs when it quits is one test's concern, not every test's."""
        with contextlib.suppress(AssertionError):
            self.stop()

    def log(self) -> str:
        """Return the log of the newest run."""
        logs = sorted((self._config / "logs").glob("*.txt"))
        return logs[-1].read_text(errors="replace") if logs else ""

    def picture(self, source: str) -> NDArray[np.uint8]:
        """Return a source or scene as it looks now: height, width, RGBA."""
        answer = self.remote.send("GetSourceScreenshot", {"sourceName": source, "imageFormat": "png"}, raw=True)
        data = answer["imageData"].partition(",")[2]
        return np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("RGBA"))

    def text(self, source: str) -> str:
        """Return what a text source says; empty where there is none."""
        with contextlib.suppress(obsws_python.error.OBSSDKRequestError):
            return str(self.remote.get_input_settings(source).input_settings.get("text", ""))
        return ""

    def on_air(self) -> str:
        """Return the scene on air."""
        return str(self.remote.get_current_program_scene().current_program_scene_name)

    def items(self, scene: str) -> list[str]:
        """Return what is in a scene."""
        return [item["sourceName"] for item in self.remote.get_scene_item_list(scene).scene_items]

    def _connect(self) -> obsws_python.ReqClient | None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"OBS ended at once:\n{(self.home / 'output.txt').read_text()[-3000:]}")
        with contextlib.suppress(OSError, obsws_python.error.OBSSDKError):
            return obsws_python.ReqClient(host="127.0.0.1", port=self.port, password=PASSWORD, timeout=20)
        return None


@contextlib.contextmanager
def screen() -> Iterator[str]:
    """Run an X server of our own and yield its name, such as ``:77``."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as number:
            yield f":{number.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)


def until(look: Callable[[], Any], failure: str, limit_s: float = 20.0) -> Any:
    """Return the first thing that ``look`` sees; None and False are nothing."""
    end_s = time.monotonic() + limit_s
    while True:
        seen = look()
        if seen is not None and seen is not False:
            return seen
        if time.monotonic() > end_s:
            raise AssertionError(f"{failure}; last seen: {seen!r}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
