/** The overlay: a badge on a transparent page, for OBS or any small window. docs/overlay.md lists the options. */

import { connect } from "./stream-guard.js";
import { byId, fitCanvas, say, throttled } from "./elements.js";
import { drawBoxes, placed } from "./boxes.js";
import { FaceList } from "./face-list.js";
import { readOptions } from "./overlay-options.js";
import { Chosen, standing } from "./standing.js";
import { pageToken } from "./token.js";
import { TokenForm } from "./token-form.js";
import { byUrgency, stateWord, summary } from "./words.js";

const options = readOptions(location.search);
const guard = connect(undefined, { sessions: options.session ? [options.session] : undefined, token: pageToken() });
const chosen = new Chosen(guard, options.session);
const list = new FaceList(byId("faces"));
let alarmed = "";

Object.assign(document.body.dataset, { corner: options.corner, size: options.size, theme: options.theme });
document.body.dataset.motion = options.motion ? "on" : "off";
if (options.opaque) document.body.dataset.opaque = "";
byId("frame").hidden = !options.boxes;
// A stream is no place for a form, and OBS no place to type: there the pill says what is missing.
if (options.empty && !("obsstudio" in globalThis)) new TokenForm(byId("token"), guard);

const soon = throttled(draw, 10);
for (const name of ["scores", "session", "hello", "status", "stale"]) guard.on(name, soon);
addEventListener("resize", soon);
setInterval(soon, 500); // Ages go on while nothing arrives.
draw();

function draw() {
  const view = chosen.view();
  const now = standing(guard, view);
  const every = now.faces.filter((face) => options.states.has(face.state));
  const listed = options.list ? every : [];
  const context = {
    transport: view && view.scores ? view.scores.transport : null,
    model: guard.hello && guard.hello.model,
    ageMs: view ? view.ageMs() : null,
    t: view && view.scores ? view.scores.t : 0,
    max: options.max,
    numbered: now.faces.length > 1,
  };
  const left = list.show(listed, context);
  byId("faces").hidden = listed.length === 0;
  const many = listed.length > 1 && (left > 0 || now.faces.length > listed.length);
  line("more", many ? summary(now.faces) : "");
  line("note", every.length ? notes(view, now) : "");
  const pill = now.trouble || (now.faces.length ? "" : now.empty);
  line("pill", options.empty && byId("token").hidden ? pill : "");
  byId("pill").dataset.kind = now.trouble ? "trouble" : "idle";
  document.body.dataset.standing = now.kind;
  byId("badge").hidden = [...byId("badge").children].every((part) => part.hidden);
  byId("badge").dataset.worst = listed.length ? byUrgency(listed)[0].state : "";
  if (options.boxes) drawFrame(view, every);
  alarm(every);
}

function notes(view, { faces }) {
  const parts = [];
  if (view.scores.budget.degraded) {
    const rates = faces.map((face) => view.rate(face.id)).filter((rate) => rate !== null);
    if (rates.length) parts.push(`faces in turn, each scored ${Math.min(...rates).toFixed(1)} times a second`);
  }
  if (options.preview && guard.hello && guard.hello.model.status === "preview") parts.push("preview model");
  return parts.join(" · ");
}

function drawFrame(view, faces) {
  const canvas = byId("frame");
  const context = fitCanvas(canvas);
  if (!view || !view.scores) return;
  const area = { width: canvas.clientWidth, height: canvas.clientHeight };
  const scale = { s: 0.9, m: 1.2, l: 1.7 }[options.size];
  drawBoxes(context, faces, placed(view.scores.transport, area, options.fit), { scale });
}

function alarm(faces) {
  const loud = faces.filter((face) => face.state === "synthetic");
  const text = loud.map((face) => `${face.rehearsal ? "REHEARSAL: " : ""}Face ${face.id}: ${stateWord(face.state)}`).join(". ");
  if (text !== alarmed) say(byId("alarm"), text);
  alarmed = text;
}

function line(id, text) {
  say(byId(id), text);
  byId(id).hidden = text === "";
}
