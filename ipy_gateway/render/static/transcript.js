// @ts-check
// Makes transcripts live: their times play, their words are found, copied and saved. Whatever needs this script is
// made by it. It asks no server, and runs again for every output: a transcript is made live once.

/**
 * @typedef {{index: number, start: number, end: number, item: HTMLElement, isGap: boolean, speaker: string,
 *   text: HTMLElement, said: string}} Line
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} properties
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

class Transcript {
  /** @param {HTMLElement} root @param {number} number the newest of a page has the largest */
  constructor(root, number) {
    this.number = number;
    this.source = root.dataset.source ?? "";
    this.duration = Number(root.dataset.duration);
    this.covered = Number(root.dataset.covered);
    this.root = root;
    this.audio = root.querySelector("audio");
    /** @type {HTMLElement | null} an answer that cites moments has a player without lines */
    this.list = root.querySelector("ol");
    this.lines = this.list ? readLines(this.list, root.dataset.times) : [];
    this.isTimed = Boolean(root.dataset.times);
    /** @type {Line | undefined} */
    this.current = undefined;
    if (this.audio) this.connectPlayer(this.audio);
    if (this.list) this.connectList(this.list);
    root.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take Enter and letters for its own commands
  }

  /** @param {HTMLElement} list */
  connectList(list) {
    list.before(tools(this, list));
    Object.assign(list, { tabIndex: 0, ariaLabel: "Transcript" });
    const first = list.querySelector("button");
    if (first) first.tabIndex = 0;
    list.addEventListener("keydown", (event) => moveFocus(list, event));
  }

  /** @param {HTMLAudioElement} audio */
  connectPlayer(audio) {
    audio.ariaLabel = `Player of ${this.source || "the recording"}`;
    const played = connectStrip(this);
    for (const line of this.lines) if (line.start < this.covered) this.connectTime(line);
    const follow = () => {
      this.mark(this.lineAt(audio.currentTime));
      if (played) played.style.width = `${(100 * audio.currentTime) / this.duration}%`;
    };
    for (const name of ["timeupdate", "seeking", "play"]) audio.addEventListener(name, follow);
  }

  /** @param {Line} line */
  connectTime(line) {
    const label = line.item.querySelector("b");
    const time = label?.textContent ?? "";
    const button = make("button", { type: "button", className: "ipg-seek", tabIndex: -1 }, time);
    button.ariaLabel = `Play from ${time}`;
    button.addEventListener("click", () => this.play(line.start));
    label?.replaceWith(button);
  }

  /** @param {number} seconds */
  play(seconds) {
    const line = this.lineAt(seconds);
    if (line && this.list) show(this.list, line.item);
    if (!this.audio || seconds >= this.covered) return;
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {}); // not allowed, or paused at once: the player shows it
  }

  /** @param {number} seconds */
  lineAt(seconds) {
    return this.isTimed ? this.lines.findLast((line) => line.start <= seconds + 0.01) : undefined;
  }

  /** @param {Line | undefined} line */
  mark(line) {
    if (line === this.current || !this.list) return;
    const isFollowed = !this.current || isShown(this.list, this.current.item);
    this.current?.item.removeAttribute("aria-current");
    line?.item.setAttribute("aria-current", "true");
    if (line && isFollowed) show(this.list, line.item);
    this.current = line;
  }
}

/**
 * @param {HTMLElement} list
 * @param {string | undefined} times for every line the milliseconds from the end of the one before, and its length,
 *   in letters: to base 26, the last digit in upper case
 * @returns {Line[]}
 */
function readLines(list, times) {
  const numbers = (times ?? "").match(/-?[a-z]*[A-Z]/g) ?? [];
  let end = 0;
  return [...list.children].map((child, index) => {
    const item = /** @type {HTMLElement} */ (child);
    const start = end + fromLetters(numbers[2 * index]);
    end = start + fromLetters(numbers[2 * index + 1]);
    const text = make("span", {});
    text.append(...[...item.childNodes].filter((node) => node instanceof Text && node.data.trim()));
    item.append(" ", text);
    const said = (text.textContent ?? "").trim();
    text.replaceChildren(said);
    const speaker = item.querySelector("i")?.textContent ?? "";
    const isGap = item.classList.contains("ipg-gap");
    return { index, start: start / 1000, end: end / 1000, item, isGap, speaker, text, said };
  });
}

/** @param {string | undefined} letters */
function fromLetters(letters = "A") {
  const digits = letters.replace("-", "").toLowerCase();
  const size = [...digits].reduce((number, digit) => number * 26 + digit.charCodeAt(0) - 97, 0);
  return letters.startsWith("-") ? -size : size;
}

/** @param {HTMLElement} list @param {HTMLElement} item */
function isShown(list, item) {
  const [frame, box] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  return box.bottom > frame.top && box.top < frame.bottom;
}

/** Scrolls the list alone, not the notebook. @param {HTMLElement} list @param {HTMLElement} item */
function show(list, item) {
  const [frame, box] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  if (box.top < frame.top || box.bottom > frame.bottom) list.scrollTop += box.top - frame.top - frame.height / 3;
}

/** One time is reached with Tab, the others with arrows. @param {HTMLElement} list @param {KeyboardEvent} event */
function moveFocus(list, event) {
  const buttons = [...list.querySelectorAll("button")];
  const from = buttons.indexOf(/** @type {HTMLButtonElement} */ (event.target));
  const to = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (from < 0 || to === undefined || !buttons[to]) return;
  buttons[from].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
  event.preventDefault();
}

/** @param {Transcript} transcript */
function connectStrip(transcript) {
  const strip = /** @type {HTMLElement | null} */ (transcript.root.querySelector(".ipg-strip"));
  if (!strip || !transcript.duration) return undefined;
  const played = make("div", { className: "ipg-played" });
  strip.append(played);
  if (transcript.covered < transcript.duration) {
    const beyond = make("div", { className: "ipg-beyond" });
    beyond.style.width = `${100 - (100 * transcript.covered) / transcript.duration}%`;
    strip.append(beyond);
  }
  strip.addEventListener("click", (event) => {
    const box = strip.getBoundingClientRect();
    transcript.play((transcript.duration * (event.clientX - box.left)) / box.width);
  });
  return played;
}

/** @param {Transcript} transcript @param {HTMLElement} list */
function tools(transcript, list) {
  const { lines } = transcript;
  const box = make("div", { className: "ipg-tools" }, ...searchTools(lines, list));
  box.setAttribute("role", "group");
  box.ariaLabel = "Search and save";
  const copy = make("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyText(asText(lines))) ? "Copied" : "Not allowed";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  box.append(copy);
  const formats = transcript.isTimed ? { txt: asText, srt: asSrt, vtt: asVtt } : { txt: asText };
  for (const [ending, write] of Object.entries(formats)) {
    const button = make("button", { type: "button" }, ending.toUpperCase());
    button.ariaLabel = button.title = `Download as ${ending.toUpperCase()}`;
    button.addEventListener("click", () => save(box, `${fileName(transcript.source)}.${ending}`, write(lines)));
    box.append(button);
  }
  return box;
}

/** What all outputs of this page share. @returns {{transcripts: WeakMap<Element, Transcript>, count: number}} */
function shared() {
  const page = /** @type {any} */ (window);
  const key = Symbol.for("ipy_gateway.transcripts");
  if (!page[key]) {
    page[key] = { transcripts: new WeakMap(), count: 0 };
    document.addEventListener("click", followLink);
  }
  return page[key];
}

/** A link to a moment of a recording, whose name is its title: in the player of its own output, or the newest. @param {MouseEvent} event */
function followLink(event) {
  const link = event.target instanceof Element ? event.target.closest("a.ipg-time") : null;
  const seconds = /^#t=(\d+)$/.exec(link?.getAttribute("href") ?? "")?.[1];
  if (!(link instanceof HTMLElement) || !seconds) return;
  event.preventDefault();
  const own = link.closest(".ipy-gateway");
  const players = [...document.querySelectorAll(".ipg-live")]
    .map((root) => shared().transcripts.get(root))
    .filter((transcript) => transcript?.audio && transcript.source === link.title)
    .sort((left, right) => (right?.number ?? 0) - (left?.number ?? 0));
  const chosen = players.find((transcript) => own?.contains(transcript?.root ?? null)) ?? players[0];
  chosen?.root.scrollIntoView({ block: "nearest" });
  chosen?.play(Number(seconds));
}

for (const root of document.querySelectorAll(".ipg-recording:not(.ipg-live)")) {
  if (!(root instanceof HTMLElement) || !root.querySelector("ol, audio")) continue;
  root.classList.add("ipg-live");
  shared().transcripts.set(root, new Transcript(root, (shared().count += 1)));
}
