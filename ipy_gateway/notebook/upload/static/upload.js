// @ts-check
// The upload widget: a place to drop, choose, paste or record something, its files, and the transcript.

class View {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.session = sessionOf(model);
    this.paint = this.paint.bind(this);
    this.paintTranscript = this.paintTranscript.bind(this);
    /** @type {Map<string, string>} */
    this.announced = new Map();
    this.isClosed = false;

    this.place = new DropPlace(this.session);
    this.recording = new RecordingPanel(this.session, this.place.record);
    this.gone = build("p", { className: "ipg-problem", hidden: true }, GONE);
    this.notices = build("ul", { className: "ipg-notices" });
    const alert = build("div", {}, this.gone, this.notices);
    alert.setAttribute("role", "alert");
    this.list = new RowList(this.session);
    this.said = build("p", { className: "ipg-said" });
    this.said.setAttribute("role", "status");
    this.transcript = build("div", { className: "ipg-upload-transcript" });
    // The copy for whoever opens the notebook later is not needed as long as this is there.
    const hiding = build("style", {}, `.ipg-saved-${model.get("_key")} { display: none; }`);
    this.root = build(
      "section",
      { className: "ipg-upload", ariaLabel: "Audio upload", tabIndex: -1 },
      ...[hiding, this.place.element, this.recording.element, alert, this.list.element, this.said, this.transcript],
    );
    this.root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take letters and Ctrl+V for its own commands
    acceptFiles(this.root, this.session);
    el.append(this.root);
    this.connect();
  }

  connect() {
    this.session.views.add(this.paint);
    this.model.on("change:_items", this.paint);
    this.model.on("change:_shown", this.paint);
    this.model.on("change:_view", this.paintTranscript);
    this.paint();
    this.paintTranscript();
  }

  close() {
    this.isClosed = true;
    this.session.leave(this.paint);
    this.model.off("change:_items", this.paint);
    this.model.off("change:_shown", this.paint);
    this.model.off("change:_view", this.paintTranscript);
    this.root.remove();
  }

  paint() {
    const { recorder, notices, items, isGone } = this.session;
    this.gone.hidden = !isGone;
    this.place.paint();
    this.place.element.hidden = isGone || recorder.state !== "off";
    this.recording.paint();
    this.list.paint(rowsOf(this.session, this.model.get("_shown")));
    const texts = [...this.notices.children].map((line) => line.textContent).join("\n");
    if (texts !== notices.join("\n")) this.notices.replaceChildren(...notices.map((text) => build("li", {}, text)));
    this.notices.hidden = !notices.length;
    for (const item of items) this.announce(item);
  }

  /** @param {Item} item */
  announce({ id, name, state, text }) {
    const before = this.announced.get(id);
    this.announced.set(id, state);
    const words = ANNOUNCED[state];
    if (before && before !== state && words)
      this.said.textContent = `${name}: ${words} ${state === "failed" ? text : ""}`;
  }

  /** Scripts that come as text do not run by themselves, and find nothing as long as they are not in the page. */
  paintTranscript() {
    const html = this.model.get("_view");
    this.transcript.hidden = !html;
    this.transcript.innerHTML = html; // of our own making, escaped by construction
    const scripts = [...this.transcript.querySelectorAll("script")];
    const run = () => {
      if (this.isClosed || scripts.some((script) => !this.transcript.contains(script))) return;
      if (!this.root.isConnected) requestAnimationFrame(run);
      else for (const script of scripts) script.replaceWith(build("script", { text: script.text }));
    };
    run();
  }
}

const GONE =
  "The kernel has ended or was restarted: run the cell again, or reload the page where there are no cells." +
  " A recording that was not sent can be saved.";
/** @type {Record<string, string>} */
const ANNOUNCED = {
  uploaded: "uploaded.",
  transcribing: "is being transcribed.",
  done: "transcribed.",
  failed: "failed.",
  stopped: "stopped.",
};

/** @param {HTMLElement} root @param {Session} session */
function acceptFiles(root, session) {
  let depth = 0;
  const mark = (/** @type {number} */ now) => {
    depth = Math.max(0, now);
    root.classList.toggle("ipg-over", depth > 0);
  };
  const ifFiles = (/** @type {(event: DragEvent) => void} */ act) => (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  };
  root.addEventListener(
    "dragenter",
    ifFiles(() => mark(depth + 1)),
  );
  root.addEventListener(
    "dragover",
    ifFiles(() => {}),
  );
  root.addEventListener(
    "dragleave",
    ifFiles(() => mark(depth - 1)),
  );
  root.addEventListener(
    "drop",
    ifFiles((event) => {
      mark(0);
      session.add(filesOf(/** @type {DataTransfer} */ (event.dataTransfer), session));
    }),
  );
  root.addEventListener("paste", (event) => {
    const files = event.clipboardData ? filesOf(event.clipboardData, session) : [];
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    session.add(files);
  });
}

/** @param {DataTransfer} data @param {Session} session @returns {File[]} */
function filesOf(data, session) {
  const items = [...data.items].filter(({ kind }) => kind === "file");
  const folder = items.map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
  if (!folder) return [...data.files];
  queueMicrotask(() => session.refuse("", `'${shownName(folder.name)}' is a folder. Drop the files that are in it.`));
  return [];
}

export default {
  /** @param {{model: Model}} context */
  initialize({ model }) {
    const session = sessionOf(model);
    return () => session.close();
  },
  /** @param {{model: Model, el: HTMLElement}} context */
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
