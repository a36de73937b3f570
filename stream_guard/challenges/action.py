"""What somebody in a call can be asked to do, and the words to ask with."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["GREETING", "REST", "THANKS", "Action", "request"]


class Action(StrEnum):
    """One thing to do. The value is what goes over the wire."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    HAND_ACROSS = "hand_across"
    FINGER_ON_CHEEK = "finger_on_cheek"
    STAND_UP = "stand_up"
    MOVE_CLOSE = "move_close"


GREETING = "May I ask you for a few small movements? It takes a minute. Please look into the camera first."
REST = "Please look into the camera for a moment."
THANKS = "Thank you, that was all."

_REQUESTS = {
    Action.TURN_LEFT: "Please turn your head slowly to your left, as far as you like, and back.",
    Action.TURN_RIGHT: "Please turn your head slowly to your right, as far as you like, and back.",
    Action.HAND_ACROSS: "Please pass an open hand slowly across your face, close to it, from side to side.",
    Action.FINGER_ON_CHEEK: "Please press a finger on one of your cheeks for two seconds, and take it away.",
    Action.STAND_UP: "If you can, please stand up for a moment, and sit down again.",
    Action.MOVE_CLOSE: "Please come close to the camera, and lean back again.",
}


def request(action: Action) -> str:
    """Return the sentence to read aloud or to type into the chat."""
    return _REQUESTS[action]
