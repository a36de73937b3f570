/**
 * stream-guard's client for browsers: one file, nothing else needed. Chrome 103, Firefox 102, Safari 15.4 or newer.
 *
 *     import { connect } from "http://127.0.0.1:8765/pages/stream-guard.js";
 *     const guard = connect("ws://127.0.0.1:8765/ws", { types: ["scores", "event"], maxRate: 10 });
 *     guard.on("event", (event) => console.log(event.kind, event.face));
 *     for await (const message of guard) { ... }
 *
 * It connects again by itself, and it ages what it knows: a score older than two seconds reads as stale even
 * if the server says nothing. The messages are those of docs/protocol.md.
 */

export const VERSION = 1;
/** A score older than this many milliseconds is stale. */
export const STALE_AFTER_MS = 2000;

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
const TICK_MS = 250;
const MAX_SESSIONS = 64;
const OF_SESSIONS = new Set(["session", "scores", "stats", "challenge", "rehearsal"]);
const MAX_WAITING = 1024;
const RATE_WINDOW_S = 3;
const POLICY = 1008;
const WRONG_TOKEN = 4401;
const SUBPROTOCOL = "stream-guard.v1";
const TOKEN_SUBPROTOCOL = "stream-guard.token.";

/**
 * Open a connection that keeps itself alive.
 *
 * @param {string} [url] ws(s) or http(s) address of `/ws`; without it the page's own origin.
 * @param {object} [options]
 * @param {string[]} [options.sessions] only these sessions; all by default.
 * @param {string[]} [options.types] of "scores", "event", "stats", "session", "fault", "challenge", "rehearsal"; all by default.
 * @param {number} [options.maxRate] at most this many scores messages a second and session.
 * @param {string} [options.token] sent as a subprotocol; by default the page's own `#token=` on its own origin.
 * @returns {Guard}
 */
export function connect(url, options = {}) {
  return new Guard(url, options);
}

/** A connection. `status` is "connecting", "open", "lost" or "closed"; made by `connect`. */
export class Guard {
  #address;
  #token;
  #options;
  #socket = null;
  #attempt = 0;
  #retryTimer = 0;
  #ticker = 0;
  #listeners = new Map();

  constructor(url, options) {
    this.#address = address(url);
    this.#token = options.token || ownToken(this.#address);
    this.#options = options;
    this.status = "connecting";
    /** The server's first message, or null while there was none. */
    this.hello = null;
    /** What is wrong, in plain words, or null. */
    this.problem = null;
    /** Whether the server turned us away for want of the right token. It is tried on; `useToken` gives another. */
    this.wantsToken = false;
    /** `performance.now()` of the next attempt, or null. */
    this.retryAt = null;
    /** What is known of each session: id -> View. At most 64; ended ones go first. */
    this.sessions = new Map();
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#open();
  }

  /**
   * Call back on "hello", "engine", "scores", "event", "stats", "session", "fault", "challenge", "rehearsal" (with the message), "message" (any of
   * them), "status" (with the new status) or "stale" (with the View that went stale or came back).
   *
   * @returns {() => void} call it to stop.
   */
  on(name, callback) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(callback);
    return () => this.#listeners.get(name).delete(callback);
  }

  /** Change what is asked for; the same keys as in `connect`. Kept across reconnections. */
  subscribe({ sessions, types, maxRate }) {
    this.#options = { ...this.#options, sessions, types, maxRate };
    this.#ask();
  }

  /** End the connection for good. Iterators end, callbacks stop. */
  close() {
    clearInterval(this.#ticker);
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    this.retryAt = null;
    if (socket) socket.close();
    this.#become("closed", null);
  }

  /** Try now instead of waiting for the next attempt. */
  retry() {
    if (this.status !== "lost" || this.#socket) return;
    clearTimeout(this.#retryTimer);
    this.#open();
  }

  /** Connect anew, now, with this token. */
  useToken(token) {
    if (this.status === "closed") return;
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.close();
    this.#token = token;
    this.#attempt = 0;
    this.#open();
  }

  /**
   * Every message in turn. A reader that is slow misses intermediate scores and stats of a session, never
   * events, as long as fewer than 1024 messages wait.
   */
  async *[Symbol.asyncIterator]() {
    const waiting = [];
    let wake = () => {};
    const stops = [
      this.on("message", (message) => {
        enqueue(waiting, message);
        wake();
      }),
      this.on("status", () => wake()),
    ];
    try {
      while (waiting.length || this.status !== "closed") {
        if (waiting.length) yield waiting.shift();
        else await new Promise((resolve) => { wake = resolve; });
      }
    } finally {
      stops.forEach((stop) => stop());
    }
  }

  #open() {
    this.retryAt = null;
    let socket;
    try {
      socket = new WebSocket(this.#address, this.#token ? [SUBPROTOCOL, coded(this.#token)] : []);
    } catch (error) {
      this.#become("closed", `${this.#address} is no address to connect to`);
      return;
    }
    this.#socket = socket;
    socket.onopen = () => this.#ask();
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#lose(code, reason);
    };
  }

  #ask() {
    const { sessions = null, types = null, maxRate = null } = this.#options;
    if (!this.#socket || this.#socket.readyState !== WebSocket.OPEN) return;
    if (!sessions && !types && !maxRate) return;
    this.#socket.send(JSON.stringify({ type: "subscribe", v: VERSION, sessions, types, max_rate: maxRate }));
  }

  #lose(code, reason) {
    this.#socket = null;
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt) * (0.8 + 0.4 * Math.random());
    this.#attempt = Math.min(this.#attempt + 1, 10);
    this.retryAt = performance.now() + wait;
    this.#retryTimer = setTimeout(() => this.#open(), wait);
    this.wantsToken = code === WRONG_TOKEN;
    this.#become("lost", this.wantsToken ? "The server wants its token."
      : code === POLICY ? reason || "The server refused the connection."
        : this.hello ? "The connection to the server was lost." : "No answer from the server: does it run?");
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch (error) {
      return; // Not ours: a newer server may speak of things this client does not know.
    }
    if (message === null || typeof message !== "object") return;
    if (message.type === "hello") this.#greet(message);
    else if (OF_SESSIONS.has(message.type)) {
      this.#view(message.session).receive(message, performance.now());
    } else if (message.type === "engine") {
      const { engine, device, passed_over } = message;
      this.hello = { ...this.hello, engine, device, passed_over };
    } else if (message.type !== "event" && message.type !== "fault") return;
    this.#emit(message.type, message);
    this.#emit("message", message);
  }

  #greet(hello) {
    this.#attempt = 0;
    this.wantsToken = false;
    this.hello = hello;
    this.sessions.clear(); // After a restart the same id may be another session.
    this.#become("open", hello.v === VERSION ? null : `The server speaks version ${hello.v}, this page ${VERSION}.`);
  }

  #view(id) {
    if (!this.sessions.has(id)) {
      this.sessions.set(id, new View(id));
      if (this.sessions.size > MAX_SESSIONS) this.sessions.delete(leastWanted(this.sessions));
    }
    return this.sessions.get(id);
  }

  #tick() {
    const now = performance.now();
    for (const view of this.sessions.values()) {
      if (view.noteStale(now)) this.#emit("stale", view);
    }
  }

  #become(status, problem) {
    this.problem = problem;
    this.status = status;
    this.#emit("status", status);
  }

  #emit(name, value) {
    for (const callback of [...(this.#listeners.get(name) || [])]) {
      try {
        callback(value);
      } catch (error) {
        reportError(error); // One bad callback must not silence the others.
      }
    }
  }
}

/** What is known of one session, and how old it is. */
export class View {
  #receivedAt = null;
  #rehearsedAt = -Infinity;
  #wasStale = false;
  #scoredAt = new Map();

  constructor(id) {
    this.id = id;
    /** The last `session`, `scores` and `stats` message, or null. */
    this.info = null;
    this.scores = null;
    this.stats = null;
    /** The newest `challenge` and `rehearsal` message, running or over, or null. */
    this.challenge = null;
    this.rehearsal = null;
  }

  /** "connecting", "live", "stale" or "ended"; live where scores come and nobody said otherwise. */
  get state() {
    return this.info ? this.info.state : "live";
  }

  /** Milliseconds since the frame behind the newest scores arrived at the server, or null without scores. */
  ageMs(now = performance.now()) {
    return this.scores ? this.scores.age_ms + now - this.#receivedAt : null;
  }

  /** Whether the newest scores must not be read as current. */
  isStale(now = performance.now()) {
    return this.scores !== null
      && (this.ageMs(now) > STALE_AFTER_MS || this.state === "stale" || this.state === "ended");
  }

  /** The faces as they stand now: as sent, but `stale` where they are too old. */
  faces(now = performance.now()) {
    if (!this.scores) return [];
    if (!this.isStale(now)) return this.scores.faces;
    return this.scores.faces.map((face) => ({ ...face, state: "stale" }));
  }

  /** The rehearsal that is running now, or null: nothing in it is a true alarm, and it must be labelled. */
  rehearsing(now = performance.now()) {
    const running = this.rehearsal !== null && this.rehearsal.state === "running";
    return running && now - this.#rehearsedAt < STALE_AFTER_MS ? this.rehearsal : null;
  }

  /** How often a face was scored over the last seconds, per second, as far as this client saw; null unknown. */
  rate(faceId, now = performance.now()) {
    const times = this.#scoredAt.get(faceId);
    if (!times || times.length < 2 || this.isStale(now)) return null;
    const span = times[times.length - 1] - times[0];
    return span > 0 ? (times.length - 1) / span : null;
  }

  /** Take in a message of this session. */
  receive(message, now) {
    if (message.type === "session") this.info = message;
    else if (message.type === "stats" || message.type === "challenge") this[message.type] = message;
    else if (message.type === "rehearsal") {
      this.rehearsal = message;
      this.#rehearsedAt = now;
    }
    else {
      this.scores = message;
      this.#receivedAt = now;
      this.#countScored(message);
    }
  }

  /** Return whether it went stale, or came back, since the last call. */
  noteStale(now) {
    const stale = this.isStale(now);
    const changed = stale !== this.#wasStale;
    this.#wasStale = stale;
    return changed;
  }

  #countScored({ faces, t }) {
    const seen = new Map();
    for (const face of faces) {
      const times = (this.#scoredAt.get(face.id) || []).filter((at) => at > t - RATE_WINDOW_S && at < t);
      if (face.frame_score !== null) times.push(t);
      seen.set(face.id, times);
    }
    this.#scoredAt = seen;
  }
}

function address(url) {
  const here = globalThis.location;
  const target = new URL(url || "/ws", here ? here.href : undefined);
  target.protocol = target.protocol.replace(/^http/, "ws");
  target.hash = ""; // Not allowed in a websocket's address.
  return target.href;
}

/** The token in this page's own address, after the #, for its own server only. */
function ownToken(address) {
  const here = globalThis.location;
  return here && new URL(address).host === here.host ? new URLSearchParams(here.hash.slice(1)).get("token") : null;
}

/** A token as a subprotocol: pages cannot set a websocket's headers, and addresses end up in logs. */
function coded(token) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(token));
  return TOKEN_SUBPROTOCOL + btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function enqueue(waiting, message) {
  if (message.type === "scores" || message.type === "stats") {
    const older = waiting.findIndex((other) => other.type === message.type && other.session === message.session);
    if (older >= 0) waiting.splice(older, 1);
  }
  waiting.push(message);
  if (waiting.length > MAX_WAITING) waiting.shift();
}

function leastWanted(sessions) {
  for (const [id, view] of sessions) if (view.state === "ended") return id;
  return sessions.keys().next().value;
}
