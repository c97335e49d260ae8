/** `fourwave drill --from`: a connection of a recording as a script. */

import { basename } from 'node:path';
import { type DrillResult, runScript } from '../../drill/interpreter.ts';
import { parseScript } from '../../drill/parser.ts';
import { writeScript } from '../../drill/write-script.ts';
import { Histories } from '../../replay/history.ts';
import { connectionId } from '../arguments.ts';
import { CliError, EXIT_FAILED, usage } from '../errors.ts';
import { print, printJson } from '../terminal.ts';
import { guarded, readRecording } from './replay.ts';

const MOST_NAMED = 20;

/** Prints the script, which then has to pass here. */
export function exportScript(file: string, names: readonly string[], json: boolean): void {
  if (names.length > 1) throw usage('--from takes one connection, such as c1');
  const name = names[0] === undefined ? null : connectionId(names[0]);
  const bytes = readRecording(file);
  const { text, result } = guarded(file, () => scriptFrom(file, bytes, name));
  const { failure } = result;
  if (json) printJson({ script: text, passed: failure === null, failure });
  else print(text.trimEnd());
  if (failure === null) return;
  const why = `line ${failure.line}: ${failure.message}`;
  throw new CliError(EXIT_FAILED, `drill runs another way through this script: ${why}`);
}

function scriptFrom(
  file: string,
  bytes: Uint8Array,
  wanted: string | null,
): { text: string; result: DrillResult } {
  const histories = new Histories(bytes);
  const { connections, difference } = histories;
  if (difference !== null)
    throw new CliError(EXIT_FAILED, `the recording does not replay: ${difference.text}`);
  const names = connections.map(({ conn }) => conn);
  const name = wanted ?? (names.length === 1 ? (names[0] as string) : null);
  if (name === null) {
    const which = names.length === 0 ? `${file} has no connection` : `name one of ${listed(names)}`;
    throw usage(which);
  }
  const history = histories.of(name, `The connection ${name} of the recording ${basename(file)}.`);
  if (history === null) throw usage(`${file} has no connection ${name}, but ${listed(names)}`);
  let best = attempt(writeScript(history, STRICTEST), file);
  for (const options of LOOSER) {
    if (best.result.failure === null) return best;
    best = attempt(writeScript(history, options), file);
  }
  return best;
}

/** Packets and calls at their times, and timers between them at theirs. */
const STRICTEST = { windows: true, turns: false };
/** A busy program comes late to its timers; windows depend on round trips, and these on its clock. */
const LOOSER = [
  { windows: true, turns: true },
  { windows: false, turns: false },
  { windows: false, turns: true },
];

function attempt(text: string, file: string): { text: string; result: DrillResult } {
  return { text, result: runScript(parseScript(text, file, []), {}) };
}

function listed(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}
