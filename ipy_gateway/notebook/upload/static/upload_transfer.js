// @ts-check
// Sends files to the kernel: slice by slice, each acknowledged, and on from where it was after a lost connection.

/** What anywidget gives of a widget's model.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(content: object, callbacks?: object, buffers?: ArrayBuffer[]) => void} send
 * @property {(name: string, callback: (...values: any[]) => void) => void} on
 * @property {(name: string, callback: (...values: any[]) => void) => void} off
 */

/** A file on its way.
 * @typedef {object} Transfer
 * @property {string} id
 * @property {File} file
 * @property {number} received bytes that the kernel has
 * @property {boolean} isBegun whether the kernel knows of it
 * @property {boolean} isWaiting whether no answer has come for long
 * @property {number} bytesPerSecond
 */

// A cell that runs may hold up the answer for hours: asking again costs nothing, and giving up would cost the file.
const SHORTEST_PATIENCE_MS = 2_000;
const FIRST_PATIENCE_MS = 5_000; // for a slice, as long as nobody knows how fast the connection is
const LONGEST_PATIENCE_MS = 30_000;

/** The kernel does not take a file, and says why. */
class Refusal extends Error {}

/** Somebody does not want it any more. */
class Cancelled extends Error {}

class Transfers {
  /**
   * @param {Model} model
   * @param {() => void} changed called when there is something new to show
   * @param {(name: string, problem: string) => void} failed
   */
  constructor(model, changed, failed) {
    this.model = model;
    this.changed = changed;
    this.failed = failed;
    /** @type {Transfer[]} */
    this.queue = [];
    /** @type {Map<string, Transfer>} what the kernel has whole, though its list may not say so yet */
    this.sent = new Map();
    /** @type {Set<string>} what the kernel was told to forget, though its list may still have it */
    this.cancelled = new Set();
    this.isRunning = false;
    this.asks = 0;
    /** @type {Map<string, {ask: number, resolve: (received: number) => void, reject: (error: Error) => void}>} */
    this.asked = new Map();
  }

  /** @param {string} id @returns {Transfer | undefined} */
  find(id) {
    return this.queue.find((transfer) => transfer.id === id);
  }

  /**
   * @param {File} file
   * @param {string} [known] the upload of the same file that another page, or this one, began
   * @returns what it is called
   */
  add(file, known) {
    const id = known ?? randomId();
    this.queue.push({ id, file, received: 0, isBegun: Boolean(known), isWaiting: false, bytesPerSecond: 0 });
    this.changed();
    if (!this.isRunning) this.run();
    return id;
  }

  /** @param {string} id */
  cancel(id) {
    const transfer = this.find(id);
    if (!transfer) return;
    this.cancelled.add(id);
    this.drop(transfer);
    this.asked.get(id)?.reject(new Cancelled());
    trySending(this.model, { kind: "cancel", id });
  }

  /**
   * What the kernel says. Whatever was asked more than once is answered more than once: only the first answer counts,
   * else each of the others would have a slice sent again.
   * @param {{kind: string, id: string, ask?: number, received?: number, reason?: string}} message
   */
  take(message) {
    const asked = this.asked.get(message.id);
    if (message.kind === "ack" && message.ask === asked?.ask) asked?.resolve(message.received ?? 0);
    if (message.kind === "refused") asked?.reject(new Refusal(message.reason));
  }

  async run() {
    this.isRunning = true;
    for (let transfer; (transfer = this.queue[0]);) {
      try {
        await this.send(transfer);
        this.sent.set(transfer.id, transfer);
      } catch (error) {
        if (error instanceof Refusal) this.failed(transfer.file.name, error.message);
        else if (!(error instanceof Cancelled)) this.fail(transfer);
      }
      this.drop(transfer);
    }
    this.isRunning = false;
  }

  /** The browser can't read the file: it has been moved, or changed. @param {Transfer} transfer */
  fail(transfer) {
    trySending(this.model, { kind: "remove", id: transfer.id });
    this.failed(transfer.file.name, "The file can't be read any more. Choose it again.");
  }

  /** @param {Transfer} transfer */
  drop(transfer) {
    this.queue = this.queue.filter((one) => one !== transfer);
    this.changed();
  }

  /** @param {Transfer} transfer */
  async send(transfer) {
    const { id, file } = transfer;
    const { name, size, type, lastModified } = file;
    const sliceBytes = this.model.get("_limits").slice_bytes;
    const begin = { kind: "begin", id, name, size, type, modified: lastModified };
    transfer.received = await this.ask(transfer, transfer.isBegun ? { kind: "resume", id } : begin);
    transfer.isBegun = true;
    while (transfer.received < size) {
      const offset = transfer.received;
      const slice = await file.slice(offset, offset + sliceBytes).arrayBuffer();
      const started = performance.now();
      transfer.received = await this.ask(transfer, { kind: "slice", id, offset }, [slice]);
      measure(transfer, transfer.received - offset, performance.now() - started);
      this.changed();
    }
  }

  /**
   * Sends a message until an answer comes; after the first time it asks what is there, as the bytes may have come.
   * @param {Transfer} transfer
   * @param {object} message
   * @param {ArrayBuffer[]} [buffers]
   * @returns {Promise<number>} bytes that the kernel has
   */
  async ask(transfer, message, buffers) {
    if (!this.queue.includes(transfer)) throw new Cancelled();
    const { id } = transfer;
    const ask = (this.asks += 1);
    /** @type {Promise<number>} */
    const answer = new Promise((resolve, reject) => this.asked.set(id, { ask, resolve, reject }));
    let patience = patienceMs(transfer, buffers);
    let timer = 0;
    const again = () => {
      transfer.isWaiting = true;
      this.changed();
      trySending(this.model, { ...(transfer.isBegun ? { kind: "resume", id } : message), ask });
      patience = Math.min(2 * patience, LONGEST_PATIENCE_MS);
      timer = window.setTimeout(again, patience);
    };
    trySending(this.model, { ...message, ask }, buffers);
    timer = window.setTimeout(again, patience);
    try {
      return await answer;
    } finally {
      window.clearTimeout(timer);
      this.asked.delete(id);
      transfer.isWaiting = false;
    }
  }

  close() {
    for (const { reject } of this.asked.values()) reject(new Cancelled());
    this.queue = [];
    this.sent.clear();
  }
}

/** Where the connection is lost this throws, or not: asking again finds out. @param {Model} model
 * @param {object} message @param {ArrayBuffer[]} [buffers] */
function trySending(model, message, buffers) {
  try {
    model.send(message, undefined, buffers);
  } catch (error) {
    console.debug("ipy_gateway: not sent", error);
  }
}

/** How long an answer may take, which on a slow connection is long for a slice.
 * @param {Transfer} transfer @param {ArrayBuffer[]} [buffers] */
function patienceMs({ bytesPerSecond }, buffers) {
  if (!buffers) return SHORTEST_PATIENCE_MS;
  if (!bytesPerSecond) return FIRST_PATIENCE_MS;
  const usual = (1000 * buffers[0].byteLength) / bytesPerSecond;
  return Math.min(LONGEST_PATIENCE_MS, Math.max(SHORTEST_PATIENCE_MS, 3 * usual));
}

/** @param {Transfer} transfer @param {number} bytes @param {number} milliseconds */
function measure(transfer, bytes, milliseconds) {
  const now = bytes / Math.max(milliseconds / 1000, 0.001);
  const before = transfer.bytesPerSecond || now;
  transfer.bytesPerSecond = 0.8 * before + 0.2 * now;
}

/** `crypto.randomUUID` is missing where a page came unencrypted. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
