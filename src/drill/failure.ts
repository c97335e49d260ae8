/** How a script failed, as data and as text for people. */

import type { FieldPair } from './compare.ts';

/** The two packets, column by column. */
export interface Difference {
  /** `0.100000 >` and the like, before the columns. */
  readonly scriptHead: string;
  readonly actualHead: string;
  readonly fields: readonly FieldPair[];
}

/** The first thing that went otherwise than the script says. */
export interface Failure {
  readonly line: number;
  /** One sentence. */
  readonly message: string;
  readonly difference: Difference | null;
}

/** Thrown inside of a run. */
export class DrillFailure extends Error {
  override readonly name = 'DrillFailure';
  readonly difference: Difference | null;

  constructor(message: string, difference: Difference | null = null) {
    super(message);
    this.difference = difference;
  }
}

const SCRIPT = 'script packet: ';
const ACTUAL = 'actual packet: ';

/** `FILE:LINE: sentence`, and below it the two packets with marks under what differs. */
export function failureText(file: string, failure: Failure): string {
  const head = `${file}:${failure.line}: ${failure.message}`;
  return failure.difference === null ? head : [head, ...differenceLines(failure.difference)].join('\n');
}

function differenceLines({ scriptHead, actualHead, fields }: Difference): string[] {
  const width = Math.max(scriptHead.length, actualHead.length);
  let script = SCRIPT + scriptHead.padEnd(width);
  let actual = ACTUAL + actualHead.padEnd(width);
  let marks = ' '.repeat(script.length);
  if (scriptHead !== actualHead) marks = ' '.repeat(SCRIPT.length) + '^'.repeat(width);
  for (const { expected, actual: found, same } of fields) {
    const size = Math.max(expected.length, found.length);
    script += ` ${expected.padEnd(size)}`;
    actual += ` ${found.padEnd(size)}`;
    marks += ` ${(same ? ' ' : '^').repeat(size)}`;
  }
  return [script, actual, marks].map((line) => line.trimEnd()).filter((line) => line !== '');
}

/** Seconds to the microsecond. */
export function secondsText(microseconds: number): string {
  return (microseconds / 1_000_000).toFixed(6);
}
