/** Which segment has carried which bytes first: what a retransmission is a copy of. */

const KEPT = 64;

/** The newest sendings of one connection, in a circle. */
export class Sendings {
  private readonly start = new Int32Array(KEPT);
  private readonly end = new Int32Array(KEPT);
  private readonly segment = new Float64Array(KEPT);
  private readonly copies = new Uint16Array(KEPT);
  private written = 0;

  clear(): void {
    this.written = 0;
  }

  /** Segment number `segment` carries [start, end), which was never sent before. */
  note(start: number, end: number, segment: number): void {
    const place = this.written++ % KEPT;
    this.start[place] = start;
    this.end[place] = end;
    this.segment[place] = segment;
    this.copies[place] = 1;
  }

  /** Where the sending of `seq` is kept, -1 when it is no more; it has been sent once more. */
  again(seq: number): number {
    const oldest = Math.max(0, this.written - KEPT);
    for (let index = this.written - 1; index >= oldest; index--) {
      const place = index % KEPT;
      const from = (seq - (this.start[place] as number)) | 0;
      const to = (seq - (this.end[place] as number)) | 0;
      if (from < 0 || to >= 0) continue;
      this.copies[place] = (this.copies[place] as number) + 1;
      return place;
    }
    return -1;
  }

  segmentAt(place: number): number {
    return this.segment[place] as number;
  }

  copiesAt(place: number): number {
    return this.copies[place] as number;
  }
}
