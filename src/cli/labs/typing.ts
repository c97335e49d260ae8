/** What a person is told to type, for the programs that are there. */

import type { Lab, Text, TypeStep, Typing } from '../../labs/lab.ts';
import type { FoundFlavour } from './flavours.ts';
import type { Language } from './language.ts';
import { MESSAGES } from './messages.ts';

/** The steps for one program of this machine. */
export interface TypingHere {
  /** `nc.openbsd`; `any`: whatever is there. */
  readonly flavour: string;
  readonly steps: readonly TypeStep[];
}

/** For what plain `nc` is here, else for whatever is there. */
export function typingHere(typing: Typing, found: readonly FoundFlavour[]): TypingHere | null {
  const [plain, ...others] = found;
  const own = plain === undefined ? null : stepsFor(typing, plain);
  if (own !== null) return own;
  if (typing.any !== undefined) return { flavour: 'any', steps: typing.any };
  for (const one of others) {
    const steps = stepsFor(typing, one);
    if (steps !== null) return steps;
  }
  const { fourwave } = typing;
  return fourwave === undefined ? null : { flavour: 'fourwave', steps: fourwave };
}

/** A page that says `nc.openbsd` means what is called `nc` here. */
function stepsFor(typing: Typing, { flavour, command }: FoundFlavour): TypingHere | null {
  const steps = typing[flavour];
  if (steps === undefined) return null;
  const renamed = (run: string): string => run.replaceAll(new RegExp(`\\b${flavour}\\b`, 'g'), command);
  return {
    flavour,
    steps: steps.map((step) => ('run' in step ? { ...step, run: renamed(step.run) } : step)),
  };
}

const KEYS: Readonly<Record<string, Text>> = {
  'Ctrl-D': { en: 'Ctrl-D', zh: 'Ctrl-D' },
};

/** One line for each step, numbered terminals where there are several. */
export function typingLines({ steps }: TypingHere, language: Language): string[] {
  const several = steps.some(({ terminal = 1 }) => terminal > 1);
  return steps.map((step) => {
    const where = several ? `[${MESSAGES.terminal[language]} ${step.terminal ?? 1}] ` : '';
    return `${where}${stepText(step, language)}`;
  });
}

function stepText(step: TypeStep, language: Language): string {
  const zh = language === 'zh';
  if ('run' in step) return `$ ${step.run}`;
  if ('line' in step) return `${step.line}  ${zh ? '（回车）' : '(Enter)'}`;
  if ('key' in step) return `${zh ? '按 ' : 'press '}${KEYS[step.key]?.[language] ?? step.key}`;
  return `${zh ? '等待：' : 'wait: '}${step.wait[language]}`;
}

/** All ways to type it, for a page. */
export function allTypings({ type }: Lab): [string, readonly TypeStep[]][] {
  return Object.entries(type) as [string, readonly TypeStep[]][];
}
