// @ts-check
// Records from a microphone, or says why it can't, and what to do about it.

/** @typedef {"off" | "starting" | "recording" | "paused" | "recorded"} RecorderState */

const PIECE_SAMPLES = 10 * RATE_HZ; // as blobs, which the browser need not keep in memory
const UPLOAD_WORKS = "Files can be uploaded all the same.";
const THEN = `then press Record again. ${UPLOAD_WORKS}`;

/** Why there can't be a microphone here, or "". */
function microphoneProblem() {
  if (location.protocol === "vscode-webview:" || location.hostname.endsWith(".vscode-cdn.net")) {
    return `VS Code gives notebooks no microphone: open this notebook in JupyterLab, in a browser. ${UPLOAD_WORKS}`;
  }
  if (!window.isSecureContext) {
    const where = "open Jupyter through https, or through an SSH tunnel as http://localhost";
    return `A page that came unencrypted from another machine gets no microphone: ${where}. ${UPLOAD_WORKS}`;
  }
  const policy = /** @type {any} */ (document).featurePolicy;
  if (policy && !policy.allowsFeature("microphone")) {
    const where = "open the notebook in a tab of its own";
    return `The page around this notebook keeps the microphone from it: ${where}. ${UPLOAD_WORKS}`;
  }
  if (!navigator.mediaDevices?.getUserMedia || !("AudioWorkletNode" in window)) {
    return `This browser can't record: use a recent Firefox, Chrome, Edge or Safari. ${UPLOAD_WORKS}`;
  }
  return "";
}

/** https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia @param {unknown} error what it throws */
function whyNoSound(error) {
  const name = error instanceof Error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return `The microphone is not allowed here: allow it with the icon beside the page's address, ${THEN}`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `There is no microphone: connect one, ${THEN}`;
    case "NotReadableError":
    case "AbortError":
      return `The microphone can't be read: close other programs that use it, ${THEN}`;
    default:
      return `Recording did not start (${name || error}): try another browser. ${UPLOAD_WORKS}`;
  }
}

class Recorder {
  /** @type {AudioContext | undefined} */
  context;
  /** @type {AudioWorkletNode | undefined} */
  tap;
  /** @type {Resampler | undefined} */
  resampler;
  /** @type {MediaStream | undefined} */
  stream;
  /** @type {MediaStreamAudioSourceNode | undefined} */
  source;
  /** @type {File | undefined} */
  file;
  /** @type {Blob[]} */
  pieces = [];
  /** @type {Int16Array[]} */
  recent = []; // what is not yet among the pieces
  recentSamples = 0;
  samples = 0;

  /** @param {() => void} changed called when there is something new to show */
  constructor(changed) {
    this.changed = changed;
    /** @type {RecorderState} */
    this.state = "off";
    this.problem = "";
    this.level = 0;
    this.maxSeconds = Infinity;
    /** @type {MediaDeviceInfo[]} */
    this.devices = [];
    this.deviceId = "";
    this.attempt = 0;
    this.listDevices = this.listDevices.bind(this);
    navigator.mediaDevices?.addEventListener?.("devicechange", this.listDevices);
  }

  /** Seconds of sound so far. */
  get seconds() {
    return this.samples / RATE_HZ;
  }

  forget() {
    this.pieces = [];
    this.recent = [];
    this.recentSamples = this.samples = 0;
    this.file = undefined;
  }

  async start() {
    this.forget();
    this.problem = "";
    this.become("starting");
    const attempt = (this.attempt += 1);
    try {
      const context = new AudioContext();
      this.context = context;
      const url = URL.createObjectURL(new Blob([`(${processorModule})()`], { type: "text/javascript" }));
      await context.audioWorklet.addModule(url).finally(() => URL.revokeObjectURL(url));
      if (attempt !== this.attempt) return; // it was cancelled meanwhile
      const tap = new AudioWorkletNode(context, "ipy-gateway-tap", { numberOfOutputs: 0 });
      tap.port.onmessage = (event) => this.hear(event.data);
      this.tap = tap;
      this.resampler = new Resampler(context.sampleRate);
      await this.listenTo(this.deviceId);
      await context.resume();
      if (attempt === this.attempt) this.become("recording");
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.problem = whyNoSound(error);
      this.release();
      this.become("off");
    }
  }

  /** @param {string} deviceId "" for the one that the browser prefers */
  async listenTo(deviceId) {
    const { attempt } = this;
    const device = deviceId ? { deviceId: { exact: deviceId } } : {};
    const wanted = { ...device, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    if (attempt !== this.attempt || !this.context || !this.tap) {
      for (const track of stream.getTracks()) track.stop();
      throw new Cancelled();
    }
    this.stopListening();
    this.stream = stream;
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.tap);
    const [track] = stream.getAudioTracks();
    this.deviceId = track.getSettings().deviceId ?? deviceId;
    track.addEventListener("ended", () => this.lose(stream));
    await this.listDevices();
  }

  /** @param {string} deviceId */
  async change(deviceId) {
    try {
      await this.listenTo(deviceId);
      this.problem = "";
    } catch (error) {
      if (!(error instanceof Cancelled)) this.problem = whyNoSound(error);
    }
    this.changed();
  }

  /** The microphone was unplugged. @param {MediaStream} stream */
  lose(stream) {
    if (stream !== this.stream) return;
    this.problem = "The microphone is gone. Choose another one, or stop: what was recorded is kept.";
    if (this.state === "recording") this.become("paused");
  }

  async listDevices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    this.devices = all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId);
    this.changed();
  }

  /** @param {Float32Array} block */
  hear(block) {
    let power = 0;
    for (const value of block) power += value * value;
    const decibels = 10 * Math.log10(power / block.length + 1e-9);
    this.level = Math.max(0, Math.min(1, 1 + decibels / 60));
    if (this.state === "recording" && this.resampler) this.keep(this.resampler.push(block));
    this.changed();
    if (this.seconds >= this.maxSeconds) this.stop();
  }

  /** @param {Int16Array} samples */
  keep(samples) {
    this.recent.push(samples);
    this.recentSamples += samples.length;
    this.samples += samples.length;
    if (this.recentSamples >= PIECE_SAMPLES) this.store();
  }

  store() {
    this.pieces.push(new Blob(/** @type {BlobPart[]} */ (this.recent)));
    this.recent = [];
    this.recentSamples = 0;
  }

  togglePause() {
    if (this.state === "recording") this.become("paused");
    else if (this.state === "paused") this.become("recording");
  }

  stop() {
    if (this.state !== "recording" && this.state !== "paused") return;
    if (this.resampler) this.keep(this.resampler.push(new Float32Array(2 * this.resampler.reach)));
    this.store();
    this.release();
    const moment = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString();
    const name = `recording ${moment.slice(0, 10)} ${moment.slice(11, 19).replaceAll(":", ".")}.wav`;
    this.file = wavFile(this.pieces, 2 * this.samples, name);
    this.become("recorded");
  }

  /** Throws away what was recorded. */
  discard() {
    this.release();
    this.forget();
    this.problem = "";
    this.become("off");
  }

  /** Gives the microphone free: its light goes out. */
  release() {
    this.attempt += 1;
    this.stopListening();
    this.context?.close();
    if (this.tap) this.tap.port.onmessage = null; // what is still on its way is not for the next recording
    this.context = this.tap = this.resampler = undefined;
    this.level = 0;
  }

  stopListening() {
    this.source?.disconnect();
    const { stream } = this;
    this.stream = this.source = undefined;
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  close() {
    this.release();
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.listDevices);
  }

  /** @param {RecorderState} state */
  become(state) {
    this.state = state;
    this.changed();
  }
}
