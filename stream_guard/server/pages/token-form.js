/** Asks for the server's token where a page was opened without it, or with a wrong one. */

import { make, say } from "./elements.js";
import { keepToken, pageToken } from "./token.js";

const TITLE = "This server wants its token";

/** A form in `root`. It comes when the server turns the guard away, and goes when the server greets it. */
export class TokenForm {
  #root;
  #input;
  #text;

  /**
   * @param {HTMLElement} root a hidden `form` without content.
   * @param {Guard} guard is given what is typed.
   * @param {() => void} onkept called after a token was typed: links have to be written anew.
   */
  constructor(root, guard, onkept = () => {}) {
    this.#root = root;
    this.#input = make("input", { type: "password", required: true, autocomplete: "off", spellcheck: "false" });
    this.#text = make("p", { role: "status" });
    root.setAttribute("aria-label", TITLE);
    root.append(make("b", {}, TITLE), this.#text, make("label", {}, "Token", this.#input),
      make("button", { class: "primary" }, "Use it"));
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      keepToken(this.#input.value.trim());
      this.#input.value = "";
      onkept();
      guard.useToken(pageToken());
    });
    // Pasting the address with the token into this very tab changes the part after the # only: nothing reloads.
    addEventListener("hashchange", () => guard.wantsToken && pageToken() && guard.useToken(pageToken()));
    guard.on("status", (status) => {
      if (guard.wantsToken) this.ask();
      else if (status === "open") root.hidden = true;
    });
  }

  /** Show it. */
  ask() {
    const again = pageToken() !== null;
    say(this.#text, again ? "The one it was given is not right." : "Whoever started stream-guard chose it (--token).");
    if (!this.#root.hidden) return;
    this.#root.hidden = false;
    if (document.activeElement === document.body) this.#input.focus();
  }
}
