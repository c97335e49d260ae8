/** The timers beside our line: an arc from where each one is set to where it ends. */

import type { Arc, Row } from './row.ts';
import { element, LANE, LANE_X, STACK_X, text } from './svg-parts.ts';

const CORNER = 6;
/** Where words about timers begin. */
const WORDS_X = LANE_X + 5 * LANE;

interface Open {
  readonly y: number;
}

export class SvgArcs {
  private readonly parts: string[] = [];
  private readonly open = new Map<number, Open>();

  /** What happens to timers at the row that is drawn at `y`. */
  take(row: Row, y: number): void {
    let at = y;
    for (const arc of row.arcs) {
      this.mark(arc, at);
      if (arc.text === '') continue;
      this.parts.push(text(arc.lane < 0 ? LANE_X : WORDS_X, at, arc.text, 'timer'));
      at += 13;
    }
  }

  /** Those that still run go on to the end of the picture. */
  end(bottom: number): string[] {
    for (const [lane, { y }] of this.open) this.parts.push(stem(lane, y, bottom));
    return this.parts;
  }

  private mark({ lane, kind }: Arc, y: number): void {
    if (lane < 0 || lane > 4) return;
    const x = LANE_X + lane * LANE;
    const before = this.open.get(lane);
    const start = STACK_X + 108;
    if (kind === 'set') {
      this.parts.push(element('path', { d: `M${start} ${y}H${x - CORNER}Q${x} ${y} ${x} ${y + CORNER}` }));
      this.open.set(lane, { y: y + CORNER });
    } else if (kind === 'restart') this.parts.push(text(x, y + 4, '↻', 'again', 'middle'));
    else {
      if (before !== undefined) this.parts.push(stem(lane, before.y, y - CORNER));
      this.open.delete(lane);
      this.parts.push(element('path', { d: `M${x} ${y - CORNER}Q${x} ${y} ${x - CORNER} ${y}H${start}` }));
      if (kind === 'fire') this.parts.push(text(x, y + 4, '●', 'bad', 'middle'));
    }
  }
}

function stem(lane: number, from: number, to: number): string {
  const x = LANE_X + lane * LANE;
  return element('line', { x1: x, y1: from, x2: x, y2: Math.max(from, to) });
}
