// @ts-check
// What is copied and saved of a transcript: its text and its subtitles, made of what the output shows.

// Players read these as commands in SubRip, which has no escapes; a character without width makes them text.
const SRT_COMMAND = /<(?=[a-z/!?])|\{(?=[\\a-z])|\\(?=[nh{}])|--(?=>)/gi;
const WORD_JOINER = "\u2060";
const RESERVED_NAME = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** @param {Line} line */
const spoken = (line) => [line.speaker, line.said].filter(Boolean).join(" ");

/** @param {Line[]} lines */
const asText = (lines) => lines.map((line) => `${spoken(line)}\n`).join("");

/** @param {Line[]} lines */
function asSrt(lines) {
  const text = (/** @type {Line} */ line) => spoken(line).replace(SRT_COMMAND, `$&${WORD_JOINER}`);
  return lines.map((line, index) => `${index + 1}\n${timing(line, ",")}\n${text(line)}\n`).join("\n");
}

/** @param {Line[]} lines */
function asVtt(lines) {
  const escaped = (/** @type {string} */ text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const voice = (/** @type {Line} */ { speaker }) => (speaker ? `<v ${escaped(speaker.slice(0, -1))}>` : "");
  const cues = lines.map((line) => `\n${timing(line, ".")}\n${voice(line)}${escaped(line.said)}\n`);
  return `WEBVTT\n${cues.join("")}`;
}

/** @param {Line} line @param {string} mark */
const timing = ({ start, end }, mark) => `${clock(start, mark)} --> ${clock(Math.max(end, start + 0.001), mark)}`;

/** @param {number} seconds @param {string} mark */
function clock(seconds, mark) {
  const milliseconds = Math.round(seconds * 1000);
  const parts = [milliseconds / 3_600_000, (milliseconds / 60_000) % 60, (milliseconds / 1000) % 60];
  const shown = parts.map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  return `${shown}${mark}${String(milliseconds % 1000).padStart(3, "0")}`;
}

/** Letters, digits, "-" and "_" of a recording's name without its ending. @param {string} source */
function fileName(source) {
  const plain = source.replace(/\.\w{1,5}$/, "").replace(/[^\p{L}\p{M}\p{N}_-]+/gu, "_");
  const name = [...plain].slice(0, 80).join("").replace(/^[_-]+|[_-]+$/g, "");
  return !name || RESERVED_NAME.test(name) ? "transcript" : name;
}

/** @param {HTMLElement} place @param {string} name @param {string} text */
function save(place, name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = make("a", { download: name, href: url, hidden: true });
  place.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** @param {string} text @returns {Promise<boolean>} */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // the page came unencrypted from another machine: there is only the old way
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}
