/** Where a lab is played: in the simulator, or with the kernel. */

import type { Lab } from '../../labs/lab.ts';
import type { OpenStage, RunOptions } from '../../labs/run.ts';
import { SimStage } from '../../labs/sim/sim-stage.ts';
import type { StageMode } from '../../labs/stage.ts';
import { usage } from '../errors.ts';

export interface ModeFlags {
  readonly sim?: boolean;
  readonly real?: boolean;
}

/** What was asked for; null: nothing. @throws CliError */
export function askedMode({ sim = false, real = false }: ModeFlags): StageMode | null {
  if (sim && real) throw usage('--sim and --real cannot be together: give one of them');
  return sim ? 'sim' : real ? 'real' : null;
}

/** @throws CliError where the lab cannot be played like that */
export function refuseMode({ id, only }: Lab, mode: StageMode): void {
  if (only === undefined || only.stage === mode) return;
  throw usage(`${id} can be played with --${only.stage} only: ${only.why.en}`);
}

/** Runs a lab in the simulator: at once, and always alike. */
export function openSim(): RunOptions['open'] {
  return (setting) => Promise.resolve<OpenStage>(new SimStage(setting));
}
