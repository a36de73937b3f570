/** The dashboard's faces and events: a timeline for each face, a line for each event. */

import { make, say } from "./elements.js";
import { shape } from "./shapes.js";
import { drawTimeline } from "./timeline.js";
import { STATES, eventWords, explain, percent, scoreNumbers, stateWord } from "./words.js";

const GONE_MS = 3000;
const MANY = 6;

/** Draw a timeline for each face seen within the span, those in the picture first. */
export function drawTimelines(list, view, past, spanMs) {
  const now = performance.now();
  const standing = new Map(view.faces(now).map((face) => [face.id, face]));
  const seen = [...past.faces.values()].filter((face) => now - face.lastAt < spanMs);
  seen.sort((one, other) => standing.has(other.id) - standing.has(one.id) || one.id - other.id);
  list.toggleAttribute("data-many", seen.length > MANY);
  keepRows(list, seen);
  const ink = colours();
  seen.forEach((face, place) => {
    const row = list.children[place];
    const gone = !standing.has(face.id) && now - face.lastAt > GONE_MS;
    drawHead(row, standing.get(face.id) || { ...face.face, state: "stale" }, gone, view);
    drawTimeline(row.querySelector("canvas"), { points: face.since(now - spanMs), marks: past.marks, now, spanMs, ink });
  });
}

/** The legend: all states, and what the dashed line is. */
export function legend() {
  const states = STATES.filter((state) => state !== "stale");
  return [...states.map((state) => make("span", {}, shape(state), stateWord(state))),
    make("span", {}, "▾ scores started again (scene cut)"), make("span", {}, "gaps: not judged")];
}

/** Draw the events, newest first. Returns whether there are any. */
export function drawLog(list, events) {
  const newest = events[0];
  if (list.shown === newest) return events.length > 0;
  const known = events.indexOf(list.shown);
  const fresh = known < 0 ? events : events.slice(0, known);
  if (known < 0) list.replaceChildren();
  list.prepend(...fresh.map(({ at, event }) => logLine(at, event)));
  while (list.children.length > events.length) list.lastElementChild.remove();
  list.shown = newest;
  return events.length > 0;
}

function logLine(at, event) {
  const loud = event.kind === "alarm_raised";
  const time = new Date(at);
  const mark = event.state && event.type === "event" ? shape(event.state) : loud ? shape("synthetic") : make("span");
  const score = event.authenticity === null || event.authenticity === undefined ? ""
    : ` · authenticity ${percent(event.authenticity)}`;
  return make("li", { "data-alarm": loud, "data-kind": event.kind || event.type },
    make("time", { datetime: time.toISOString() }, time.toLocaleTimeString([], { hour12: false })),
    make("span", {}, mark), make("span", {}, eventWords(event) + score));
}

function keepRows(list, faces) {
  const rows = new Map([...list.children].map((row) => [Number(row.dataset.face), row]));
  const wanted = faces.map((face) => rows.get(face.id) || newRow(face.id));
  if (wanted.length !== list.children.length || wanted.some((row, place) => list.children[place] !== row)) {
    list.replaceChildren(...wanted);
  }
}

function newRow(id) {
  const head = make("div", { class: "head" }, make("span", { class: "mark" }), make("b"),
    make("span", { class: "who" }, `Face ${id}`), make("span", { class: "number" }));
  return make("li", { "data-face": id }, head, make("canvas", { role: "img" }));
}

function drawHead(row, face, gone, view) {
  const state = gone ? "stale" : face.state;
  if (row.dataset.state !== state) row.querySelector(".mark").replaceChildren(shape(state));
  row.dataset.state = state;
  row.toggleAttribute("data-gone", gone);
  const word = gone ? "Gone" : stateWord(state);
  const why = explain(face, view.scores && view.scores.transport, null);
  const reasons = why.map(({ short }) => short).join(", ");
  const number = state === "cannot_judge" ? reasons : state === "stale" ? "" : scoreNumbers(face);
  const rate = gone ? null : view.rate(face.id);
  const numbers = [number, rate === null ? "" : `${rate.toFixed(1)}/s`].filter(Boolean).join(" · ");
  say(row.querySelector("b"), word);
  say(row.querySelector(".number"), numbers);
  row.querySelector(".number").title = state === "cannot_judge" ? why.map(({ short, todo }) => `${short}. ${todo}`).join(" ") : numbers;
  row.querySelector("canvas").setAttribute("aria-label", `Face ${face.id}: ${word}. ${numbers}`);
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return { ink: read("--ink"), dim: read("--dim"), line: read("--line") };
}
