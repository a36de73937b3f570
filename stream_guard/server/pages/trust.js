/** Vouching: "I know this is really them", a button for each face, and how the others compare with that one. */

import { ask } from "./ask-server.js";
import { byId, make, say } from "./elements.js";
import { shape } from "./shapes.js";
import { comparison, drawOutliers } from "./outliers.js";
import { stateWord } from "./words.js";

/** The section `#trust`, which begins empty but for its title. */
export class TrustPanel {
  #rows = new Map();
  #session = "";
  #parts;

  constructor() {
    const note = make("p", { class: "small" },
      "Only for somebody you know to be real at this moment, for instance yourself: the face as it is now becomes the "
      + "measure for itself and for the others. “Authentic” never means that somebody is who they say they are.");
    this.#parts = { list: make("ul", { class: "known" }), none: make("p", { class: "empty" }),
      plot: make("div", { class: "outliers" }), words: make("p", { class: "outlier-words", role: "status" }),
      problem: make("p", { class: "problem", role: "alert" }) };
    const { list, none, plot, words, problem } = this.#parts;
    byId("trust").append(note, list, none, problem, plot, words);
  }

  /** Show the faces of a session as they stand; what is old is not compared. */
  show(view) {
    const { list, none, plot, words, problem } = this.#parts;
    if (view.id !== this.#session) {
      this.#session = view.id;
      this.#rows.clear();
      list.replaceChildren();
      say(problem, "");
    }
    const here = view.faces();
    const now = here.filter((face) => face.state !== "stale");
    const ids = new Set(here.map((face) => face.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
    for (const face of here) {
      if (!this.#rows.has(face.id)) {
        this.#rows.set(face.id, this.#newRow(face.id));
        list.append(this.#rows.get(face.id).root);
      }
      drawRow(this.#rows.get(face.id), face);
    }
    none.hidden = here.length > 0;
    say(none, "No face in the picture.");
    drawOutliers(plot, now);
    say(words, now.length ? comparison(now) : "");
  }

  #newRow(id) {
    const row = { mark: make("span", { class: "mark" }), word: make("b"), said: make("span", { class: "small" }), state: "" };
    row.button = make("button", { type: "button", onclick: () => this.#vouch(id) });
    row.root = make("li", { "data-face": id }, row.mark, make("span", { class: "who" }, `Face ${id}`), row.word, row.said, row.button);
    return row;
  }

  async #vouch(id) {
    const { problem } = this.#parts;
    try {
      await ask("POST", `/api/sessions/${encodeURIComponent(this.#session)}/faces/${id}/trust`);
      say(problem, "");
    } catch (error) {
      say(problem, error.message);
    }
  }
}

function drawRow(row, face) {
  if (row.state !== face.state) row.mark.replaceChildren(shape(face.state));
  row.state = face.state;
  row.root.toggleAttribute("data-trusted", face.trusted);
  say(row.word, stateWord(face.state));
  say(row.said, face.trusted ? "You vouch for this face." : "");
  say(row.button, "I know this is really them");
  row.button.hidden = face.trusted;
  row.button.disabled = face.authenticity === null;
  row.button.title = row.button.disabled ? "Too little was seen of this face yet." : "";
}
