/** How things stand for one session, in the words of a small badge: the faces, or why there are none. */

import { ageWords } from "./words.js";

/** Chooses the session to show: the one asked for, else the newest that is alive; it stays while that lives. */
export class Chosen {
  #guard;
  #wanted;
  #current = null;

  constructor(guard, wanted) {
    this.#guard = guard;
    this.#wanted = wanted;
  }

  /** The View to show, or null. */
  view() {
    const { sessions } = this.#guard;
    if (this.#wanted) return sessions.get(this.#wanted) || null;
    const current = sessions.get(this.#current);
    if (current && current.state === "live") return current;
    const newest = [...sessions.values()].reverse();
    const alive = (state) => newest.find((view) => view.state === state);
    const view = alive("live") || alive("connecting") || alive("stale") || newest[0] || null;
    this.#current = view && view.id;
    return view;
  }
}

/**
 * @returns {{kind: string, faces: object[], trouble: string, empty: string}} `trouble` must be seen beside the
 *   faces; `empty` is what to say where there are none. `kind` is one of connecting, lost, no-session, starting,
 *   ended, stale, no-face, faces.
 */
export function standing(guard, view) {
  const nothing = { faces: [], trouble: "", empty: "" };
  const faces = view ? view.faces() : [];
  const age = view ? view.ageMs() : null;
  if (guard.wantsToken) return { ...nothing, kind: "lost", faces, trouble: "The server wants its token" };
  if (guard.status === "lost") {
    const trouble = guard.hello ? "Connection lost · retrying" : "No connection · retrying";
    return { ...nothing, kind: "lost", faces, trouble };
  }
  if (guard.status === "closed") return { ...nothing, kind: "lost", faces, trouble: "Not connected" };
  if (guard.status === "connecting") return { ...nothing, kind: "connecting", empty: "Connecting…" };
  if (!view) return { ...nothing, kind: "no-session", empty: "No call yet" };
  if (view.state === "ended") return { ...nothing, kind: "ended", empty: "The call has ended" };
  if (view.state === "connecting") return { ...nothing, kind: "starting", empty: "Starting…" };
  if (view.state === "stale" || view.isStale()) {
    const since = age === null ? "" : ` for ${ageWords(age)}`;
    return { ...nothing, kind: "stale", faces, trouble: `No new picture${since}` };
  }
  if (!view.scores) return { ...nothing, kind: "starting", empty: "Waiting for the first score…" };
  const rehearsal = view.rehearsing();
  if (rehearsal) {
    const rehearsed = rehearsal.faces.map((face) => ({ ...face, rehearsal: true }));
    return { ...nothing, kind: "faces", faces: rehearsed, trouble: "REHEARSAL: a test swap of this picture, no true alarm" };
  }
  if (!faces.length) return { ...nothing, kind: "no-face", empty: "No face in the picture" };
  return { ...nothing, kind: "faces", faces };
}
