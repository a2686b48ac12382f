// @ts-check
// Finds words in a transcript and marks them, also where they begin in one line and end in another.

/** @typedef {{line: Line, from: number, to: number}} Part of a line's text */
/** @typedef {{whole: string, places: {line: Line, start: number}[]}} Text of several lines, and where each begins */

const FOUND_AT_MOST = 10_000;
// Scripts that write no blanks between words, as in core/transcripts/languages.py.
const UNSPACED =
  "[\\u0e00-\\u109f\\u1780-\\u17ff\\u3000-\\u30ff\\u3400-\\u9fff\\uf900-\\uffef\\u{20000}-\\u{3ffff}]";
const STARTS_UNSPACED = new RegExp(`^${UNSPACED}`, "u");
const ENDS_UNSPACED = new RegExp(`${UNSPACED}$`, "u");

/** @param {Line[]} lines @param {HTMLElement} list */
function searchTools(lines, list) {
  const input = make("input", { type: "search", placeholder: "Search", ariaLabel: "Search the transcript" });
  const count = make("span", {});
  count.setAttribute("role", "status");
  const next = make("button", { type: "button", disabled: true, ariaLabel: "Next hit" }, "Next");
  const texts = searchedTexts(lines);
  /** @type {HTMLElement[][]} */
  let hits = [];
  let at = -1;
  const go = (/** @type {number} */ step) => {
    if (!hits.length) return;
    for (const mark of hits[at] ?? []) mark.classList.remove("ipg-hit");
    at = (at + step + hits.length) % hits.length;
    for (const mark of hits[at]) mark.classList.add("ipg-hit");
    show(list, hits[at][0]);
    count.textContent = `${at + 1} of ${hits.length}`;
  };
  input.addEventListener("input", () => {
    const wanted = input.value.trim();
    hits = markHits(lines, wanted ? found(texts, wanted) : []);
    at = -1;
    next.disabled = !hits.length;
    count.textContent = wanted && !hits.length ? "no hits" : "";
    go(1);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) go(event.shiftKey ? -1 : 1);
  });
  next.addEventListener("click", () => go(1));
  return [input, count, next];
}

/** All that is said as one text, and each gap as one of its own. @param {Line[]} lines @returns {Text[]} */
function searchedTexts(lines) {
  const gaps = lines.filter((line) => line.isGap);
  return [joined(lines.filter((line) => !line.isGap)), ...gaps.map((gap) => joined([gap]))];
}

/** @param {Line[]} lines @returns {Text} */
function joined(lines) {
  const parts = [];
  let length = 0;
  const places = lines.map((line, index) => {
    const before = lines[index - 1]?.said ?? "";
    const isApart = before && !ENDS_UNSPACED.test(before) && !STARTS_UNSPACED.test(line.said);
    const start = length + (isApart ? 1 : 0);
    parts.push(isApart ? " " : "", line.said);
    length = start + line.said.length;
    return { line, start };
  });
  return { whole: parts.join(""), places };
}

/** Each hit as the parts of lines that it covers. @param {Text[]} texts @param {string} wanted @returns {Part[][]} */
function found(texts, wanted) {
  const escaped = wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/\s+/g, "\\s+");
  const pattern = new RegExp(escaped, "giu");
  const hits = texts.flatMap((text) => [...foundIn(text, pattern)]).slice(0, FOUND_AT_MOST);
  return hits.sort(([left], [right]) => left.line.index - right.line.index || left.from - right.from);
}

/** @param {Text} text @param {RegExp} pattern @returns {Generator<Part[]>} */
function* foundIn({ whole, places }, pattern) {
  let first = 0;
  for (const match of whole.matchAll(pattern)) {
    const end = match.index + match[0].length;
    while (first + 1 < places.length && places[first + 1].start <= match.index) first += 1;
    const parts = [];
    for (let at = first; at < places.length && places[at].start < end; at += 1) {
      const { line, start } = places[at];
      const part = { line, from: Math.max(0, match.index - start), to: Math.min(end - start, line.said.length) };
      if (part.from < part.to) parts.push(part);
    }
    yield parts;
  }
}

/** Marks hits in the place of those before. @param {Line[]} lines @param {Part[][]} hits @returns {HTMLElement[][]} */
function markHits(lines, hits) {
  for (const { text, said } of lines) if (text.childElementCount) text.replaceChildren(said);
  /** @type {Map<Line, (string | HTMLElement)[]>} */
  const written = new Map();
  /** @type {Map<Line, number>} */
  const ends = new Map();
  const marks = hits.map((parts) =>
    parts.map(({ line, from, to }) => {
      const mark = make("mark", {}, line.said.slice(from, to));
      if (!written.has(line)) written.set(line, []);
      written.get(line)?.push(line.said.slice(ends.get(line) ?? 0, from), mark);
      ends.set(line, to);
      return mark;
    }),
  );
  for (const [line, nodes] of written) line.text.replaceChildren(...nodes, line.said.slice(ends.get(line)));
  return marks;
}
