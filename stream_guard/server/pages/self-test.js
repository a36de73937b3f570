/** Self-tests: one's own picture, sent like the call that is watched, and how far its score moves. */

import { ask } from "./ask-server.js";
import { byId, make, say } from "./elements.js";

const EVERY_MS = 500;

/** The section `#self-test`, which begins empty but for its title. */
export class SelfTestPanel {
  #watched = "";
  #alone = true;
  #test = null; // The self-test that was begun here: whose picture, and like which call.
  #timer = 0;
  #asking = false;
  #parts;

  constructor() {
    const own = make("select", { onchange: () => this.#allow() });
    const begin = make("button", { type: "button", class: "primary", disabled: true, onclick: () => this.#begin() },
      "Self-test: send my own picture like this call");
    const none = make("p", { class: "small" },
      "Share your own camera from a second tab (Watch), then choose it here: two sessions must run.");
    const bar = make("progress", { max: "1", value: "0", "aria-label": "How far the self-test is" });
    const doing = make("span", { class: "small" });
    const stop = make("button", { type: "button", onclick: () => this.#cancel() }, "Stop");
    const form = make("div", { class: "row" }, make("label", { class: "choice" }, "My own camera is", own), begin);
    const running = make("div", { class: "self-test-running", hidden: true }, bar, make("div", { class: "row" }, doing, stop));
    const picture = make("img", { alt: "Your face: on the left as it is, on the right as it arrives when sent like this call" });
    const shown = make("figure", { class: "self-test-picture", hidden: true }, picture,
      make("figcaption", { class: "small" }, make("span", {}, "as it is"), make("span", {}, "sent like this call")));
    const words = make("div", { role: "status" });
    const result = make("div", { class: "self-test-result" }, shown, words);
    const problem = make("p", { class: "problem", role: "alert" });
    byId("self-test").append(make("p", { class: "small" },
      "What does this call's coding alone do to a score? Some seconds of your own face, which you know to be real, are encoded "
      + "with this call's codec, size and bitrate, and scored before and after. Your picture stays in memory, and is dropped."),
    form, none, running, result, problem);
    this.#parts = { own, begin, none, bar, doing, form, running, picture, shown, words, problem };
  }

  /**
   * Show how it stands.
   * @param {View} view the session that is watched.
   * @param {View[]} views all sessions.
   */
  show(view, views) {
    const others = views.filter((one) => one.id !== view.id && one.state === "live");
    this.#offer(others);
    if (view.id !== this.#watched) {
      this.#watched = view.id;
      say(this.#parts.problem, "");
    }
    this.#alone = others.length === 0;
    this.#arrange();
  }

  /** Show what belongs to the session that is watched: beside another one's score a result would mislead. */
  #arrange() {
    const { form, none, running, shown, words, picture } = this.#parts;
    const here = this.#test !== null && this.#test.like === this.#watched;
    const runs = here && this.#timer !== 0;
    none.hidden = !this.#alone || runs;
    form.hidden = this.#alone || runs;
    running.hidden = !runs;
    words.hidden = !here;
    shown.hidden = !here || !picture.hasAttribute("src");
  }

  /** Offer the other sessions; who of them is oneself must be said, not guessed. */
  #offer(others) {
    const { own } = this.#parts;
    const stand = JSON.stringify(others.map((one) => [one.id, one.info && one.info.label]));
    if (own.dataset.stand === stand) return; // Redrawing would close the list under somebody's hand.
    own.dataset.stand = stand;
    const chosen = own.value;
    own.replaceChildren(make("option", { value: "" }, "choose…"), ...others.map((one) => make("option",
      { value: one.id, selected: one.id === chosen }, [one.id, one.info && one.info.label].filter(Boolean).join(" · "))));
    this.#allow();
  }

  #allow() {
    this.#parts.begin.disabled = !this.#parts.own.value;
  }

  async #begin() {
    const { own, begin, words, picture, problem } = this.#parts;
    const test = { own: own.value, like: this.#watched };
    begin.disabled = true;
    try {
      const state = await (await ask("POST", path(test), { as: test.like })).json();
      this.#test = test;
      words.replaceChildren();
      picture.removeAttribute("src");
      say(problem, "");
      clearInterval(this.#timer);
      this.#timer = setInterval(() => this.#look(test), EVERY_MS);
      this.#draw(state);
    } catch (error) {
      say(problem, error.message);
    }
    this.#allow();
  }

  async #cancel() {
    try {
      await ask("DELETE", path(this.#test));
    } catch (error) {
      // It has just ended; how, the next look tells.
    }
    this.#look(this.#test);
  }

  async #look(test) {
    if (this.#asking || this.#timer === 0) return;
    this.#asking = true;
    try {
      const state = await (await ask("GET", path(test))).json();
      this.#draw(state);
      if (state.state === "gathering" || state.state === "comparing") return;
      this.#end();
      if (state.picture) await this.#fetchPicture(test);
    } catch (error) {
      this.#end();
      say(this.#parts.problem, error.message);
    } finally {
      this.#asking = false;
    }
  }

  #end() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#arrange();
  }

  #draw(state) {
    const { bar, doing, words } = this.#parts;
    const gathering = state.state === "gathering";
    bar.value = state.progress;
    say(doing, gathering ? "Look into the camera…" : `Comparing, with ${Math.round(state.kbps)} kb/s in ${state.codec}…`);
    words.replaceChildren(...state.words.map((line) => make("p", {}, line)));
    this.#arrange();
  }

  /** A page may not show a blob, but data. */
  async #fetchPicture(test) {
    const blob = await (await ask("GET", `${path(test)}/picture`)).blob();
    const reader = new FileReader();
    reader.onload = () => {
      if (test !== this.#test) return;
      this.#parts.picture.src = reader.result;
      this.#arrange();
    };
    reader.readAsDataURL(blob);
  }
}

function path(test) {
  return `/api/sessions/${encodeURIComponent(test.own)}/self-test`;
}
