import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawLadder, type LadderOptions } from '../../../src/cli/render/ladder.ts';
import { HandMade } from './hand-made.ts';

/** What the ladder draws of the events that `act` makes, without its heading: the text, and no line too wide. */
export function draws(
  title: string,
  options: LadderOptions,
  act: (log: HandMade) => void,
  expected: string,
): void {
  test(title, () => {
    const log = new HandMade();
    act(log);
    const lines = drawLadder(log.events, { heading: false, ...options });
    assert.deepEqual(lines, expected.split('\n').slice(1, -1));
    for (const line of lines) assert.ok(line.length <= (options.width ?? 80), line);
  });
}
