/** `fourwave drill`: packetdrill scripts in virtual time. */

import { readFileSync } from 'node:fs';
import { OFFLOADS, type Offload } from '../../device/memory-link.ts';
import { failureText } from '../../drill/failure.ts';
import { type DrillResult, runScript } from '../../drill/interpreter.ts';
import { parseScript } from '../../drill/parser.ts';
import { ScriptError } from '../../drill/scanner.ts';
import type { Script } from '../../drill/script.ts';
import { oneOf } from '../arguments.ts';
import { EXIT_FAILED, unusable, usage } from '../errors.ts';
import { printable } from '../printable.ts';
import { painter, print, printJson } from '../terminal.ts';
import { exportScript } from './drill-from.ts';
import type { DrillOptions } from './offline.ts';

/** Runs the scripts and prints how it went. */
export function drill(files: readonly string[], options: DrillOptions): void {
  if (options.from !== undefined) {
    exportScript(options.from, files, options.json === true);
    return;
  }
  if (files.length === 0) throw usage('name a script, or a recording with --from');
  // All are read first: a mistake in the last is told before the first has run.
  const offload = oneOf(options.offload, '--offload', OFFLOADS);
  const scripts = files.map((file) => read(file, options.config));
  const results = scripts.map((script) => run(script, options, offload));
  const failed = results.filter(({ failure }) => failure !== null).length;
  if (options.json !== true) print(summary(results, failed));
  if (failed > 0) process.exitCode = EXIT_FAILED;
}

function read(file: string, config: readonly string[]): Script {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, error, 'name a script that can be read');
  }
  try {
    return parseScript(text, file, config);
  } catch (error) {
    throw error instanceof ScriptError ? usage(error.message) : error;
  }
}

function run(script: Script, options: DrillOptions, offload: Offload): DrillResult {
  const packets: string[] = [];
  const verbose = options.verbose === true;
  const result = runScript(script, {
    offload,
    ...(verbose && { onPacket: (line: string) => packets.push(line) }),
  });
  if (options.json === true) {
    const { file, failure, notices, time } = result;
    const passed = failure === null;
    printJson({
      file,
      passed,
      failure,
      notices,
      packets: verbose ? packets : result.packets,
      seconds: time / 1e6,
    });
    return result;
  }
  for (const line of packets) print(printable(line));
  for (const notice of result.notices) print(`${printable(script.file)}: notice: ${printable(notice)}`);
  if (result.failure !== null) print(painted(failureText(script.file, result.failure)));
  return result;
}

/** The marks in red; every line made printable by itself. */
function painted(text: string): string {
  const paint = painter();
  return text
    .split('\n')
    .map((line) => (/^[ ^]+$/.test(line) ? paint('red', line) : printable(line)))
    .join('\n');
}

function summary(results: readonly DrillResult[], failed: number): string {
  const passed = results.length - failed;
  const scripts = results.length === 1 ? 'script' : 'scripts';
  return failed === 0
    ? `${passed} ${scripts} passed`
    : `${results.length} ${scripts}: ${passed} passed, ${failed} failed`;
}
