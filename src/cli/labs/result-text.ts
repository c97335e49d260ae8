/** What came out of a lab, for people. */

import type { Lab } from '../../labs/lab.ts';
import type { ActResult, LabResult } from '../../labs/result.ts';
import type { Paint } from '../terminal.ts';
import type { Language } from './language.ts';
import { MESSAGES } from './messages.ts';

export interface ResultTextOptions {
  readonly language: Language;
  readonly paint: Paint;
}

/** Checks, explanation, references, what to do next. */
export function resultText(lab: Lab, result: LabResult, options: ResultTextOptions): string[] {
  const { language, paint } = options;
  const text = (name: keyof typeof MESSAGES): string => MESSAGES[name][language];
  const next = lab.next ?? [];
  return [
    '',
    ...result.acts.flatMap((act) => actText(act, result.acts.length > 1, options)),
    ...(result.ok ? [paint('green', text('asExpected'))] : []),
    '',
    paint('bold', text('explain')),
    lab.explain[language],
    '',
    `${text('references')}: ${[...lab.rfc, ...lab.code].join(' · ')}`,
    ...(next.length === 0 ? [] : [`${text('next')}: ${next.join(', ')}`]),
  ];
}

/** One line for each check; where something failed, the two ladders. */
export function actText(act: ActResult, named: boolean, { language, paint }: ResultTextOptions): string[] {
  const { checks, difference, error, name, ok } = act;
  const mark = (good: boolean): string => (good ? paint('green', '✓') : paint('red', '✗'));
  const good = checks.filter((check) => check.ok);
  const count = `${mark(ok)} ${good.length}/${checks.length} ${MESSAGES.checks[language]}${named ? ` (${name})` : ''}`;
  return [
    count,
    ...checks.map((check) => {
      const detail = check.detail === undefined ? '' : `  ${paint('dim', check.detail)}`;
      return `  ${mark(check.ok)} ${check.text[language]}${detail}`;
    }),
    ...(error === '' ? [] : [`  ${mark(false)} ${error}`]),
    ...(ok || difference === '' ? [] : ['', difference, '']),
  ];
}
