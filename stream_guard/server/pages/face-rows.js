/** Which rows a list of faces gets: one each, except that many faces that are too small share one. */

import { byUrgency, isTooSmall } from "./words.js";

const FEW = 2;

/**
 * @param {object[]} faces as a View gives them.
 * @param {number} max how many rows there may be; faces that are too small get the last one, unless it is needed
 *   for a warning, because they alone are something that can be done about.
 * @returns {object[][]} the faces of each row, the most urgent first.
 */
export function faceRows(faces, max) {
  const sorted = byUrgency(faces);
  const small = sorted.filter(isTooSmall);
  const single = small.length > FEW ? sorted.filter((face) => !small.includes(face)) : sorted;
  const rows = single.map((face) => [face]);
  if (single !== sorted) {
    const later = rows.findIndex(([face]) => face.state === "stale");
    rows.splice(later < 0 ? rows.length : later, 0, small);
  }
  const shown = rows.slice(0, max);
  const last = shown[shown.length - 1];
  if (small.length && last[0].state === "authentic") shown[shown.length - 1] = rows.find((row) => isTooSmall(row[0]));
  return shown;
}
