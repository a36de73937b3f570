/**
 * The server's token: from the page's address, or as somebody typed it, which this tab alone remembers.
 *
 * In an address it stands after the #: browsers keep that part to themselves, so no log on the way holds it.
 */

const KEY = "stream-guard-token";

let typed = null;

/** The token to show to the server, or null. The address comes first: it is what this page was opened with. */
export function pageToken() {
  return fromAddress() || typed || stored();
}

/** Use this token from now on, in place of the one in the page's address. */
export function keepToken(token) {
  typed = token;
  try {
    sessionStorage.setItem(KEY, token);
  } catch (error) {
    // Storage is forbidden here; the token then lasts as long as the page.
  }
  if (fromAddress()) history.replaceState(history.state, "", location.pathname + location.search);
}

function fromAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch (error) {
    return null;
  }
}
