/** The capture page: choose a picture, send it to this server, see what comes back. */

import { connect } from "./stream-guard.js";
import { Alarm } from "./alarm.js";
import { byId, fitCanvas, linkPages, make, say, throttled, withToken } from "./elements.js";
import { drawBoxes, placed } from "./boxes.js";
import { FaceList } from "./face-list.js";
import { openFloating } from "./floating.js";
import { askFor } from "./picture.js";
import { Sender } from "./whip.js";
import { showConnection, showModel } from "./about-server.js";
import { standing } from "./standing.js";
import { pageToken } from "./token.js";
import { TokenForm } from "./token-form.js";
import { summary } from "./words.js";

const SETTLE_MS = 2500; // After the server is back: how long our session may take to be heard of again.
const AGAIN_MS = 5000; // After the server refused the picture while we were connected.
const LOCAL = ["localhost", "127.0.0.1", "[::1]"];

const guard = connect(undefined, { token: pageToken() });
const list = new FaceList(byId("faces"), { detail: true });
const alarm = new Alarm(byId("alarm"));
const tokenForm = new TokenForm(byId("token"), guard, linkPages);
const soon = throttled(draw, 8);

let stream = null;
let sender = null;
let floating = null;
let sending = null;
let heardOf = false;
let wasLost = false; // The server may have forgotten us since the picture was sent.
let unsent = false; // The last attempt to send failed.
let again = 0;

byId("share-window").addEventListener("click", () => begin("window"));
byId("share-tab").addEventListener("click", () => begin("browser"));
byId("use-camera").addEventListener("click", () => begin("camera"));
byId("stop").addEventListener("click", () => end());
byId("float").addEventListener("click", toggleFloating);
byId("sound").addEventListener("change", ({ target }) => { alarm.sound = target.checked; });
byId("notify").addEventListener("change", async ({ target }) => {
  const wanted = target.checked;
  target.checked = await alarm.allowNotifications(wanted);
  if (wanted && !target.checked) hint("The browser does not allow notifications for this page.");
});
addEventListener("pagehide", () => { if (sender) sender.stop(); });
addEventListener("resize", soon);

guard.on("scores", (scores) => {
  if (sender && scores.session === sender.session) heardOf = true;
  soon();
});
guard.on("session", (session) => {
  if (!sender || session.session !== sender.session) return;
  if (session.state === "ended") end(["The server ended the session.", session.reason || ""]);
});
guard.on("engine", () => showModel(byId("model"), guard.hello));
guard.on("hello", (hello) => {
  showModel(byId("model"), hello);
  if (unsent) resend();
  else if (sender && wasLost) setTimeout(resend, SETTLE_MS);
});
guard.on("status", (status) => {
  wasLost = wasLost || status === "lost";
  if (status === "lost") heardOf = false;
});
for (const name of ["hello", "session", "status", "stale"]) guard.on(name, soon);
setInterval(soon, 500);
setInterval(readSent, 1000);
linkPages();
privacy();
draw();

async function begin(what) {
  problem();
  const buttons = document.querySelectorAll(".choice");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    stream = await askFor(what);
    watchTrack(stream.getVideoTracks()[0]);
    byId("preview").srcObject = stream;
    await send(what === "camera" ? 4000 : 6000);
    if (!stream) return; // It ended while the server was answering.
    byId("start").hidden = true;
    byId("live").hidden = false;
    byId("stop").focus();
  } catch (error) {
    await end([error.message, error.detail || error.todo || ""]);
    if (error.wantsToken) tokenForm.ask();
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
    draw();
  }
}

async function send(maxKbps) {
  const fresh = new Sender(stream, { token: pageToken(), maxKbps, onfailed: () => resend(true) });
  sender = fresh;
  heardOf = false;
  try {
    await fresh.start();
  } catch (error) {
    if (sender === fresh) throw error;
  }
  if (sender !== fresh) return; // It ended, or is being sent anew, since the server was asked.
  [wasLost, unsent] = [false, false];
  byId("overlay-link").href = withToken("/overlay", sender.session ? { session: sender.session } : {});
}

/** The server came back, perhaps as another process: send the same picture again where it knows us no more. */
async function resend(surely = false) {
  if (!sender || !stream) return;
  if (!surely && heardOf && view() && !view().isStale()) return;
  clearTimeout(again);
  const before = sender;
  await before.stop();
  if (sender !== before) return; // It ended, or is being sent anew already.
  try {
    await send(before.maxKbps);
    if (!unsent) problem();
  } catch (error) {
    failed(error);
  }
}

/** The picture stands, but does not get out: a `hello` sends it again, and so does time while we are connected. */
function failed(error) {
  unsent = true;
  problem(error.message, error.detail || "");
  if (error.wantsToken) tokenForm.ask();
  else if (guard.status === "open") again = setTimeout(resend, AGAIN_MS);
}

async function end(why) {
  const [ending, picture] = [sender, stream];
  clearTimeout(again);
  sender = null;
  stream = null;
  sending = null;
  unsent = false;
  if (floating) floating.close();
  if (picture) picture.getTracks().forEach((track) => track.stop());
  byId("preview").srcObject = null;
  byId("live").hidden = true;
  byId("start").hidden = false;
  byId("overlay-link").href = withToken("/overlay");
  alarm.show([]);
  hint();
  if (why) problem(...why);
  if (ending) await ending.stop();
}

function watchTrack(track) {
  track.addEventListener("ended", () => end(["The sharing has ended.", "Pick something to go on."]));
  track.addEventListener("mute", () => hint("No new picture: is the window minimised or hidden? Bring it back."));
  track.addEventListener("unmute", () => hint());
}

async function toggleFloating() {
  if (floating) {
    floating.close();
    return;
  }
  try {
    floating = await openFloating(read, sender && sender.session);
    floating.onclose = () => {
      floating = null;
      say(byId("float"), "Keep on top");
    };
    if (floating.kind === "popup") floating = null;
    else say(byId("float"), "Close the small window");
  } catch (error) {
    hint(error.message);
  }
}

function view() {
  return (sender && guard.sessions.get(sender.session)) || null;
}

function read() {
  const current = view();
  const now = standing(guard, current);
  const context = {
    transport: current && current.scores ? current.scores.transport : null,
    model: guard.hello && guard.hello.model,
    ageMs: current ? current.ageMs() : null,
    t: current && current.scores ? current.scores.t : 0,
    numbered: now.faces.length > 1,
  };
  return { faces: now.faces, context, line: now.trouble || now.empty, now, current };
}

function draw() {
  showConnection(byId("connection"), guard);
  if (floating) floating.draw();
  if (!sender) return;
  const { faces, context, now, current } = read();
  list.show(faces, context);
  const words = now.kind !== "no-session" ? now.trouble || now.empty
    : unsent ? "The picture is not being sent. Trying again…" : "Waiting for the first score…";
  say(byId("standing"), words || summary(faces));
  byId("standing").toggleAttribute("data-trouble", Boolean(now.trouble));
  say(byId("keeping-up"), keepingUp(current, faces));
  alarm.show(faces);
  drawPicture(faces);
  drawSent();
}

function keepingUp(current, faces) {
  const parts = [];
  const rates = current ? faces.map((face) => current.rate(face.id)).filter((rate) => rate !== null) : [];
  if (rates.length) {
    parts.push(`Each face is scored at least ${Math.min(...rates).toFixed(1)} times a second.`);
    if (current.scores.budget.degraded) parts.push("That is less than every frame: this computer has its hands full.");
  }
  const preview = guard.hello && guard.hello.model.status === "preview";
  if (preview && faces.length) parts.push("The model is a preview: take its scores as a hint.");
  return parts.join(" ");
}

function drawPicture(faces) {
  const canvas = byId("boxes");
  const video = byId("preview");
  const context = fitCanvas(canvas);
  const picture = { width: video.videoWidth, height: video.videoHeight };
  drawBoxes(context, faces, placed(picture, { width: canvas.clientWidth, height: canvas.clientHeight }));
}

async function readSent() {
  if (!sender) return;
  sending = await sender.stats();
  soon();
}

function drawSent() {
  const facts = [];
  if (sending) {
    facts.push(["Sent", `${sending.width} × ${sending.height}`], ["Rate", `${Math.round(sending.fps)} fps`]);
    if (sending.kbps !== null) facts.push(["Bitrate", `${Math.round(sending.kbps)} kb/s`]);
    facts.push(["Codec", sending.codec || "?"]);
    if (sending.limit === "cpu") facts.push(["Held back by", "this computer's speed"]);
    if (sending.limit === "bandwidth") facts.push(["Held back by", "the connection"]);
  } else facts.push(["Sent", "nothing yet"]);
  const wanted = facts.flat().join("|");
  if (byId("sent").dataset.shown === wanted) return;
  byId("sent").dataset.shown = wanted;
  byId("sent").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function problem(title = "", todo = "") {
  byId("problem").hidden = !title;
  byId("problem").replaceChildren();
  if (!title) return;
  const text = make("div", { class: "text" }, make("p", {}, make("b", {}, title)), make("p", {}, todo));
  const close = make("button", { type: "button", "aria-label": "Close this message", onclick: () => problem() }, "✕");
  byId("problem").append(text, close);
}

function hint(text = "") {
  say(byId("hint"), text);
  byId("hint").hidden = !text;
}

function privacy() {
  const local = LOCAL.includes(location.hostname);
  byId("privacy").dataset.local = local ? "yes" : "no";
  say(byId("privacy"), local
    ? "Nothing leaves this computer: the picture goes to stream-guard here, and nowhere else. No bot joins the call."
    : `The picture goes to ${location.host}, which runs stream-guard, and nowhere else. No bot joins the call.`);
}
