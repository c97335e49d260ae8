/** English or 简体中文: what labs are told in. */

import type { Text } from '../../labs/lab.ts';
import { oneOf } from '../arguments.ts';

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

/** `--lang`, else what the environment asks for, else English. @throws CliError */
export function languageOf(asked: string | undefined): Language {
  if (asked !== undefined) return oneOf(asked, '--lang', LANGUAGES);
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  return /^zh(_CN|_SG|_Hans|\b)/i.test(LC_ALL || LC_MESSAGES || LANG || '') ? 'zh' : 'en';
}

/** Says a text of a lab in one language. */
export type Say = (text: Text) => string;

export function speaker(language: Language): Say {
  return (text) => text[language];
}
