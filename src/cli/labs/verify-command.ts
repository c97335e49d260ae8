/** `fourwave lab verify FILE`: a saved log, judged once more. */

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EXACT, REAL } from '../../labs/expect/compare.ts';
import { difference } from '../../labs/expect/difference.ts';
import { type Match, match } from '../../labs/expect/match.ts';
import { parseExpectation } from '../../labs/expect/parse.ts';
import { invariants } from '../../labs/invariants.ts';
import type { Act, Lab } from '../../labs/lab.ts';
import type { ActReport, ActResult, CheckLine } from '../../labs/result.ts';
import type { LogEvent } from '../../trace/log-event.ts';
import { CliError, EXIT_FAILED, missing, unusable, usage } from '../errors.ts';
import { isEvent } from '../render/event.ts';
import { painter, print, printJson } from '../terminal.ts';
import { findLab } from './catalogue.ts';
import type { Language } from './language.ts';
import { actText } from './result-text.ts';
import { fileName, readRun, type SavedRun } from './runs.ts';

export interface VerifyOptions {
  /** Id of the lab, where the file does not say. */
  readonly lab: string | null;
  readonly json: boolean;
  readonly language: Language;
}

/** Returns the exit code. */
export function verifyCommand(path: string, options: VerifyOptions): number {
  const events = readLog(path);
  const run = runBeside(path);
  const id = options.lab ?? run?.lab ?? null;
  if (id === null) throw missing(`nothing beside ${path} says which lab it is of: name it with --lab ID`);
  const lab = findLab(id);
  const act = actOf(lab, path);
  const judged = judge(act, { events, run, virtual: isVirtual(path) });
  if (options.json) printJson({ lab: lab.id, act: act.name, ok: judged.ok, checks: judged.checks });
  else {
    const { language } = options;
    const lines = actText(judged, lab.acts.length > 1, { language, paint: painter() });
    print([lab.id, ...lines].join('\n'));
  }
  return judged.ok ? 0 : EXIT_FAILED;
}

interface Evidence {
  readonly events: readonly LogEvent[];
  /** What was left beside the log. */
  readonly run: SavedRun | null;
  /** The log is a simulator's. */
  readonly virtual: boolean;
}

function judge(act: Act, { events, run, virtual }: Evidence): ActResult {
  const expectation = parseExpectation(act.expect ?? '');
  const outcome = match(expectation, events, virtual ? EXACT : REAL);
  const saved = run?.result.acts.find(({ name }) => name === act.name)?.report;
  const report: ActReport = {
    ...{ ...EMPTY, ...saved, events, mode: virtual ? 'sim' : 'real' },
    bound: outcome.bound,
    lines: outcome.matched.map(({ n }) => n),
  };
  const checks = [
    expectationLine(outcome),
    ...invariants(report, act),
    // What a script has checked of its programs needs what it kept of them.
    ...(saved === undefined || run?.typed === true ? [] : (act.check?.(report) ?? [])),
  ];
  const ok = checks.every((check) => check.ok);
  return { name: act.name, ok, report, checks, difference: difference(expectation, outcome), error: '' };
}

function expectationLine({ ok, failure, matched }: Match): CheckLine {
  return {
    text: { en: 'The segments came as expected', zh: '报文段如预期到达' },
    ok,
    detail: failure?.why ?? `${matched.length} lines`,
  };
}

const EMPTY = { programs: [], sockets: [], connections: [], kept: {}, trouble: [] };

function readLog(path: string): LogEvent[] {
  return linesOf(path).filter(isEvent) as unknown as LogEvent[];
}

function linesOf(path: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(`the log ${path} cannot be read`, error, 'name another');
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch {
      throw new CliError(EXIT_FAILED, `line ${index + 1} of ${path} is no event of a log`);
    }
  });
}

function isVirtual(path: string): boolean {
  return (linesOf(path)[0] as { clock?: unknown } | undefined)?.clock === 'virtual';
}

/** What the run has left beside its log. */
function runBeside(path: string): SavedRun | null {
  const name = basename(path).replace(/\.tcplog\.jsonl$/, '');
  for (let base = name; base !== ''; base = base.replace(/-?[^-]*$/, '')) {
    const run = readRun(join(dirname(path), `${base}.json`));
    if (run !== null) return run;
  }
  return null;
}

/** The act that the file's name ends with, or the only one. */
function actOf(lab: Lab, path: string): Act {
  const rest = basename(path)
    .replace(/\.tcplog\.jsonl$/, '')
    .slice(fileName(lab.id).length + 1);
  const named = lab.acts.find(({ name }) => name === rest);
  const [only] = lab.acts;
  if (named !== undefined) return named;
  if (lab.acts.length === 1 && only !== undefined) return only;
  const names = lab.acts.map(({ name }) => name).join(', ');
  throw usage(`${lab.id} has several acts (${names}): the file's name says which, as "lab run" has given it`);
}
