/** What the wire says, in plain words: one place, so that all pages speak alike. */

/** States, the most urgent first: the order in which faces are listed. */
export const STATES = ["synthetic", "suspicious", "authentic", "cannot_judge", "stale"];

const STATE_WORDS = {
  authentic: "Looks authentic",
  suspicious: "Suspicious",
  synthetic: "Likely synthetic",
  cannot_judge: "Cannot judge",
  stale: "Out of date",
};

const COUNTED = {
  synthetic: () => "likely synthetic",
  suspicious: () => "suspicious",
  authentic: (n) => (n === 1 ? "looks authentic" : "look authentic"),
  cannot_judge: () => "cannot be judged",
  stale: () => "out of date",
};

const REASONS = {
  face_too_small: ["Face too small", "Enlarge the tile, pin the speaker, or move closer."],
  blurred: ["Picture blurred", "Wait for it to sharpen, or ask for a better connection."],
  turned_away: ["Face turned away", "Wait until the face turns to the camera."],
  covered: ["Face partly covered", "Ask to take away what hides the face."],
  dark: ["Too dark", "More light on the face helps."],
  overexposed: ["Too bright", "Less light, or no window behind the face."],
  frozen: ["Picture stands still", "It is judged again as soon as it moves."],
  too_little_evidence: ["Gathering evidence", "A few more seconds are needed."],
};

const CUES = {
  looks_synthetic: () => "The picture itself looks synthetic",
  changed: (when) => `The picture of this face changed at ${when}`,
  repeated: (when) => `The picture shows again what it showed before, since ${when}: a recording, or a loop`,
};

const TOO_SMALL_BRIEF = "pin or enlarge";

const CAUSES = {
  superseded: "overtaken by a newer frame",
  expired: "past its deadline",
  yielded: "left to other calls, its faces had their rate",
  failed: "something inside failed on it",
};

const EVENTS = {
  face_appeared: "appeared",
  face_lost: "left the picture",
  state_changed: "changed",
  alarm_raised: "ALARM: likely synthetic",
  alarm_cleared: "alarm is over",
  scene_cut: "Scene cut: scores start again",
  stale: "No picture any more",
  resumed: "Picture is back",
  rerouted: "The picture comes in another way: faces are compared with themselves anew",
};

const FAULTS = {
  faces: "Following faces",
  stream: "This call",
  server: "The server",
  observer: "A listener inside",
};

const SESSION_STATES = { connecting: "starting", live: "live", stale: "no picture", ended: "ended" };

/** The word for a state. */
export function stateWord(state) {
  return STATE_WORDS[state] || plain(state);
}

/** The word for a session's state. */
export function sessionWord(state) {
  return SESSION_STATES[state] || plain(state);
}

/** Why a face cannot be judged: `{short, todo}`. */
export function reasonWords(reason) {
  const [short, todo] = REASONS[reason] || [plain(reason), ""];
  return { short, todo };
}

/**
 * What speaks against a face, as sentences, the strongest first.
 *
 * @param {object} said a face or an event, with `drivers`.
 * @param {number} t seconds on the session's time line at which it was said,
 * @param {?number} ageMs and how long ago that is.
 */
export function driverWords(said, t, ageMs) {
  return (said.drivers || []).map(({ cue, since }) => {
    const at = new Date(Date.now() - (ageMs || 0) - (t - since) * 1000);
    return CUES[cue] ? CUES[cue](at.toLocaleTimeString([], { hour12: false })) : plain(cue);
  });
}

/** Why a frame was dropped. */
export function causeWords(cause) {
  return CAUSES[cause] || plain(cause);
}

/** What happened, as one sentence part: of an event, a fault, or a session that ended. */
export function eventWords(event) {
  if (event.type === "fault") return `${FAULTS[event.part] || "Inside"}: ${event.reason}`;
  if (event.type === "session") return `Ended: ${event.reason || "no reason was given"}`;
  const who = event.face === null || event.face === undefined ? "" : `Face ${event.face} `;
  if (event.kind === "state_changed") {
    const from = event.previous ? `${lower(stateWord(event.previous))} → ` : "";
    const why = (event.reasons || []).map((reason) => lower(reasonWords(reason).short)).join(", ");
    return `${who}${from}${lower(stateWord(event.state))}${why ? ` (${why})` : ""}`;
  }
  return who + (EVENTS[event.kind] || plain(event.kind));
}

/** A share as a percentage: 0.934 becomes "93 %". */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** A score with its interval: "93 % (88–97)", or "" without one. */
export function scoreNumbers({ authenticity, interval }) {
  if (authenticity === null || authenticity === undefined) return "";
  const range = interval ? ` (${Math.round(interval[0] * 100)}–${Math.round(interval[1] * 100)})` : "";
  return percent(authenticity) + range;
}

/** The same, with its name: "authenticity 93 % (88–97)". */
export function scoreWords(face) {
  const numbers = scoreNumbers(face);
  return numbers && `authenticity ${numbers}`;
}

/** An age in milliseconds: "0.2 s", "14 s", "3 min". */
export function ageWords(ms) {
  if (ms < 10_000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}

/** A face's shorter side in pixels of the frame: what "a face of 40 px" means. */
export function facePixels(face, { width, height }) {
  return Math.round(Math.min(face.box[2] * width, face.box[3] * height));
}

/** Whether a face cannot be judged because it is too small: the one reason whoever watches can do away with. */
export function isTooSmall(face) {
  return face.state === "cannot_judge" && face.reasons.includes("face_too_small");
}

/**
 * Reasons with what to do about them, for people. `brief` is that in three words, where the watcher can do it.
 *
 * @returns {{short: string, todo: string, brief: string}[]}
 */
export function explain(face, transport, model) {
  return face.reasons.map((reason) => (
    reason === "face_too_small" ? explainSize([face], transport, model) : { ...reasonWords(reason), brief: "" }));
}

/** The same for faces that are all too small: one reason for all of them. */
export function explainSize(faces, transport, model) {
  const { short, todo } = reasonWords("face_too_small");
  const title = faces.length === 1 ? short : "Faces too small";
  if (!transport) return { short: title, todo, brief: TOO_SMALL_BRIEF };
  const sizes = faces.map((face) => facePixels(face, transport));
  const range = [...new Set([Math.min(...sizes), Math.max(...sizes)])].join(" to ");
  const needed = model ? `, ${model.min_face_px} px are needed` : "";
  return { short: `${title}: ${range} px${needed}`, todo, brief: TOO_SMALL_BRIEF };
}

/** How many faces stand how: "9 faces: 1 likely synthetic, 8 look authentic". */
export function summary(faces) {
  if (faces.length === 1) return `1 face: ${lower(stateWord(faces[0].state))}`;
  const parts = STATES
    .map((state) => [state, faces.filter((face) => face.state === state).length])
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${COUNTED[state](count)}`);
  return `${faces.length} faces: ${parts.join(", ")}`;
}

/** Faces with the most urgent first, then by id, so that rows do not jump. */
export function byUrgency(faces) {
  const rank = (face) => STATES.indexOf(face.state);
  return [...faces].sort((one, other) => rank(one) - rank(other) || one.id - other.id);
}

function plain(code) {
  return String(code).replace(/_/g, " ");
}

function lower(words) {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
