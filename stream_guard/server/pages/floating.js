/**
 * A small window that stays above the call. Chrome 116 and newer: a real small document. Other browsers with
 * picture-in-picture: a drawn one. Else a small window of its own, which only the system can keep on top.
 */

import { fitCanvas, make, withToken } from "./elements.js";
import { drawShape } from "./shapes.js";
import { FaceList } from "./face-list.js";
import { faceRows } from "./face-rows.js";
import { explainSize, isTooSmall, scoreWords, stateWord, summary } from "./words.js";

const SIZE = { width: 340, height: 220 };

/**
 * Open the small window; call it from a click.
 *
 * @param {() => {faces: object[], context: object, line: string}} read what to show now.
 * @param {?string} session for the small window of its own.
 * @returns {Promise<{kind: string, draw: () => void, close: () => void, onclose: () => void}>}
 */
export async function openFloating(read, session) {
  if ("documentPictureInPicture" in globalThis) return inDocument(read);
  if (document.pictureInPictureEnabled) return inVideo(read);
  return inPopup(session);
}

async function inDocument(read) {
  const small = await documentPictureInPicture.requestWindow(SIZE);
  small.document.title = "stream-guard";
  for (const sheet of ["faces.css", "floating.css"]) {
    small.document.head.append(make("link", { rel: "stylesheet", href: new URL(`/pages/${sheet}`, location.href).href }));
  }
  const line = make("p", { class: "small" });
  const rows = make("ol", { class: "faces" });
  small.document.body.append(line, rows);
  const list = new FaceList(rows);
  const handle = {
    kind: "document",
    onclose: () => {},
    close: () => small.close(),
    draw: () => {
      const { faces, context, line: words } = read();
      const left = list.show(faces, { ...context, max: 6 });
      line.textContent = words || (left ? summary(faces) : "");
      line.hidden = !line.textContent;
    },
  };
  small.addEventListener("pagehide", () => handle.onclose());
  handle.draw();
  return handle;
}

async function inVideo(read) {
  const canvas = make("canvas", { class: "floating-canvas" });
  const video = make("video", { class: "floating-canvas", muted: true, playsinline: true });
  document.body.append(canvas, video);
  const handle = {
    kind: "video",
    onclose: () => {},
    close: () => document.exitPictureInPicture().catch(() => {}),
    draw: () => drawFaces(canvas, read()),
  };
  handle.draw();
  video.muted = true;
  video.srcObject = canvas.captureStream(5);
  video.addEventListener("leavepictureinpicture", () => {
    canvas.remove();
    video.remove();
    handle.onclose();
  });
  await video.play();
  await video.requestPictureInPicture();
  return handle;
}

function inPopup(session) {
  const query = { opaque: 1, corner: "tl", size: "s", ...(session ? { session } : {}) };
  const features = `popup,width=${SIZE.width + 60},height=${SIZE.height}`;
  const small = window.open(withToken("/overlay", query), "stream-guard-small", features);
  if (!small) throw new Error("The browser blocked the small window: allow pop-ups for this page.");
  return { kind: "popup", onclose: () => {}, close: () => small.close(), draw: () => {} };
}

function drawFaces(canvas, { faces, line }) {
  const context = fitCanvas(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  context.fillStyle = "#10141a";
  context.fillRect(0, 0, width, height);
  const shown = faceRows(faces, 3);
  const text = (words, x, y, font, colour) => {
    context.font = `${font} "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
    context.fillStyle = colour;
    context.fillText(words, x, y);
  };
  shown.forEach((together, place) => {
    const top = 16 + place * 64;
    const [face] = together;
    const who = together.length > 1 ? `${together.length} faces · ` : faces.length > 1 ? `${face.id} · ` : "";
    const { short, brief } = explainSize(together, null, null);
    const below = isTooSmall(face) ? `${short}: ${brief}` : face.state === "cannot_judge" ? "no verdict" : scoreWords(face);
    drawShape(context, face.state, 16, top, 40);
    text(who + stateWord(face.state), 68, top + 18, "600 20px", "#fff");
    text(below, 68, top + 38, "14px", "#b4bfca");
  });
  const words = line || (faces.length > shown.flat().length ? summary(faces) : "");
  if (words) text(words, 16, height - 12, "14px", "#f3f6f9");
}
