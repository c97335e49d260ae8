/** `fourwave lab list`. */

import type { Lab } from '../../labs/lab.ts';
import { columns, painter, print, printJson } from '../terminal.ts';
import type { Language } from './language.ts';
import { lastRuns } from './runs.ts';

const LEVELS = ['', '①', '②', '③', '④'];

/** What a lab needs to be typed: `nc`, `curl`, `nc, python3`. */
export function needsOf({ type, only }: Lab): string {
  const names = Object.keys(type);
  const text = JSON.stringify(Object.values(type));
  const netcat = names.some((name) => name !== 'curl' && name !== 'fourwave' && name !== 'any');
  const found = [
    ...(netcat || /"nc /.test(text) ? ['nc'] : []),
    ...(/\bcurl\b/.test(text) || names.includes('curl') ? ['curl'] : []),
    ...(/\bpython3\b/.test(text) ? ['python3'] : []),
  ];
  if (only?.stage === 'sim') return '--sim';
  return found.length === 0 ? 'fourwave' : found.join(', ');
}

export function listCommand(labs: readonly Lab[], json: boolean, language: Language): void {
  const runs = lastRuns();
  if (json) {
    printJson(
      labs.map((lab) => ({
        ...{ id: lab.id, title: lab.title[language], level: lab.level, minutes: lab.minutes },
        ...{ needs: needsOf(lab), answers: lab.answers, only: lab.only?.stage ?? null },
        lastRun: runs.get(lab.id) ?? null,
      })),
    );
    return;
  }
  const paint = painter();
  const rows = labs.map((lab) => {
    const run = runs.get(lab.id);
    const mark = run === undefined ? '–' : run.ok ? '✓' : '✗';
    const title = lab.title[language];
    return [lab.id, title, LEVELS[lab.level] ?? '', needsOf(lab), `${lab.minutes} min`, mark];
  });
  const colour = { '✓': 'green', '✗': 'red' } as const;
  print(
    columns(rows, (text, column) =>
      column === 5 && text in colour ? paint(colour[text as keyof typeof colour], text) : text,
    ),
  );
}
