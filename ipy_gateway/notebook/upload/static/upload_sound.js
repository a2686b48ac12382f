// @ts-check
// Sound as it comes from a microphone, made 16 kHz mono WAV.

const RATE_HZ = 16_000;
const BYTES_PER_SECOND = 2 * RATE_HZ;
const HEADER_BYTES = 44;
const ZERO_CROSSINGS = 16; // of the filter, on each side: what would fold back is 60 dB down or more
const STEPS = 256; // of the filter's table, for each sample

/** Samples of any rate made 16 kHz: browsers can't all do that on their way from a microphone. */
class Resampler {
  /** @param {number} rateHz */
  constructor(rateHz) {
    this.step = rateHz / RATE_HZ;
    const cutoff = 0.95 * Math.min(1, 1 / this.step); // of the input's half rate
    this.reach = Math.ceil(ZERO_CROSSINGS / cutoff);
    this.table = filterTable(cutoff, this.reach);
    this.input = new Float32Array(this.reach);
    this.position = this.reach;
  }

  /** @param {Float32Array} samples from -1 to 1 @returns {Int16Array} */
  push(samples) {
    const input = new Float32Array(this.input.length + samples.length);
    input.set(this.input);
    input.set(samples, this.input.length);
    const count = Math.max(0, Math.ceil((input.length - this.reach - this.position) / this.step));
    const output = new Int16Array(count);
    for (let index = 0; index < count; index += 1) {
      output[index] = toInteger(this.valueAt(input, this.position));
      this.position += this.step;
    }
    const start = Math.max(0, Math.floor(this.position) - this.reach);
    this.input = input.slice(start);
    this.position -= start;
    return output;
  }

  /** @param {Float32Array} input @param {number} position */
  valueAt(input, position) {
    const last = Math.min(input.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let index = Math.max(0, Math.ceil(position - this.reach)); index <= last; index += 1) {
      sum += input[index] * this.table[Math.round(Math.abs(index - position) * STEPS)];
    }
    return sum;
  }
}

/** One side of a windowed sinc. @param {number} cutoff @param {number} reach */
function filterTable(cutoff, reach) {
  return Float32Array.from({ length: reach * STEPS + 1 }, (_, place) => {
    const t = place / STEPS;
    const angle = Math.PI * cutoff * t;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * t) / reach);
    return cutoff * (angle ? Math.sin(angle) / angle : 1) * window;
  });
}

/** @param {number} value */
const toInteger = (value) => Math.round(32767 * Math.max(-1, Math.min(1, value)));

/** @param {BlobPart[]} pieces samples @param {number} bytes of all of them @param {string} name */
function wavFile(pieces, bytes, name) {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const word = (/** @type {number} */ at, /** @type {string} */ text) =>
    [...text].forEach((letter, index) => header.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF");
  header.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  word(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // plain samples
  header.setUint16(22, 1, true); // mono
  header.setUint32(24, RATE_HZ, true);
  header.setUint32(28, BYTES_PER_SECOND, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  word(36, "data");
  header.setUint32(40, bytes, true);
  return new File([header, ...pieces], name, { type: "audio/wav", lastModified: Date.now() });
}

/** What runs beside the page's thread: it sends on what it hears, as mono. Its text becomes a module of its own. */
function processorModule() {
  const BLOCK = 2048;
  const scope = /** @type {any} */ (globalThis);
  class Tap extends scope.AudioWorkletProcessor {
    block = new Float32Array(BLOCK);
    filled = 0;
    /** @param {Float32Array[][]} inputs */
    process([channels]) {
      for (let index = 0; index < (channels[0]?.length ?? 0); index += 1) {
        let sum = 0;
        for (const channel of channels) sum += channel[index];
        this.block[this.filled] = sum / channels.length;
        this.filled += 1;
        if (this.filled === BLOCK) {
          /** @type {any} */ (this).port.postMessage(this.block.slice());
          this.filled = 0;
        }
      }
      return true;
    }
  }
  scope.registerProcessor("ipy-gateway-tap", Tap);
}
