/** The trace of a challenge: the movement and the score over time, the actions as bands behind them. */

const WIDTH = 420;
const HEIGHT = 120;
const TOP = 14;
const LEFT = 38;

/** How much of an action is its full height in the picture. */
const FULL = { turn_left: 90, turn_right: 90, hand_across: 1, finger_on_cheek: 1, stand_up: 1.5, move_close: 1 };

/** Draw a message's trace into an element. */
export function drawTrace(root, { trace, steps }) {
  const from = trace[0].t;
  const span = Math.max(1, trace[trace.length - 1].t - from);
  const x = (t) => LEFT + (WIDTH - LEFT) * (t - from) / span;
  const y = (share) => TOP + (HEIGHT - TOP) * (1 - Math.min(1, Math.max(0, share)));
  const bands = steps.filter((step) => step.began !== null && step.ended !== null).flatMap((step, place) => [
    svg("rect", { x: x(step.began), y: TOP, width: Math.max(1, x(step.ended) - x(step.began)), height: HEIGHT - TOP, class: "band" }),
    svg("text", { x: x(step.began) + 3, y: 10, class: "level" }, String(place + 1)),
  ]);
  const levels = [0, 0.5, 1].flatMap((share) => [
    svg("line", { x1: LEFT, x2: WIDTH, y1: y(share), y2: y(share), class: "grid" }),
    svg("text", { x: 0, y: y(share) + 4, class: "level" }, `${share * 100} %`),
  ]);
  const lapses = steps.flatMap((step) => step.lapses).map((lapse) => svg("rect", { x: x(lapse.since), y: HEIGHT - 5,
    width: Math.max(2, x(lapse.until) - x(lapse.since)), height: 5, class: "lapse" }));
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 6}`, role: "img",
    "aria-label": "Score and movement over time; what they came to is said above" }, ...bands, ...levels,
  line(trace, "movement", (point) => movement(point, steps), x, y), line(trace, "score", (point) => point.authenticity, x, y), ...lapses);
  const note = document.createElement("p");
  note.className = "small trace-legend";
  note.append(key("score", "score"), key("movement", "movement"), key("lapse", "face lost or exchanged"));
  root.replaceChildren(picture, note);
}

function movement({ step, amount }, steps) {
  if (step === null || amount === null) return null;
  const { action } = steps[step];
  return Math.abs(action === "move_close" ? amount - 1 : amount) / FULL[action];
}

/** A line that breaks where there is nothing to show. */
function line(points, name, value, x, y) {
  let path = "";
  let pen = "M";
  for (const point of points) {
    const share = value(point);
    if (share === null || share === undefined) pen = "M";
    else {
      path += `${pen}${x(point.t).toFixed(1)} ${y(share).toFixed(1)}`;
      pen = "L";
    }
  }
  return svg("path", { d: path, class: name });
}

function key(name, words) {
  const entry = document.createElement("span");
  entry.className = `key ${name}`;
  entry.textContent = words;
  return entry;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
