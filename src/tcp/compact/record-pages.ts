/** Records of one size, in pages: a page is made when the last one is full, all go when the last record goes. */

const PAGE = 256;

export class RecordPages {
  private readonly words: number;
  private pages: Int32Array[] = [];
  private free: number[] = [];
  private used = 0;
  private count = 0;

  /** `words`: of 32 bits, of each record. */
  constructor(words: number) {
    this.words = words;
  }

  /** Copies the first words of `record`; returns where they are. */
  add(record: Int32Array): number {
    const index = this.free.pop() ?? this.used++;
    const page = Math.floor(index / PAGE);
    if (page === this.pages.length) this.growPage();
    const words = this.pages[page] as Int32Array;
    const first = (index % PAGE) * this.words;
    for (let i = 0; i < this.words; i++) words[first + i] = record[i] as number;
    this.count++;
    return index;
  }

  /** Copies it back, and frees its place. */
  take(index: number, record: Int32Array): void {
    const words = this.pages[Math.floor(index / PAGE)] as Int32Array;
    const first = (index % PAGE) * this.words;
    for (let i = 0; i < this.words; i++) record[i] = words[first + i] as number;
    if (--this.count === 0) this.clear();
    else this.free.push(index);
  }

  private growPage(): void {
    this.pages.push(new Int32Array(PAGE * this.words));
  }

  private clear(): void {
    this.pages = [];
    this.free = [];
    this.used = 0;
  }
}
