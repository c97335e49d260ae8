/** Few ranges of numbers; when there are too many the lowest ones grow together. */

const MOST = 64;

export class RangeSet {
  /** [first, one past the last) in order, apart from each other. */
  private readonly list: [number, number][] = [];

  has(number: number): boolean {
    return this.list.some(([first, end]) => first <= number && number < end);
  }

  add(first: number, end: number): void {
    const { list } = this;
    let place = list.length;
    while (place > 0 && (list[place - 1] as [number, number])[0] > first) place--;
    list.splice(place, 0, [first, end]);
    for (let i = Math.max(1, place); i < list.length; ) {
      const before = list[i - 1] as [number, number];
      const here = list[i] as [number, number];
      if (here[0] > before[1]) {
        if (i > place) break;
        i++;
        continue;
      }
      before[1] = Math.max(before[1], here[1]);
      list.splice(i, 1);
    }
    if (list.length > MOST) {
      const [low] = list.splice(0, 1) as [[number, number]];
      (list[0] as [number, number])[0] = low[0];
    }
  }
}
