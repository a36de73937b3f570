/** Where the picture comes from: a window, a tab or the camera; and what went wrong, in plain words. */

/** A problem with a title and what to do about it; `harmless` where the person just changed their mind. */
export class PictureError extends Error {
  constructor(message, todo, harmless = false) {
    super(message);
    this.name = "PictureError";
    this.todo = todo;
    this.harmless = harmless;
  }
}

const SIZE = { width: { ideal: 1920, max: 1920 }, height: { ideal: 1080, max: 1080 }, frameRate: { ideal: 30, max: 30 } };

/**
 * Ask the browser for a picture.
 *
 * @param {"window"|"browser"|"camera"} what
 * @returns {Promise<MediaStream>} rejects with PictureError.
 */
export async function askFor(what) {
  const devices = navigator.mediaDevices;
  if (!globalThis.isSecureContext || !devices) {
    throw new PictureError("The browser only shares a picture with a secure page.",
      "Open this page at http://127.0.0.1 on the computer that runs stream-guard, or over https.");
  }
  if (what !== "camera" && !devices.getDisplayMedia) {
    throw new PictureError("This browser cannot share a window or a tab.", "Use Chrome, Edge or Firefox on a computer.");
  }
  try {
    const stream = what === "camera" ? await camera(devices) : await display(devices, what);
    // Faces move: a hint of "detail" would let the browser fall to a few frames a second.
    stream.getVideoTracks()[0].contentHint = "motion";
    return stream;
  } catch (error) {
    throw inWords(error, what);
  }
}

function camera(devices) {
  return devices.getUserMedia({
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
    audio: false,
  });
}

function display(devices, surface) {
  return devices.getDisplayMedia({
    video: { ...SIZE, displaySurface: surface, cursor: "never" },
    audio: false,
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
    systemAudio: "exclude",
  });
}

function inWords(error, what) {
  const thing = what === "camera" ? "camera" : "screen";
  switch (error.name) {
    case "NotAllowedError":
      return what === "camera"
        ? new PictureError("The browser may not use the camera.",
          "Click the camera sign beside the address, allow it, then try again.")
        : new PictureError("Nothing was shared.",
          "Pick a window or tab and click Share. On a Mac, allow the browser under Privacy › Screen Recording.", true);
    case "NotFoundError":
    case "OverconstrainedError":
      return new PictureError(`No ${thing} was found.`, what === "camera" ? "Plug one in, or share a window." : "");
    case "NotReadableError":
    case "AbortError":
      return new PictureError(`The ${thing} could not be opened.`,
        what === "camera" ? "Another program may be using it: close that, or share its window instead."
          : "The system did not hand it out. Try another window.");
    default:
      return new PictureError(`The ${thing} could not be used.`, error.message || String(error));
  }
}
