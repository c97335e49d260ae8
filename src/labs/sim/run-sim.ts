/** A lab in the simulator: no privileges, no waiting. */

import type { Lab } from '../lab.ts';
import type { LabResult } from '../result.ts';
import { type RunOptions, runLab } from '../run.ts';
import { SimStage } from './sim-stage.ts';

/** Two runs of the same lab give the same logs to the last bit. */
export function runInSim(
  lab: Lab,
  options: Partial<Omit<RunOptions, 'mode' | 'open'>> = {},
): Promise<LabResult> {
  return runLab(lab, {
    ...options,
    mode: 'sim',
    open: (setting) => Promise.resolve(new SimStage(setting)),
  });
}
