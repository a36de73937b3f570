/** Makes itself heard when a face turns synthetic: text on the page, and, if wanted, a sound and a notification. */

import { make } from "./elements.js";
import { shape } from "./shapes.js";
import { scoreWords } from "./words.js";

const QUIET_MS = 15_000;

/** One alarm bar. Call `show` with the faces as they stand. */
export class Alarm {
  #root;
  #standing = "";
  #sound = null;
  #notified = new Map();

  constructor(root) {
    this.#root = root;
    this.notify = false;
  }

  /** Turn the sound on (from a click: browsers ask for that) or off. On plays it once. */
  set sound(on) {
    if (on && !this.#sound) this.#sound = new AudioContext();
    if (!on && this.#sound) {
      this.#sound.close();
      this.#sound = null;
    }
    if (on) this.#ring();
  }

  /** Ask whether notifications may be shown; resolves to whether they are. */
  async allowNotifications(on) {
    this.notify = on && "Notification" in globalThis && (await Notification.requestPermission()) === "granted";
    return this.notify;
  }

  /** Show these faces' alarms; a face that stands no longer synthetic leaves. */
  show(faces) {
    const loud = faces.filter((face) => face.state === "synthetic");
    const standing = loud.map((face) => face.id).join(",");
    if (standing === this.#standing) return;
    const before = new Set(this.#standing.split(","));
    this.#standing = standing;
    this.#root.replaceChildren(...loud.map((face) => make("p", {}, shape("synthetic"), text(face, faces.length))));
    const raised = loud.filter((face) => !before.has(String(face.id)));
    if (raised.length) this.#raise(raised, faces.length);
  }

  #raise(faces, total) {
    if (this.#sound) this.#ring();
    const now = performance.now();
    for (const face of faces) {
      if (!this.notify || now - (this.#notified.get(face.id) || -Infinity) < QUIET_MS) continue;
      this.#notified.set(face.id, now);
      new Notification("stream-guard", { body: text(face, total), tag: `face-${face.id}`, icon: "/pages/icon.svg" });
    }
    if (this.#notified.size > 64) this.#notified.delete(this.#notified.keys().next().value);
  }

  #ring() {
    const { currentTime, destination } = this.#sound;
    [880, 660, 880].forEach((frequency, place) => {
      const tone = this.#sound.createOscillator();
      const volume = this.#sound.createGain();
      const begin = currentTime + place * 0.22;
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0, begin);
      volume.gain.linearRampToValueAtTime(0.25, begin + 0.02);
      volume.gain.linearRampToValueAtTime(0, begin + 0.2);
      tone.connect(volume).connect(destination);
      tone.start(begin);
      tone.stop(begin + 0.21);
    });
  }
}

function text(face, total) {
  const who = total > 1 ? `Face ${face.id}` : "This face";
  const score = scoreWords({ authenticity: face.authenticity });
  if (face.rehearsal) return `REHEARSAL, no true alarm: ${who} looks synthetic to the detector${score && ` (${score})`}.`;
  return `${who} is likely synthetic${score && ` (${score})`}. Check in another way who this is.`;
}
