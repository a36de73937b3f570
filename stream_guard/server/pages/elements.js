/** The few lines every page needs to build and change what is shown. Text only ever becomes text, never HTML. */

import { pageToken } from "./token.js";

/** Make an element: `make("p", {class: "note"}, "text", child)`. A key starting with "on" is a listener. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Set an element's text where it differs: screen readers and layout stay quiet otherwise. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** An address on this server that carries the page's token along. */
export function withToken(path, query = {}) {
  const target = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) target.searchParams.set(name, value);
  const token = pageToken();
  return target.pathname + target.search + (token ? `#token=${encodeURIComponent(token)}` : "");
}

/** Let the page's own links carry the token. */
export function linkPages(root = document) {
  for (const link of root.querySelectorAll("a[data-page]")) link.href = withToken(link.getAttribute("href"));
}

/** Call `draw` soon, at most `perSecond` times a second, however often the returned function is called. */
export function throttled(draw, perSecond) {
  const gap = 1000 / perSecond;
  let last = -Infinity;
  let timer = 0;
  const run = () => {
    timer = 0;
    last = performance.now();
    draw();
  };
  return () => {
    if (timer) return;
    timer = setTimeout(run, Math.max(0, last + gap - performance.now()));
  };
}

/** Fit a canvas's pixels to its size on the screen; returns its context, scaled to CSS pixels, cleared. */
export function fitCanvas(canvas) {
  const scale = globalThis.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
