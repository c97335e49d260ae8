/**
 * Bytes to be sent that are not copied: the user has handed their memory over, and it is sent, and sent
 * again, from where it lies. They and the bytes that were copied follow each other in any order.
 */

/** A piece of the user's memory. */
class Piece {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where what is not acknowledged begins. */
  start = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}

/** The order of both kinds, oldest first. A connection that was handed no memory has {@link ONLY_COPIED}. */
export class Runs {
  /** Null for bytes that were copied, which lie in the connection's ring in the same order. */
  private pieces: (Piece | null)[] = [];
  private lengths: number[] = [];
  /** Runs before this one are acknowledged. */
  private first = 0;
  /** Bytes in pieces. */
  owned = 0;

  // What the last `locate` has found.
  /** The memory of the run, or null when it lies in the ring. */
  bytes: Uint8Array | null = null;
  /** Over exactly `bytes`. */
  view: DataView | null = null;
  /** Index into `bytes`, or bytes from the ring's front. */
  place = 0;
  /** Bytes of the run from there on. */
  rest = 0;

  /** `length` bytes were copied into the ring. */
  addCopied(length: number): void {
    if (length === 0) return;
    const last = this.pieces.length - 1;
    if (last >= this.first && this.pieces[last] === null)
      this.lengths[last] = (this.lengths[last] as number) + length;
    else this.push(null, length);
  }

  /** All of `bytes` is the connection's from now on. */
  createPiece(bytes: Uint8Array): void {
    this.push(new Piece(bytes), bytes.length);
    this.owned += bytes.length;
  }

  private push(piece: Piece | null, length: number): void {
    this.pieces.push(piece);
    this.lengths.push(length);
  }

  /** Forgets `count` bytes at the front; returns how many of them lie in the ring. */
  drop(count: number): number {
    let copied = 0;
    for (let rest = count; rest > 0; ) {
      const piece = this.pieces[this.first] as Piece | null;
      const length = this.lengths[this.first] as number;
      const gone = Math.min(rest, length);
      if (piece === null) copied += gone;
      else {
        piece.start += gone;
        this.owned -= gone;
      }
      if (gone === length) this.pieces[this.first++] = null;
      else this.lengths[this.first] = length - gone;
      rest -= gone;
    }
    if (this.first > 16 && this.first * 2 > this.pieces.length) this.forgetAcknowledged();
    return copied;
  }

  /** Finds the byte `offset` from the front, which is there. */
  locate(offset: number): void {
    let before = 0;
    let copied = 0;
    for (let run = this.first; ; run++) {
      const piece = this.pieces[run] as Piece | null;
      const length = this.lengths[run] as number;
      if (offset < before + length) {
        const within = offset - before;
        this.bytes = piece === null ? null : piece.bytes;
        this.view = piece === null ? null : piece.view;
        this.place = piece === null ? copied + within : piece.start + within;
        this.rest = length - within;
        return;
      }
      before += length;
      if (piece === null) copied += length;
    }
  }

  clear(): void {
    this.pieces.length = 0;
    this.lengths.length = 0;
    this.first = 0;
    this.owned = 0;
    this.bytes = null;
    this.view = null;
  }

  private forgetAcknowledged(): void {
    this.pieces.splice(0, this.first);
    this.lengths.splice(0, this.first);
    this.first = 0;
  }
}

/** Of who holds no memory of the user's. */
export const ONLY_COPIED: Runs = new Runs();

/** No packet has more payload. */
const MOST_GATHERED = 65_536;
const MOST_FREE = 64;

/** What the send buffers of a stack share for this. */
export class RunsPool {
  private readonly free: Runs[] = [];
  private gather: Uint8Array | null = null;
  private gatherView: DataView | null = null;

  take(): Runs {
    return this.free.pop() ?? new Runs();
  }

  /** Returns what the connection has from now on. */
  give(runs: Runs): Runs {
    if (runs === ONLY_COPIED) return runs;
    runs.clear();
    if (this.free.length < MOST_FREE) this.free.push(runs);
    return ONLY_COPIED;
  }

  /** For the payload of one packet that lies in several runs; good until the next asks. */
  takeGather(): Uint8Array {
    this.gather ??= new Uint8Array(MOST_GATHERED);
    return this.gather;
  }

  /** Over exactly what {@link takeGather} gives. */
  takeGatherView(): DataView {
    this.gatherView ??= new DataView(this.takeGather().buffer);
    return this.gatherView;
  }
}
