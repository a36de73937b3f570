"""stream-guard in OBS Studio: a badge that says how far a face can be trusted, and what to do at an alarm.

Add it in OBS under Tools > Scripts. It needs OBS 28 or newer and a Python that OBS can load (3.6 to 3.12, nothing
installed into it): only the standard library is used. README.md beside this file says how to set it up.

Three threads meet here, and the order of this file follows them:

- the **follower** (ours) talks to the server and fills a `Watch`. It never calls OBS.
- the **timer** (OBS's graphics thread) reads the `Watch` and updates the settings of sources that exist. Whatever
  waits here stops the picture, so there is no I/O, and nothing for which OBS would wait for its user interface.
- the **user interface** thread (all ``script_*`` functions, events, buttons) creates sources, switches scenes and
  starts recordings. The timer gets there by `Plugin.ask`, which says how.
"""

import base64
import collections
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

import obspython as obs

PROTOCOL_VERSION = 1
STALE_AFTER_S = 2.0  # docs/protocol.md: an older score must not be shown as current
TICK_MS = 100
SCORES_PER_S = 10
REHEARSAL_S = 5.0

# Names in the user's scene collection. Sources are found again by them, so no second copy is ever made.
BADGE = "Stream Guard badge"
MONITOR = "Stream Guard monitor"
PARTS = {
    "panel": "Stream Guard panel",
    "stripe": "Stream Guard colour bar",
    "score": "Stream Guard score",
    "note": "Stream Guard note",
    "map": "Stream Guard face map",
}
TINT = "Stream Guard alarm"

WORDS = {
    "authentic": "Looks authentic",
    "suspicious": "Suspicious",
    "synthetic": "Likely synthetic",
    "cannot_judge": "Cannot judge",
    "stale": "Out of date",
}
COUNTED = {
    "synthetic": "likely synthetic",
    "suspicious": "suspicious",
    "authentic": "authentic",
    "cannot_judge": "cannot be judged",
    "stale": "out of date",
}
REASONS = {
    "face_too_small": "Face too small: pin or enlarge",
    "blurred": "Picture blurred",
    "turned_away": "Face turned away",
    "covered": "Face partly covered",
    "dark": "Too dark",
    "overexposed": "Too bright",
    "frozen": "Picture stands still",
    "too_little_evidence": "Gathering evidence",
}
URGENCY = ("synthetic", "suspicious", "authentic", "cannot_judge", "stale")


def abgr(red: int, green: int, blue: int, alpha: int = 255) -> int:
    """Return a colour as OBS keeps it."""
    return alpha << 24 | blue << 16 | green << 8 | red


# Okabe and Ito's colours, as on stream-guard's own pages: they can be told apart with any colour vision.
COLOURS = {
    "authentic": abgr(0, 158, 115),
    "suspicious": abgr(230, 159, 0),
    "synthetic": abgr(213, 94, 0),
    "cannot_judge": abgr(140, 148, 158),
}


# --- Settings -----------------------------------------------------------------------------------------------------

DEFAULTS: Dict[str, Any] = {
    "server": "127.0.0.1:8765",
    "token": "",
    "session": "",
    "face": 0,
    "where": "air",
    "scene": "",
    "corner": "tr",
    "size": "m",
    "show": "always",
    "show_score": True,
    "show_interval": False,
    "show_note": True,
    "show_map": False,
    "alarm_on": "synthetic",
    "alarm_after_s": 0.0,
    "alarm_hold_s": 10.0,
    "alarm_scene": "",
    "alarm_return": True,
    "alarm_show": "",
    "alarm_hide": "",
    "alarm_tint": "",
    "alarm_tint_colour": abgr(255, 40, 40),
    "alarm_record": "",
    "alarm_chapter": True,
}
DEFAULTS.update({"colour_" + state: colour for state, colour in COLOURS.items()})

Options = Dict[str, Any]
"""The keys of `DEFAULTS`, with the user's values."""


def read_options(settings: Any) -> Options:
    """Return the user's settings as plain values."""
    get = {
        bool: obs.obs_data_get_bool,
        int: obs.obs_data_get_int,
        float: obs.obs_data_get_double,
        str: obs.obs_data_get_string,
    }
    return {key: get[type(default)](settings, key) for key, default in DEFAULTS.items()}


class Address(NamedTuple):
    """Where the server is."""

    host: str
    port: int
    secure: bool
    token: str

    def __str__(self) -> str:
        """Return it without the token."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return "%s:%d" % (host, self.port)


def parse_address(text: str, token: str = "") -> Address:
    """Return what ``127.0.0.1:8765``, or any address that stream-guard prints, stands for.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    ours = ValueError("%r is no server address; 127.0.0.1:8765 is one" % text.partition("#")[0])
    try:
        parts = urllib.parse.urlsplit(text if "//" in text else "//" + text, scheme="http")
        port = parts.port
    except ValueError:
        raise ours from None
    secure = {"http": False, "ws": False, "https": True, "wss": True}.get(parts.scheme)
    if secure is None or not parts.hostname:
        raise ours
    shown = urllib.parse.parse_qs(parts.fragment).get("token", [""])[0]  # as in the addresses of our pages
    return Address(parts.hostname, port or (443 if secure else 8765), secure, token or shown)


# --- The connection: RFC 6455, as far as a client of text messages needs it ---------------------------------------

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
LARGEST_MESSAGE = 1 << 20


class Refused(Exception):
    """The server does not want us, or is not a stream-guard; the message is for the user."""


class Connection:
    """An open websocket. Reads wait for a quarter of a second at most, so its thread can always be ended."""

    def __init__(self, address: Address) -> None:
        self._buffer = bytearray()
        self._parts = bytearray()
        self._socket = socket.create_connection((address.host, address.port), timeout=2.0)
        try:
            if address.secure:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=address.host)
            self._shake_hands(address)
            self._socket.settimeout(0.25)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Say goodbye, without waiting for an answer."""
        with contextlib.suppress(OSError):
            self._send(CLOSE, struct.pack("!H", 1001))
        self._socket.close()

    def say(self, message: Dict[str, Any]) -> None:
        """Send a message."""
        self._send(TEXT, json.dumps(message).encode())

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._send(PING, b"")

    def receive(self) -> Tuple[bool, List[str]]:
        """Return whether anything came within a quarter of a second, and the messages that are complete.

        Raises:
            OSError: the connection is lost.
            Refused: the server has closed it, and says why.
        """
        messages = self._complete()  # what came with the handshake
        if messages:
            return True, messages
        try:
            data = self._socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            return False, []
        if not data:
            raise ConnectionResetError("the connection was closed")
        self._buffer += data
        return True, self._complete()

    def _complete(self) -> List[str]:
        """Take whole messages off the buffer; pings are answered on the way."""
        messages: List[str] = []
        while True:
            frame = take_frame(self._buffer)
            if frame is None:
                return messages
            final, opcode, payload = frame
            if opcode == PING:
                self._send(PONG, payload)
            elif opcode == CLOSE:
                raise Refused(closing_words(payload))
            elif opcode < CLOSE:  # text, or the continuation of one
                self._parts += payload
                if len(self._parts) > LARGEST_MESSAGE:
                    raise Refused("the server sends more than a message can hold")
                if final:
                    messages.append(self._parts.decode("utf-8", "replace"))
                    self._parts = bytearray()

    def _shake_hands(self, address: Address) -> None:
        """Turn the HTTP connection into a websocket (section 4.1)."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /ws HTTP/1.1",
            "Host: %s" % str(address),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: %s" % key,
            "Sec-WebSocket-Version: 13",
        ]
        if address.token:
            lines.append("Authorization: Bearer %s" % address.token)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
        while b"\r\n\r\n" not in self._buffer:
            data = self._socket.recv(4096)
            if not data or len(self._buffer) > 16384:
                raise Refused("what answers there is not stream-guard")
            self._buffer += data
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        status = head.split(b" ", 2)[1:2]
        expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        if status != [b"101"]:
            code = status[0].decode("ascii", "replace") if status else "nothing"
            raise Refused("what answers there is not stream-guard, or refuses (%s)" % code[:3])
        if expected not in head:
            raise Refused("what answers there is not stream-guard")

    def _send(self, opcode: int, payload: bytes) -> None:
        """Send one frame, masked as section 5.3 asks of clients."""
        mask = os.urandom(4)
        size = len(payload)
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | min(size, 126)) + (
            struct.pack("!H", size) if size > 125 else b""
        )
        self._socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))


def take_frame(buffer: bytearray) -> Optional[Tuple[bool, int, bytes]]:
    """Take one frame (section 5.2) off a buffer: whether it ends its message, its opcode, its payload.

    Returns:
        None where it has not come in whole.

    Raises:
        Refused: it is larger than any message of ours.
    """
    if len(buffer) < 2:
        return None
    size, begin = buffer[1] & 0x7F, 2
    if size >= 126:
        begin = 4 if size == 126 else 10
        if len(buffer) < begin:
            return None
        size = int.from_bytes(buffer[2:begin], "big")
    if size > LARGEST_MESSAGE:
        raise Refused("the server sends more than a message can hold")
    if len(buffer) < begin + size:
        return None
    frame = (bool(buffer[0] & 0x80), buffer[0] & 0x0F, bytes(buffer[begin : begin + size]))
    del buffer[: begin + size]
    return frame


def closing_words(payload: bytes) -> str:
    """Return why the server has closed, in words."""
    code = int.from_bytes(payload[:2], "big")
    if code == 4401:
        return "the server wants its token"
    return payload[2:].decode("utf-8", "replace") or "the server has closed the connection"


# --- What is known: filled by the follower, read by the timer -----------------------------------------------------


class Face(NamedTuple):
    """One face as it stands."""

    id: int
    state: str
    authenticity: Optional[float]
    interval: Optional[Tuple[float, float]]
    reasons: Tuple[str, ...]
    box: Tuple[float, float, float, float]


class Standing(NamedTuple):
    """How things stand for the session that is followed.

    Attributes:
        kind: ``lost``, ``no_call``, ``starting``, ``stale``, ``ended``, ``no_face`` or ``faces``.
        faces: the most urgent first; as they were last, where the kind is ``stale``.
        session: its id, or empty.
        problem: what is wrong with the connection, in words.
    """

    kind: str
    faces: Tuple[Face, ...] = ()
    session: str = ""
    problem: str = ""


class Call:
    """One session: its state, its newest faces, and when their frame arrived."""

    def __init__(self) -> None:
        self.state = "live"
        self.faces: Optional[Tuple[Face, ...]] = None
        self.at_s = 0.0

    def urgency(self) -> int:
        """Return a number that is the lower, the more its faces are to be worried about."""
        return min([urgency(face)[0] for face in self.faces or ()], default=len(URGENCY))


class Watch:
    """What the server has said. Safe to use from several threads; no call waits for more than memory."""

    def __init__(self, session: str = "") -> None:
        """Begin knowing nothing; an empty ``session`` follows the one to worry about most."""
        self._lock = threading.Lock()
        self._session = session
        self._calls: collections.OrderedDict[str, Call] = collections.OrderedDict()
        self._hello: Optional[Dict[str, Any]] = None
        self._problem = "connecting"

    def receive(self, message: Dict[str, Any], now_s: float) -> None:
        """Take in a message of `stream_guard.protocol`; unknown ones are passed over.

        Raises:
            ValueError, KeyError, TypeError: it is not what it should be.
        """
        kind = message["type"]
        with self._lock:
            if kind == "hello":
                self._hello = message
                self._calls.clear()  # after a restart the same id may be another call
                newer = message["v"] != PROTOCOL_VERSION
                self._problem = "the server speaks version %s, this script %s" % (message["v"], 1) if newer else ""
            elif kind == "session":
                self._call(message["session"]).state = message["state"]
            elif kind == "scores":
                call = self._call(message["session"])
                call.faces = tuple(sorted(map(read_face, message["faces"]), key=urgency))
                call.at_s = now_s - message["age_ms"] / 1000.0

    def lost(self, problem: str) -> None:
        """Note that there is no connection, and why."""
        with self._lock:
            self._hello = None
            self._problem = problem

    def standing(self, now_s: float, pinned: str = "") -> Standing:
        """Return how things stand at a time of `time.monotonic`, in the ``pinned`` session if that is known."""
        with self._lock:
            if self._hello is None or self._problem:
                return Standing("lost", problem=self._problem)
            name = pinned if pinned in self._calls else self._chosen()
            if name is None:
                return Standing("no_call")
            call = self._calls[name]
            if call.state == "ended":
                return Standing("ended", session=name)
            if call.faces is None:
                return Standing("stale" if call.state == "stale" else "starting", session=name)
            if call.state == "stale" or now_s - call.at_s > STALE_AFTER_S:
                return Standing("stale", call.faces, name)
            return Standing("faces" if call.faces else "no_face", call.faces, name)

    def sessions(self) -> List[str]:
        """Return the ids of the sessions that have not ended, oldest first."""
        with self._lock:
            return [name for name, call in self._calls.items() if call.state != "ended"]

    def server(self) -> str:
        """Return who answers, in words; empty without a connection."""
        with self._lock:
            if self._hello is None:
                return ""
            model = self._hello.get("model", {})
            words = "%s on %s, model %s" % (self._hello.get("server"), self._hello.get("engine"), model.get("name"))
            promise = self._hello.get("promise")
            return "%s. %s" % (words, promise) if promise else words

    def _call(self, name: str) -> Call:
        call = self._calls.setdefault(str(name), Call())
        while len(self._calls) > 64:  # ended ones first
            ended = [other for other, one in self._calls.items() if one.state == "ended"]
            del self._calls[(ended or list(self._calls))[0]]
        return call

    def _chosen(self) -> Optional[str]:
        if self._session:
            return self._session if self._session in self._calls else None
        newest = list(reversed(self._calls))
        for state in ("live", "connecting", "stale", "ended"):
            alike = [name for name in newest if self._calls[name].state == state]
            if alike:
                return min(alike, key=lambda name: self._calls[name].urgency())  # the newest of equals
        return None


def read_face(report: Dict[str, Any]) -> Face:
    """Return a face as it stands on the wire."""
    score, interval = report["authenticity"], report["interval"]
    x, y, width, height = report["box"]
    return Face(
        int(report["id"]),
        str(report["state"]),
        None if score is None else float(score),
        None if interval is None else (float(interval[0]), float(interval[1])),
        tuple(map(str, report["reasons"])),
        (float(x), float(y), float(width), float(height)),
    )


def urgency(face: Face) -> Tuple[int, int]:
    """Return what sorts faces: those to worry about first, and always in the same order."""
    return (URGENCY.index(face.state) if face.state in URGENCY else len(URGENCY), face.id)


class Follower(threading.Thread):
    """Follows the server until it is told to stop; connects again whenever the connection breaks."""

    FIRST_WAIT_S, LAST_WAIT_S = 0.25, 2.0

    def __init__(self, address: Address, watch: Watch, face_map: Optional["FaceMap"] = None) -> None:
        super().__init__(name="stream-guard", daemon=True)
        self._address = address
        self._watch = watch
        self._map = face_map
        self._stopping = threading.Event()

    def stop(self, wait_s: float = 0.7) -> None:
        """End it. One that hangs in a connection attempt is left to end by itself: it touches nothing of OBS."""
        self._stopping.set()
        if self.is_alive():
            self.join(wait_s)

    def run(self) -> None:
        """Connect, listen, and again."""
        wait_s = self.FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                for _ in self._listen():
                    wait_s = self.FIRST_WAIT_S
            except Refused as error:
                self._watch.lost(str(error))
            except ssl.CertificateError:
                self._watch.lost("this computer does not trust the certificate of %s" % str(self._address))
            except (OSError, ValueError):
                self._watch.lost("no answer from %s: does it run?" % str(self._address))
            self._draw()
            self._stopping.wait(wait_s)
            wait_s = min(wait_s * 2, self.LAST_WAIT_S)

    def _listen(self) -> Any:
        """Hand messages to the watch; yields after each one. A server that has fallen silent counts as lost."""
        connection = Connection(self._address)
        try:
            connection.say(
                {
                    "type": "subscribe",
                    "v": PROTOCOL_VERSION,
                    "types": ["scores", "session"],
                    "max_rate": SCORES_PER_S,
                }
            )
            heard_s, asked = time.monotonic(), False
            while not self._stopping.is_set():
                came, messages = connection.receive()
                now_s = time.monotonic()
                if came:
                    heard_s, asked = now_s, False
                elif now_s - heard_s > STALE_AFTER_S:
                    raise ConnectionResetError("silent")
                elif now_s - heard_s > 0.7 and not asked:
                    connection.ping()
                    asked = True
                for text in messages:
                    try:
                        self._watch.receive(json.loads(text), now_s)
                    except (ValueError, KeyError, TypeError, AttributeError):
                        continue  # from a newer server, perhaps; what we know ages and says so
                    yield
                self._draw()
        finally:
            connection.close()

    def _draw(self) -> None:
        if self._map is not None:
            self._map.draw(self._watch.standing(time.monotonic()))


# --- What is shown ------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What the badge says."""

    state: str
    headline: str
    note: str
    visible: bool


def compose(standing: Standing, options: Options) -> Look:
    """Return what to show for how things stand."""
    if standing.kind != "faces":
        headline, note = {
            "lost": ("No signal", standing.problem),
            "no_call": ("No call", "Share a window or send a stream"),
            "starting": ("Starting", "Waiting for the first score"),
            "stale": ("Out of date", "No new picture"),
            "ended": ("No call", "The call has ended"),
            "no_face": ("No face", "No face in the picture"),
        }[standing.kind]
        return Look("cannot_judge", headline, note[:1].upper() + note[1:], options["show"] == "always")
    face = followed(standing, options)
    if face is None:
        absent = "Face %d is not in the picture" % options["face"]
        return Look("cannot_judge", "No face", absent, options["show"] == "always")
    headline = WORDS.get(face.state, face.state.replace("_", " ").capitalize())
    if face.authenticity is not None and options["show_score"]:
        headline += "  %d %%" % round(face.authenticity * 100)
        if face.interval is not None and options["show_interval"]:
            headline += " (%d-%d)" % (round(face.interval[0] * 100), round(face.interval[1] * 100))
    worth_it = {"suspicious": ("suspicious", "synthetic"), "alarms": ("synthetic",)}.get(options["show"])
    visible = worth_it is None or face.state in worth_it
    state = face.state if face.state in COLOURS else "cannot_judge"
    return Look(state, headline, note_on(face, standing.faces), visible)


def followed(standing: Standing, options: Options) -> Optional[Face]:
    """Return the face that the badge is about: the chosen one, else the most urgent."""
    wanted = options["face"]
    return next((face for face in standing.faces if wanted in (0, face.id)), None)


def note_on(face: Face, faces: Tuple[Face, ...]) -> str:
    """Return the small line below the score."""
    if face.reasons:
        return ", ".join(REASONS.get(reason, reason.replace("_", " ")) for reason in face.reasons[:2])
    if len(faces) > 1:
        counts = [(sum(one.state == state for one in faces), state) for state in URGENCY]
        return "%d faces: %s" % (len(faces), ", ".join("%d %s" % (n, COUNTED[state]) for n, state in counts if n))
    return {
        "authentic": "authenticity; no proof of identity",
        "suspicious": "authenticity; the evidence is mixed",
        "synthetic": "authenticity; check another way who this is",
    }.get(face.state, "")


class FaceMap:
    """A small picture of where the faces are, in the colours of their states, in a file that OBS watches.

    Scores carry boxes, not pictures: no frame ever leaves the server. So the map is drawn from the boxes.
    """

    SIZE = (160, 90)

    def __init__(self, options: Options) -> None:
        self._colours = {state: options["colour_" + state] for state in COLOURS}
        self._folder = tempfile.mkdtemp(prefix="stream-guard-")
        self._drawn = b""
        self.path = os.path.join(self._folder, "faces.png")

    def draw(self, standing: Standing) -> None:
        """Write the picture, if it has changed. Called by the follower: this is I/O."""
        boxes = []
        for face in reversed(standing.faces):  # the most urgent on top
            fresh = standing.kind == "faces" and face.state in self._colours
            boxes.append((face.box, self._colours[face.state if fresh else "cannot_judge"]))
        picture = draw_png(self.SIZE, boxes)
        if picture == self._drawn:
            return
        try:
            with open(self.path + ".new", "wb") as file:
                file.write(picture)
            os.replace(self.path + ".new", self.path)
        except OSError:
            return  # a full disk must not end the following; the next change tries again
        self._drawn = picture

    def remove(self) -> None:
        """Delete the file."""
        shutil.rmtree(self._folder, ignore_errors=True)


def draw_png(size: Tuple[int, int], boxes: List[Tuple[Tuple[float, float, float, float], int]]) -> bytes:
    """Return a PNG (RFC 2083) of filled boxes, given as fractions of the frame and OBS's colours, on dark glass."""
    width, height = size
    rows = [bytearray(struct.pack("<I", abgr(16, 20, 26, 240)) * width) for _ in range(height)]
    for (x, y, box_width, box_height), colour in boxes:
        left, right = (min(max(round(at * width), 0), width) for at in (x, x + box_width))
        top, bottom = (min(max(round(at * height), 0), height) for at in (y, y + box_height))
        for row in rows[top:bottom]:
            row[4 * left : 4 * right] = struct.pack("<I", colour & 0xFFFFFF | 0xFF000000) * max(right - left, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data) & 0xFFFFFFFF)

    header = struct.pack("!IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits, RGBA
    pixels = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# --- When it is an alarm ------------------------------------------------------------------------------------------


def is_alarming(standing: Standing, options: Options) -> Optional[bool]:
    """Return whether what is seen calls for an alarm; None where nobody can say (no signal, no picture)."""
    if standing.kind in ("lost", "stale", "starting"):
        return None
    face = followed(standing, options) if standing.kind == "faces" else None
    states = ("synthetic",) if options["alarm_on"] == "synthetic" else ("synthetic", "suspicious")
    return face is not None and face.state in states


class Alarm:
    """Turns what is seen into an alarm's beginning and end. Silence ends none: a dead server clears nobody."""

    def __init__(self) -> None:
        self.active = False
        self.suspended = False
        self._since_s: Optional[float] = None
        self._last_s = 0.0
        self._dismissed = False

    def feed(self, now_s: float, alarming: Optional[bool], options: Options) -> str:
        """Take in what is seen now.

        Returns:
            ``begin``, ``end`` or an empty string.
        """
        if alarming:
            self._last_s = now_s
            if self._since_s is None:
                self._since_s = now_s
        elif alarming is False:
            self._since_s = None
            self._dismissed = False
        due = self._since_s is not None and now_s - self._since_s >= options["alarm_after_s"]
        if not self.active and alarming and due and not self._dismissed and not self.suspended:
            self.active = True
            return "begin"
        over = alarming is False and now_s - self._last_s >= options["alarm_hold_s"]
        if self.active and (over or self._dismissed or self.suspended):
            self.active = False
            return "end"
        return ""

    def dismiss(self) -> None:
        """End the alarm by hand; the same face raises no other until it was clear once."""
        self._dismissed = self._since_s is not None or self.active


# --- OBS: small helpers. Whatever is got here must be released, or OBS reports a leak. ----------------------------


class Held:
    """A reference to an OBS object for the length of a ``with`` block; the object, or None."""

    def __init__(self, thing: Any, release: Callable[[Any], None]) -> None:
        self._thing = thing
        self._release = release

    def __enter__(self) -> Any:
        return self._thing

    def __exit__(self, *_: Any) -> None:
        if self._thing is not None:
            self._release(self._thing)


def source_named(name: str) -> Held:
    """Return the source of that name, or None."""
    return Held(obs.obs_get_source_by_name(name) if name else None, obs.obs_source_release)


def current_scene() -> Held:
    """Return the scene on air; None while OBS starts."""
    return Held(obs.obs_frontend_get_current_scene(), obs.obs_source_release)


def data_of(settings: Dict[str, Any]) -> Held:
    """Return settings as OBS's own kind of data."""
    return Held(obs.obs_data_create_from_json(json.dumps(settings)), obs.obs_data_release)


def items_of(scene: Any) -> Held:
    """Return the items of a scene."""
    return Held(obs.obs_scene_enum_items(scene), obs.sceneitem_list_release)


def all_scenes() -> Held:
    """Return all scenes, as sources."""
    return Held(obs.obs_frontend_get_scenes(), obs.source_list_release)


def log(text: str) -> None:
    """Write a line to OBS's script log."""
    obs.script_log(obs.LOG_INFO, text)


def input_kind(part: str) -> str:
    """Return which kind of source a part of the badge is: for text, GDI+ on Windows and FreeType elsewhere."""
    text = "text_gdiplus" if sys.platform == "win32" else "text_ft2_source"
    kind = {"panel": "color_source", "stripe": "color_source", "map": "image_source"}.get(part, text)
    return str(obs.obs_get_latest_input_type_id(kind))  # asking for one that OBS does not have may end OBS


# --- The badge in OBS ---------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """Sizes and places in pixels of the canvas."""

    em: int
    width: int
    height: int
    map_width: int

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height of the whole badge."""
        return self.width + self.map_width, self.height

    def places(self) -> Dict[str, Tuple[int, int]]:
        """Where each part lies in the badge."""
        text = round(self.em * 0.9)
        return {
            "panel": (0, 0),
            "stripe": (0, 0),
            "map": (self.width, 0),
            "score": (text, round(self.em * 0.3)),
            "note": (text, round(self.em * 1.6)),
        }


def lay_out(options: Options, canvas_height: int) -> Layout:
    """Return the badge's measures for a canvas."""
    em = max(10, round(canvas_height * {"s": 0.026, "l": 0.05}.get(options["size"], 0.036)))
    height = round(em * (2.6 if options["show_note"] else 1.8))
    map_width = round(height * 16 / 9) if options["show_map"] else 0
    return Layout(em, round(em * (18 if options["show_interval"] else 15)), height, map_width)


def paint(look: Look, options: Options, layout: Layout, map_path: str) -> Dict[str, Dict[str, Any]]:
    """Return the settings of every part of the badge."""
    opaque = 0xFF000000
    clear = 0 if not look.visible else opaque
    colour = options["colour_" + look.state] & 0xFFFFFF
    face = {"win32": "Segoe UI", "darwin": "Helvetica"}.get(sys.platform, "Sans Serif")

    def words(text: str, size: float, bold: bool) -> Dict[str, Any]:
        return {
            "text": text if look.visible else "",
            "font": {"face": face, "style": "Bold" if bold else "Regular", "size": round(size), "flags": int(bold)},
            "color": 0xFFFFFF,  # GDI+
            "color1": 0xFFFFFFFF,  # FreeType
            "color2": 0xFFFFFFFF,
        }

    return {
        "panel": {
            "color": (0xF0000000 if look.visible else 0) | abgr(16, 20, 26, 0),
            "width": layout.width,
            "height": layout.height,
        },
        "stripe": {"color": clear | colour, "width": max(4, round(layout.em * 0.5)), "height": layout.height},
        "score": words(look.headline, layout.em, True),
        "note": words(look.note if options["show_note"] else "", layout.em * 0.58, False),
        "map": {"file": map_path if look.visible and options["show_map"] else ""},
    }


class Badge:
    """The badge: one scene of ours with its parts, shown as a single item wherever the user wants it."""

    def __init__(self) -> None:
        self._sent: Dict[str, Dict[str, Any]] = {}
        self._layout: Optional[Layout] = None
        self._corner = ""

    def update(self, settings: Dict[str, Dict[str, Any]]) -> bool:
        """Give the parts their settings, where these have changed. Any thread of OBS.

        Returns:
            Whether all parts are there.
        """
        complete = True
        for part, wanted in settings.items():
            before = self._sent.get(part, {})
            changed = {key: value for key, value in wanted.items() if before.get(key) != value}
            with source_named(PARTS[part]) as source:
                if source is None:
                    complete = False
                    self._sent.pop(part, None)
                elif changed:
                    with data_of(changed) as data:
                        obs.obs_source_update(source, data)
                    self._sent[part] = wanted
        return complete

    def build(self, layout: Layout) -> None:
        """Create what is missing of the badge's scene and arrange it. User interface thread."""
        self._sent.clear()  # another collection may have other settings under the same names
        with Held(find_scene(BADGE) or obs.obs_scene_create(BADGE), obs.obs_scene_release) as scene:
            for part, place in layout.places().items():
                with source_named(PARTS[part]) as found:
                    if found is None:
                        with Held(
                            obs.obs_source_create(input_kind(part), PARTS[part], None, None), obs.obs_source_release
                        ) as new:
                            obs.obs_scene_add(scene, new)
                    elif obs.obs_scene_find_source(scene, PARTS[part]) is None:
                        obs.obs_scene_add(scene, found)
                item = obs.obs_scene_find_source(scene, PARTS[part])
                if item is not None:
                    move(item, place)
                    scale = layout.height / FaceMap.SIZE[1] if part == "map" else 1.0
                    obs.obs_sceneitem_set_scale(item, vector(scale, scale))

    def place(self, options: Options, layout: Layout) -> None:
        """Show the badge where the user wants it, and with "only for me" nowhere else. User interface thread."""
        moved = self._corner not in ("", options["corner"]) or self._layout not in (None, layout)
        self._corner, self._layout = options["corner"], layout
        with current_scene() as on_air:
            name = obs.obs_source_get_name(on_air) if on_air is not None else ""
        if options["where"] == "monitor":
            target = MONITOR
            self._show_on_monitor(name)
        else:
            target = name if options["where"] == "air" else options["scene"]
        with all_scenes() as scenes:
            for source in scenes or ():
                scene, scene_name = obs.obs_scene_from_source(source), obs.obs_source_get_name(source)
                item = obs.obs_scene_find_source(scene, BADGE)
                if item is not None and options["where"] == "monitor" and scene_name != MONITOR:
                    obs.obs_sceneitem_remove(item)
                elif scene_name == target and scene_name != BADGE and item is None:
                    with source_named(BADGE) as badge:
                        item = obs.obs_scene_add(scene, badge) if badge is not None else None
                    self._fit(item, source, layout, anew=True)
                elif item is not None:
                    self._fit(item, source, layout, anew=moved)

    def remove(self) -> None:
        """Delete everything that was created. User interface thread."""
        self._sent.clear()
        for name in [*PARTS.values(), MONITOR, BADGE]:
            with source_named(name) as source:
                if source is not None:
                    obs.obs_source_remove(source)

    def _fit(self, item: Any, scene: Any, layout: Layout, anew: bool) -> None:
        """Cut the item to the badge's size, and put a new one into its corner. A user's own place is left alone."""
        if item is None:
            return
        canvas = obs.obs_source_get_width(scene), obs.obs_source_get_height(scene)
        crop = obs.obs_sceneitem_crop()
        crop.left = crop.top = 0
        crop.right, crop.bottom = (max(0, whole - part) for whole, part in zip(canvas, layout.size))
        obs.obs_sceneitem_set_crop(item, crop)
        if anew:
            margin = round(canvas[1] * 0.03)
            x = margin if self._corner.endswith("l") else canvas[0] - layout.size[0] - margin
            y = margin if self._corner.startswith("t") else canvas[1] - layout.size[1] - margin
            move(item, (x, y))

    def _show_on_monitor(self, on_air: str) -> None:
        """Keep the scene on air as the backdrop of our own monitor scene."""
        with Held(find_scene(MONITOR) or obs.obs_scene_create(MONITOR), obs.obs_scene_release) as scene:
            if on_air in (MONITOR, BADGE):
                return
            with items_of(scene) as items:
                for item in items or ():
                    shown = obs.obs_sceneitem_get_source(item)
                    if obs.obs_source_is_scene(shown) and obs.obs_source_get_name(shown) not in (on_air, BADGE):
                        obs.obs_sceneitem_remove(item)
            if obs.obs_scene_find_source(scene, on_air) is None:
                with source_named(on_air) as source:
                    if source is not None:
                        item = obs.obs_scene_add(scene, source)
                        obs.obs_sceneitem_set_order(item, obs.OBS_ORDER_MOVE_BOTTOM)


def find_scene(name: str) -> Any:
    """Return the scene of that name with a reference of its own, or None."""
    source = obs.obs_get_source_by_name(name)
    if source is None:
        return None
    scene = obs.obs_scene_from_source(source)
    if scene is None:
        obs.obs_source_release(source)
    return scene  # obs_scene_release gives back the reference that came with the source


def vector(x: float, y: float) -> Any:
    """Return a pair of numbers as OBS wants it."""
    pair = obs.vec2()
    obs.vec2_set(pair, x, y)
    return pair


def move(item: Any, place: Tuple[int, int]) -> None:
    """Put a scene item somewhere, in pixels of the canvas."""
    obs.obs_sceneitem_set_pos(item, vector(*place))


# --- What an alarm does in OBS. User interface thread only. -------------------------------------------------------


class Response:
    """The actions of an alarm, and how to take each one back."""

    def __init__(self) -> None:
        self._undo: List[Callable[[], None]] = []

    def begin(self, options: Options, reason: str) -> None:
        """Do what the user has chosen."""
        self.end()
        if options["alarm_chapter"]:
            mark_chapter(reason)
        self._record(options["alarm_record"])
        quiet = options["where"] == "monitor"
        if options["alarm_scene"]:
            self._switch(options["alarm_scene"], bool(options["alarm_return"]), quiet)
        if not quiet:  # these would change what the audience sees
            self._set_visible(options["alarm_show"], True)
            self._set_visible(options["alarm_hide"], False)
            self._tint(options["alarm_tint"], options["alarm_tint_colour"])

    def end(self) -> None:
        """Take back what can be taken back, the last first."""
        while self._undo:
            self._undo.pop()()

    def clean(self, options: Options) -> None:
        """Take off a colour that is left from an OBS that ended in mid-alarm."""
        with source_named(options["alarm_tint"]) as source:
            if source is not None:
                remove_tint(source)

    def _record(self, how: str) -> None:
        if how == "record" and not obs.obs_frontend_recording_active():
            obs.obs_frontend_recording_start()
            self._undo.append(obs.obs_frontend_recording_stop)
        elif how.startswith("replay") and not obs.obs_frontend_replay_buffer_active():
            obs.obs_frontend_replay_buffer_start()
        elif how == "replay_save":
            obs.obs_frontend_replay_buffer_save()

    def _switch(self, name: str, come_back: bool, quiet: bool) -> None:
        """Go to the safe scene. ``quiet``: only lay it ready as the preview of studio mode."""
        with current_scene() as before:
            origin = obs.obs_source_get_name(before) if before is not None else ""
        with source_named(name) as scene:
            if scene is None or origin == name:
                return
            if quiet:
                if obs.obs_frontend_preview_program_mode_active():
                    obs.obs_frontend_set_current_preview_scene(scene)
                return
            obs.obs_frontend_set_current_scene(scene)
        if come_back:
            self._undo.append(lambda: self._come_back(name, origin))

    def _come_back(self, safe: str, origin: str) -> None:
        """Go back, unless somebody has gone elsewhere by hand meanwhile."""
        with current_scene() as now, source_named(origin) as scene:
            if now is not None and scene is not None and obs.obs_source_get_name(now) == safe:
                obs.obs_frontend_set_current_scene(scene)

    def _set_visible(self, name: str, visible: bool) -> None:
        """Show or hide a source in every scene that has it."""
        changed = []
        with all_scenes() as scenes:
            for source in (scenes or ()) if name else ():
                item = obs.obs_scene_find_source_recursive(obs.obs_scene_from_source(source), name)
                if item is not None and obs.obs_sceneitem_visible(item) != visible:
                    obs.obs_sceneitem_set_visible(item, visible)
                    changed.append(obs.obs_source_get_name(source))

        def undo() -> None:
            for scene_name in changed:
                with source_named(scene_name) as source:
                    scene = obs.obs_scene_from_source(source) if source is not None else None
                    item = obs.obs_scene_find_source_recursive(scene, name) if scene is not None else None
                    if item is not None:
                        obs.obs_sceneitem_set_visible(item, not visible)

        self._undo.append(undo)

    def _tint(self, name: str, colour: int) -> None:
        """Colour a source by a filter: a lamp (colour or text) wholly, a picture as if through glass."""
        with source_named(name) as source:
            if source is None:
                return
            remove_tint(source)
            lamp = obs.obs_source_get_unversioned_id(source) in ("color_source", "text_gdiplus", "text_ft2_source")
            rgb = colour & 0xFFFFFF
            settings = {"color_multiply": 0, "color_add": rgb} if lamp else {"color_multiply": rgb}
            with data_of(settings) as data:
                created = obs.obs_source_create_private("color_filter_v2", TINT, data)
            with Held(created, obs.obs_source_release) as tint:
                obs.obs_source_filter_add(source, tint)

        def undo() -> None:
            with source_named(name) as source:
                if source is not None:
                    remove_tint(source)

        self._undo.append(undo)


def remove_tint(source: Any) -> None:
    """Take our filter off a source."""
    with Held(obs.obs_source_get_filter_by_name(source, TINT), obs.obs_source_release) as tint:
        if tint is not None:
            obs.obs_source_filter_remove(source, tint)


def mark_chapter(reason: str) -> None:
    """Write the alarm, and where in the recording it is, to the log; OBS 30.2 also puts it into the file."""
    where = ""
    if obs.obs_frontend_recording_active():
        with Held(obs.obs_frontend_get_recording_output(), obs.obs_output_release) as output:
            seconds = int(obs.obs_output_get_total_frames(output) / max(obs.obs_get_active_fps(), 1.0))
        where = " at %d:%02d:%02d of the recording" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
        add_chapter = getattr(obs, "obs_frontend_recording_add_chapter", None)
        if add_chapter is not None:
            add_chapter("stream-guard: " + reason)
    log("[chapter] %s%s: %s" % (time.strftime("%Y-%m-%d %H:%M:%S"), where, reason))


# --- The plugin: everything put together --------------------------------------------------------------------------


class Plugin:
    """What OBS's callbacks work on."""

    def __init__(self) -> None:
        self.options: Options = dict(DEFAULTS)
        self.watch = Watch()
        self.alarm = Alarm()
        self.ready = False
        self._follower: Optional[Follower] = None
        self._following: Any = None
        self._map: Optional[FaceMap] = None
        self._badge = Badge()
        self._response = Response()
        self._jobs: Deque[Callable[[], None]] = collections.deque(maxlen=32)
        self._asked_s = 0.0
        self._layout: Optional[Layout] = None
        self._alarmed_call = ""
        self._rehearsal_until_s = 0.0
        self._rehearsed = False
        self._removed = False

    def configure(self, options: Options) -> None:
        """Take over new settings; connects anew only where that is needed. User interface thread."""
        self.options = options
        self._removed = False
        following = [options[key] for key in ("server", "token", "session", "show_map")]
        following += [options["colour_" + state] for state in COLOURS]
        if following != self._following:
            self._following = following
            self._stop_following()
            self._follow(options)
        self.begin()

    def begin(self) -> None:
        """Set to work, if OBS has its scenes by now. User interface thread."""
        self.ready = bool(obs.obs_frontend_get_scene_names())
        self.arrange()

    def arrange(self) -> None:
        """Create and place what is missing. User interface thread."""
        if not self.ready or self._removed:
            return
        with current_scene() as scene:
            height = obs.obs_source_get_height(scene) if scene is not None else 0
        if not height:
            return
        self._layout = lay_out(self.options, height)
        if not self.alarm.active:
            self._response.clean(self.options)
        self._badge.build(self._layout)
        self._badge.place(self.options, self._layout)
        self._repaint(self._seen(time.monotonic()))

    def tick(self, now_s: float) -> None:
        """Show how things stand, and notice alarms. Graphics thread: nothing here may wait."""
        if self.ready:
            self._show(now_s)
        else:
            self.ask(self.begin)  # OBS may have told of its scenes before it listened to us
        if self._jobs and now_s - self._asked_s > 0.5:
            self._call_ui(now_s)

    def ask(self, job: Callable[[], None]) -> None:
        """Have something done on the user interface thread, a moment later.

        OBS has no such call for scripts. Switching scenes from a timer freezes OBS: it waits for the user
        interface, which tells every script of the switch and waits for Python, which the timer holds
        (https://github.com/obsproject/obs-studio/issues/7516; OBS 29 froze at the first alarm when this was tried).
        Asking OBS to save waits for nothing, and OBS then calls ``script_save`` where we want to be.
        """
        if not self._jobs or self._jobs[-1] != job:
            self._jobs.append(job)
            self._call_ui(time.monotonic())

    def run_jobs(self) -> None:
        """Do what was asked for. User interface thread."""
        while self._jobs:
            self._jobs.popleft()()

    def rehearse(self) -> None:
        """Act for five seconds as if a face were likely synthetic."""
        self._rehearsal_until_s = time.monotonic() + REHEARSAL_S

    def forget_scenes(self) -> None:
        """Leave the scenes as they were before an alarm, and touch nothing until others stand."""
        self._response.end()
        self.ready = False
        self._jobs.clear()

    def remove(self) -> None:
        """Take everything out of the scenes, until the settings change. User interface thread."""
        self._response.end()
        self._removed = True
        self._badge.remove()

    def close(self) -> None:
        """Take back a running alarm, and end the follower. User interface thread."""
        if self.ready:  # reloaded or taken off the list, while the scenes live on
            self.forget_scenes()
        self._stop_following()

    def status(self) -> str:
        """Return how things stand, for the settings dialog."""
        now_s = time.monotonic()
        standing = self._seen(now_s)
        lines = [self.watch.server() or "No signal: %s" % standing.problem]
        if standing.session:
            lines.append("Call %s: %s." % (standing.session, compose(standing, self.options).headline))
        elif not standing.problem:
            lines.append("No call yet.")
        if self.alarm.suspended:
            lines.append("Alarms are switched off (hot key).")
        elif self.alarm.active:
            lines.append("ALARM.")
        return "\n".join(lines)

    def _follow(self, options: Options) -> None:
        self.watch = Watch(options["session"].strip())
        if options["show_map"]:
            self._map = FaceMap(options)
        try:
            address = parse_address(options["server"], options["token"].strip())
        except ValueError as error:
            self.watch.lost(str(error))
            return
        self._follower = Follower(address, self.watch, self._map)
        self._follower.start()

    def _stop_following(self) -> None:
        if self._follower is not None:
            self._follower.stop()
            self._follower = None
        if self._map is not None:
            self._map.remove()
            self._map = None

    def _seen(self, now_s: float) -> Standing:
        """Return how things stand, or what is played in a rehearsal."""
        if now_s < self._rehearsal_until_s:
            face = Face(self.options["face"] or 1, "synthetic", 0.07, (0.03, 0.12), (), (0.4, 0.2, 0.2, 0.4))
            return Standing("faces", (face,), "test")
        # An alarm stays with its call: another one that is fine must not end it.
        return self.watch.standing(now_s, self._alarmed_call if self.alarm.active else "")

    def _reason(self, standing: Standing) -> str:
        face = followed(standing, self.options)
        if face is None:
            return "alarm"
        score = "" if face.authenticity is None else ", authenticity %d %%" % round(face.authenticity * 100)
        words = WORDS.get(face.state, face.state).lower()
        return "face %d of %s is %s%s" % (face.id, standing.session, words, score)

    def _show(self, now_s: float) -> None:
        standing = self._seen(now_s)
        if not self._removed and not self._repaint(standing):
            self.ask(self.arrange)  # somebody has deleted a part
        change = self.alarm.feed(now_s, self._is_alarming(standing, now_s), self.options)
        if change == "begin":
            self._alarmed_call = standing.session
            reason = self._reason(standing)
            self.ask(lambda: self._response.begin(self.options, reason))
        elif change == "end":
            self.ask(self._response.end)

    def _is_alarming(self, standing: Standing, now_s: float) -> Optional[bool]:
        """Return what the alarm is fed with. A rehearsal ends even where nobody can say how things are."""
        alarming = is_alarming(standing, self.options)
        if now_s < self._rehearsal_until_s:
            self._rehearsed = True
        elif self._rehearsed and (alarming is not None or not self.alarm.active):
            self._rehearsed = False
        elif self._rehearsed:
            return False
        return alarming

    def _repaint(self, standing: Standing) -> bool:
        if self._layout is None:
            return False
        look = compose(standing, self.options)
        return self._badge.update(paint(look, self.options, self._layout, self._map.path if self._map else ""))

    def _call_ui(self, now_s: float) -> None:
        self._asked_s = now_s
        obs.obs_frontend_save()


plugin = Plugin()


# --- The settings dialog ------------------------------------------------------------------------------------------


def script_description() -> str:
    """Return what the dialog says above the settings."""
    return (
        "<b>stream-guard</b>: how far can the face in this call be trusted?<br>"
        "Start <code>stream-guard serve</code> and share the call with it: the badge in the scene says how it "
        "stands. Green is no proof of identity."
    )


def script_properties() -> Any:
    """Return the dialog's fields. Labels are short, as the dialog is narrow; what they mean pops up over them."""
    props = obs.obs_properties_create()
    obs.obs_properties_add_text(props, "status", plugin.status(), obs.OBS_TEXT_INFO)
    obs.obs_properties_add_button(props, "refresh", "Refresh", on_refresh)
    add_server_fields(group(props, "group_server", "Server"))
    add_badge_fields(group(props, "group_badge", "Badge"))
    add_alarm_fields(group(props, "group_alarm", "Alarm"))
    obs.obs_properties_add_button(props, "rehearse", "Test: act out an alarm for 5 s", on_rehearse)
    obs.obs_properties_add_button(props, "dismiss", "End the alarm", on_dismiss)
    obs.obs_properties_add_button(props, "monitor", "Open my monitor window", on_monitor)
    obs.obs_properties_add_button(props, "remove", "Remove the badge from all scenes", on_remove)
    return props


def add_server_fields(props: Any) -> None:
    """Add where the server is, and whom to follow."""
    add_text, add_int = obs.obs_properties_add_text, obs.obs_properties_add_int
    explain(add_text(props, "server", "Address", obs.OBS_TEXT_DEFAULT), "As stream-guard prints it.")
    explain(
        add_text(props, "token", "Token", obs.OBS_TEXT_PASSWORD),
        "Only where the server has tokens: one that may watch. OBS keeps it in the scene collection, readable.",
    )
    calls = [("", "")] + [(name, name) for name in plugin.watch.sessions()]
    explain(
        choice(props, "session", "Call", calls, editable=True),
        "Empty: the one to worry about most. The dashboard names them.",
    )
    explain(
        add_int(props, "face", "Face", 0, 100000, 1),
        "0: the one to worry about most. The overlay and the dashboard number them.",
    )


def add_badge_fields(props: Any) -> None:
    """Add where the badge is and what it shows."""
    seen_by = [("everybody, on air", "air"), ("one scene only", "scene"), ("only me", "monitor")]
    explain(
        choice(props, "where", "Seen by", seen_by),
        "Only me: the badge is in a monitor scene of its own, and alarms change nothing that the audience sees.",
    )
    explain(choice(props, "scene", "Scene", [("", ""), *scene_choices()]), "For: one scene only.")
    corners = [("top right", "tr"), ("top left", "tl"), ("bottom right", "br"), ("bottom left", "bl")]
    explain(choice(props, "corner", "Corner", corners), "Then drag it wherever you like.")
    choice(props, "size", "Size", [("medium", "m"), ("small", "s"), ("large", "l")])
    shown = [("always", "always"), ("from suspicious on", "suspicious"), ("likely synthetic only", "alarms")]
    choice(props, "show", "Shown", shown)
    for name, title in (
        ("show_score", "Score"),
        ("show_interval", "95 % interval"),
        ("show_note", "Line that explains"),
        ("show_map", "Map of the faces"),
    ):
        obs.obs_properties_add_bool(props, name, title)
    for state in COLOURS:
        obs.obs_properties_add_color(props, "colour_" + state, WORDS[state])


def add_alarm_fields(props: Any) -> None:
    """Add when an alarm is raised and what it does."""
    explain(
        choice(
            props,
            "alarm_on",
            "Raised at",
            [
                ("likely synthetic", "synthetic"),
                ("suspicious or worse", "suspicious"),
            ],
        ),
        "Likely synthetic: the server aims at one false alarm an hour and face, or at what "
        "--false-alarms-per-hour says. Suspicious: many more false alarms.",
    )
    add_seconds = obs.obs_properties_add_float
    explain(add_seconds(props, "alarm_after_s", "After (s)", 0.0, 30.0, 0.5), "How long it must last.")
    explain(add_seconds(props, "alarm_hold_s", "Hold (s)", 0.0, 600.0, 1.0), "How long it stays, at least.")
    nothing = [("nothing", "")]
    sources = nothing + source_choices()
    explain(choice(props, "alarm_scene", "Go to scene", nothing + scene_choices()), "A scene that is safe to show.")
    obs.obs_properties_add_bool(props, "alarm_return", "Come back afterwards")
    explain(choice(props, "alarm_show", "Show", sources), "A source, in every scene that has it.")
    explain(choice(props, "alarm_hide", "Hide", sources), "A source, in every scene that has it.")
    choice(props, "alarm_tint", "Colour", sources)
    obs.obs_properties_add_color(props, "alarm_tint_colour", "in this colour")
    recordings = [
        *nothing,
        ("start a recording, stop it afterwards", "record"),
        ("start the replay buffer", "replay_start"),
        ("save the replay buffer, or start it", "replay_save"),
    ]
    choice(props, "alarm_record", "Record", recordings)
    explain(
        obs.obs_properties_add_bool(props, "alarm_chapter", "Chapter mark"),
        "A line in the script log, with the place in the recording; from OBS 30.2 on also in the file.",
    )


def explain(field: Any, text: str) -> None:
    """Say more about a field, where the pointer rests on it."""
    obs.obs_property_set_long_description(field, text)


def group(props: Any, name: str, title: str) -> Any:
    """Add a titled group of fields, and return it."""
    fields = obs.obs_properties_create()
    obs.obs_properties_add_group(props, name, title, obs.OBS_GROUP_NORMAL, fields)
    return fields


def choice(props: Any, name: str, title: str, entries: List[Tuple[str, str]], editable: bool = False) -> Any:
    """Add a list of words to choose from, and return it; each entry is what is shown and what is kept."""
    kind = obs.OBS_COMBO_TYPE_EDITABLE if editable else obs.OBS_COMBO_TYPE_LIST
    field = obs.obs_properties_add_list(props, name, title, kind, obs.OBS_COMBO_FORMAT_STRING)
    for shown, value in entries:
        obs.obs_property_list_add_string(field, shown, value)
    return field


def scene_choices() -> List[Tuple[str, str]]:
    """Return all scenes but our own."""
    names = obs.obs_frontend_get_scene_names() or []
    return [(name, name) for name in names if name not in (BADGE, MONITOR)]


def source_choices() -> List[Tuple[str, str]]:
    """Return all sources but our own."""
    ours = set(PARTS.values())
    with Held(obs.obs_enum_sources(), obs.source_list_release) as sources:
        names = sorted(obs.obs_source_get_name(source) for source in sources or ())
    return [(name, name) for name in names if name not in ours]


def on_refresh(props: Any, prop: Any) -> bool:
    """Show the newest status; True makes the dialog draw itself anew."""
    obs.obs_property_set_description(obs.obs_properties_get(props, "status"), plugin.status())
    return True


def on_rehearse(props: Any, prop: Any) -> bool:
    """Act out an alarm."""
    plugin.rehearse()
    return False


def on_dismiss(props: Any, prop: Any) -> bool:
    """End the alarm by hand."""
    plugin.alarm.dismiss()
    return False


def on_monitor(props: Any, prop: Any) -> bool:
    """Open a window that only the user sees."""
    obs.obs_frontend_open_projector("Scene", -1, "", MONITOR if plugin.options["where"] == "monitor" else BADGE)
    return False


def on_remove(props: Any, prop: Any) -> bool:
    """Take everything out of the scenes."""
    plugin.remove()
    return False


# --- What OBS calls. Callbacks must be plain functions: OBS takes no methods. -------------------------------------

HOTKEYS: Dict[str, int] = {}


def script_defaults(settings: Any) -> None:
    """Set what holds where the user has chosen nothing."""
    set_default = {
        bool: obs.obs_data_set_default_bool,
        int: obs.obs_data_set_default_int,
        float: obs.obs_data_set_default_double,
        str: obs.obs_data_set_default_string,
    }
    for key, value in DEFAULTS.items():
        set_default[type(value)](settings, key, value)


def script_load(settings: Any) -> None:
    """Begin anew: OBS keeps the module when it changes to another collection and back."""
    global plugin
    plugin = Plugin()
    obs.obs_frontend_add_event_callback(on_event)
    obs.timer_add(on_timer, TICK_MS)
    for name, title, callback in (
        ("stream_guard_dismiss", "stream-guard: end the alarm", on_dismiss_key),
        ("stream_guard_suspend", "stream-guard: alarms on or off", on_suspend_key),
    ):
        HOTKEYS[name] = obs.obs_hotkey_register_frontend(name, title, callback)
        with Held(obs.obs_data_get_array(settings, name), obs.obs_data_array_release) as keys:
            obs.obs_hotkey_load(HOTKEYS[name], keys)


def script_update(settings: Any) -> None:
    """Take over the settings: at the start, and whenever the user changes one."""
    plugin.configure(read_options(settings))


def script_save(settings: Any) -> None:
    """Keep the hot keys, and do what the timer has asked for."""
    for name, hotkey in HOTKEYS.items():
        with Held(obs.obs_hotkey_save(hotkey), obs.obs_data_array_release) as keys:
            obs.obs_data_set_array(settings, name, keys)
    plugin.run_jobs()


def script_unload() -> None:
    """End: nothing of ours runs afterwards. The sources stay, as they are part of the user's scenes."""
    obs.timer_remove(on_timer)
    obs.obs_frontend_remove_event_callback(on_event)
    plugin.close()


def on_event(event: int) -> None:
    """Follow scenes, collections and profiles. User interface thread."""
    if event in (
        obs.OBS_FRONTEND_EVENT_SCENE_COLLECTION_CHANGING,
        obs.OBS_FRONTEND_EVENT_SCRIPTING_SHUTDOWN,
        obs.OBS_FRONTEND_EVENT_EXIT,
    ):
        plugin.forget_scenes()
    elif event in (obs.OBS_FRONTEND_EVENT_FINISHED_LOADING, obs.OBS_FRONTEND_EVENT_SCENE_COLLECTION_CHANGED):
        plugin.begin()
    elif event in (obs.OBS_FRONTEND_EVENT_SCENE_CHANGED, obs.OBS_FRONTEND_EVENT_PROFILE_CHANGED):
        plugin.arrange()


def on_timer() -> None:
    """Show how things stand. Graphics thread."""
    plugin.tick(time.monotonic())


def on_dismiss_key(pressed: bool) -> None:
    """End the alarm; a thread of OBS's own."""
    if pressed:
        plugin.alarm.dismiss()


def on_suspend_key(pressed: bool) -> None:
    """Switch alarms off, or on again; a thread of OBS's own."""
    if pressed:
        plugin.alarm.suspended = not plugin.alarm.suspended
