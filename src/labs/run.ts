/** Plays a lab on a stage and judges it. The same for both stages. */

import type { LogEvent } from '../trace/log-event.ts';
import { EXACT, REAL, type Slack } from './expect/compare.ts';
import { difference } from './expect/difference.ts';
import { History } from './expect/history.ts';
import { type Match, match } from './expect/match.ts';
import { parseExpectation } from './expect/parse.ts';
import { invariants } from './invariants.ts';
import type { Act, Break, Lab, Setting } from './lab.ts';
import type { ActReport, ActResult, CheckLine, LabResult } from './result.ts';
import type { Stage, StageMode } from './stage.ts';

/** A stage on which an act is being played, as the runner sees it. */
export interface OpenStage {
  readonly stage: Stage;
  /** What the script has checked by `stage.check`. */
  readonly checks: readonly CheckLine[];
  /** Hears every event at once. */
  onEvent: ((event: LogEvent) => void) | null;
  /** Lets time pass until `done()`, looked at often, or for `ms`. */
  settle(done: () => boolean, ms: number): Promise<void>;
  /** What is so now. */
  report(): Promise<StageReport>;
  close(): Promise<void>;
}
export type StageReport = Omit<ActReport, 'bound' | 'lines'>;

export interface RunOptions {
  readonly mode: StageMode;
  /** A fresh stage, with this setting. */
  open(setting: Setting, act: Act): Promise<OpenStage>;
  /** With the lab's deliberate break in place: the result must be red. */
  readonly broken?: boolean;
  /** Only this act. */
  readonly act?: string;
  /** Instead of the acts' scripts: a person plays it, and this resolves when he is done. */
  readonly play?: (stage: Stage, act: Act) => Promise<void>;
  /** An act has ended red: whether it is played once more, and only that counts. */
  readonly again?: (act: Act) => boolean;
  readonly onAct?: (act: Act, stage: Stage) => void;
  readonly onEvent?: (event: LogEvent) => void;
}

const PATIENCE = 5_000;
/** ms: what comes after the end of what was expected is looked at for so long. */
const AFTERMATH = 300;
const LOOKS = 100;
const LEAST_LOOK = 50;

/** Plays all acts, one after the other. Never rejects for what the lab does wrong. */
export async function runLab(lab: Lab, options: RunOptions): Promise<LabResult> {
  const acts: ActResult[] = [];
  const { mode, broken = false } = options;
  for (const act of lab.acts) {
    if (options.act !== undefined && options.act !== act.name) continue;
    if (act.only !== undefined && act.only.stage !== mode) continue;
    const breaks = broken && (lab.broken.act ?? act.name) === act.name ? lab.broken : null;
    // Where one act is broken the others are not played: they would only be green.
    if (broken && breaks === null) continue;
    acts.push(await playAct(act, breaks, options));
  }
  return { id: lab.id, mode, ok: acts.every(({ ok }) => ok), acts };
}

/** Once, or as often as the options say. */
async function playAct(act: Act, breaks: Break | null, options: RunOptions): Promise<ActResult> {
  for (;;) {
    const result = await runAct(act, breaks, options);
    if (result.ok || options.again?.(act) !== true) return result;
  }
}

async function runAct(act: Act, breaks: Break | null, options: RunOptions): Promise<ActResult> {
  const { mode } = options;
  const open = await options.open(settingOf(act, breaks, mode), act);
  let error = '';
  try {
    open.onEvent = options.onEvent ?? null;
    options.onAct?.(act, open.stage);
    try {
      const script = options.play ?? breaks?.auto ?? act.auto;
      await script(open.stage, act);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown.message : String(thrown);
    }
    return await judge(act, open, { mode, error });
  } finally {
    await open.close();
  }
}

/** What an act is played with: its own setting, that of the real stage, and the break. */
export function settingOf(act: Act, breaks: Break | null, mode: StageMode): Setting {
  const layers = [act, mode === 'real' ? (act.real ?? {}) : {}, breaks ?? {}] as readonly Setting[];
  const merged = (key: 'stack' | 'kernel' | 'simKernel'): object =>
    Object.assign({}, ...layers.map((layer) => layer[key] ?? {})) as object;
  const faults = layers.map((layer) => layer.faults).findLast((one) => one !== undefined) ?? [];
  const profile = layers.map((layer) => layer.profile).findLast((one) => one !== undefined);
  const services: Record<string, object> = {};
  for (const layer of layers) {
    for (const [name, own] of Object.entries(layer.services ?? {})) {
      services[name] = { ...services[name], ...own };
    }
  }
  return {
    ...(profile === undefined ? {} : { profile }),
    stack: merged('stack') as NonNullable<Setting['stack']>,
    kernel: merged('kernel') as NonNullable<Setting['kernel']>,
    simKernel: merged('simKernel') as NonNullable<Setting['simKernel']>,
    services,
    faults,
  };
}

interface Played {
  readonly mode: StageMode;
  readonly error: string;
}

async function judge(act: Act, open: OpenStage, { mode, error }: Played): Promise<ActResult> {
  const slack: Slack = mode === 'sim' ? EXACT : REAL;
  const expectation = parseExpectation(act.expect ?? '');
  const history = new History();
  const expected = (): Match => {
    const { events, rungs } = history.follow(open.stage.log);
    return match(expectation, events, slack, rungs);
  };
  if (error === '') await settleUntil(open, act, () => expectation.lines.length > 0 && expected().ok);
  const outcome = expected();
  const report: ActReport = {
    ...(await open.report()),
    bound: outcome.bound,
    lines: outcome.matched.map(({ n }) => n),
  };
  const checks: CheckLine[] = [
    ...(act.expect === undefined ? [] : [expectationCheck(outcome)]),
    ...invariants(report, act),
    ...open.checks,
    ...ownChecks(act, report),
  ];
  const ok = error === '' && checks.every((check) => check.ok);
  return { name: act.name, ok, report, checks, difference: difference(expectation, outcome), error };
}

/** Waits in steps; an expectation that is met is looked at a moment longer. */
async function settleUntil(open: OpenStage, act: Act, met: () => boolean): Promise<void> {
  const patience = act.patience ?? (act.expect === undefined ? 0 : PATIENCE);
  const step = Math.max(LEAST_LOOK, patience / LOOKS);
  let seen = -1;
  for (let waited = 0; ; waited += step) {
    const { length } = open.stage.log;
    const news = length !== seen;
    seen = length;
    if (news && met()) break;
    if (waited >= patience) return;
    await open.settle(() => false, step);
  }
  await open.settle(() => false, AFTERMATH);
}

function expectationCheck({ ok, failure, matched }: Match): CheckLine {
  const where = failure?.line === null || failure === null ? '' : `"${failure.line.text}": `;
  return {
    text: { en: 'The segments came as expected', zh: '报文段如预期到达' },
    ok,
    detail: failure === null ? `${matched.length} lines` : `${where}${failure.why}`,
  };
}

function ownChecks(act: Act, report: ActReport): readonly CheckLine[] {
  if (act.check === undefined) return [];
  try {
    return act.check(report);
  } catch (thrown) {
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return [{ text: { en: "The lab's checks could be made", zh: '实验的检查可以执行' }, ok: false, detail }];
  }
}
