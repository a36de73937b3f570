/** Boxes around faces, drawn over a picture. Each state has its own line, so nothing rests on colour alone. */

import { COLOURS, drawShape } from "./shapes.js";
import { byUrgency, stateWord } from "./words.js";

const LINES = {
  authentic: { width: 2, dash: [] },
  suspicious: { width: 4, dash: [14, 7] },
  synthetic: { width: 6, dash: [] },
  cannot_judge: { width: 2, dash: [3, 5] },
  stale: { width: 1, dash: [3, 5] },
};
const NEUTRAL = "#E6EAEF";
const LABEL = "rgba(14, 18, 23, 0.86)";
const FONT = "\"Segoe UI\", Roboto, \"DejaVu Sans\", system-ui, sans-serif";

/**
 * Where a picture lies inside an area, in the area's pixels.
 *
 * @param {"contain"|"cover"|"fill"} fit as in CSS object-fit.
 * @returns {{x: number, y: number, width: number, height: number}}
 */
export function placed(picture, area, fit = "contain") {
  if (fit === "fill" || !picture.width || !picture.height) {
    return { x: 0, y: 0, width: area.width, height: area.height };
  }
  const choose = fit === "cover" ? Math.max : Math.min;
  const scale = choose(area.width / picture.width, area.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
}

/**
 * Draw boxes, the most urgent on top.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {object[]} faces as a View gives them; boxes are fractions of the frame.
 * @param {{x: number, y: number, width: number, height: number}} frame where the frame lies on the canvas.
 * @param {{scale?: number}} options size of lines and labels, 1 for a small preview.
 */
export function drawBoxes(context, faces, frame, { scale = 1 } = {}) {
  for (const face of byUrgency(faces).reverse()) {
    const [left, top, width, height] = face.box;
    const box = {
      x: frame.x + left * frame.width,
      y: frame.y + top * frame.height,
      width: width * frame.width,
      height: height * frame.height,
    };
    outline(context, face.state, box, scale);
    label(context, face, box, frame, scale, faces.length > 1);
  }
}

function outline(context, state, { x, y, width, height }, scale) {
  const line = LINES[state] || LINES.cannot_judge;
  context.save();
  context.lineJoin = "round";
  context.setLineDash([]);
  context.strokeStyle = "rgba(0, 0, 0, 0.55)"; // A dark edge keeps the line readable on any picture.
  context.lineWidth = line.width * scale + 2;
  if (!line.dash.length) context.strokeRect(x, y, width, height);
  context.setLineDash(line.dash.map((length) => length * scale));
  if (line.dash.length) context.strokeRect(x, y, width, height);
  context.strokeStyle = state === "cannot_judge" || state === "stale" ? NEUTRAL : COLOURS[state];
  context.lineWidth = line.width * scale;
  context.strokeRect(x, y, width, height);
  context.restore();
}

function label(context, face, box, frame, scale, numbered) {
  const size = 14 * scale;
  const pad = 4 * scale;
  context.save();
  context.font = `600 ${size}px ${FONT}`;
  context.textBaseline = "middle";
  const words = fitting(context, wordings(face, numbered), box.width - size - 3 * pad);
  const text = words ? context.measureText(words).width + pad : 0;
  const width = size + 2 * pad + text;
  const height = size + 2 * pad;
  const above = box.y - height - 2 * scale;
  const x = Math.min(Math.max(box.x, frame.x), Math.max(frame.x, frame.x + frame.width - width));
  const y = above >= frame.y ? above : Math.max(box.y + 3 * scale, frame.y);
  context.fillStyle = LABEL;
  context.beginPath();
  context.roundRect(x, y, width, height, 4 * scale);
  context.fill();
  drawShape(context, face.state, x + pad, y + pad, size);
  context.fillStyle = "#FFFFFF";
  if (words) context.fillText(words, x + size + 2 * pad, y + height / 2 + scale * 0.5);
  context.restore();
}

/** From long to short. A face that raises an alarm is always named in full. */
function wordings(face, numbered) {
  const word = (face.rehearsal ? "REHEARSAL: " : "") + stateWord(face.state);
  const full = numbered ? `${face.id} · ${word}` : word;
  if (face.state === "synthetic" || face.state === "suspicious") return [full];
  return numbered ? [full, word, `${face.id}`, ""] : [full, ""];
}

function fitting(context, texts, room) {
  return texts.find((text) => context.measureText(text).width <= room) || texts[texts.length - 1];
}
