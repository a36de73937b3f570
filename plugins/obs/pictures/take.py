"""Takes the pictures of README.md in a real OBS Studio: ``python -m plugins.obs.pictures.take``.

Needs what the tests of OBS need, on Linux. The caller is the demo's: the public-domain portrait that scikit-image
ships.
"""

from __future__ import annotations

import ctypes
import logging
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image, ImageGrab

from stream_guard.testing.caller import Caller
from tests.obs.studio import Studio, screen, until
from tests.unit.plugins.server import Server, make_scores

HERE = Path(__file__).parent
NOTHING, TOOLS, SCRIPTS = (320, 620), (378, 13), (388, 147)  # where these are in OBS's window
LEFT, WHEEL_DOWN = 1, 5


def main() -> None:
    """Start OBS with a caller in it, and look at it and its dialog."""
    logging.disable()
    server = Server()
    with server.running(), screen() as name, tempfile.TemporaryDirectory() as home, Speaker(server) as speaker:
        studio = Studio(Path(home), name)
        settings = {"server": f"127.0.0.1:{server.port}", "show_map": True, "alarm_after_s": 30.0}
        studio.prepare(scenes=("Call", "Safe"), settings={**settings, "alarm_scene": "Safe"}, preview=True)
        studio.start()
        caller = Caller(swap_at_s=10.0)
        try:
            for state, at_s in (("authentic", 2.0), ("synthetic", 12.0)):
                speaker.state = state
                show(studio, caller, at_s)
                time.sleep(3)
                save(Image.fromarray(studio.picture("Call")), f"badge-{state}")
            mouse = Mouse(name)
            mouse.click(*NOTHING)
            save(ImageGrab.grab(xdisplay=name).crop((0, 0, 1080, 730)), "window")
            speaker.state = "authentic"
            studio.remote.remove_input("Guest")  # drawing it takes the processor that the dialog needs
            mouse.click(*TOOLS)
            mouse.click(*SCRIPTS)
            mouse.stretch((243, 60), (836, 730))
            save(ImageGrab.grab(xdisplay=name).crop((243, 60, 1079, 790)), "dialog")
            mouse.turn(723, 500, times=14)
            save(ImageGrab.grab(xdisplay=name).crop((243, 60, 1079, 790)), "dialog-alarm")
        finally:
            studio.clear_away()


class Speaker(threading.Thread):
    """Says ten times a second how the one face stands."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.state = "authentic"
        self._server = server
        self._end = threading.Event()

    def run(self) -> None:
        """Speak until the block ends."""
        while not self._end.wait(0.1):
            message = make_scores(self.state)
            message["faces"][0]["box"] = [0.41, 0.22, 0.18, 0.4]
            self._server.say(message)

    def __enter__(self) -> Speaker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


def show(studio: Studio, caller: Caller, at_s: float) -> None:
    """Put a picture of the call into the scene, below the badge."""
    path = studio.home / f"caller-{at_s:.0f}.png"
    Image.fromarray(caller.frame(at_s)).save(path)
    names = [entry["inputName"] for entry in studio.remote.get_input_list().inputs]
    if "Guest" in names:
        studio.remote.set_input_settings("Guest", {"file": str(path)}, True)
        return
    studio.remote.create_input("Call", "Guest", "image_source", {"file": str(path)}, True)
    until(lambda: "Stream Guard badge" in studio.items("Call"), "no badge", 10)
    item = studio.remote.get_scene_item_id("Call", "Guest").scene_item_id
    studio.remote.set_scene_item_index("Call", item, 0)


def save(picture: Image.Image, name: str) -> None:
    """Write a picture beside this file."""
    picture.convert("RGB").save(HERE / f"{name}.jpg", quality=85, optimize=True)


class Mouse:
    """A mouse on a screen that nobody looks at (XTEST), as there is no window manager to ask."""

    def __init__(self, name: str) -> None:
        self._x11, self._xtest = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._display = ctypes.c_void_p(self._x11.XOpenDisplay(name.encode()))

    def click(self, x: int, y: int) -> None:
        """Press the left button."""
        self._press(x, y, LEFT)
        time.sleep(4)

    def turn(self, x: int, y: int, *, times: int) -> None:
        """Turn the wheel down."""
        for _ in range(times):
            self._press(x, y, WHEEL_DOWN)
        time.sleep(1)

    def stretch(self, place: tuple[int, int], size: tuple[int, int]) -> None:
        """Move and resize the topmost window."""
        root = self._x11.XDefaultRootWindow(self._display)
        children, count, other = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint(), ctypes.c_ulong()
        self._x11.XQueryTree(
            self._display,
            ctypes.c_ulong(root),
            ctypes.byref(other),
            ctypes.byref(other),
            ctypes.byref(children),
            ctypes.byref(count),
        )
        top = ctypes.c_ulong(children[count.value - 1])
        self._x11.XMoveResizeWindow(self._display, top, *place, *size)
        self._x11.XFlush(self._display)
        time.sleep(1)

    def _press(self, x: int, y: int, button: int) -> None:
        self._xtest.XTestFakeMotionEvent(self._display, -1, x, y, 0)
        self._xtest.XTestFakeButtonEvent(self._display, button, 1, 0)
        self._xtest.XTestFakeButtonEvent(self._display, button, 0, 20)
        self._x11.XFlush(self._display)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
