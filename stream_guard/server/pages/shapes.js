/**
 * A shape and a colour for every state. Shapes differ in outline, so nothing rests on colour alone; colours are
 * Okabe and Ito's (jfly.uni-koeln.de/color), which people with any colour vision can tell apart.
 */

const ROUND = "M12 2a10 10 0 1 1 0 20a10 10 0 1 1 0-20z";

/** Outline and mark on a 24 by 24 field. `hollow` shapes are no verdict. */
const SHAPES = {
  authentic: { outline: ROUND, mark: "M7.4 12.4l3.2 3.3 6.2-7" },
  suspicious: { outline: "M12 1.8L23 21.4H1z", mark: "M12 8.6v5.4M12 17.7v.02" },
  synthetic: { outline: "M7.6 1.5h8.8l6.1 6.1v8.8l-6.1 6.1H7.6l-6.1-6.1V7.6z", mark: "M8 8l8 8M16 8l-8 8" },
  cannot_judge: {
    outline: ROUND,
    mark: "M9.3 9.6a2.8 2.8 0 1 1 4.1 2.5c-1 .5-1.4 1-1.4 2M12 17.2v.02",
    hollow: true,
    dash: [3.4, 2.9],
  },
  stale: { outline: ROUND, mark: "M12 7v5.2l3.4 2.2", hollow: true },
};

export const COLOURS = {
  authentic: "#009E73",
  suspicious: "#E69F00",
  synthetic: "#D55E00",
  cannot_judge: "#9AA4B0",
  stale: "#9AA4B0",
};

const MARK_COLOURS = { authentic: "#FFFFFF", suspicious: "#16120A", synthetic: "#FFFFFF" };
const SVG = "http://www.w3.org/2000/svg";

/** Make the shape of a state as an SVG element; style.css gives its size. */
export function shape(state) {
  const { outline, mark, hollow, dash } = SHAPES[state] || SHAPES.cannot_judge;
  const svg = document.createElementNS(SVG, "svg");
  set(svg, { viewBox: "0 0 24 24", class: "shape", "aria-hidden": "true", "data-shape": state });
  const edge = document.createElementNS(SVG, "path");
  set(edge, { d: outline, class: hollow ? "shape-hollow" : "shape-solid",
    fill: hollow ? "none" : COLOURS[state] });
  if (hollow) set(edge, { stroke: "currentColor", "stroke-width": "2" });
  if (dash) set(edge, { "stroke-dasharray": dash.join(" ") });
  const inner = document.createElementNS(SVG, "path");
  set(inner, { d: mark, fill: "none", stroke: hollow ? "currentColor" : MARK_COLOURS[state], "stroke-width": "2.4",
    "stroke-linecap": "round", "stroke-linejoin": "round" });
  svg.append(edge, inner);
  return svg;
}

/** Draw the shape of a state on a canvas, `size` pixels wide, its top left corner at (x, y). */
export function drawShape(context, state, x, y, size) {
  const { outline, mark, hollow, dash } = SHAPES[state] || SHAPES.cannot_judge;
  context.save();
  context.translate(x, y);
  context.scale(size / 24, size / 24);
  context.lineCap = "round";
  context.lineJoin = "round";
  const edge = new Path2D(outline);
  if (hollow) {
    context.strokeStyle = "#E6EAEF";
    context.lineWidth = 2;
    if (dash) context.setLineDash(dash);
    context.stroke(edge);
    context.setLineDash([]);
  } else {
    context.fillStyle = COLOURS[state];
    context.fill(edge);
  }
  context.strokeStyle = hollow ? "#E6EAEF" : MARK_COLOURS[state];
  context.lineWidth = 2.4;
  context.stroke(new Path2D(mark));
  context.restore();
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
