"""Setting up an OBS that runs, by obs-websocket 5 (Tools > WebSocket Server Settings)."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from stream_guard.errors import ConfigError, ConnectionRefused
from stream_guard.obs.collection import NAME, OVERLAY, overlay_settings
from stream_guard.obs.sending import ENCODER, Sending

if TYPE_CHECKING:
    from obsws_python import ReqClient

__all__ = ["SCENE", "RunningObs"]

SCENE = "Call with stream-guard"
"""Where the overlay goes in a user's own collection."""


class RunningObs:
    """A connection to an OBS that runs. Use as ``with``."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 4455, password: str = "") -> None:
        """Prepare; nothing is sent yet.

        Args:
            host: where OBS runs.
            port: of its websocket.
            password: of its websocket; it goes nowhere else.
        """
        self._host, self._port, self._password = host, port, password
        self._client: ReqClient | None = None

    def __enter__(self) -> RunningObs:
        """Connect.

        Raises:
            ConfigError: the package for it is not installed.
            ConnectionRefused: nothing answers, or the password is wrong.
        """
        try:
            import obsws_python
            import websocket
        except ImportError as error:
            raise ConfigError("this needs one more package: pip install 'stream-guard[obs]'") from error
        logging.getLogger("obsws_python").setLevel(
            logging.CRITICAL
        )  # it logs its arguments, the password among them
        # In two steps: it leaves its socket open when it fails, and only who has the object can close it.
        client = obsws_python.ReqClient.__new__(obsws_python.ReqClient)
        try:
            client.__init__(host=self._host, port=self._port, password=self._password, timeout=5)
        except obsws_python.error.OBSSDKError:  # it comes to this only with the password
            client.base_client.ws.shutdown()
            raise ConnectionRefused(f"OBS at {self._host}:{self._port} wants another password") from None
        except (OSError, ValueError, websocket.WebSocketException) as error:
            hint = "is its websocket server enabled (Tools menu)?"
            raise ConnectionRefused(f"no OBS answers at {self._host}:{self._port}: {hint}") from error
        self._client = client
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):  # it is gone already
                self._client.disconnect()

    def version(self) -> str:
        """Return OBS's version, such as ``29.0.2``."""
        return str(self._obs.get_version().obs_version)

    def add_overlay(self, server: str, token: str | None = None) -> bool:
        """Put the overlay into a scene of its own. Called again it only sets the address.

        Returns:
            False where this OBS has no browser sources; the script does without.
        """
        scenes = [scene["sceneName"] for scene in self._obs.get_scene_list().scenes]
        if SCENE not in scenes:
            self._obs.create_scene(SCENE)
        if "browser_source" not in self._obs.get_input_kind_list(True).input_kinds:
            return False
        settings = overlay_settings(server, token)
        if OVERLAY in [entry["inputName"] for entry in self._obs.get_input_list().inputs]:
            self._obs.set_input_settings(OVERLAY, settings, True)
        else:
            self._obs.create_input(SCENE, OVERLAY, "browser_source", settings, True)
        return True

    def send_by(self, sending: Sending) -> None:
        """Make OBS ready to send, in a profile of its own: the user's streaming service stays as it is.

        Raises:
            ConfigError: OBS does not know this kind of service.
        """
        import obsws_python

        profiles = self._obs.get_profile_list()
        if profiles.current_profile_name != NAME:
            video = self._obs.send("GetVideoSettings", raw=True)
            if NAME in profiles.profiles:
                self._obs.set_current_profile(NAME)
            else:
                self._obs.create_profile(NAME)
            self._obs.send(
                "SetVideoSettings", video
            )  # a new profile has a canvas of its own, and scenes would shift
        for key, value in ENCODER.items():
            self._obs.set_profile_parameter("SimpleOutput", key, value)
        try:
            self._obs.set_stream_service_settings(sending.service, sending.settings)
        except obsws_python.error.OBSSDKRequestError:
            raise ConfigError(f"this OBS cannot send so: it takes {sending.needs}") from None
        if self._obs.get_stream_service_settings().stream_service_type != sending.service:
            raise ConfigError(f"this OBS cannot send so: it takes {sending.needs}")

    @property
    def _obs(self) -> Any:
        if self._client is None:
            raise RuntimeError("use it as `with`")
        return self._client
