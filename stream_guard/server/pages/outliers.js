/** Which face differs from the others: a line of dots, and a sentence that claims no more than the dots show. */

import { make } from "./elements.js";
import { percent } from "./words.js";

const FEW = 3; // With two faces nobody can say which one differs.
const CLEAR = 1; // Log-likelihood ratio by which even the near end of an interval must lie off the others' middle.
const LEVELS = [0.01, 0.1, 0.5, 0.9, 0.99];
const WIDTH = 420;
const ROW = 22;
const TOP = 20;
const SIDE = 74;

/** The faces that can be compared: `{id, at, low, high, trusted, state}`, as log-likelihood ratios, high is synthetic. */
export function placedFaces(faces) {
  return faces.filter((face) => face.authenticity !== null && face.state !== "stale").map((face) => {
    const [low, high] = face.interval || [face.authenticity, face.authenticity];
    return { id: face.id, at: ratio(face.authenticity), low: ratio(high), high: ratio(low), trusted: face.trusted,
      state: face.state, relative: face.relative, authenticity: face.authenticity };
  });
}

/** What the comparison says, as a sentence. */
export function comparison(faces) {
  const placed = placedFaces(faces);
  const trusted = placed.find((face) => face.trusted);
  if (trusted && placed.length > 1) return besideTrusted(placed, trusted);
  if (placed.length < 2) return placed.length ? "One face alone cannot be compared with others." : "No face can be compared yet.";
  if (placed.length < FEW) {
    return "With two faces nobody can say which one differs. Vouch for the one you know, and the other is shown beside it.";
  }
  const off = placed.map((face) => {
    const middle = median(placed.filter((other) => other !== face).map((other) => other.at));
    return { face, apart: Math.max(face.low - middle, middle - face.high), above: face.at > middle };
  }).sort((one, other) => other.apart - one.apart)[0];
  if (off.apart < CLEAR) return "No face differs clearly from the others.";
  const leans = off.above ? "more synthetic" : "more authentic";
  return `Face ${off.face.id} looks ${leans} than the others (authenticity ${percent(off.face.authenticity)}). `
    + "A different camera or light can do that, too.";
}

function besideTrusted(placed, trusted) {
  const others = placed.filter((face) => face !== trusted && face.relative !== null && face.relative !== undefined);
  const worst = others.sort((one, other) => other.relative - one.relative)[0];
  if (!worst) return `No other face can be compared with Face ${trusted.id} yet.`;
  if (worst.relative < CLEAR) return `No face looks clearly more synthetic than Face ${trusted.id}, which you vouch for.`;
  return `Face ${worst.id} looks more synthetic than Face ${trusted.id}, which you vouch for, by ${worst.relative.toFixed(1)} `
    + "(log-likelihood ratio). A different camera or light can do that, too.";
}

/** Draw a row for each face on one scale; nothing where fewer than two can be compared. */
export function drawOutliers(root, faces) {
  const placed = placedFaces(faces);
  root.hidden = placed.length < 2;
  if (root.hidden) return;
  const height = TOP + placed.length * ROW + 4;
  const parts = LEVELS.flatMap((level) => [
    svg("line", { x1: across(ratio(level)), x2: across(ratio(level)), y1: TOP - 4, y2: height, class: "grid" }),
    svg("text", { x: across(ratio(level)), y: 11, "text-anchor": "middle", class: "level" }, percent(level)),
  ]);
  placed.forEach((face, place) => {
    const y = TOP + place * ROW + ROW / 2;
    parts.push(svg("text", { x: 0, y: y + 4, class: "name" }, `Face ${face.id}${face.trusted ? " ✓" : ""}`),
      svg("line", { x1: across(face.low), x2: across(face.high), y1: y, y2: y, class: "range" }),
      svg("circle", { cx: across(face.at), cy: y, r: 5, class: "dot", "data-state": face.state }));
  });
  const label = `Authenticity of ${placed.length} faces with 95 % intervals: `
    + placed.map((face) => `face ${face.id} ${percent(face.authenticity)}`).join(", ");
  root.replaceChildren(svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...parts),
    make("p", { class: "small" }, "← looks synthetic · authenticity, with its 95 % interval · looks authentic →"));
}

/** Log-likelihood ratio for synthetic behind an authenticity; what rounds to 0 or 1 stays on the scale. */
function ratio(authenticity) {
  const held = Math.min(0.998, Math.max(0.002, authenticity));
  return Math.log((1 - held) / held);
}

function across(llr) {
  const most = ratio(0.002);
  return SIDE + (WIDTH - SIDE - 16) * (most - llr) / (2 * most);
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
