/** The dashboard's numbers: frames, what became of them, and how long each stage takes. */

import { make } from "./elements.js";
import { ageWords, causeWords } from "./words.js";

const LITTLE = 0.5; // A share of the model's evidence below which the picture itself is the trouble.
const ORDER = ["wait", "convert", "find", "track", "align", "infer", "total"];

/** Draw the row of numbers on top. */
export function drawTiles(list, view) {
  const { stats, scores } = view;
  const tiles = [];
  if (stats) tiles.push(["Frames in", stats.fps_in.toFixed(1), "fps"], ["Scored", stats.fps_scored.toFixed(1), "fps"]);
  if (scores) {
    const { transport, budget } = scores;
    const age = view.ageMs();
    tiles.push(["Age of the score", age < 1000 ? Math.round(age) : ageWords(age), age < 1000 ? "ms" : "", view.isStale()]);
    if (budget.p95_ms !== null) {
      tiles.push(["p95, budget " + budget.target_ms, Math.round(budget.p95_ms), "ms", budget.p95_ms > budget.target_ms]);
    }
    tiles.push(["Faces in turn", budget.degraded ? "yes" : "no", "", budget.degraded]);
    tiles.push(["Picture", `${transport.width}×${transport.height}`, ""], ["Codec", transport.codec, ""],
      ["Transport", transport.fps.toFixed(1), "fps"]);
    if (transport.kbps !== null) tiles.push(["Bitrate", Math.round(transport.kbps), "kb/s"]);
    if (transport.evidence < 1) tiles.push(["Left of the evidence", Math.round(transport.evidence * 100), "%", transport.evidence < LITTLE]);
    if (transport.lost !== null) tiles.push(["Packets lost", transport.lost, "", transport.lost > 0]);
  }
  if (stats) tiles.push(["Hidden backlog", Math.round(stats.backlog_ms), "ms", stats.backlog_ms > 200], ["Clients", stats.clients, ""]);
  keepTiles(list, tiles);
}

/** Draw the stages as bars; the bars share one scale, and the budget is a line. Returns whether there are any. */
export function drawStages(body, stats, budgetMs) {
  const stages = stats ? Object.entries(stats.stages) : [];
  if (isDrawn(body, stats, budgetMs)) return stages.length > 0;
  const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length - 2);
  stages.sort(([one], [other]) => rank(one) - rank(other));
  const most = Math.max(budgetMs || 0, ...stages.map(([, stage]) => stage.p99_ms)) * 1.05 || 1;
  const rows = stages.map(([name, { p50_ms: p50, p95_ms: p95, p99_ms: p99, count }]) => {
    const bar = make("div", { class: "bar", title: `${count} frames` });
    bar.append(part("p99", p99 / most), part("p95", p95 / most), part("p50", p50 / most));
    if (budgetMs && name === "total") {
      const limit = make("i", { class: "limit" });
      limit.style.left = `${(budgetMs / most) * 100}%`;
      bar.append(limit);
    }
    return make("tr", { "data-stage": name }, make("th", { scope: "row" }, name), make("td", { class: "bar-column" }, bar),
      ...[p50, p95, p99].map((ms) => make("td", {}, `${ms.toFixed(1)} ms`)));
  });
  body.replaceChildren(...rows);
  body.parentElement.hidden = rows.length === 0;
  return rows.length > 0;
}

/** Draw in, admitted, scored and every named drop. Returns whether any frame was dropped. */
export function drawFunnel(body, stats) {
  const row = (name, count, share, drop = false) => make("tr", { "data-drop": drop, "data-count": name },
    make("th", { scope: "row" }, name), make("td", {}, count.toLocaleString("en")), make("td", {}, share));
  const drops = stats ? Object.entries(stats.dropped).filter(([, count]) => count > 0) : [];
  if (isDrawn(body, stats)) return drops.length > 0;
  if (!stats) {
    body.replaceChildren();
    return false;
  }
  const of = (count) => (stats.received ? `${((count / stats.received) * 100).toFixed(1)} %` : "");
  body.replaceChildren(
    row("in", stats.received, ""),
    row("admitted", stats.admitted, of(stats.admitted)),
    row("scored", stats.scored, of(stats.scored)),
    ...drops.map(([cause, count]) => row(cause.replace(/_/g, " "), count, `${of(count)}, ${causeWords(cause)}`, true)),
  );
  return drops.length > 0;
}

const drawn = new WeakMap();

/** Whether an element already shows just this; if not, note that it will. */
function isDrawn(element, ...what) {
  const before = drawn.get(element);
  drawn.set(element, what);
  return before !== undefined && before.every((part, place) => part === what[place]);
}

function part(name, share) {
  const element = make("i", { class: name });
  element.style.width = `${share * 100}%`;
  return element;
}

function keepTiles(list, tiles) {
  const names = tiles.map(([name]) => name).join("|");
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...tiles.map(([name]) => make("div", {}, make("dt", {}, name), make("dd"))));
  }
  tiles.forEach(([, value, unit, warn = false], place) => {
    const tile = list.children[place];
    const [dd, text] = [tile.lastChild, String(value)];
    tile.toggleAttribute("data-warn", warn);
    if (dd.dataset.text === text + unit) return;
    dd.dataset.text = text + unit;
    dd.replaceChildren(text, make("small", {}, unit));
  });
}
