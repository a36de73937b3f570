/** What the overlay's address may ask for. A word that is not known is said on the console, not on the stream. */

import { STATES } from "./words.js";

const CHOICES = {
  corner: ["tr", "tl", "br", "bl"],
  size: ["m", "s", "l"],
  theme: ["dark", "light", "high-contrast"],
  fit: ["contain", "cover", "fill"],
};
const MOST = { s: 3, m: 4, l: 5 };

/**
 * Read the options from the part of an address that begins with "?".
 *
 * @returns {{corner: string, size: string, theme: string, fit: string, states: Set<string>, session: ?string,
 *   boxes: boolean, list: boolean, empty: boolean, preview: boolean, motion: boolean, opaque: boolean, max: number}}
 */
export function readOptions(search) {
  const query = new URLSearchParams(search);
  const options = {};
  for (const [name, allowed] of Object.entries(CHOICES)) options[name] = choice(query, name, allowed);
  const boxes = flag(query, "boxes", false);
  return {
    ...options,
    states: states(query),
    session: query.get("session") || null,
    boxes,
    list: flag(query, "list", !boxes),
    empty: flag(query, "empty", true),
    preview: flag(query, "preview", true),
    motion: flag(query, "motion", true),
    opaque: flag(query, "opaque", false),
    max: number(query, "max", MOST[options.size]),
  };
}

function choice(query, name, allowed) {
  const asked = query.get(name);
  if (asked === null || allowed.includes(asked)) return asked || allowed[0];
  console.warn(`stream-guard: ${name}=${asked} is not one of ${allowed.join(", ")}`);
  return allowed[0];
}

function flag(query, name, otherwise) {
  const asked = query.get(name);
  return asked === null ? otherwise : !["0", "no", "off", "false"].includes(asked);
}

function number(query, name, otherwise) {
  const asked = Number(query.get(name));
  return Number.isInteger(asked) && asked > 0 ? Math.min(asked, 50) : otherwise;
}

function states(query) {
  const asked = (query.get("states") || "").split(",").map((word) => word.trim()).filter(Boolean);
  const known = asked.filter((state) => STATES.includes(state));
  if (known.length < asked.length) console.warn(`stream-guard: states are ${STATES.join(", ")}`);
  return new Set(known.length ? known : STATES);
}
