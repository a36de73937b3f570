/** What the dashboard remembers of a session: bounded, however long the call lasts. */

const GAP_MS = 200; // Five points a second and face are kept...
const POINTS = 1800; // ...for six minutes,
const FACES = 64; // of at most this many faces,
const MARKS = 100; // with this many cuts,
const EVENTS = 300; // and this many lines of log.
const CODES = ["authentic", "suspicious", "synthetic", "cannot_judge", "stale"];

/** The score of one face over time, in a ring of fixed size. Times are milliseconds of `performance.now()`. */
export class FaceHistory {
  #times = new Float64Array(POINTS);
  #scores = new Float32Array(POINTS);
  #lows = new Float32Array(POINTS);
  #highs = new Float32Array(POINTS);
  #states = new Uint8Array(POINTS);
  #next = 0;
  #count = 0;

  constructor(id) {
    this.id = id;
    /** The face as it was last reported. */
    this.face = null;
    this.lastAt = -Infinity;
  }

  /** Take in a report; within 200 ms of the point before only if the state changed. */
  add(face, at) {
    const changed = !this.face || this.face.state !== face.state;
    this.face = face;
    if (!changed && at - this.lastAt < GAP_MS) return;
    const place = this.#next;
    const judged = face.authenticity !== null && face.state !== "cannot_judge" && face.state !== "stale";
    this.#times[place] = at;
    this.#scores[place] = judged ? face.authenticity : NaN;
    this.#lows[place] = judged && face.interval ? face.interval[0] : NaN;
    this.#highs[place] = judged && face.interval ? face.interval[1] : NaN;
    this.#states[place] = Math.max(0, CODES.indexOf(face.state));
    this.#next = (place + 1) % POINTS;
    this.#count = Math.min(this.#count + 1, POINTS);
    this.lastAt = at;
  }

  /** The points since a time, oldest first, with the one before it. */
  since(from) {
    const points = [];
    for (let back = 1; back <= this.#count; back += 1) {
      const place = (this.#next - back + POINTS) % POINTS;
      points.push({
        at: this.#times[place],
        score: this.#scores[place],
        low: this.#lows[place],
        high: this.#highs[place],
        state: CODES[this.#states[place]],
      });
      if (this.#times[place] < from) break;
    }
    return points.reverse();
  }
}

/** One session: its faces, cuts and events. */
export class SessionHistory {
  constructor() {
    /** Face id -> FaceHistory. The one unseen for longest leaves first. */
    this.faces = new Map();
    /** `{at, kind}` of what made the scores start again. */
    this.marks = [];
    /** `{at, event}`, the newest first; `at` is wall time, `event` a message: event, fault, or session that ended. */
    this.events = [];
  }

  /** Take in a `scores` message that arrived at `now`. */
  addScores(scores, now) {
    const at = now - scores.age_ms;
    for (const face of scores.faces) {
      if (!this.faces.has(face.id)) this.faces.set(face.id, new FaceHistory(face.id));
      this.faces.get(face.id).add(face, at);
    }
    while (this.faces.size > FACES) {
      const oldest = [...this.faces.values()].reduce((one, other) => (one.lastAt <= other.lastAt ? one : other));
      this.faces.delete(oldest.id);
    }
  }

  /** Take in an `event` message. */
  addEvent(event, now) {
    if (event.kind === "scene_cut" || event.kind === "resumed") push(this.marks, { at: now, kind: event.kind }, MARKS);
    this.#note(event);
  }

  /** Take in a `fault` message, or the `session` message that says why it ended: lines of the log, too. */
  addNews(message) {
    this.#note(message);
  }

  #note(event) {
    this.events.unshift({ at: Date.now(), event });
    if (this.events.length > EVENTS) this.events.pop();
  }
}

function push(list, item, most) {
  list.push(item);
  if (list.length > most) list.shift();
}
