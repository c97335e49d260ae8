/** The prediction: asked before anything happens, answered by what happens. */

import { isCancel, select } from '@clack/prompts';
import type { Prediction } from '../../labs/lab.ts';
import type { Language } from './language.ts';
import { MESSAGES } from './messages.ts';

/** Index of the choice; null where nobody is there to ask, or nobody wants to answer. */
export async function askPrediction(
  { ask, choices }: Prediction,
  language: Language,
): Promise<number | null> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return null;
  const answer = await select({
    message: `③ ${MESSAGES.predict[language]}: ${ask[language]}`,
    options: choices.map((choice, index) => ({ value: index, label: choice[language] })),
  });
  return isCancel(answer) ? null : answer;
}

/** What is said about it afterwards. */
export function predictionText(prediction: Prediction, answer: number | null, language: Language): string[] {
  const { ask, choices, right, why } = prediction;
  const text = (index: number): string => choices[index]?.[language] ?? '';
  if (answer === null) {
    const rightOne = `${MESSAGES.rightAnswer[language]}: ${text(right)}`;
    return ['', `③ ${ask[language]}`, `   ${rightOne}. ${why[language]}`];
  }
  const verdict = answer === right ? `✓ ${MESSAGES.right[language]}` : `✗ ${MESSAGES.wrong[language]}`;
  const yours = `${MESSAGES.yourAnswer[language]}: ${text(answer)}`;
  const correction = answer === right ? '' : ` ${MESSAGES.rightAnswer[language]}: ${text(right)}.`;
  return ['', `③ ${yours}. ${verdict}${correction}`, `   ${why[language]}`];
}
