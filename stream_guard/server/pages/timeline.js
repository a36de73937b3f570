/** The score of one face over the last minutes, on a canvas. */

import { fitCanvas } from "./elements.js";
import { COLOURS } from "./shapes.js";

const GAP_MS = 1500; // Where no report came for so long, the line breaks.
const STRIP = 9;
const BOTTOM = 16;
const LEFT = 30;

/**
 * Draw one timeline: the interval as a band, the score as a line, below it the state as a strip.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{points: object[], marks: object[], now: number, spanMs: number, ink: object, labels: ?string[]}} what
 *   `ink` holds the theme's colours: `ink`, `dim`, `line`; `labels` are the words at both ends of the time line.
 */
export function drawTimeline(canvas, { points, marks, now, spanMs, ink, labels = [`−${spanMs / 60_000} min`, "now"] }) {
  const context = fitCanvas(canvas);
  const plot = { left: LEFT, top: 6, width: canvas.clientWidth - LEFT - 4, height: canvas.clientHeight - STRIP - BOTTOM - 12 };
  const x = (at) => plot.left + plot.width * (1 - (now - at) / spanMs);
  const y = (score) => plot.top + plot.height * (1 - score);
  drawGrid(context, plot, labels, ink);
  context.save();
  context.beginPath();
  context.rect(plot.left, 0, plot.width + 2, canvas.clientHeight);
  context.clip();
  const runs = judgedRuns(points);
  for (const run of runs) drawBand(context, run, x, y);
  for (const run of runs) drawLine(context, run, x, y, ink.ink);
  drawStates(context, points, x, plot.top + plot.height + 5, now, ink);
  for (const mark of marks) drawMark(context, x(mark.at), plot, ink);
  context.restore();
}

function drawGrid(context, plot, labels, ink) {
  context.font = "10px \"Segoe UI\", Roboto, \"DejaVu Sans\", sans-serif";
  context.fillStyle = ink.dim;
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const score of [0, 0.5, 1]) {
    const y = Math.round(plot.top + plot.height * (1 - score)) + 0.5;
    context.beginPath();
    context.moveTo(plot.left, y);
    context.lineTo(plot.left + plot.width, y);
    context.stroke();
    context.fillText(String(score * 100), plot.left - 5, y);
  }
  const base = plot.top + plot.height + STRIP + 15;
  context.textAlign = "left";
  context.fillText(labels[0], plot.left, base);
  context.textAlign = "right";
  context.fillText(labels[1], plot.left + plot.width, base);
}

/** Stretches that were judged without a break: gaps stay gaps. */
function judgedRuns(points) {
  const runs = [];
  let run = [];
  let before = null;
  for (const point of points) {
    const broken = Number.isNaN(point.score) || (before && point.at - before.at > GAP_MS);
    if (broken && run.length) {
      runs.push(run);
      run = [];
    }
    if (!Number.isNaN(point.score)) run.push(point);
    before = point;
  }
  if (run.length) runs.push(run);
  return runs;
}

function drawBand(context, run, x, y) {
  context.globalAlpha = 0.3;
  for (let place = 1; place < run.length; place += 1) {
    const [one, other] = [run[place - 1], run[place]];
    context.fillStyle = COLOURS[other.state];
    context.beginPath();
    context.moveTo(x(one.at), y(one.high));
    context.lineTo(x(other.at), y(other.high));
    context.lineTo(x(other.at), y(other.low));
    context.lineTo(x(one.at), y(one.low));
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawLine(context, run, x, y, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.lineJoin = "round";
  context.beginPath();
  run.forEach((point, place) => {
    if (place === 0) context.moveTo(x(point.at), y(point.score));
    else context.lineTo(x(point.at), y(point.score));
  });
  if (run.length === 1) context.lineTo(x(run[0].at) + 1.5, y(run[0].score));
  context.stroke();
}

/** The state as a strip: height differs as well as colour, so that it reads without colours. */
function drawStates(context, points, x, top, now, ink) {
  points.forEach((point, place) => {
    const next = points[place + 1];
    const end = Math.min(next ? next.at : now, point.at + GAP_MS);
    const [from, to] = [Math.floor(x(point.at)), Math.ceil(x(end))];
    const share = { synthetic: 1, suspicious: 0.66, authentic: 0.34 }[point.state];
    context.fillStyle = share ? COLOURS[point.state] : ink.line;
    const height = share ? STRIP * share : 2;
    context.fillRect(from, top + STRIP - height, to - from, height);
  });
}

function drawMark(context, x, plot, ink) {
  context.strokeStyle = ink.ink;
  context.setLineDash([3, 3]);
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, plot.top);
  context.lineTo(x, plot.top + plot.height + STRIP + 4);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = ink.ink;
  context.beginPath();
  context.moveTo(x, plot.top + 5);
  context.lineTo(x - 4, plot.top - 1);
  context.lineTo(x + 4, plot.top - 1);
  context.fill();
}
