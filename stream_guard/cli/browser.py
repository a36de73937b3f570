"""Opens a page, where there is somebody to look at it."""

from __future__ import annotations

import os
import sys
import webbrowser

__all__ = ["open_page"]


def open_page(url: str) -> bool:
    """Open a page in the user's browser; returns whether one was asked to.

    Not on a machine without a screen: there ``webbrowser`` would put a text browser into our terminal.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return webbrowser.open(url)
