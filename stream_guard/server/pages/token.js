/** The server's token: from the page's address, or as somebody typed it, which this tab alone remembers. */

const KEY = "stream-guard-token";

let typed = null;

/** The token to show to the server, or null. The address comes first: it is what this page was opened with. */
export function pageToken() {
  return new URLSearchParams(location.search).get("token") || typed || stored();
}

/** Use this token from now on, in place of the one in the page's address. */
export function keepToken(token) {
  typed = token;
  try {
    sessionStorage.setItem(KEY, token);
  } catch (error) {
    // Storage is forbidden here; the token then lasts as long as the page.
  }
  const here = new URL(location.href);
  if (!here.searchParams.has("token")) return;
  here.searchParams.delete("token");
  history.replaceState(history.state, "", here);
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch (error) {
    return null;
  }
}
