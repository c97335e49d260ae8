/** `fourwave replay`: a recording of `up --record` run again. */

import { readFileSync } from 'node:fs';
import { FaultError } from '../../faults/faults.ts';
import { runWith } from '../../replay/compare.ts';
import { type ControlBlock, controlBlock } from '../../replay/control-block.ts';
import { type Difference, Replay } from '../../stack/replay.ts';
import { RecordingError } from '../../stack/tape-format.ts';
import type { RecordedRun } from '../../stack/tape-header.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { TraceRecorder } from '../../trace/recorder.ts';
import { faultLine, integer } from '../arguments.ts';
import { CliError, EXIT_FAILED, EXIT_USAGE, missing, unusable, usage } from '../errors.ts';
import { word } from '../printable.ts';
import { eventSentence, eventText } from '../render/event.ts';
import { packetText } from '../render/packet.ts';
import { columns, print, printJson } from '../terminal.ts';
import { version } from '../version.ts';
import type { ReplayOptions } from './offline.ts';

const MOST_EVENTS = 2 ** 48;

/** Runs the recording and prints what came of it. */
export function replay(file: string, options: ReplayOptions): void {
  const until = options.until === undefined ? null : integer(options.until, '--until', 1, MOST_EVENTS);
  const rules = options.with.map((rule) => (rule === 'none' ? rule : faultLine(rule, '--with')));
  if (until !== null && rules.length > 0) throw usage('--until and --with cannot be together');
  const bytes = readRecording(file);
  guarded(file, () => {
    if (rules.length > 0) showWith(bytes, rules, options.json === true);
    else if (until !== null) showUntil(file, bytes, until, options.json === true);
    else showAll(file, bytes, options.json === true);
  });
}

/** @throws CliError */
export function readRecording(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw unusable(`the recording ${file}`, error, 'name a recording of "fourwave up --record"');
  }
}

/** Whatever is wrong with a file that somebody has sent is one sentence. @throws CliError */
export function guarded<Result>(file: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof FaultError) throw new CliError(EXIT_FAILED, error.message);
    if (error instanceof RecordingError) {
      const sentence = `${file} ${error.message}`;
      if (error.otherVersion) throw missing(`${sentence}: record anew, or use the version that made it`);
      throw new CliError(EXIT_USAGE, sentence);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT_FAILED, `${file} is damaged: ${word(reason)}`);
  }
}

/** A replay with its event log. */
function replayed(bytes: Uint8Array, onEvent: (event: LogEvent, run: Replay) => void): Replay {
  let recorder: TraceRecorder | null = null;
  const run = new Replay(bytes, {
    log: (clock, { log }) => {
      recorder = new TraceRecorder({ ...log, clock });
      return recorder;
    },
  });
  const log = recorder as TraceRecorder | null;
  if (log !== null) {
    log.onEvent = () => {
      const event = log.latest;
      if (event !== undefined) onEvent(event, run);
    };
  }
  return run;
}

function showAll(file: string, bytes: Uint8Array, json: boolean): void {
  let events = 0;
  let run = replayed(bytes, (event) => (events = event.n));
  const start = run.time;
  while (run.step());
  const otherLog = run.difference?.ofLog === true;
  if (otherLog) {
    // The log of another version looks on in other ways; what the stack does is the question here.
    run = new Replay(bytes, {});
    while (run.step());
  }
  const { difference, packets, ending } = run;
  if (difference !== null) process.exitCode = EXIT_FAILED;
  const seconds = (run.time - start) / 1e6;
  if (json) {
    printJson({
      file,
      same: difference === null,
      packets,
      events: otherLog ? null : events,
      seconds,
      ending,
      difference: plain(difference, start),
      ...about(run.run),
    });
    return;
  }
  if (difference === null) {
    const log = otherLog ? 'the event log is of another version and has other numbers' : `${events} events`;
    const what = `${packets} ${packets === 1 ? 'packet' : 'packets'}, ${log}, ${seconds.toFixed(3)} s`;
    print(`${word(file)} replays byte for byte: ${what}`);
  } else {
    print(differenceText(difference, start, run.run));
  }
  const note = endingText(run);
  if (note !== null) print(note);
}

function about({ version: by, date, faults }: RecordedRun): object {
  return { version: by ?? null, date: date ?? null, faults: faults ?? [] };
}

export function endingText({ ending, torn }: Pick<Replay, 'ending' | 'torn'>): string | null {
  if (ending === 'full') return 'The recording reached its cap there: what came after is not in it.';
  if (ending !== 'cut') return null;
  return torn
    ? 'The recording is cut off in the middle of an entry: what is whole was replayed.'
    : 'The recording has no end, its program was killed: what is there was replayed.';
}

function plain(difference: Difference | null, start: number): object | null {
  if (difference === null) return null;
  const { packet, time, text, recorded, replayed: now } = difference;
  const hex = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString('hex');
  return { packet, seconds: (time - start) / 1e6, text, recorded: hex(recorded), replayed: hex(now) };
}

function differenceText(difference: Difference, start: number, run: RecordedRun): string {
  const { time, text, recorded, replayed: now } = difference;
  const lines = [`The replay differs at ${((time - start) / 1e6).toFixed(6)} s: ${text}.`];
  if (recorded !== null) lines.push(`  recorded ${packetText(recorded)}`);
  if (now !== null) lines.push(`  replayed ${packetText(now)}`);
  if (run.version !== undefined && run.version !== version())
    lines.push(`It was recorded by version ${word(run.version)}, and this is ${version()}.`);
  return lines.join('\n');
}

function showUntil(file: string, bytes: Uint8Array, n: number, json: boolean): void {
  let found: { event: LogEvent; block: ControlBlock | null } | null = null;
  let last = 0;
  const run = replayed(bytes, (event, { stack }) => {
    last = event.n;
    if (event.n < n || found !== null) return;
    found = {
      event,
      block: event.conn === undefined ? null : controlBlock(stack, Number(event.conn.slice(1))),
    };
  });
  while (found === null && run.step());
  const stop = found as { event: LogEvent; block: ControlBlock | null } | null;
  if (stop === null) {
    if (run.difference !== null) print(differenceText(run.difference, 0, run.run));
    throw new CliError(EXIT_FAILED, `${file} has ${last} events: there is no event ${n}`);
  }
  if (json) {
    printJson({
      event: stop.event,
      connection: stop.block?.connection ?? null,
      block: stop.block?.fields ?? null,
    });
    return;
  }
  print(eventText(stop.event));
  if (stop.block === null) print('It is about no connection that is there now.');
  else print(blockText(stop.block));
}

/** Events before and after the first difference. */
const BEFORE = 6;
const AFTER = 10;

function showWith(bytes: Uint8Array, given: readonly string[], json: boolean): void {
  const rules = given.filter((rule) => rule !== 'none');
  const { common, recorded, again, hits, replay } = runWith(bytes, rules);
  if (replay.difference !== null)
    throw new CliError(EXIT_FAILED, `the recording does not even replay: ${replay.difference.text}`);
  const faults = replay.run.faults ?? [];
  if (json) {
    const part = (events: readonly LogEvent[]): object | null =>
      common === null ? null : (events[common] ?? null);
    const difference = common === null ? null : { recorded: part(recorded), with: part(again) };
    printJson({
      same: common === null,
      common: common ?? recorded.length,
      hits,
      rules,
      faults,
      difference,
      recorded,
      with: again,
    });
    return;
  }
  if (common === null) {
    const what = rules.length > 0 && hits === 0 ? 'No rule hit anything: ' : '';
    print(`${what}the run is the same to its end, ${recorded.length} events.`);
    return;
  }
  print(comparisonText(common, recorded, again, [named(faults), named(rules)]));
  print('The other end is as it was recorded: it does not react to what is different.');
}

function named(rules: readonly string[]): string {
  return rules.length === 0 ? 'no rules' : rules.join('; ');
}

function comparisonText(
  common: number,
  recorded: readonly LogEvent[],
  again: readonly LogEvent[],
  [faults, rules]: readonly [string, string],
): string {
  const width = Math.max(30, Math.floor(((process.stdout.columns ?? 80) - 3) / 2));
  const cell = (text: string): string =>
    text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
  const line = (event: LogEvent | undefined): string =>
    event === undefined ? '' : `${event.t.toFixed(3)} ${eventSentence(event)}`;
  const pair = (left: string, right: string, mark = '│'): string =>
    `${cell(left)} ${mark} ${cell(right)}`.trimEnd();
  const rows = [pair('recorded, with', 'now, with'), pair(word(faults), word(rules))];
  const from = Math.max(0, common - BEFORE);
  if (from > 0) rows.push(`… ${from} events that are the same …`);
  for (let i = from; i < common + AFTER; i++) {
    if (recorded[i] === undefined && again[i] === undefined) break;
    rows.push(pair(line(recorded[i]), line(again[i]), i < common ? '│' : i === common ? '≠' : '┆'));
  }
  return rows.join('\n');
}

function blockText({ connection, fields }: ControlBlock): string {
  const { id, state, local, peer } = connection;
  const timers = connection.timers.map(({ name, remainingMs }) => `${name} in ${remainingMs} ms`);
  const head = `${id} ${state} ${local} ⇄ ${peer}; ${timers.length === 0 ? 'no timer' : timers.join(', ')}`;
  const rows = Object.entries(fields).map(([name, value]) => [`  ${name}`, word(JSON.stringify(value))]);
  return `${head}\n${columns(rows)}`;
}
