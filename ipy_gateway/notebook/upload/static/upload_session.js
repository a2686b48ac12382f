// @ts-check
// What belongs to a widget and not to one of its views: files on their way, the recorder, what could not be taken.

/** A file as the kernel has it.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} name
 * @property {number} size
 * @property {number} modified
 * @property {"uploading" | "uploaded" | "waiting" | "transcribing" | "done" | "failed" | "stopped"} state
 * @property {number} share
 * @property {string} text
 */

/** @typedef {{accept: string[], kinds: string, max_bytes: number, slice_bytes: number, is_automatic: boolean}} Limits */

const LONGEST_NAME = 100;

/** @type {Map<string, Session>} */
const sessions = new Map();

/** Views come and go, and have models of their own. @param {Model} model @returns {Session} */
function sessionOf(model) {
  const key = model.get("_key");
  const session = sessions.get(key) ?? new Session(model);
  sessions.set(key, session);
  return session;
}

class Session {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    /** @type {Set<() => void>} */
    this.views = new Set();
    /** @type {string[]} */
    this.notices = [];
    /** @type {Map<string, File>} what was recorded here and has no transcript yet: no other copy is sure to stay */
    this.recordings = new Map();
    this.isPainting = false;
    this.changed = this.changed.bind(this);
    this.take = this.take.bind(this);
    this.transfers = new Transfers(model, this.changed, (name, problem) => this.refuse(name, problem));
    this.recorder = new Recorder(this.changed);
    this.isGone = false;
    this.lose = this.lose.bind(this);
    this.warn = this.warn.bind(this);
    window.addEventListener("beforeunload", this.warn);
    this.settle = this.settle.bind(this);
    model.on("msg:custom", this.take);
    model.on("change:_items", this.settle);
    model.on("comm_live_update", this.lose); // it was live when it came: there is one change
  }

  /** @returns {Limits} */
  get limits() {
    return this.model.get("_limits");
  }

  /** @returns {Item[]} */
  get items() {
    return this.model.get("_items") ?? [];
  }

  /** Has all views painted, once however much changes. */
  changed() {
    if (this.isPainting) return;
    this.isPainting = true;
    requestAnimationFrame(() => {
      this.isPainting = false;
      for (const paint of this.views) paint();
    });
  }

  /** @param {any} message */
  take(message) {
    this.transfers.take(message);
    if (message.kind === "refused" && !this.transfers.find(message.id)) this.refuse("", message.reason);
  }

  /** What the kernel's list says is no longer needed here. */
  settle() {
    for (const { id, state } of this.items) {
      if (state !== "uploading") this.transfers.sent.delete(id);
      if (state === "done") this.recordings.delete(id);
    }
  }

  /** @param {string} name @param {string} problem */
  refuse(name, problem) {
    const known = shownName(name);
    this.notices.push(!name || problem.includes(`'${known}'`) ? problem : `${known}: ${problem}`);
    this.changed();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    if (this.isGone) return; // which is said
    this.notices = [];
    for (const file of files) {
      const problem = problemOf(file, this.limits);
      if (problem) this.refuse("", problem);
      else this.transfers.add(file, this.interrupted(file)?.id);
    }
    this.changed();
  }

  /** The upload of this file that was interrupted, by a reload of the page for one. @param {File} file */
  interrupted(file) {
    const isSame = (/** @type {Item} */ { size, modified }) => size === file.size && modified === file.lastModified;
    return this.items.find((item) => this.isInterrupted(item) && isSame(item));
  }

  /** @param {Item} item */
  isInterrupted(item) {
    const { sent, cancelled } = this.transfers;
    const isUnderWay = this.transfers.find(item.id) || sent.has(item.id) || cancelled.has(item.id);
    return item.state === "uploading" && !isUnderWay;
  }

  /** @param {Action} kind @param {string} id */
  ask(kind, id) {
    const recording = this.recordings.get(id);
    if (kind === "save") return recording && saveFile(recording);
    if (kind === "remove" || this.transfers.find(id)) this.recordings.delete(id);
    this.changed();
    if (this.transfers.find(id)) this.transfers.cancel(id);
    else trySending(this.model, { kind, id });
  }

  startRecording() {
    this.notices = [];
    this.recorder.maxSeconds = (this.limits.max_bytes - HEADER_BYTES) / BYTES_PER_SECOND - 1;
    this.recorder.start();
  }

  sendRecording() {
    const { file } = this.recorder;
    if (!file) return;
    this.recorder.discard();
    this.notices = [];
    this.recordings.set(this.transfers.add(file), file);
  }

  /** A recording that was not sent is in this page alone. @param {Event} event */
  warn(event) {
    const isSending = [...this.recordings.keys()].some((id) => this.transfers.find(id));
    if (isSending || this.recorder.state !== "off") event.preventDefault();
  }

  /** A microphone is off where nobody sees that it is on; what was recorded is kept. @param {() => void} paint */
  leave(paint) {
    this.views.delete(paint);
    if (this.views.size) return;
    if (this.recorder.state === "starting") this.recorder.discard();
    this.recorder.stop();
  }

  /** The kernel has ended or was restarted, and knows no widget any more. */
  lose() {
    this.isGone = true;
    this.transfers.close();
    this.changed();
  }

  close() {
    this.transfers.close();
    this.recorder.close();
    window.removeEventListener("beforeunload", this.warn);
    this.model.off("msg:custom", this.take);
    this.model.off("change:_items", this.settle);
    this.model.off("comm_live_update", this.lose);
    sessions.delete(this.model.get("_key"));
  }
}

/** What the kernel would say, said before anything is sent. @param {File} file @param {Limits} limits */
function problemOf(file, limits) {
  const name = `'${shownName(file.name)}'`;
  if (!file.size) return `${name} is empty: it has 0 bytes. Record or copy it again.`;
  if (file.size > limits.max_bytes) {
    const sizes = `it has ${fileSize(file.size)}, and up to ${fileSize(limits.max_bytes)} are taken`;
    return `${name} is too large: ${sizes}. Cut it into parts, or make the widget with a larger max_bytes.`;
  }
  return takes(limits, file.name, file.type) ? "" : `${name} is not of a kind that is taken. Choose ${limits.kinds}.`;
}

/** @param {Limits} limits @param {string} name @param {string} type */
function takes(limits, name, type) {
  return limits.accept.some((kind) => {
    if (kind.startsWith(".")) return name.toLowerCase().endsWith(kind);
    return kind.endsWith("/*") ? type.toLowerCase().startsWith(kind.slice(0, -1)) : type.toLowerCase() === kind;
  });
}

/** A name without what turns a text around, and not too long, as the kernel will show it. @param {string} name */
function shownName(name) {
  const plain = name.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, "");
  return plain.length > LONGEST_NAME ? `${plain.slice(0, LONGEST_NAME - 1)}…` : plain;
}

/** @param {File} file */
function saveFile(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // when the browser has begun to save it
}

/** @param {number} bytes */
function fileSize(bytes) {
  const [size, unit] = bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e5 ? [1e6, "MB"] : [1e3, "kB"];
  return `${(bytes / size).toFixed(1)}\u00a0${unit}`; // on one line
}

/** @param {number} seconds */
function clockTime(seconds) {
  const whole = Math.floor(seconds);
  const rest = `${Math.floor(whole / 60) % 60}:${String(whole % 60).padStart(2, "0")}`;
  return whole < 3600 ? rest : `${Math.floor(whole / 3600)}:${rest.padStart(5, "0")}`;
}
