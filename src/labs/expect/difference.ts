/** An expectation and what happened instead, as two ladders side by side. */

import type { Expectation, Line } from './ast.ts';
import type { Match } from './match.ts';
import { type Rung, rungText } from './rungs.ts';

const WIDTH = 52;
/** Lines shown before and after the first difference. */
const AROUND = 12;

interface Row {
  readonly mark: string;
  readonly wanted: string;
  readonly found: string;
}

/** '' when there is none. */
export function difference(expectation: Expectation, match: Match): string {
  const { failure } = match;
  if (failure === null) return '';
  const rows = [...rowsOf(expectation, match)];
  const at = rows.findIndex(({ mark }) => mark === '✗');
  const shown = rows.slice(Math.max(0, at - AROUND), at + AROUND);
  const heading = `    ${'expected'.padEnd(WIDTH)} │ what happened`;
  return [heading, ...shown.map(rowText)].join('\n');
}

const rowText = ({ mark, wanted, found }: Row): string =>
  `  ${mark} ${wanted.padEnd(WIDTH)} │ ${found}`.trimEnd();

function* rowsOf({ lines }: Expectation, { matched, failure, rungs }: Match): Generator<Row> {
  let place = 0;
  for (const { line, rung } of matched) {
    if (rung === null) {
      yield { mark: '✓', wanted: line.text, found: '' };
      continue;
    }
    const at = rungs.indexOf(rung, place);
    yield* passed(rungs.slice(place, at));
    yield { mark: '✓', wanted: line.text, found: found(rung) };
    place = at + 1;
  }
  if (failure === null) return;
  const there = failure.rung === null ? -1 : rungs.indexOf(failure.rung, place);
  yield* passed(rungs.slice(place, there < 0 ? rungs.length : there));
  const segment = there < 0 ? '' : found(rungs[there] as Rung);
  const wanted = failure.line?.text ?? '(nothing)';
  yield { mark: '✗', wanted, found: `${segment}   ← ${failure.why}` };
  yield* rest(after(lines, failure.line), there < 0 ? [] : rungs.slice(there + 1));
}

function* passed(rungs: readonly Rung[]): Generator<Row> {
  for (const rung of rungs) yield { mark: ' ', wanted: '', found: found(rung) };
}

function after(lines: readonly Line[], line: Line | null): readonly Line[] {
  const at = line === null ? lines.length : lines.findIndex(({ number }) => number === line.number);
  return lines.slice(at + 1);
}

function* rest(lines: readonly Line[], rungs: readonly Rung[]): Generator<Row> {
  for (let i = 0; i < Math.max(lines.length, rungs.length); i++) {
    const rung = rungs[i];
    yield { mark: ' ', wanted: lines[i]?.text ?? '', found: rung === undefined ? '' : found(rung) };
  }
}

const found = (rung: Rung): string =>
  `${rung.t.toFixed(3)} ${rungText(rung)}${rung.conn === undefined ? '' : ` [${rung.conn}]`}`;
