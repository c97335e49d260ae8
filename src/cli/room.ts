/** Bytes that wait for a reader of stdout. */
const MOST_WAITING = 16 * 1024 * 1024;

/** Who follows the log through a pager that stands still misses events, and is told how many. */
export class Room {
  private readonly bounded: boolean;
  private missed = 0;

  constructor(bounded: boolean) {
    this.bounded = bounded;
  }

  forOne(): boolean {
    if (this.bounded && process.stdout.writableLength > MOST_WAITING) {
      this.missed++;
      return false;
    }
    if (this.missed > 0)
      process.stderr.write(`fourwave: ${this.missed} events were left out: nobody took them\n`);
    this.missed = 0;
    return true;
  }
}
