/** Challenges: which movements to ask for, the words to say, what is seen meanwhile, and the result with its trace. */

import { ask } from "./ask-server.js";
import { byId, make, say } from "./elements.js";
import { drawTrace } from "./challenge-trace.js";

const ACTIONS = [
  ["turn_left", "Turn the head left", true],
  ["turn_right", "Turn the head right", true],
  ["hand_across", "Pass a hand across the face", true],
  ["finger_on_cheek", "Press a finger on a cheek", false],
  ["stand_up", "Stand up", false],
  ["move_close", "Come close to the camera", true],
];
const NAMES = Object.fromEntries(ACTIONS);
const OVER = new Set(["done", "cancelled", "lost"]);
const SIGHTS = { seen: "Seen", partly: "Partly seen", not_seen: "Not seen", cannot_tell: "Could not see" };
const ENDINGS = { done: "Result", cancelled: "Cancelled", lost: "Lost" };

/** How far an action goes at this moment, with its unit. */
export function amountWords(action, amount) {
  if (amount === null || amount === undefined) return "";
  if (action.startsWith("turn")) return `${Math.round(amount)}°`;
  if (action === "stand_up") return `${amount.toFixed(1)} face heights up`;
  if (action === "move_close") return `${amount.toFixed(2)} times as large`;
  return `${Math.round(amount * 100)} % looks different`;
}

/** The section `#challenge`, which begins empty but for its title. */
export class ChallengePanel {
  #session = "";
  #shown = "";
  #parts;

  constructor() {
    const boxes = ACTIONS.map(([action, name, usual]) => make("label", { class: "choice" },
      make("input", { type: "checkbox", value: action, checked: usual }), name));
    const who = make("select", { "aria-label": "Which face is asked" });
    const begin = make("button", { type: "button", class: "primary", onclick: () => this.#begin() }, "Begin");
    const words = make("p", { class: "challenge-words", role: "status" });
    const copy = make("button", { type: "button", onclick: () => this.#copy() }, "Copy the words");
    const cancel = make("button", { type: "button", onclick: () => this.#cancel() }, "Cancel");
    const count = make("span", { class: "countdown" });
    const copied = make("span", { class: "small", role: "status" });
    const steps = make("ol", { class: "challenge-steps" });
    const result = make("div", { class: "challenge-result" });
    const problem = make("p", { class: "problem", role: "alert" });
    const form = make("div", { class: "challenge-form" }, make("fieldset", { class: "choices" },
      make("legend", { class: "small" }, "Ask for"), ...boxes), make("div", { class: "row" }, make("label", { class: "small" }, "Face ", who), begin));
    const running = make("div", { class: "challenge-running", hidden: true },
      words, make("div", { class: "row" }, copy, copied, count, cancel));
    byId("challenge").append(make("p", { class: "small" },
      "Read the words aloud, or paste them into the chat. stream-guard watches the movement and the score. A movement "
      + "that was seen does not make somebody real."), form, running, steps, result, problem);
    this.#parts = { boxes, who, begin, words, copied, count, steps, result, problem, form, running };
  }

  /** Show how it stands in a session. */
  show(view) {
    const { who, begin, problem } = this.#parts;
    if (view.id !== this.#session) {
      this.#session = view.id;
      this.#shown = "";
      say(problem, "");
    }
    const ids = view.scores ? view.scores.faces.map((face) => String(face.id)) : [];
    if ([...who.options].map((option) => option.value).join() !== ids.join()) {
      const kept = who.value;
      who.replaceChildren(...ids.map((id) => make("option", { value: id }, id)));
      if (ids.includes(kept)) who.value = kept;
    }
    begin.disabled = ids.length === 0;
    this.#draw(view.challenge);
  }

  #draw(message) {
    const { form, running, words, count, steps, result, copied } = this.#parts;
    const over = !message || OVER.has(message.state);
    form.hidden = !over;
    running.hidden = over;
    const stand = JSON.stringify(message || null);
    if (stand === this.#shown) return;
    this.#shown = stand;
    if (!message) {
      steps.replaceChildren();
      result.replaceChildren();
      return;
    }
    if (words.textContent !== message.say) say(copied, "");
    say(words, message.say);
    say(count, message.state === "before" && message.remaining_s === 0 ? "waiting for the face" : `${Math.ceil(message.remaining_s)} s`);
    steps.replaceChildren(...message.steps.map((step, place) => stepRow(step, message, place)));
    result.replaceChildren(...(over ? resultParts(message) : []));
    if (over && message.trace.length > 1) drawTrace(result.querySelector(".trace"), message);
  }

  async #begin() {
    const { boxes, who } = this.#parts;
    const actions = boxes.map((box) => box.querySelector("input")).filter((input) => input.checked).map((input) => input.value);
    if (!actions.length) {
      say(this.#parts.problem, "Choose a movement first.");
      return;
    }
    await this.#ask("POST", who.value, { actions });
  }

  async #cancel() {
    await this.#ask("DELETE", JSON.parse(this.#shown).face);
  }

  async #ask(method, face, body = null) {
    const { problem } = this.#parts;
    try {
      await ask(method, `/api/sessions/${encodeURIComponent(this.#session)}/faces/${face}/challenge`, body);
      say(problem, "");
    } catch (error) {
      say(problem, error.message);
    }
  }

  async #copy() {
    const { words, copied } = this.#parts;
    try {
      await navigator.clipboard.writeText(words.textContent);
      say(copied, "copied");
    } catch (error) {
      getSelection().selectAllChildren(words);
      say(copied, "marked: copy it with the keyboard");
    }
  }
}

function stepRow(step, message, place) {
  const current = message.current === place && message.state === "asking";
  const row = make("li", { "data-sight": step.sight || "", "data-current": current },
    make("span", { class: "step-head" }, make("b", {}, NAMES[step.action] || step.action),
      make("span", { class: "sight" }, step.sight ? SIGHTS[step.sight] : current ? amountWords(step.action, message.amount) || "watching…" : "")));
  if (current) row.append(make("progress", { max: "1", value: String(step.progress), "aria-label": "How much of it was seen" }));
  row.append(...step.words.map((line) => make("span", { class: "line" }, line)));
  return row;
}

function resultParts(message) {
  const parts = [make("h3", {}, ENDINGS[message.state]), ...message.words.map((line) => make("p", {}, line))];
  if (message.trace.length > 1) parts.push(make("div", { class: "trace" }));
  return parts;
}
