/** The faces of one session as a list: shape, word, score, and why not where there is none. */

import { shape } from "./shapes.js";
import { faceRows } from "./face-rows.js";
import { ageWords, driverWords, explain, explainSize, scoreWords, stateWord } from "./words.js";
import { make, say } from "./elements.js";

const SMALL = "small";

/** States in which what speaks against the face is said. */
const LEANING = new Set(["synthetic", "suspicious"]);

/** A list in `root` (an `ol`). Rows are kept between updates, so that nothing flickers. */
export class FaceList {
  #root;
  #detail;
  #rows = new Map();

  /**
   * @param {HTMLElement} root
   * @param {{detail?: boolean}} options `detail`: the interval as a bar, what to do, and the score's age.
   */
  constructor(root, { detail = false } = {}) {
    this.#root = root;
    this.#detail = detail;
  }

  /**
   * Show these faces.
   *
   * @param {object[]} faces as a View gives them; at most `max` rows are shown, the most urgent first.
   * @param {{transport: object, model: ?object, ageMs: ?number, t?: number, max?: number, numbered?: boolean}} context
   * @returns {number} how many are left out.
   */
  show(faces, context) {
    const shown = faceRows(faces, context.max || faces.length);
    const keys = new Set(shown.map(keyOf));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.root.remove();
      this.#rows.delete(key);
    }
    shown.forEach((together, place) => {
      const key = keyOf(together);
      if (!this.#rows.has(key)) this.#rows.set(key, new Row(this.#detail));
      const row = this.#rows.get(key);
      row.show(together, context);
      const there = this.#root.children[place];
      if (there !== row.root) this.#root.insertBefore(row.root, there || null);
    });
    return faces.length - shown.flat().length;
  }
}

function keyOf(together) {
  return together.length > 1 ? SMALL : together[0].id;
}

class Row {
  #state = null;
  #parts;
  #detail;

  constructor(detail) {
    this.#detail = detail;
    const parts = {
      mark: make("span", { class: "face-mark" }),
      word: make("span", { class: "face-word" }),
      who: make("span", { class: "face-who" }),
      score: make("span", { class: "face-score" }),
      why: make("span", { class: "face-why" }),
      bar: make("span", { class: "face-bar", "aria-hidden": "true" }),
      range: make("span", { class: "face-range" }),
      needle: make("span", { class: "face-needle" }),
    };
    parts.bar.append(parts.range, parts.needle);
    const head = make("span", { class: "face-head" }, parts.word, parts.who);
    const text = make("span", { class: "face-text" }, head, parts.score, parts.why);
    if (detail) text.append(parts.bar);
    this.root = make("li", { class: "face" }, parts.mark, text);
    this.#parts = parts;
  }

  show(together, { transport, model, ageMs, t = 0, numbered = true }) {
    const [face] = together;
    const many = together.length > 1;
    const { mark, word, who, score } = this.#parts;
    if (face.state !== this.#state) {
      this.#state = face.state;
      this.root.dataset.state = face.state;
      mark.replaceChildren(shape(face.state));
    }
    say(word, (face.rehearsal ? "REHEARSAL: " : "") + stateWord(face.state));
    this.root.dataset.face = together.map(({ id }) => id).join(" ");
    say(who, many ? `${together.length} faces` : numbered ? `Face ${face.id}` : "");
    const judged = face.state !== "cannot_judge";
    const old = face.state === "stale";
    const age = ageMs === null ? "" : old ? `last score ${ageWords(ageMs)} ago` : `${ageWords(ageMs)} old`;
    const numbers = judged ? scoreWords(face) : this.#detail ? "no score" : "";
    const parts = [old ? "" : numbers, old || this.#detail ? age : ""];
    say(score, parts.filter(Boolean).join(" · "));
    const why = many ? [explainSize(together, transport, model)] : explain(face, transport, model);
    const against = driverWords(face, t, ageMs).map((short) => ({ short, todo: "", brief: "" }));
    this.#drawReasons(judged ? (LEANING.has(face.state) ? against : []) : why);
    this.#drawBar(judged ? face : { authenticity: null });
  }

  #drawReasons(reasons) {
    const { why } = this.#parts;
    if (!this.#detail) {
      say(why, reasons.map(({ short, brief }) => (brief ? `${short}: ${brief}` : short)).join(" · "));
      return;
    }
    const lines = reasons.map(({ short, todo }) => make("span", { class: "reason" }, make("b", {}, `${short}. `), todo));
    if (why.textContent !== lines.map((line) => line.textContent).join("")) why.replaceChildren(...lines);
  }

  #drawBar({ authenticity, interval }) {
    const { bar, range, needle } = this.#parts;
    bar.hidden = authenticity === null;
    if (bar.hidden) return;
    const [low, high] = interval || [authenticity, authenticity];
    range.style.left = `${low * 100}%`;
    range.style.width = `${Math.max(high - low, 0.005) * 100}%`;
    needle.style.left = `${authenticity * 100}%`;
  }
}
