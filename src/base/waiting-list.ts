/** First in, first out. Its memory stays when it is empty: what is filled and emptied each turn makes no garbage. */

/** Places given up at the front before the others move there. */
const SLACK = 64;

export class WaitingList<T> {
  private readonly items: (T | null)[] = [];
  private first = 0;
  private end = 0;

  get length(): number {
    return this.end - this.first;
  }

  push(item: T): void {
    if (this.end === this.items.length) this.items.push(item);
    else this.items[this.end] = item;
    this.end++;
  }

  /** The oldest; null when there is none. */
  shift(): T | null {
    if (this.first === this.end) return null;
    const item = this.items[this.first] as T;
    this.items[this.first++] = null;
    if (this.first === this.end) this.clear();
    else if (this.first >= SLACK && 2 * this.first >= this.end) this.moveToFront();
    return item;
  }

  private clear(): void {
    this.first = 0;
    this.end = 0;
  }

  private moveToFront(): void {
    const { length } = this;
    this.items.copyWithin(0, this.first, this.end);
    this.items.fill(null, length, this.end);
    this.first = 0;
    this.end = length;
  }
}
