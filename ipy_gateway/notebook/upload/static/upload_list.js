// @ts-check
// The files of a widget: how far each has come, and what can be done about it.

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} properties
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function build(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** @param {string} text @param {() => void} act @param {string} [className] */
function pushButton(text, act, className = "") {
  const button = build("button", { type: "button", className }, text);
  button.addEventListener("click", act);
  return button;
}

/** @typedef {"transcribe" | "cancel" | "remove" | "show" | "save"} Action */

/** What a row of the list shows.
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} text
 * @property {number | undefined} share of something that goes on; -1 where that is unknown
 * @property {boolean} [isProblem]
 * @property {{text: string, kind: Action}[]} actions
 */

const CANCEL = /** @type {const} */ ({ text: "Cancel", kind: "cancel" });
const SHOW = /** @type {const} */ ({ text: "Show", kind: "show" });
const AGAIN = /** @type {const} */ ({ text: "Try again", kind: "transcribe" });
const TRANSCRIBE = /** @type {const} */ ({ text: "Transcribe", kind: "transcribe" });
const REMOVE = /** @type {const} */ ({ text: "Remove", kind: "remove" });
const SAVE = /** @type {const} */ ({ text: "Save as a file", kind: "save" });

/** @param {Session} session @param {string} shown whose transcript is shown @returns {Row[]} */
function rowsOf(session, shown) {
  const { transfers } = session;
  const items = session.items.filter(({ id, state }) => state !== "uploading" || !transfers.cancelled.has(id));
  const underWay = [...transfers.sent.values(), ...transfers.queue];
  const shownElsewhere = new Set([...items, ...underWay].map(({ id }) => id));
  const lost = [...session.recordings].filter(([id]) => !shownElsewhere.has(id));
  return [
    ...items.map((item) => {
      const transfer = underWay.find(({ id }) => id === item.id);
      return transfer && item.state === "uploading" ? transferRow(transfer, item.name) : itemRow(session, item, shown);
    }),
    ...underWay
      .filter(({ id }) => !items.some((item) => item.id === id))
      .map((transfer) => transferRow(transfer, shownName(transfer.file.name))),
    ...lost.map(([id, { name }]) => ({ id, name, text: "Not sent", share: undefined, actions: [SAVE, REMOVE] })),
  ];
}

/** @param {Transfer} transfer @param {string} name @returns {Row} */
function transferRow({ id, file, received, isWaiting, isBegun, bytesPerSecond }, name) {
  if (received === file.size)
    return { id, name, text: `${fileSize(received)}, uploaded`, share: undefined, actions: [] };
  const row = { id, name, actions: [CANCEL] };
  if (isWaiting) {
    const why = "Waiting for the kernel: it runs a cell, or the connection is lost. This goes on by itself.";
    return { ...row, text: why, share: received / file.size };
  }
  if (!isBegun) return { ...row, text: `${fileSize(file.size)}, waiting to be sent`, share: undefined };
  const speed = bytesPerSecond ? ` · ${fileSize(bytesPerSecond)}/s` : "";
  return { ...row, text: `${fileSize(received)} of ${fileSize(file.size)}${speed}`, share: received / file.size };
}

/** @param {Session} session @param {Item} item @param {string} shown @returns {Row} */
function itemRow(session, item, shown) {
  const { id, name, text, share } = item;
  if (session.isGone && item.state !== "done")
    return {
      id,
      name,
      text: "Ended with the kernel",
      share: undefined,
      actions: session.recordings.has(id) ? [SAVE] : [],
    };
  const row = { id, name, text, share: /** @type {number | undefined} */ (undefined) };
  switch (item.state) {
    case "uploading":
      return {
        ...row,
        text: `Interrupted at ${Math.floor(100 * share)} %. Choose the same file again to go on.`,
        actions: [REMOVE],
      };
    case "uploaded":
      return { ...row, text: `${fileSize(item.size)}, uploaded`, actions: [TRANSCRIBE, REMOVE] };
    case "waiting":
      return { ...row, text: "Waiting for its turn", actions: [CANCEL] };
    case "transcribing":
      return { ...row, text: text ? `Transcribing: ${text}` : "Transcribing", share: share || -1, actions: [CANCEL] };
    case "done":
      return { ...row, text: "Transcribed", actions: session.isGone ? [] : id === shown ? [REMOVE] : [SHOW, REMOVE] };
    case "failed":
      return { ...row, isProblem: true, actions: [AGAIN, REMOVE] };
    case "stopped":
      return { ...row, text: "Stopped", actions: [TRANSCRIBE, REMOVE] };
  }
}

class RowList {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.element = build("ul", { className: "ipg-files", ariaLabel: "Files" });
    /** @type {Map<string, FileRow>} */
    this.rows = new Map();
  }

  /** Rows stay where they are as far as they can, and with them the focus. @param {Row[]} rows */
  paint(rows) {
    const wanted = new Set(rows.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    let next = this.element.firstChild;
    for (const row of rows) {
      const shown = this.rows.get(row.id) ?? new FileRow(this.session, row.id);
      this.rows.set(row.id, shown);
      if (shown.element === next) next = next.nextSibling;
      else this.element.insertBefore(shown.element, next);
      shown.paint(row);
    }
    this.element.hidden = !rows.length;
  }
}

class FileRow {
  /** @param {Session} session @param {string} id */
  constructor(session, id) {
    this.session = session;
    this.id = id;
    this.name = build("span", { className: "ipg-name" });
    this.text = build("span", { className: "ipg-quiet" });
    this.bar = build("progress", { max: 1, hidden: true });
    this.actions = build("span", { className: "ipg-actions" });
    this.kinds = "";
    const words = build("span", { className: "ipg-words" }, this.name, " ", this.text, this.bar);
    this.element = build("li", {}, words, this.actions);
  }

  /** @param {Row} row */
  paint({ name, text, share, isProblem, actions }) {
    this.name.textContent = this.name.title = name;
    if (this.text.textContent !== text) this.text.textContent = text;
    this.text.className = isProblem ? "ipg-problem" : "ipg-quiet";
    this.bar.hidden = share === undefined;
    this.bar.ariaLabel = name;
    if (share === -1) this.bar.removeAttribute("value");
    else this.bar.value = share ?? 0;
    const kinds = actions.map(({ text: label }) => label).join();
    if (kinds === this.kinds) return;
    this.kinds = kinds;
    const hadFocus = this.actions.contains(this.element.ownerDocument.activeElement);
    this.actions.replaceChildren(
      ...actions.map(({ text: label, kind }) => {
        const button = pushButton(label, () => this.session.ask(kind, this.id));
        button.ariaLabel = `${label} ${name}`;
        return button;
      }),
    );
    if (hadFocus) this.actions.querySelector("button")?.focus();
  }
}
