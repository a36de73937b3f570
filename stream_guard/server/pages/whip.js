/** Send a picture to the server by WHIP (RFC 9725): one POST begins it, one DELETE ends it. */

const GATHERING_MS = 1000;
const ANSWER_MS = 15_000;

/** Why nothing is sent, in words for people. `detail` is what the server said, or what to do. */
export class SendError extends Error {
  constructor(message, detail = "", { wantsToken = false } = {}) {
    super(message);
    this.name = "SendError";
    this.detail = detail;
    /** Whether only the token is wrong. */
    this.wantsToken = wantsToken;
  }
}

/** Sends one video track. `session` is the server's name for it once `start` is done. */
export class Sender {
  #stream;
  #endpoint;
  #token;
  #peer = null;
  #location = null;
  #last = null;

  /**
   * @param {MediaStream} stream its first video track is sent.
   * @param {{endpoint?: string, token?: ?string, maxKbps?: number, onfailed?: () => void}} options
   */
  constructor(stream, { endpoint = "/whip", token = null, maxKbps = 6000, onfailed = () => {} } = {}) {
    this.#stream = stream;
    this.#endpoint = endpoint;
    this.#token = token;
    this.maxKbps = maxKbps;
    this.onfailed = onfailed;
    this.session = null;
  }

  /** Begin. Throws SendError. */
  async start() {
    const peer = new RTCPeerConnection();
    this.#peer = peer;
    peer.onconnectionstatechange = () => {
      if (peer === this.#peer && peer.connectionState === "failed") this.onfailed();
    };
    const [track] = this.#stream.getVideoTracks();
    const { sender } = peer.addTransceiver(track, {
      direction: "sendonly",
      streams: [this.#stream],
      sendEncodings: [{ maxBitrate: this.maxKbps * 1000, maxFramerate: 30 }],
    });
    await keepResolution(sender);
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await this.#post(peer.localDescription.sdp);
    if (peer !== this.#peer) {
      await this.stop(); // Stopped while the server was answering.
      return;
    }
    await peer.setRemoteDescription({ type: "answer", sdp: answer }).catch((error) => {
      throw new SendError("The server's answer could not be used.", error.message);
    });
  }

  /** End it and tell the server. Never throws. */
  async stop() {
    const location = this.#location;
    if (this.#peer) this.#peer.close();
    this.#peer = null;
    this.#location = null;
    this.session = null;
    // keepalive: this also runs while the page is being left.
    if (location) await fetch(location, { method: "DELETE", headers: this.#headers(), keepalive: true }).catch(() => {});
  }

  /**
   * What is sent now, or null while nothing is.
   *
   * @returns {Promise<?{codec: string, width: number, height: number, fps: number, kbps: ?number, limit: string}>}
   */
  async stats() {
    if (!this.#peer) return null;
    const report = await this.#peer.getStats();
    const sent = [...report.values()].find((entry) => entry.type === "outbound-rtp" && entry.kind === "video");
    if (!sent || !sent.frameWidth) return null;
    const codec = report.get(sent.codecId);
    const before = this.#last;
    this.#last = { bytes: sent.bytesSent, at: sent.timestamp };
    const seconds = before ? (sent.timestamp - before.at) / 1000 : 0;
    return {
      codec: codec ? codec.mimeType.replace("video/", "") : "",
      width: sent.frameWidth,
      height: sent.frameHeight,
      fps: sent.framesPerSecond || 0,
      kbps: seconds > 0 ? ((sent.bytesSent - before.bytes) * 8) / 1000 / seconds : null,
      limit: sent.qualityLimitationReason || "none",
    };
  }

  async #post(sdp) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), ANSWER_MS);
    let response;
    let text;
    try {
      response = await fetch(this.#endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", ...this.#headers() },
        body: sdp,
        signal: abort.signal,
      });
      text = await response.text();
    } catch (error) {
      throw new SendError("The server does not answer.", "Is stream-guard still running? Start it, then try again.");
    } finally {
      clearTimeout(timer);
    }
    if (response.status === 401) {
      throw new SendError("The server wants its token.", "Nothing was sent. Give the token, then go on.", { wantsToken: true });
    }
    if (response.status !== 201) {
      throw new SendError("The server refused the picture.", text.slice(0, 300) || `It answered ${response.status}.`);
    }
    const location = response.headers.get("Location");
    this.#location = location ? new URL(location, response.url).href : null;
    this.session = response.headers.get("Stream-Guard-Session");
    return text;
  }

  #headers() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }
}

/** A thin line should cost frames, not pixels: a small face cannot be judged. */
async function keepResolution(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  await sender.setParameters(parameters).catch(() => {}); // Some browsers do not know it; the picture goes anyway.
}

/** Wait until the addresses are known, but not for long: the server finds the way without them as well. */
function gathered(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") resolve();
    const timer = setTimeout(resolve, GATHERING_MS);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
