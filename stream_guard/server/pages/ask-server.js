/** Asks the server by HTTP, with the page's token, and says in plain words what went wrong. */

import { pageToken } from "./token.js";

/**
 * @param {string} method
 * @param {string} path such as "/api/rehearsal".
 * @param {?object} [body] sent as JSON.
 * @returns {Promise<Response>}
 * @throws {Error} with a line for people, where the server refuses or does not answer.
 */
export async function ask(method, path, body = null) {
  const token = pageToken();
  const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { "Content-Type": "application/json" }) };
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch (error) {
    throw new Error("The server does not answer.");
  }
  if (response.ok) return response;
  const said = (await response.text()).trim().slice(0, 200);
  throw new Error(response.status === 401 || response.status === 403
    ? "This needs the token that opens everything." : `The server refused: ${said || response.status}.`);
}
