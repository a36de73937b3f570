/** Rehearsals: a test swap of one's own picture, what the detector is shown, and what it makes of it. */

import { ask } from "./ask-server.js";
import { byId, make, say } from "./elements.js";
import { shape } from "./shapes.js";
import { byUrgency, percent, stateWord } from "./words.js";

const EVERY_MS = 300;

/** The section `#rehearsal`, which begins empty but for its title. */
export class RehearsalPanel {
  #session = "";
  #timer = 0;
  #parts;

  constructor() {
    const own = make("input", { type: "checkbox", onchange: () => this.#allow() });
    const seconds = make("select", { "aria-label": "How long" },
      ...[5, 8, 15].map((count) => make("option", { value: String(count), selected: count === 8 }, `${count} s`)));
    const begin = make("button", { type: "button", class: "primary", disabled: true, onclick: () => this.#begin() }, "Rehearse an alarm");
    const cancel = make("button", { type: "button", onclick: () => this.#ask("DELETE") }, "Stop");
    const picture = make("img", { alt: "Your picture with the test swap, marked REHEARSAL" });
    const mark = make("span", { class: "mark" });
    const word = make("b");
    const left = make("span", { class: "small" });
    const result = make("div", { class: "rehearsal-result", role: "status" });
    const problem = make("p", { class: "problem", role: "alert" });
    const form = make("div", { class: "rehearsal-form" },
      make("label", { class: "choice" }, own, "This is my own camera, not somebody else"),
      make("div", { class: "row" }, seconds, begin));
    const running = make("div", { class: "rehearsal-running", hidden: true }, picture,
      make("div", {}, make("p", { class: "rehearsal-label" }, "REHEARSAL"), make("p", { class: "rehearsal-state" }, mark, word), left,
        make("p", { class: "row" }, cancel)));
    byId("rehearsal").append(make("p", { class: "small" },
      "Before a call: your own face is swapped with a coarse copy of itself for some seconds, so that you see an alarm and "
      + "know that the detector is awake. Nobody else sees it, and it counts as no alarm anywhere."), form, running, result, problem);
    this.#parts = { own, seconds, begin, picture, mark, word, left, result, problem, form, running };
  }

  /** Show how it stands in a session. */
  show(view) {
    const { own, result, problem, form, running, left, mark, word } = this.#parts;
    if (view.id !== this.#session) {
      this.#session = view.id;
      own.checked = false;
      this.#allow();
      say(problem, "");
    }
    const message = view.rehearsal;
    const now = view.rehearsing();
    form.hidden = Boolean(now);
    running.hidden = !now;
    if (Boolean(now) !== Boolean(this.#timer)) this.#follow(Boolean(now));
    if (now) {
      const worst = byUrgency(now.faces)[0];
      const state = worst ? worst.state : "cannot_judge";
      if (mark.dataset.state !== state) mark.replaceChildren(shape(state));
      mark.dataset.state = state;
      running.dataset.state = state;
      const score = worst && worst.authenticity !== null ? ` · authenticity ${percent(worst.authenticity)}` : "";
      say(word, now.alarmed_after_s === null ? `${stateWord(state)}${score}` : `ALARM after ${now.alarmed_after_s.toFixed(1)} s${score}`);
      say(left, `${Math.ceil(now.remaining_s)} s left`);
    }
    const words = message && message.state !== "running" ? message.words : [];
    if (result.textContent !== words.join("")) result.replaceChildren(...words.map((line) => make("p", {}, line)));
    result.toggleAttribute("data-missed", words.length > 0 && message.state === "done" && message.alarmed_after_s === null);
  }

  #allow() {
    const { own, begin } = this.#parts;
    begin.disabled = !own.checked;
  }

  async #begin() {
    this.#parts.result.replaceChildren();
    await this.#ask("POST", { session: this.#session, seconds: Number(this.#parts.seconds.value) });
  }

  async #ask(method, body = null) {
    const { problem } = this.#parts;
    try {
      await ask(method, "/api/rehearsal", body);
      say(problem, "");
    } catch (error) {
      say(problem, error.message);
    }
  }

  /** Fetch what the detector is shown, again and again while it runs. A page may not show a blob, but data. */
  #follow(on) {
    clearInterval(this.#timer);
    this.#timer = on ? setInterval(() => this.#look(), EVERY_MS) : 0;
    if (on) this.#look();
    else this.#parts.picture.removeAttribute("src");
  }

  async #look() {
    try {
      const blob = await (await ask("GET", "/api/rehearsal/picture")).blob();
      const reader = new FileReader();
      reader.onload = () => {
        if (this.#timer) this.#parts.picture.src = reader.result;
      };
      reader.readAsDataURL(blob);
    } catch (error) {
      // It has just ended, or its first frame is yet to come.
    }
  }
}
