/** The connection and the model, as the pages' headers and feet show them. */

import { say } from "./elements.js";

/** Say how the connection stands. */
export function showConnection(element, guard) {
  element.dataset.status = guard.status;
  if (guard.status === "open") say(element, guard.problem || "Connected");
  else if (guard.status === "connecting") say(element, "Connecting…");
  else if (guard.wantsToken) say(element, guard.problem);
  else if (guard.status === "lost") say(element, `${guard.problem} Trying again…`);
  else say(element, guard.problem || "Not connected");
}

/** Say which model scores, and what is known of it. */
export function showModel(element, { model, engine, device, promise }) {
  const preview = model.status === "preview"
    ? "This model is a preview: its error rates are not settled yet, so treat every score as a hint. " : "";
  const measured = promise ? `Measured: ${promise}. ` : "";
  const on = engine ? `on ${engine} (${device})` : "and no engine is left to run it";
  say(element, `${preview}${measured}Model ${model.name} ${model.version}, ${on}. `
    + `Faces need at least ${model.min_face_px} px.`);
}
