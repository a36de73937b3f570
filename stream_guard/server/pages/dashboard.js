/** The dashboard: which sessions there are, and how the chosen one stands. */

import { connect } from "./stream-guard.js";
import { ChallengePanel } from "./challenge.js";
import { byId, linkPages, make, say, throttled } from "./elements.js";
import { SessionHistory } from "./history.js";
import { prepareMoments, showMoments } from "./moments.js";
import { RehearsalPanel } from "./rehearsal.js";
import { SelfTestPanel } from "./self-test.js";
import { drawLog, drawTimelines, legend } from "./session-faces.js";
import { drawFunnel, drawStages, drawTiles } from "./session-frames.js";
import { showConnection } from "./about-server.js";
import { Chosen, standing } from "./standing.js";
import { pageToken } from "./token.js";
import { TokenForm } from "./token-form.js";
import { TrustPanel } from "./trust.js";
import { sessionWord, summary } from "./words.js";

const MOST = 16; // Sessions whose history is kept.

const guard = connect(undefined, { token: pageToken() });
const histories = new Map();
let picked = new URLSearchParams(location.search).get("session");
let chosen = new Chosen(guard, picked);
let alarmed = "";
const panels = { trust: new TrustPanel(), challenge: new ChallengePanel(), rehearsal: new RehearsalPanel(), selfTest: new SelfTestPanel() };

const soon = throttled(draw, 4);
guard.on("scores", (scores) => history(scores.session).addScores(scores, performance.now()));
guard.on("event", (event) => history(event.session).addEvent(event, performance.now()));
guard.on("fault", (fault) => {
  const alive = [...guard.sessions.values()].filter((view) => view.state !== "ended").map((view) => view.id);
  for (const id of fault.session === null ? alive : [fault.session]) history(id).addNews(fault);
});
guard.on("session", (session) => {
  if (session.state === "ended") history(session.session).addNews(session);
});
guard.on("hello", () => {
  histories.clear(); // After a restart the same id may be another session.
  drawServer();
});
guard.on("engine", drawServer);
for (const name of ["scores", "event", "stats", "session", "fault", "challenge", "rehearsal", "status", "stale"]) guard.on(name, soon);
setInterval(soon, 500);
addEventListener("resize", soon);
byId("span").addEventListener("change", soon);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
linkPages();
new TokenForm(byId("token"), guard, linkPages);
byId("legend").append(...legend());
prepareMoments();
draw();

function history(id) {
  if (!histories.has(id)) histories.set(id, new SessionHistory());
  if (histories.size > MOST) histories.delete(histories.keys().next().value);
  return histories.get(id);
}

function draw() {
  showConnection(byId("connection"), guard);
  drawSessions();
  const view = chosen.view();
  byId("session").hidden = !view;
  if (!view) return;
  const now = standing(guard, view);
  const past = history(view.id);
  say(byId("standing"), now.faces.length ? now.trouble || summary(now.faces) : "");
  drawTiles(byId("tiles"), view);
  byId("tiles-panel").hidden = !view.stats && !view.scores;
  drawTimelines(byId("timelines"), view, past, Number(byId("span").value) * 1000);
  hide("no-faces", past.faces.size > 0, now.trouble || now.empty || "No face in the picture.");
  hide("no-stages", drawStages(byId("stages"), view.stats, guard.hello && guard.hello.budget_ms));
  hide("no-drops", drawFunnel(byId("funnel"), view.stats), view.stats ? "No frame was dropped." : "Nothing counted yet.");
  showMoments(view.id);
  hide("no-log", drawLog(byId("log"), past.events));
  say(byId("budget"), guard.hello ? `the line marks the budget, ${guard.hello.budget_ms} ms` : "");
  panels.trust.show(view);
  panels.challenge.show(view);
  panels.rehearsal.show(view);
  panels.selfTest.show(view, [...guard.sessions.values()]);
  alarm(view.id, view.rehearsing() ? [] : now.faces);
}

function hide(id, hidden, text) {
  byId(id).hidden = hidden;
  if (text) say(byId(id), text);
}

function drawServer() {
  const { server, engine, device, passed_over: passedOver = [], model, budget_ms: budget, promise } = guard.hello;
  const facts = [["Server", server], ["Engine", engine ? `${engine} on ${device}` : "none is left"], ["Model", `${model.name} ${model.version}`],
    ["Smallest face", `${model.min_face_px} px`], ["Budget", `${budget} ms a frame`]];
  byId("server").replaceChildren(...facts.map(([name, value]) => {
    const fact = make("dd", {}, value);
    if (name === "Model" && model.status === "preview") fact.append(make("span", { class: "tag" }, "preview"));
    if (name === "Engine") fact.append(...passedOver.map((one) => make("span", { class: "passed-over" },
      `not ${one.name}: ${one.reason}`)));
    if (name === "Model") fact.title = `sha256 ${model.sha256}`;
    return make("div", {}, make("dt", {}, name), fact);
  }));
  say(byId("promise"), promise ? `Measured: ${promise}` : "");
}

function drawSessions() {
  const views = [...guard.sessions.values()].reverse();
  byId("no-sessions").hidden = views.length > 0;
  byId("columns").toggleAttribute("data-empty", views.length === 0);
  const current = chosen.view();
  const list = byId("sessions");
  const stand = JSON.stringify(views.map((view) => [view.id, view.state, view.info])) + (current && current.id);
  if (list.dataset.stand === stand) return; // Redrawing would take the focus away.
  list.dataset.stand = stand;
  const focused = document.activeElement && document.activeElement.dataset.session;
  list.replaceChildren(...views.map((view) => make("li", {}, sessionButton(view, view === current))));
  if (focused) [...list.querySelectorAll("button")].find((one) => one.dataset.session === focused)?.focus();
}

function sessionButton(view, pressed) {
  const { label = view.id, kind = "", reason = null } = view.info || {};
  const small = [view.id, kind, reason].filter(Boolean).join(" · ");
  const attributes = { type: "button", "data-session": view.id, "data-state": view.state, "aria-pressed": String(pressed),
    onclick: () => pick(view.id) };
  return make("button", attributes, make("b", { title: label }, label || view.id),
    make("span", { class: "state" }, sessionWord(view.state)), make("span", { class: "small" }, small));
}

function pick(id) {
  picked = id;
  chosen = new Chosen(guard, picked);
  draw();
}

function alarm(id, faces) {
  const loud = faces.filter((face) => face.state === "synthetic").map((face) => `Face ${face.id}`);
  const text = loud.length ? `Session ${id}: ${loud.join(", ")} likely synthetic` : "";
  if (text !== alarmed) say(byId("alarm"), text);
  alarmed = text;
}
