// What is seen of one transfer, on the link: the same code for both subjects.

const TCP = 6;
const SYN = 0x02;

/** Sequence number and payload of a TCP segment in a whole packet, or null. */
function readData(bytes) {
  if (bytes[9] !== TCP) return null;
  const at = (bytes[0] & 15) * 4;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if ((bytes[at + 13] & SYN) !== 0) return null;
  const length = view.getUint16(2) - at - (bytes[at + 12] >> 4) * 4;
  return length > 0 ? { seq: view.getUint32(at + 4), length } : null;
}

/**
 * The sender's packets where they enter the link, and the receiver's progress where they leave it:
 * the bytes that have arrived without a gap. When ACKs are sent, which is the receiver's own affair,
 * does not change what is seen.
 */
export class Watch {
  /** When the first data entered the link, ms. */
  begun = -1;
  sentPackets = 0;
  sentBytes = 0;
  arrivedBytes = 0;
  /** Pairs of time (ms after `begun`) and bytes in order so far. */
  progress = [];

  #first = 0;
  #next = 0;
  #beyond = [];

  sent(bytes) {
    const data = readData(bytes);
    if (data === null) return;
    if (this.begun < 0) {
      this.begun = performance.now();
      this.#first = data.seq;
    }
    this.sentPackets++;
    this.sentBytes += data.length;
  }

  arrived(bytes) {
    const data = readData(bytes);
    if (data === null || this.begun < 0) return;
    this.arrivedBytes += data.length;
    const start = (data.seq - this.#first) >>> 0;
    const end = start + data.length;
    if (end <= this.#next) return;
    if (start > this.#next) {
      this.#beyond.push([start, end]);
      return;
    }
    this.#next = end;
    this.#join();
    this.progress.push([performance.now() - this.begun, this.#next]);
  }

  #join() {
    this.#beyond.sort((a, b) => a[0] - b[0]);
    let joined = 0;
    for (const [start, end] of this.#beyond) {
      if (start > this.#next) break;
      this.#next = Math.max(this.#next, end);
      joined++;
    }
    this.#beyond.splice(0, joined);
  }

  /** What the run was, over `milliseconds` from its first data. */
  result(milliseconds) {
    const within = this.progress.filter(([time]) => time <= milliseconds);
    const bytes = within.at(-1)?.[1] ?? 0;
    const times = [...within.map(([time]) => time), milliseconds];
    const gaps = times.slice(1).map((time, i) => time - times[i]);
    return {
      goodput: (bytes * 8) / (milliseconds * 1000),
      gaps: gaps.map((gap) => Math.round(gap * 10) / 10),
      packets: this.sentPackets,
      repeated: 1 - this.#next / Math.max(1, this.sentBytes),
      inVain: 1 - this.#next / Math.max(1, this.arrivedBytes),
    };
  }
}
