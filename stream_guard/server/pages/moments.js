/** The strip of telling moments, one of them at a time with everything that is known of it, and "Save this session". */

import { byId, make, say } from "./elements.js";
import { shape } from "./shapes.js";
import { drawTimeline } from "./timeline.js";
import { pageToken } from "./token.js";
import { driverWords, percent, reasonWords, scoreNumbers, stateWord } from "./words.js";

const EVERY_MS = 3000;
const AFTER_TROUBLE_MS = 30_000;
const SPAN_S = 15;
const PICTURES = 150; // Thumbnails that are remembered.

const KINDS = {
  alarm_raised: "Alarm raised",
  alarm_cleared: "Alarm over",
  face_changed: "Face changed",
  repeated: "Picture repeats itself",
  lowest: "Lowest score",
  first_look: "First look",
  challenge: "Challenge",
  marked: "Marked",
};

const known = { session: "", moments: [], model: "", open: null };
const pictures = new Map(); // Address and time of a moment -> a promise of its picture as a data: address.
let nextAt = 0;
let asking = false;

/** Show the moments of a session; call it as often as you like, the server is asked every three seconds. */
export function showMoments(session) {
  if (session !== known.session) {
    Object.assign(known, { session, moments: [], open: null });
    nextAt = 0;
    byId("moment").close();
    drawStrip();
  }
  if (asking || document.hidden || performance.now() < nextAt) return;
  asking = true;
  ask(session).finally(() => { asking = false; });
}

/** Let the buttons work; to be called once. */
export function prepareMoments() {
  byId("save-session").addEventListener("click", save);
  const dialog = byId("moment");
  byId("moment-close").addEventListener("click", () => dialog.close());
  byId("moment-before").addEventListener("click", () => step(-1));
  byId("moment-after").addEventListener("click", () => step(1));
  byId("moment-regions").addEventListener("change", showRegions);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => { // The focus goes back to the moment that was looked at last.
    byId("moments").querySelector(`[data-n="${known.open}"]`)?.focus();
    known.open = null;
  });
}

async function ask(session) {
  nextAt = performance.now() + EVERY_MS;
  try {
    const answer = await get(`${session}/moments`);
    if (session !== known.session) return;
    if (!answer.ok) {
      nextAt = performance.now() + AFTER_TROUBLE_MS;
      say(byId("moments-note"), trouble(answer.status));
      return;
    }
    const { moments, kept, model } = await answer.json();
    Object.assign(known, { moments, model });
    say(byId("moments-note"), kept ? "in memory only, until half an hour after the call"
      : "not kept: the server was started with --no-moments");
    byId("no-moments").hidden = moments.length > 0 || !kept;
    drawStrip();
  } catch (error) {
    nextAt = performance.now() + AFTER_TROUBLE_MS; // The server is gone; the page says so elsewhere.
  }
}

function trouble(status) {
  return status === 401 || status === 403 ? "they show faces: this needs the token that opens everything"
    : "the server remembers nothing of this session any more";
}

function get(path) {
  const token = pageToken();
  return fetch(`/api/sessions/${path}`, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
}

/** The picture at a path as a `data:` address, or "": an <img> could not show the token. */
function picture(path, at) {
  const key = `${path} ${at}`;
  if (!pictures.has(key)) {
    if (pictures.size >= PICTURES) pictures.delete(pictures.keys().next().value);
    pictures.set(key, get(path).then((answer) => (answer.ok ? answer.blob().then(asData) : "")).catch(() => ""));
  }
  return pictures.get(key);
}

function asData(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => resolve(""));
    reader.readAsDataURL(blob);
  });
}

function drawStrip() {
  const strip = byId("moments");
  const stand = known.moments.map((one) => `${one.n}${one.has_crop}`).join();
  if (strip.dataset.stand === `${known.session}:${stand}`) return; // Redrawing would take the focus away.
  strip.dataset.stand = `${known.session}:${stand}`;
  const buttons = new Map([...strip.querySelectorAll("button")].map((one) => [one.dataset.key, one]));
  const items = known.moments.map((one) => {
    const key = `${known.session}/${one.n}/${one.at}/${one.has_crop}`;
    return buttons.get(key)?.parentElement || make("li", {}, stripButton(one, key));
  });
  const atEnd = strip.scrollLeft + strip.clientWidth >= strip.scrollWidth - 4;
  strip.replaceChildren(...items);
  if (atEnd) strip.scrollLeft = strip.scrollWidth;
}

function stripButton(moment, key) {
  const image = make("img", { alt: "", width: 88, height: 88 });
  if (moment.has_crop) picture(`${known.session}/moments/${moment.n}.jpg`, moment.at).then((data) => { if (data) image.src = data; });
  const who = moment.face === null ? "" : ` · face ${moment.face}`;
  return make("button", { type: "button", "data-n": moment.n, "data-key": key, "data-kind": moment.kind, onclick: () => open(moment.n) },
    image, make("b", {}, KINDS[moment.kind] || moment.kind), make("span", { class: "small" }, clock(moment) + who));
}

function step(by) {
  const place = known.moments.findIndex((one) => one.n === known.open) + by;
  if (known.moments[place]) open(known.moments[place].n);
}

async function open(n) {
  const moment = known.moments.find((one) => one.n === n);
  if (!moment) return;
  known.open = n;
  const dialog = byId("moment");
  say(byId("moment-title"), title(moment));
  byId("moment-facts").replaceChildren(...facts(moment));
  const place = known.moments.indexOf(moment);
  byId("moment-before").disabled = place === 0;
  byId("moment-after").disabled = place === known.moments.length - 1;
  for (const name of ["wide", "crop", "patches"]) showPicture(name, "");
  byId("moment-regions").disabled = !moment.has_patches || !moment.has_crop;
  drawAround(null, moment);
  if (!dialog.open) dialog.showModal();
  const base = `${known.session}/moments/${n}`;
  const wanted = [["wide", moment.has_wide, `${base}/wide.jpg`], ["crop", moment.has_crop, `${base}.jpg`],
    ["patches", moment.has_patches && moment.has_crop, `${base}/patches.png`]];
  await Promise.all(wanted.filter(([, there]) => there).map(async ([name, , path]) => {
    const data = await picture(path, moment.at);
    if (known.open === n) showPicture(name, data);
  }));
  const answer = await get(`${base}.json`).catch(() => null);
  if (answer && answer.ok && known.open === n) drawAround((await answer.json()).around, moment);
}

function showPicture(name, data) {
  const image = byId(`moment-${name}`);
  image.hidden = !data;
  if (data) image.src = data;
  else image.removeAttribute("src");
  byId("moment-none").hidden = ["wide", "crop"].some((one) => byId(`moment-${one}`).hasAttribute("src"));
  showRegions();
}

/** Of the crop and the map over it one is shown. */
function showRegions() {
  const [crop, map, wanted] = [byId("moment-crop"), byId("moment-patches"), byId("moment-regions")];
  const mapped = wanted.checked && !wanted.disabled && map.hasAttribute("src");
  map.hidden = !mapped;
  crop.hidden = mapped || !crop.hasAttribute("src");
  byId("moment-map-words").hidden = !mapped;
}

function drawAround(around, moment) {
  const points = !around ? [] : around.t.map((t, place) => ({
    at: t * 1000,
    score: around.authenticity[place] === null ? NaN : around.authenticity[place],
    low: around.low[place] === null ? NaN : around.low[place],
    high: around.high[place] === null ? NaN : around.high[place],
    state: around.state[place],
  }));
  const canvas = byId("moment-around");
  canvas.hidden = moment.face === null;
  canvas.setAttribute("aria-label", `Authenticity of face ${moment.face}, ${SPAN_S} seconds before and after this moment`);
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  requestAnimationFrame(() => drawTimeline(canvas, {
    points, marks: [{ at: 0 }], now: SPAN_S * 1000, spanMs: 2 * SPAN_S * 1000,
    ink: { ink: read("--ink"), dim: read("--dim"), line: read("--line") },
    labels: [`−${SPAN_S} s`, `+${SPAN_S} s`],
  }));
}

function title(moment) {
  const who = moment.face === null ? "" : `, face ${moment.face}`;
  return `${KINDS[moment.kind] || moment.kind}${who}`;
}

function facts(moment) {
  const { score, transport } = moment;
  const rows = [["When", `${clock(moment)}, ${moment.t.toFixed(1)} s into the session`]];
  if (moment.note) rows.push(["Note", moment.note]);
  if (score) {
    const state = make("span", { class: "moment-state" }, shape(score.state), stateWord(score.state));
    rows.push(["State", state], ["Authenticity", scoreNumbers(score) || "no score: too little evidence"]);
    if (score.frame_score !== null) rows.push(["This frame alone", percent(score.frame_score)]);
    const age = moment.at ? Date.now() - Date.parse(moment.at) : 0;
    rows.push(["Speaks against it", driverWords(score, moment.t, age).join("; ") || "nothing"]);
    if (score.relative !== null) rows.push(["Against the known face", `${score.relative.toFixed(2)} (log-likelihood ratio)`]);
    rows.push(["Could be judged", `${percent(score.coverage)} of the last seconds`]);
    if (score.reasons.length) rows.push(["Why not always", score.reasons.map((one) => reasonWords(one).short).join(", ")]);
  } else {
    rows.push(["State", "the face was not in the picture"]);
  }
  const size = moment.face_px === null ? [] : [`face ${moment.face_px} px`];
  if (moment.pose) size.push(`turned ${Math.round(moment.pose[0])}°`, `nodding ${Math.round(moment.pose[1])}°`);
  if (size.length) rows.push(["Picture", size.join(", ")]);
  const rate = transport.kbps === null ? "" : `, ${Math.round(transport.kbps)} kb/s`;
  rows.push(["Transport", transport.width ? `${transport.codec} ${transport.width}×${transport.height}${rate}` : "not known"]);
  rows.push(["Model", `${known.model} on ${moment.engine}`]);
  return rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function clock(moment) {
  return moment.at ? new Date(moment.at).toLocaleTimeString([], { hour12: false }) : `${moment.t.toFixed(1)} s`;
}

async function save() {
  const { session } = known;
  const button = byId("save-session");
  button.disabled = true;
  say(byId("save-note"), "");
  try {
    const answer = await get(`${session}/report.html`);
    if (!answer.ok) throw new Error(trouble(answer.status));
    const address = URL.createObjectURL(await answer.blob());
    make("a", { href: address, download: `stream-guard-${session}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    say(byId("save-note"), "Saved: the page holds pictures of faces. Keep it where only those may read it who should.");
  } catch (error) {
    say(byId("save-note"), `Not saved: ${error.message}.`);
  } finally {
    button.disabled = false;
    button.focus();
  }
}
